"""Commands about dead letters, for operators."""

from __future__ import annotations

from contextlib import aclosing
from datetime import UTC, datetime
from typing import Annotated

import typer

from voicepipe.model import DeadLetter
from voicepipe.moments import moment
from voicepipe.operating import DeadLetterFilter, OperatorAction
from voicepipe.screen import printable

from .session import Json, Session, Yes, as_text, put, put_json, run

app = typer.Typer(no_args_is_help=True, help="Commands that could not be carried out (operators only).")


def _moment(text: str) -> datetime:
    try:
        return moment(text, datetime.now(UTC))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


Sequence = Annotated[int, typer.Argument(metavar="NUMBER", help="The number that `dead-letters list` shows.")]
Code = Annotated[str | None, typer.Option(help="Only those with this error code, such as internal_error.")]
InStage = Annotated[str | None, typer.Option("--stage", help="Only those of this stage, such as transcribe.")]
Owner = Annotated[str | None, typer.Option(help="Only those of this user, by name or id.")]
Since = Annotated[
    datetime | None,
    typer.Option(parser=_moment, metavar="TIME", help="Only those that failed after: 2h (ago), 2026-03-01T09:30."),
]
Until = Annotated[
    datetime | None, typer.Option(parser=_moment, metavar="TIME", help="Only those that failed before this time.")
]


@app.command("list")
def list_letters(
    context: typer.Context,
    code: Code = None,
    stage: InStage = None,
    owner: Owner = None,
    since: Since = None,
    until: Until = None,
    as_json: Json = False,
) -> None:
    """List dead letters, oldest first; with several filters, those that all of them select."""
    criteria = DeadLetterFilter(code, stage, owner, since, until)

    async def work(session: Session) -> None:
        async with aclosing(session.client.dead_letters(criteria)) as found:
            entries = [entry async for entry in found]
        if as_json:
            put_json({"items": [dict(entry.document) for entry in entries]})
        elif not entries:
            session.screen.say(
                "There are no such dead letters." if criteria.to_query() else "There are no dead letters."
            )
        else:
            for entry in entries:
                put(_line(entry))

    run(context, work)


@app.command()
def show(context: typer.Context, number: Sequence, as_json: Json = False) -> None:
    """Show one dead letter in full."""

    async def work(session: Session) -> None:
        entry = await session.client.dead_letter(number)
        if as_json:
            put_json(entry.document)
        else:
            for name, value in entry.document.items():
                put(f"{name}: {as_text(value)}")

    run(context, work)


@app.command()
def redrive(
    context: typer.Context,
    number: Annotated[int | None, typer.Argument(metavar="NUMBER", help="The dead letter; omit with --all.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All dead letters, or those that the filters select.")
    ] = False,
    code: Code = None,
    stage: InStage = None,
    owner: Owner = None,
    since: Since = None,
    until: Until = None,
    as_json: Json = False,
) -> None:
    """Queue a dead letter again, with its attempts reset. Repeated within a minute, it is queued once."""
    criteria = DeadLetterFilter(code, stage, owner, since, until)
    if everything == (number is not None):
        raise typer.BadParameter("Give the number of one dead letter, or --all.")
    if number is not None and criteria.to_query():
        raise typer.BadParameter("Filters choose among all dead letters. Give them with --all, without a number.")

    async def work(session: Session) -> None:
        if number is None:
            redriven = await session.client.redrive_all(criteria)
            _done(session, "redriven", redriven.accepted, as_json=as_json)
            if redriven.repeated:
                session.screen.say(f"{redriven.repeated} more had been redriven within the last minute.")
        else:
            await session.client.redrive(number)
            _done(session, "redriven", 1, as_json=as_json)

    run(context, work)


@app.command()
def discard(context: typer.Context, number: Sequence, yes: Yes = False, as_json: Json = False) -> None:
    """Discard a dead letter permanently."""
    if not yes:
        typer.confirm(f"Discard dead letter {number} permanently?", abort=True, err=True)

    async def work(session: Session) -> None:
        await session.client.discard(number)
        _done(session, "discarded", 1, as_json=as_json)

    run(context, work)


@app.command()
def audit(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="How many to list.")] = 20,
    as_json: Json = False,
) -> None:
    """List who redrove or discarded which dead letter, newest first."""

    async def work(session: Session) -> None:
        found: list[OperatorAction] = []
        async with aclosing(session.client.operator_actions(page_size=min(limit, 100))) as actions:
            async for action in actions:
                found.append(action)
                if len(found) == limit:
                    break
        if as_json:
            put_json({"items": [dict(action.document) for action in found]})
        elif not found:
            session.screen.say("No dead letter has been redriven or discarded.")
        else:
            for action in found:
                put(_audit_line(action))

    run(context, work)


def _done(session: Session, what: str, count: int, *, as_json: bool) -> None:
    if as_json:
        put_json({what: count})
    else:
        session.screen.say(f"{count} {'dead letter' if count == 1 else 'dead letters'} {what}.")


def _line(entry: DeadLetter) -> str:
    when = "" if entry.failed_at is None else f"{entry.failed_at.astimezone():%Y-%m-%d %H:%M}  "
    return f"{entry.sequence}  {when}{entry.stage}  {entry.code}  {printable(entry.error)}"


def _audit_line(action: OperatorAction) -> str:
    when, job = f"{action.created_at.astimezone():%Y-%m-%d %H:%M:%S}", action.job_id or "no job"
    return f"{when}  {printable(action.user_name)}  {action.action}  {action.sequence}  {action.stage}  {action.code}  {job}"
