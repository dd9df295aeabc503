"""Does the installation do its work? The page to open first."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from .panels import THIRD, Query, board, firing, graph, number
from .queries import backlog, quantile, rate, selected, whole

_ERRORS = 'status=~"5.."'


def overview() -> Dashboard:
    built = board(
        "voicepipe-overview", "Voicepipe: overview", "Jobs, throughput, backlog and errors of one installation."
    )
    _now(built)
    _jobs(built)
    _work(built)
    return built


def _now(built: Dashboard) -> None:
    ended = 'sum(increase(voicepipe_jobs_finished_total{{namespace="$namespace", outcome="{}"}}[1h]))'
    for panel in (
        number(
            "Unfinished jobs", "Accepted and not ended.", "short", Query(f"sum({whole('voicepipe_jobs', 'state')})")
        ),
        number("Completed, last hour", "Jobs with a transcript.", "short", Query(ended.format("completed"))),
        number("Failed, last hour", "Jobs that ended without a transcript.", "short", Query(ended.format("failed")), 5),
        number(
            "Longest without progress",
            "The time since the unfinished job that waits longest last changed.",
            "s",
            Query(whole("voicepipe_oldest_waiting_job_seconds")),
            3600,
        ),
        number(
            "Pools away",
            "Declared pools without any worker. Their jobs wait.",
            "short",
            Query(f"sum(1 - {whole('voicepipe_pool_ready', 'pool')})"),
            1,
        ),
        number(
            "Dead letters",
            "Commands that could not be carried out: `voicepipe dead-letters list`.",
            "short",
            Query(whole("voicepipe_dead_letters")),
            5,
        ),
    ):
        built.with_panel(panel)
    built.with_panel(firing("Alerts that fire", "Each has a runbook in docs/runbooks."))
    built.with_panel(
        graph(
            "Errors answered to clients",
            "The share of requests that end with a status of 500 or above. `starting`, the answer of a new pod, is not counted.",
            "percentunit",
            Query(
                f"{rate('voicepipe_http_request_duration_seconds_count', 'component', where=_ERRORS)}"
                f" / {rate('voicepipe_http_request_duration_seconds_count', 'component')}",
                "{{component}}",
            ),
        )
    )


def _jobs(built: Dashboard) -> None:
    built.with_row(Row("Jobs"))
    for panel in (
        graph(
            "Unfinished jobs",
            "By what they wait for or are at.",
            "short",
            Query(whole("voicepipe_jobs", "state"), "{{state}}"),
            stacked=True,
            width=THIRD,
        ),
        graph(
            "Jobs that ended, per minute",
            "Completed, failed and cancelled.",
            "short",
            Query(f"60 * {rate('voicepipe_jobs_finished_total', 'outcome')}", "{{outcome}}"),
            width=THIRD,
        ),
        graph(
            "Longest without progress",
            "The time since the oldest job of each state last changed. Grows in a straight line while a job is stuck.",
            "s",
            Query(whole("voicepipe_oldest_waiting_job_seconds", "state"), "{{state}}"),
            width=THIRD,
        ),
    ):
        built.with_panel(panel)


def _work(built: Dashboard) -> None:
    built.with_row(Row("Work"))
    for panel in (
        graph(
            "Backlog",
            "Commands that wait for a worker. A job has at most 16 chunks in the queue, so this is not the length of the work.",
            "short",
            Query(backlog("stage", "pool"), "{{stage}} {{pool}}"),
            stacked=True,
        ),
        graph(
            "Commands done, per second",
            "Throughput of each stage.",
            "short",
            Query(rate("voicepipe_commands_total", "stage", "pool", where='outcome="done"'), "{{stage}} {{pool}}"),
        ),
        graph(
            "Commands in flight",
            "What workers process now.",
            "short",
            Query(f"sum by (stage, pool) ({selected('voicepipe_commands_in_flight')})", "{{stage}} {{pool}}"),
        ),
        graph(
            "Time of a command, 95th percentile",
            "How long a command of each stage was in flight, with the waits for servers that were away.",
            "s",
            Query(quantile(0.95, "voicepipe_command_duration_seconds", "stage"), "{{stage}}"),
        ),
        graph(
            "Commands that were not done, per second",
            "failed: retried. handed_back: returned by a stopping worker. dead_lettered: given up. lost: could not be settled.",
            "short",
            Query(
                rate("voicepipe_commands_total", "stage", "outcome", where='outcome!="done"'), "{{stage}} {{outcome}}"
            ),
        ),
        graph(
            "Lost commands queued again, per second",
            "What the controller repaired. Anything but a short peak after a fault of NATS is wrong.",
            "short",
            Query(rate("voicepipe_requeued_total", "stage"), "{{stage}}"),
        ),
    ):
        built.with_panel(panel)
