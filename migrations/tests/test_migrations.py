"""The schema, on a real PostgreSQL."""

import subprocess
import sys

import psycopg
import pytest

COMMAND = [sys.executable, "-m", "voicepipe_migrations"]


def run(url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(COMMAND, check=False, capture_output=True, text=True, env={"VOICEPIPE_DATABASE_URL": url})


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
    done = run("postgresql://nobody@127.0.0.1:1/nothing")
    assert done.returncode == 1
    assert done.stderr.startswith("PostgreSQL does not answer")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("table", ["recordings", "uploads", "jobs", "stages", "chunks", "transcripts", "api_keys"])
def test_every_row_has_an_owner(database_url, table):
    with psycopg.connect(database_url) as connection:
        nullable = connection.execute(
            "SELECT is_nullable FROM information_schema.columns WHERE table_name = %s AND column_name = 'owner_id'",
            (table,),
        ).fetchone()
    assert nullable == ("NO",)
