"""The `voicepipe` command of operators: dead letters, their audit, queues and stuck jobs."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicepipe.moments import duration_s, moment
from voicepipe.operating import DeadLetterFilter

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def entries(fake):
    """Five dead letters: odd ones of transcribe, even ones of prepare, one a minute."""
    for number in range(1, 6):
        fake.entries[number] = {
            "sequence": number, "stage": "transcribe" if number % 2 else "prepare", "error": "boom", "attempts": 5,
            "code": "internal_error" if number < 4 else "bad_message", "job_id": None, "owner_id": "ada",
            "failed_at": f"2026-03-01T09:0{number}:00+00:00",
        }  # fmt: skip
    return fake.entries


def numbers(done):
    assert done.exit_code == 0, done.stderr
    return [int(line.split()[0]) for line in done.stdout.splitlines()]


def test_operators_list_redrive_and_discard_dead_letters(voicepipe, entries):
    assert numbers(voicepipe("dead-letters", "list")) == [1, 2, 3, 4, 5]
    assert json.loads(voicepipe("dead-letters", "show", 3, "--json").stdout)["error"] == "boom"
    assert voicepipe("dead-letters", "redrive", 3).exit_code == 0
    assert voicepipe("dead-letters", "discard", 1, "--yes").exit_code == 0
    assert list(entries) == [2, 4, 5]
    assert voicepipe("dead-letters", "redrive").exit_code == 2
    assert json.loads(voicepipe("dead-letters", "redrive", "--all", "--json").stdout) == {"redriven": 3}
    assert voicepipe("dead-letters", "show", 3).exit_code == 4


@pytest.mark.usefixtures("entries")
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--stage", "prepare"], [2, 4]),
        (["--code", "bad_message"], [4, 5]),
        (["--stage", "transcribe", "--code", "bad_message"], [5]),
        (["--owner", "ada"], [1, 2, 3, 4, 5]),
        (["--since", "2026-03-01T09:02:30+00:00"], [3, 4, 5]),
        (["--since", "2026-03-01T09:01:30Z", "--until", "2026-03-01T11:03:30+02:00"], [2, 3]),
        (["--since", "1m"], []),
    ],
)
def test_filters_select_what_is_listed_and_what_is_redriven(voicepipe, fake, options, expected):
    assert numbers(voicepipe("dead-letters", "list", *options)) == expected
    done = voicepipe("dead-letters", "redrive", "--all", *options)
    assert done.exit_code == 0
    assert fake.redriven == expected


@pytest.mark.usefixtures("entries")
def test_a_second_redrive_of_all_says_that_it_repeats_the_first(voicepipe, fake):
    assert "5 dead letters redriven." in voicepipe("dead-letters", "redrive", "--all").stderr
    again = voicepipe("dead-letters", "redrive", "--all").stderr
    assert "0 dead letters redriven." in again
    assert "5 more had been redriven within the last minute." in again
    assert fake.redriven == [1, 2, 3, 4, 5]


@pytest.mark.usefixtures("entries")
def test_a_redrive_of_all_whose_answer_is_lost_is_sent_again(voicepipe, fake):
    fake.faults.answers.append(["POST", "redrive", 500, 1])
    assert voicepipe("dead-letters", "redrive", "--all").exit_code == 0
    assert fake.redriven == [1, 2, 3, 4, 5]


def test_filters_and_times_that_make_no_sense_are_refused_before_anything_is_sent(voicepipe, fake):
    for words in (
        ("redrive", 1, "--code", "internal_error"),
        ("redrive", "--stage", "prepare"),
        ("list", "--since", "yesterday"),
        ("list", "--until", "1w"),
    ):
        assert voicepipe("dead-letters", *words).exit_code == 2, words
    assert voicepipe("jobs", "stuck", "--older-than", "0").exit_code == 2
    assert fake.requests == []


def test_the_audit_says_who_did_what_and_when(voicepipe, fake):
    assert "No dead letter has been redriven or discarded." in voicepipe("dead-letters", "audit").stderr
    for number in range(130):
        fake.actions.append({
            "created_at": "2026-03-01T09:00:00Z", "user_name": "grace", "action": "redrive", "sequence": number,
            "stage": "prepare", "code": "bad_message", "job_id": None,
        })  # fmt: skip
    lines = voicepipe("dead-letters", "audit").stdout.splitlines()
    assert len(lines) == 20
    assert lines[3].split()[2:] == ["grace", "redrive", "3", "prepare", "bad_message", "no", "job"]
    assert len(json.loads(voicepipe("dead-letters", "audit", "--limit", 120, "--json").stdout)["items"]) == 120


def test_pools_shows_every_queue_and_the_age_of_its_figures(voicepipe, fake):
    queue = {
        "stage": "transcribe", "pool": "accurate", "priority": "premium", "queued_s": 3700.2, "in_flight_s": 56.0,
        "arriving_s": 0.0, "waiting_commands": 16, "in_flight_commands": 2, "jobs": 3, "arriving_jobs": 0, "oldest_s": 61.0,
    }  # fmt: skip
    fake.queues = {"state": "current", "published_at": "2026-03-01T09:00:00Z", "age_s": 2.2, "queues": [queue]}
    done = voicepipe("pools")
    assert done.stdout.splitlines()[1].split() == [
        "transcribe/accurate", "premium", "1:01:40", "0:56", "0:00", "16", "2", "3", "1:01", "-", "-",
    ]  # fmt: skip
    assert "These figures are 2 s old." in done.stderr
    assert json.loads(voicepipe("pools", "--json").stdout) == fake.queues
    fake.queues |= {"state": "old", "age_s": 75.0}
    old = voicepipe("pools")
    assert "These figures are old, from 1:15 ago" in old.stderr
    assert "accurate" in old.stdout


def test_pools_shows_workers_ready_and_asked_for_and_when_the_next_is_ready(voicepipe, fake):
    work = {
        "stage": "diarize", "pool": None, "priority": "standard", "queued_s": 60.0, "in_flight_s": 0.0, "arriving_s": 0.0,
        "waiting_commands": 1, "in_flight_commands": 0, "jobs": 1, "arriving_jobs": 0, "oldest_s": 2.0,
    }  # fmt: skip
    workers = [(2, 1, 0.0), (1, 0, 31.0), (0, 0, None)]
    fake.queues = {
        "state": "current", "published_at": "2026-03-01T09:00:00Z", "age_s": 2.2,
        "queues": [work | {"replicas": asked, "ready_replicas": ready, "ready_in_s": left} for asked, ready, left in workers],
    }  # fmt: skip
    header, *rows = voicepipe("pools").stdout.splitlines()
    assert header.endswith("WORKERS  READY IN")
    assert [row.split()[-2:] for row in rows] == [["1/2", "0:00"], ["0/1", "0:31"], ["0/0", "-"]]


def test_pools_without_any_figures_says_so(voicepipe):
    done = voicepipe("pools")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "There are no figures: no controller has published any." in done.stderr


def test_stuck_jobs_show_the_stages_that_they_are_stuck_in(voicepipe, fake):
    assert "No unfinished job has been unchanged for 10:00 or longer." in voicepipe("jobs", "stuck").stderr
    stages = [
        {"stage": "transcribe", "state": "running", "attempt": 2, "since": "2026-03-01T09:00:00Z"},
        {"stage": "diarize", "state": "queued", "attempt": 0, "since": None},
    ]
    for number, unchanged_s in ((1, 4000.0), (2, 700.0)):
        fake.stuck.append({
            "id": f"job-{number}", "owner": "ann", "state": "transcribing", "unchanged_s": unchanged_s,
            "stages": stages[: 3 - number],
        })  # fmt: skip
    rows = [line.split() for line in voicepipe("jobs", "stuck").stdout.splitlines()[1:]]
    assert [row[:5] for row in rows] == [
        ["job-1", "1:06:40", "transcribe", "running", "2"],
        ["job-1", "1:06:40", "diarize", "queued", "0"],
        ["job-2", "11:40", "transcribe", "running", "2"],
    ]
    assert rows[0][-1] == "ann"
    for older_than in ("20m", "1200", "1200s"):
        found = json.loads(voicepipe("jobs", "stuck", "--older-than", older_than, "--json").stdout)
        assert [item["id"] for item in found["items"]] == ["job-1"]
    assert len(json.loads(voicepipe("jobs", "stuck", "--limit", 1, "--json").stdout)["items"]) == 1


@given(st.integers(0, 999_999_999), st.sampled_from(["", "s", "m", "h", "d"]))
def test_a_duration_is_its_number_times_its_unit(number, unit):
    assert duration_s(f"{number}{unit}") == number * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}[unit]


@given(st.integers(0, 100_000))
def test_a_duration_as_a_time_is_that_long_ago(minutes):
    assert moment(f"{minutes}m", NOW) == NOW - timedelta(minutes=minutes)


@given(st.integers(0, 3_000_000_000), st.sampled_from([UTC, timezone(timedelta(hours=5.5))]))
def test_a_time_with_its_offset_is_that_time(seconds, zone):
    when = datetime.fromtimestamp(seconds, zone)
    assert moment(when.isoformat(), NOW) == when


@given(st.text(max_size=30))
def test_any_other_text_is_refused_in_a_sentence(text):
    for reader in (duration_s, lambda given: moment(given, NOW)):
        try:
            reader(text)
        except ValueError as error:
            assert str(error).startswith(f"'{text}' is not a ")  # noqa: PT017 - most texts are refused, some are not


def test_a_filter_without_criteria_asks_for_everything():
    assert DeadLetterFilter().to_query() == {}
    assert DeadLetterFilter(since=NOW).to_query() == {"failed_after": "2026-03-01T12:00:00+00:00"}
