#!/usr/bin/env bash
# Starts NATS with JetStream in /var/lib/nats. The password of the user `voicepipe` is in the file $NATS_PASSWORD_FILE, and reaches
# the server in a file, because arguments and variables of a process can be read by others.
set -euo pipefail
umask 077
password=$(<"$NATS_PASSWORD_FILE")
password=${password//\\/\\\\}
password=${password//\"/\\\"}
cat >/tmp/nats.conf <<CONFIGURATION
server_name: voicepipe
listen: "0.0.0.0:4222"
http: "0.0.0.0:8222"
jetstream { store_dir: "/var/lib/nats", max_memory_store: 64MB, max_file_store: 20GB }
authorization { user: voicepipe, password: "$password" }
CONFIGURATION
exec nats-server --config /tmp/nats.conf
