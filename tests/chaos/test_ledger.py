"""The ledger sees each kind of violation: a check that finds nothing would prove nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from .ledger import Observer
from .recordings import CLIP
from .users import CANCELLED, COMPLETED, Expectation

JOB_ID = "00000000-0000-0000-0000-000000000001"


def row(**changes):
    return {
        "id": UUID(JOB_ID),
        "name": "clip.wav",
        "state": COMPLETED,
        "error_code": None,
        "finished_at": datetime.now(UTC),
        "warnings": [],
        "versions": 1,
        **changes,
    }


def expected(**changes):
    return Expectation("clip.wav", CLIP, **{"id": JOB_ID, "is_acknowledged": True, **changes})


@pytest.fixture
def observer(monkeypatch):
    monkeypatch.setattr(Observer, "_of_words", lambda *_: [])
    return Observer(stack=None, words={})


def violations(observer, what, *rows):
    return list(observer._of_job(what, {str(number): each for number, each in enumerate(rows)}))


def test_a_job_as_expected_is_no_violation(observer):
    assert violations(observer, expected(), row()) == []


@pytest.mark.parametrize(
    ("what", "rows", "sentence"),
    [
        (expected(), [], "was accepted and is gone"),
        (expected(), [row(), row()], "has 2 jobs"),
        (expected(is_deleted=True), [row()], "was deleted and is still there"),
        (expected(), [row(state="failed", error_code="internal_error")], "is failed"),
        (expected(), [row(state=CANCELLED)], "is cancelled"),
        (expected(), [row(state="transcribing")], "is transcribing"),
        (expected(), [row(versions=2)], "has 2 transcripts"),
        (expected(), [row(versions=0)], "has 0 transcripts"),
        (expected(), [row(finished_at=None)], "finished at None"),
        (expected(), [row(warnings=[{"code": "part_missing"}])], "has warnings: part_missing"),
    ],
)
def test_a_violation_is_a_sentence(observer, what, rows, sentence):
    assert any(sentence in found for found in violations(observer, what, *rows))


def test_a_job_whose_answer_was_lost_may_be_missing_but_not_unfinished(observer):
    lost = expected(id=None, is_acknowledged=False)
    assert violations(observer, lost) == []
    assert violations(observer, lost, row(state="queued", finished_at=None))
