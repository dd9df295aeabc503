"""Metrics of work that hangs and of tasks that fail, and a block whose errors end nothing. Alerts watch the metrics."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from prometheus_client import Counter

log = structlog.get_logger(__name__)

# `stage`: `prepare` (a decoder without output), `transcribe` (a model that does not answer), `diarize` (a pipeline without progress).
HUNG = Counter("voicepipe_work_hung_total", "Work that was ended because it made no progress", ["stage"])
# Tasks that run beside the commands, such as heartbeats.
TASK_FAILURES = Counter("voicepipe_task_failures_total", "Passes of a background task that failed", ["task"])


@contextmanager
def surviving(task: str) -> Iterator[None]:
    """Log and count whatever the block raises, and go on after it. For tasks whose end would end the process."""
    try:
        yield
    except Exception as error:
        TASK_FAILURES.labels(task).inc()
        log.warning(
            "task failed, continuing", task=task, reason=f"{type(error).__name__}: {error}"[:200], exc_info=True
        )
