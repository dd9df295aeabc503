"""Any order of deliveries, deaths and commands leads every job to one correct end.

The handlers, the SQL and PostgreSQL are the real ones; the broker is in memory, and decoding and models are replaced.
"""

from __future__ import annotations

import asyncio
import itertools

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from model_machine import Pipeline
from voicepipe_wire.settings import Settings

pytestmark = [
    # Of connections whose process died.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.timeout(600),
]

# About a second each. No shrinking: the same steps may meet another timing, and the failure lists them.
EXAMPLES = 20
STEPS = 40
MOMENTS = (
    "PrepareRecording",
    "StartTranscription",
    "TranscribeChunk",
    "DiarizeRecording",
    "AssembleTranscript",
    "cancel",
    "diarize_again",
    "delete",
    "sweep",
    "sweep after a retry",
)


@pytest.fixture
def machine(database_url):
    with asyncio.Runner() as runner:
        runner.get_loop().set_exception_handler(lambda _loop, _context: None)
        base = Settings(database_url=database_url, s3_access_key="", s3_secret_key="", database_pool_size=4)
        yield type("Machine", (Pipeline,), {"loop": runner.get_loop(), "base": base})


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_process_may_die_at_every_await(machine, moment):
    """The job then ends as if nothing had happened; if it was cancelled, after a retry."""
    for death in itertools.count(1):
        pipeline = machine()
        pipeline.submit(2, diarize=True)
        is_done = pipeline.die_during(moment, death)
        if moment == "cancel":
            pipeline.command(0, "retry", None)
        pipeline.teardown()
        if is_done:
            break
    assert death > 5


def test_whatever_happens_every_job_comes_to_one_correct_end(machine):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            phases=[Phase.generate],
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
