#!/usr/bin/env bash
# Starts PostgreSQL with its data in $PGDATA. Before it listens, it makes sure that the database and the role `voicepipe` exist, and
# sets the role's password from the file $POSTGRES_PASSWORD_FILE: so a volume that is kept fits a password that has changed.
set -euo pipefail
umask 077

single() { # SQL, one statement a line: runs it without any server; the statements, which contain the password, are not logged
    postgres --single -D "$PGDATA" -c exit_on_error=true -c log_min_error_statement=panic postgres
}

initialise() {
    local draft
    draft=$(dirname "$PGDATA")/new
    rm -rf "$draft" "$PGDATA" # left by a first start that was killed
    initdb -D "$draft" -U postgres --encoding=UTF8 --locale=C.UTF-8 --auth=reject --no-instructions >/dev/null
    mv "$draft" "$PGDATA"
}

has() { # QUERY: it returns a row
    single <<<"$1" | grep '= "1"' >/dev/null
}

[ -f "$PGDATA/PG_VERSION" ] || initialise
chmod 0700 "$PGDATA" # an fsGroup may have widened it, and PostgreSQL then refuses to start
password=$(<"$POSTGRES_PASSWORD_FILE")
[[ $password != *$'\n'* ]] || { echo "$POSTGRES_PASSWORD_FILE must contain one line" >&2 && exit 2; }
create_role='' create_database=''
has "SELECT 1 AS found FROM pg_roles WHERE rolname = 'voicepipe'" || create_role='CREATE ROLE voicepipe LOGIN'
has "SELECT 1 AS found FROM pg_database WHERE datname = 'voicepipe'" || create_database='CREATE DATABASE voicepipe OWNER voicepipe'
single >/dev/null <<STATEMENTS
$create_role
ALTER ROLE voicepipe LOGIN PASSWORD '${password//\'/\'\'}'
$create_database
STATEMENTS

exec postgres \
    -c listen_addresses='*' \
    -c unix_socket_directories=/tmp \
    -c hba_file=/etc/postgres/pg_hba.conf \
    -c shared_buffers=64MB \
    -c max_connections=200 \
    -c max_wal_size=512MB \
    -c log_min_messages=warning
