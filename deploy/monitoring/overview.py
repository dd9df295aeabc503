"""Does the installation work? The dashboard to open first."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from .panels import THIRD, Query, add_row, board, firing, graph, number
from .queries import backlog, quantile, rate, selected, whole

# 501 is not a failure: a client requested speakers, and this installation has no diarizer.
_ERRORS = 'status=~"5..", status!="501"'


def overview() -> Dashboard:
    built = board(
        "voicepipe-overview", "Voicepipe: overview", "Jobs, throughput, backlog and errors of one installation."
    )
    _now(built)
    _jobs(built)
    _work(built)
    return built


def _now(built: Dashboard) -> None:
    for panel in (
        number(
            "Unfinished jobs", "Accepted and not ended.", "short", Query(f"sum({whole('voicepipe_jobs', 'state')})")
        ),
        number("Completed, last hour", "Jobs with a transcript.", "short", Query(_ended("completed"))),
        number("Failed, last hour", "Jobs that ended without a transcript.", "short", Query(_ended("failed")), 5),
        number(
            "Longest without progress",
            "The time since the last change of the unfinished job that has waited longest.",
            "s",
            Query(whole("voicepipe_oldest_waiting_job_seconds")),
            3600,
        ),
        number(
            "Pools away",
            "Declared pools without a ready worker. Their jobs wait.",
            "short",
            Query(f"sum(1 - {whole('voicepipe_pool_ready', 'pool')})"),
            1,
        ),
        number(
            "Dead letters",
            "Commands that could not be carried out: `voicepipe dead-letters list`.",
            "short",
            Query(f"sum({whole('voicepipe_dead_letters', 'stage')})"),
            5,
        ),
        firing("Firing alerts", "Each has a runbook in docs/runbooks."),
        graph(
            "Failed requests",
            "The share that is answered with a server error. 501, and `starting` from a new pod, are not counted.",
            "percentunit",
            Query(
                f"{rate('voicepipe_http_request_duration_seconds_count', 'component', where=_ERRORS)}"
                f" / {rate('voicepipe_http_request_duration_seconds_count', 'component')}",
                "{{component}}",
            ),
        ),
    ):
        built.with_panel(panel)


def _ended(outcome: str) -> str:
    where = f'outcome="{outcome}"'
    return f"sum(increase({selected('voicepipe_jobs_finished_total', where)}[1h]))"


def _jobs(built: Dashboard) -> None:
    add_row(
        built,
        "Jobs",
        graph(
            "Unfinished jobs",
            "By state.",
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
    )


def _work(built: Dashboard) -> None:
    add_row(
        built,
        "Work",
        graph(
            "Backlog",
            "Commands that wait for a worker. A job has at most 16 chunks in the queue, so there may be more work than this.",
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
            "How long commands were in flight, including waits for unavailable servers.",
            "s",
            Query(quantile(0.95, "voicepipe_command_duration_seconds", "stage"), "{{stage}}"),
        ),
        graph(
            "Commands not done, per second",
            "failed: retried. handed_back: returned by a stopping worker. dead_lettered: given up. lost: could not be settled.",
            "short",
            Query(
                rate("voicepipe_commands_total", "stage", "outcome", where='outcome!="done"'), "{{stage}} {{outcome}}"
            ),
        ),
        graph(
            "Lost commands queued again, per second",
            "Expect a short peak after an outage of NATS, and nothing otherwise.",
            "short",
            Query(rate("voicepipe_requeued_total", "stage"), "{{stage}}"),
        ),
    )
