"""Commands about the server: capabilities and version; for operators its queues and stuck jobs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import aclosing
from typing import Annotated

import typer

from voicepipe import __version__
from voicepipe.errors import InvalidSettings, VoicepipeError
from voicepipe.moments import duration_s
from voicepipe.operating import Queues, QueueState, StuckJob, StuckStage
from voicepipe.screen import clock_time, printable

from .session import Json, Session, as_text, connection_of, put, put_json, put_table, run

app = typer.Typer()
_QUEUE_COLUMNS = (
    "QUEUE", "PRIORITY", "QUEUED", "IN FLIGHT", "ARRIVING", "COMMANDS", "RUNNING", "JOBS", "OLDEST", "WORKERS", "READY IN",
)  # fmt: skip

jobs = typer.Typer(no_args_is_help=True, help="Jobs of all users (operators only).")


def _duration(text: str | int) -> int:
    try:
        seconds = duration_s(str(text))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if seconds < 1:
        raise typer.BadParameter("The duration must be a second or longer.")
    return seconds


@app.command()
def capabilities(context: typer.Context, as_json: Json = False) -> None:
    """Show the server's models, tasks, languages and limits."""

    async def work(session: Session) -> None:
        offered = await session.client.capabilities()
        if as_json:
            put_json(offered)
        else:
            for name, value in offered.items():
                put(f"{name.replace('_', ' ')}: {as_text(value)}")

    run(context, work)


@app.command()
def version(context: typer.Context, as_json: Json = False) -> None:
    """Show the version of this command, and of the server if one is configured and reachable."""
    try:
        connection_of(context)
    except InvalidSettings:
        _put_version(None, as_json=as_json)
        return

    async def work(session: Session) -> None:
        server = None
        try:
            server = str((await session.client.server_version()).get("version"))
        except VoicepipeError as error:
            session.screen.say(str(error))
        _put_version(server, as_json=as_json)

    run(context, work)


@app.command()
def pools(context: typer.Context, as_json: Json = False) -> None:
    """Show every queue: seconds of audio, commands, jobs; with an autoscaler, workers ready and asked for (operators only)."""

    async def work(session: Session) -> None:
        found = await session.client.queues()
        if as_json:
            put_json(found.document)
        elif found.queues:
            put_table(_QUEUE_COLUMNS, map(_queue_row, found.queues))
        session.screen.say(_freshness(found))

    run(context, work)


@jobs.command()
def stuck(
    context: typer.Context,
    older_than: Annotated[
        int,
        typer.Option(parser=_duration, metavar="DURATION", help="Not changed for this long: 600 (seconds), 10m, 2h."),
    ] = 600,
    limit: Annotated[int, typer.Option(min=1, help="How many jobs to list.")] = 100,
    as_json: Json = False,
) -> None:
    """List unfinished jobs that have not changed for a while, oldest first."""

    async def work(session: Session) -> None:
        found: list[StuckJob] = []
        async with aclosing(
            session.client.stuck_jobs(older_than_s=older_than, page_size=min(limit, 100))
        ) as stuck_jobs:
            async for job in stuck_jobs:
                found.append(job)
                if len(found) == limit:
                    break
        if as_json:
            put_json({"items": [dict(job.document) for job in found]})
        elif found:
            put_table(
                ("ID", "UNCHANGED", "STAGE", "STATE", "ATTEMPT", "SINCE", "WAITS FOR", "OWNER"),
                (row for job in found for row in _stuck_rows(job)),
            )
        else:
            session.screen.say(f"No unfinished job has been unchanged for {clock_time(older_than)} or longer.")

    run(context, work)


def _put_version(server: str | None, *, as_json: bool) -> None:
    if as_json:
        put_json({"client": __version__, "server": server})
    else:
        put(f"voicepipe {__version__}" + ("" if server is None else f"\nserver {printable(server)}"))


def _queue_row(queue: QueueState) -> tuple[str, ...]:
    return (
        f"{queue.stage}/{queue.pool}" if queue.pool else queue.stage,
        queue.priority,
        clock_time(queue.queued_s),
        clock_time(queue.in_flight_s),
        clock_time(queue.arriving_s),
        str(queue.waiting_commands),
        str(queue.in_flight_commands),
        str(queue.jobs),
        clock_time(queue.oldest_s),
        "-" if queue.replicas is None else f"{queue.ready_replicas or 0}/{queue.replicas}",
        "-" if queue.ready_in_s is None else clock_time(queue.ready_in_s),
    )


def _freshness(found: Queues) -> str:
    """How far the figures can be trusted, in a sentence."""
    match found.state, found.age_s:
        case "current", float(age_s):
            return f"These figures are {age_s:.0f} s old."
        case "missing", _:
            return "There are no figures: no controller has published any. Check that the controller is running."
        case _, age_s:
            return (
                f"These figures are old, from {clock_time(age_s or 0)} ago: no controller publishes new ones. "
                "Check that the controller is running, and that PostgreSQL and NATS answer it."
            )


def _stuck_rows(job: StuckJob) -> Iterator[tuple[str, ...]]:
    """A row for each stage that is queued or running."""
    for stage in job.stages or (StuckStage("none", job.state, 0, None),):
        since = "" if stage.since is None else f"{stage.since.astimezone():%Y-%m-%d %H:%M}"
        attempt, unchanged = str(stage.attempt), clock_time(job.unchanged_s)
        yield (
            job.id,
            unchanged,
            stage.stage,
            stage.state,
            attempt,
            since,
            stage.waiting_for or "-",
            printable(job.owner),
        )
