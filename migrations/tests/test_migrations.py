"""The schema, on a real PostgreSQL."""

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import voicepipe_migrations
from voicepipe_wire.storage.database import SCHEMA_VERSION
from voicepipe_wire.web.auth import key_hash

COMMAND = [sys.executable, "-m", "voicepipe_migrations"]


def run(url: str, **more: str) -> subprocess.CompletedProcess[str]:
    env = {"VOICEPIPE_DATABASE_URL": url, **more}
    return subprocess.run(COMMAND, check=False, capture_output=True, text=True, env=env)


def test_a_second_run_applies_nothing(empty_database_url):
    assert run(empty_database_url).returncode == 0
    again = run(empty_database_url)
    assert (again.returncode, again.stdout.strip()) == (0, "schema is up to date, 0 migrations applied")


def test_two_replicas_can_start_at_once(empty_database_url):
    env = {"VOICEPIPE_DATABASE_URL": empty_database_url}
    both = [subprocess.Popen(COMMAND, env=env, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    applied = [int(line.split(",")[1].split()[0]) for line in outputs]
    assert min(applied) == 0
    assert sum(applied) > 0


def test_a_killed_run_does_not_block_the_next(empty_database_url):
    run(empty_database_url)
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("INSERT INTO yoyo_lock (locked, ctime, pid) VALUES (1, now(), 999999)")
    assert run(empty_database_url).returncode == 0


def test_an_unavailable_database_is_reported_in_one_line():
    done = run("postgresql://nobody@127.0.0.1:1/nothing", VOICEPIPE_DATABASE_WAIT_S="0")
    assert done.returncode == 1
    assert done.stderr.startswith("PostgreSQL does not answer")
    assert len(done.stderr.splitlines()) == 1


def test_a_run_waits_until_the_database_answers(private_postgres):
    url, server = private_postgres()
    server.kill()
    env = {"VOICEPIPE_DATABASE_URL": url}
    waiting = subprocess.Popen(COMMAND, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert waiting.stderr is not None
    assert waiting.stderr.readline().startswith("waiting for PostgreSQL")
    server.start()
    output, _ = waiting.communicate(timeout=60)
    assert waiting.returncode == 0
    assert output.startswith("schema is up to date")


def test_the_first_key_belongs_to_an_operator_and_a_second_run_changes_nothing(empty_database_url):
    key = "vp_" + "k" * 40
    for _ in range(2):
        done = run(empty_database_url, VOICEPIPE_API_KEY=key, VOICEPIPE_API_KEY_USER="ada")
        assert done.returncode == 0
        assert key not in done.stdout + done.stderr
    with psycopg.connect(empty_database_url) as connection:
        rows = connection.execute(
            "SELECT u.name, u.is_operator, k.key_sha256 FROM api_keys k JOIN users u ON u.id = k.owner_id"
        ).fetchall()
    assert rows == [("ada", True, key_hash(key))]


@pytest.mark.parametrize("key", ["short", "vp_short", "k" * 40, "vp_" + "with a blank" * 4])
def test_a_first_key_that_is_not_safe_is_refused_without_showing_it(empty_database_url, key):
    done = run(empty_database_url, VOICEPIPE_API_KEY=key)
    assert done.returncode == 2
    assert "VOICEPIPE_API_KEY" in done.stderr
    assert key not in done.stderr


def test_the_services_expect_the_newest_migration():
    folder = Path(voicepipe_migrations.__file__).parent / "sql"
    numbers = sorted(int(path.name[:4]) for path in folder.iterdir())
    assert numbers == list(range(1, SCHEMA_VERSION + 1))


@pytest.mark.parametrize("table", ["recordings", "uploads", "jobs", "stages", "chunks", "transcripts", "api_keys"])
def test_every_row_has_an_owner(database_url, table):
    with psycopg.connect(database_url) as connection:
        nullable = connection.execute(
            "SELECT is_nullable FROM information_schema.columns WHERE table_name = %s AND column_name = 'owner_id'",
            (table,),
        ).fetchone()
    assert nullable == ("NO",)
