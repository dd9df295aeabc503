"""The speech models: pools, their workers and their Tritons, and the diarizer."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from .panels import THIRD, Query, add_row, board, graph, up_and_down, variable
from .queries import backlog, mean, quantile, rate, selected, whole

_RESPONSE_TIME = "voicepipe_model_request_duration_seconds"
_POOL = 'pool=~"$pool"'
_TRANSCRIBE = 'stage="transcribe", pool=~"$pool"'
_DIARIZE = 'stage="diarize"'


def pools() -> Dashboard:
    built = board(
        "voicepipe-pools",
        "Voicepipe: pools and models",
        "Throughput, queues and models of each pool, and the diarizer.",
        variable("pool", 'label_values(voicepipe_pool_ready{namespace="$namespace"}, pool)', several=True),
    )
    _pools(built)
    _triton(built)
    _diarizer(built)
    return built


def _pools(built: Dashboard) -> None:
    add_row(
        built,
        "Pools",
        up_and_down(
            "Pools",
            "ready: a worker whose model answers was seen in the last 30 s.",
            Query(whole("voicepipe_pool_ready", "pool", where=_POOL), "{{pool}}"),
            good="ready",
            bad="away",
        ),
        graph(
            "Backlog",
            "Commands that wait for a worker of the pool.",
            "short",
            Query(backlog("pool", "priority", where=_TRANSCRIBE), "{{pool}} {{priority}}"),
            stacked=True,
        ),
        graph(
            "Commands done, per second",
            "Nearly all are chunks of at most 28 s of audio.",
            "short",
            Query(rate("voicepipe_commands_total", "pool", where=f'{_TRANSCRIBE}, outcome="done"'), "{{pool}}"),
            width=THIRD,
        ),
        graph(
            "Response time of the model",
            "Measured by the worker, including the queue in Triton.",
            "s",
            Query(quantile(0.5, _RESPONSE_TIME, "pool", where=_POOL), "{{pool}} median"),
            Query(quantile(0.95, _RESPONSE_TIME, "pool", where=_POOL), "{{pool}} 95th percentile"),
            width=THIRD,
        ),
        graph(
            "Batch size",
            "The mean, as the model reports it. On a GPU it should approach 8 under load; on a CPU it is 1.",
            "short",
            Query(mean("voicepipe_model_batch_size", "pool", where=_POOL), "{{pool}}"),
            width=THIRD,
        ),
    )


def _triton(built: Dashboard) -> None:
    add_row(
        built,
        "Triton",
        graph(
            "Requests, per second",
            "Answered and failed.",
            "reqps",
            Query(rate("nv_inference_request_success", "pool", where=_POOL), "{{pool}}"),
            Query(rate("nv_inference_request_failure", "pool", where=_POOL), "{{pool}} failed"),
            width=THIRD,
        ),
        graph(
            "Time of a request in Triton",
            "The mean: the wait for a free instance, and the total.",
            "s",
            Query(_per_request("queue"), "{{pool}} queue"),
            Query(_per_request("request"), "{{pool}} total"),
            width=THIRD,
        ),
        graph(
            "Requests that wait in Triton",
            "Above the number of instances for a long time: the pool is too small.",
            "short",
            Query(f"sum by (pool) ({selected('nv_inference_pending_request_count', _POOL)})", "{{pool}}"),
            width=THIRD,
        ),
        graph(
            "GPU utilization",
            "No data on a CPU.",
            "percentunit",
            Query(f"avg by (pool, pod) ({selected('nv_gpu_utilization', _POOL)})", "{{pod}}"),
        ),
        graph(
            "GPU memory in use",
            "Of all GPUs of a pod. No data on a CPU.",
            "bytes",
            Query(f"sum by (pool, pod) ({selected('nv_gpu_memory_used_bytes', _POOL)})", "{{pod}}"),
        ),
    )


def _per_request(part: str) -> str:
    """Seconds, from Triton's sums of microseconds."""
    total = rate(f"nv_inference_{part}_duration_us", "pool", where=_POOL)
    return f"{total} / {rate('nv_inference_request_success', 'pool', where=_POOL)} / 1e6"


def _diarizer(built: Dashboard) -> None:
    add_row(
        built,
        "Diarizer",
        graph(
            "Recordings",
            "Waiting for a diarizer, and being diarized.",
            "short",
            Query(backlog("stage", where=_DIARIZE), "waiting"),
            Query(f"sum({selected('voicepipe_commands_in_flight', _DIARIZE)})", "in flight"),
            width=THIRD,
        ),
        graph(
            "Time of a recording",
            "How long a recording was in flight.",
            "s",
            Query(quantile(0.5, "voicepipe_command_duration_seconds", where=_DIARIZE), "median"),
            Query(quantile(0.95, "voicepipe_command_duration_seconds", where=_DIARIZE), "95th percentile"),
            width=THIRD,
        ),
        graph(
            "Recordings by outcome, per second",
            "dead_lettered: the transcript is delivered without speakers.",
            "short",
            Query(rate("voicepipe_commands_total", "outcome", where=_DIARIZE), "{{outcome}}"),
            width=THIRD,
        ),
    )
