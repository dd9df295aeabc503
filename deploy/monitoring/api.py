"""What clients see: upload and status."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from .panels import THIRD, Query, add_row, board, graph
from .queries import quantile, rate, selected

_REQUESTS = "voicepipe_http_request_duration_seconds"


def api() -> Dashboard:
    built = board(
        "voicepipe-api", "Voicepipe: API", "Requests, uploads and event streams: the services upload and status."
    )
    _requests(built)
    _uploads(built)
    _events(built)
    return built


def _requests(built: Dashboard) -> None:
    add_row(
        built,
        "Requests",
        graph(
            "Requests, per second",
            "By service.",
            "reqps",
            Query(rate(f"{_REQUESTS}_count", "component"), "{{component}}"),
        ),
        graph(
            "Errors, per second",
            "Answers with a status of 500 or above, by route. 503: a server is unavailable, or too many uploads arrive at once.",
            "reqps",
            Query(
                rate(f"{_REQUESTS}_count", "method", "route", "status", where='status=~"5.."'),
                "{{method}} {{route}} {{status}}",
            ),
        ),
        graph(
            "Refused requests, per second",
            "Answers with a status of 400 to 499, by route: the client's mistake.",
            "reqps",
            Query(
                rate(f"{_REQUESTS}_count", "method", "route", "status", where='status=~"4.."'),
                "{{method}} {{route}} {{status}}",
            ),
        ),
        graph(
            "Time to the first byte of status, 95th percentile",
            "By route.",
            "s",
            Query(
                quantile(0.95, _REQUESTS, "method", "route", where='component="status"'),
                "{{method}} {{route}}",
            ),
        ),
    )


def _uploads(built: Dashboard) -> None:
    add_row(
        built,
        "Uploads",
        graph(
            "Uploads that ended, per minute",
            "failed: a server was unavailable. interrupted: the connection broke; a tus upload can be resumed.",
            "short",
            Query(f"60 * {rate('voicepipe_uploads_total', 'kind', 'outcome')}", "{{kind}} {{outcome}}"),
            width=THIRD,
        ),
        graph(
            "Bytes received, per second",
            "Including those of refused recordings.",
            "binBps",
            Query(rate("voicepipe_upload_bytes_total", "kind"), "{{kind}}"),
            stacked=True,
            width=THIRD,
        ),
        graph(
            "Requests being received",
            "By replica. At the limit of VOICEPIPE_MAX_CONCURRENT_UPLOADS a replica answers 503 `busy`.",
            "short",
            Query(selected("voicepipe_uploads_receiving"), "{{pod}}"),
            width=THIRD,
        ),
        graph(
            "Time to store 8 MiB in the object store",
            "If this grows, the object store is slow.",
            "s",
            Query(quantile(0.5, "voicepipe_upload_part_duration_seconds"), "median"),
            Query(quantile(0.95, "voicepipe_upload_part_duration_seconds"), "95th percentile"),
            width=THIRD,
        ),
    )


def _events(built: Dashboard) -> None:
    add_row(
        built,
        "Events and commands",
        graph(
            "Open event streams",
            "Clients that follow their jobs, by replica of status.",
            "short",
            Query(selected("voicepipe_event_streams"), "{{pod}}"),
            width=THIRD,
        ),
        graph(
            "Events sent, per second",
            "replay: to clients that came back. live: as they happen.",
            "short",
            Query(rate("voicepipe_events_sent_total", "origin"), "{{origin}}"),
            width=THIRD,
        ),
        graph(
            "Event streams in trouble, per second",
            "dropped: the client read too slowly. restarted: status lost its consumer of EVENTS.",
            "short",
            Query(rate("voicepipe_event_streams_dropped_total"), "dropped"),
            Query(rate("voicepipe_event_hub_restarts_total"), "restarted"),
            width=THIRD,
        ),
        graph(
            "Changes by users and operators, per minute",
            "Cancel, retry, delete and the like.",
            "short",
            Query(f"60 * {rate('voicepipe_changes_total', 'change')}", "{{change}}"),
            width=THIRD,
        ),
    )
