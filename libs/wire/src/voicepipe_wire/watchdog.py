"""The metrics of work that hangs, and of tasks that fail and go on. An alert watches both."""

from __future__ import annotations

from prometheus_client import Counter

# `stage`: `prepare` (a decoder without output), `transcribe` (a model that does not answer), `diarize` (a pipeline without progress).
HUNG = Counter("voicepipe_work_hung_total", "Work that was ended because it made no progress", ["stage"])
# Tasks that run beside the commands, such as heartbeats: a failure is logged, and the task goes on.
TASK_FAILURES = Counter("voicepipe_task_failures_total", "Passes of a background task that failed", ["task"])
