"""Random faults under load: whatever fails, every accepted recording comes to its end, and nothing is left behind.

A run that fails is repeated with `PYTHONPATH=tests python -m chaos --seed N --faults N`. The users act at other moments then, so it may take
more than one.
"""

from __future__ import annotations

import pytest

from .run import Plan, run


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "plan", [Plan(seed=14, faults=24), Plan(seed=15, faults=16, speakers=True)], ids=["words", "words and speakers"]
)
def test_whatever_fails_every_accepted_recording_comes_to_its_one_right_end(plan, record_property):
    outcome = run(plan)
    record_property(
        "measured",
        f"seed {plan.seed}, {plan.faults} faults: {outcome.accepted} of {outcome.sent} recordings accepted, "
        f"at rest {outcome.came_to_rest_s:.0f} s after the last repair",
    )
    assert outcome.accepted > 0
    assert [*outcome.violations, *outcome.bugs] == []
