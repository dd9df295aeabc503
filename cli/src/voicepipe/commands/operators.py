"""Commands about the server: dead letters, capabilities, version."""

from __future__ import annotations

from contextlib import aclosing
from typing import Annotated, Any

import typer

from voicepipe import __version__
from voicepipe.errors import InvalidSettings, VoicepipeError
from voicepipe.model import DeadLetter
from voicepipe.screen import printable

from .session import Json, Session, Yes, connection_of, put, put_json, run

app = typer.Typer()
dead_letters = typer.Typer(no_args_is_help=True, help="Commands that could not be carried out (operators only).")

Sequence = Annotated[int, typer.Argument(metavar="NUMBER", help="The number that `dead-letters list` shows.")]


@app.command()
def capabilities(context: typer.Context, as_json: Json = False) -> None:
    """Show the server's models, tasks, languages and limits."""

    async def work(session: Session) -> None:
        offered = await session.client.capabilities()
        if as_json:
            put_json(offered)
        else:
            for name, value in offered.items():
                put(f"{name.replace('_', ' ')}: {_as_text(value)}")

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


@dead_letters.command("list")
def list_letters(context: typer.Context, as_json: Json = False) -> None:
    """List all dead letters."""

    async def work(session: Session) -> None:
        async with aclosing(session.client.dead_letters()) as found:
            entries = [entry async for entry in found]
        if as_json:
            put_json({"items": [dict(entry.document) for entry in entries]})
        elif not entries:
            session.screen.say("There are no dead letters.")
        else:
            for entry in entries:
                put(_line(entry))

    run(context, work)


@dead_letters.command()
def show(context: typer.Context, number: Sequence, as_json: Json = False) -> None:
    """Show one dead letter in full."""

    async def work(session: Session) -> None:
        entry = await session.client.dead_letter(number)
        if as_json:
            put_json(entry.document)
        else:
            for name, value in entry.document.items():
                put(f"{name}: {_as_text(value)}")

    run(context, work)


@dead_letters.command()
def redrive(
    context: typer.Context,
    number: Annotated[int | None, typer.Argument(metavar="NUMBER", help="The dead letter; omit with --all.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All dead letters.")] = False,
    as_json: Json = False,
) -> None:
    """Queue a dead letter again, with its attempts reset."""
    if everything == (number is not None):
        raise typer.BadParameter("Give the number of one dead letter, or --all.")

    async def work(session: Session) -> None:
        if number is None:
            _done(session, "redriven", await session.client.redrive_all(), as_json=as_json)
        else:
            await session.client.redrive(number)
            _done(session, "redriven", 1, as_json=as_json)

    run(context, work)


@dead_letters.command()
def discard(context: typer.Context, number: Sequence, yes: Yes = False, as_json: Json = False) -> None:
    """Discard a dead letter permanently."""
    if not yes:
        typer.confirm(f"Discard dead letter {number} permanently?", abort=True, err=True)

    async def work(session: Session) -> None:
        await session.client.discard(number)
        _done(session, "discarded", 1, as_json=as_json)

    run(context, work)


def _put_version(server: str | None, *, as_json: bool) -> None:
    if as_json:
        put_json({"client": __version__, "server": server})
    else:
        put(f"voicepipe {__version__}" + ("" if server is None else f"\nserver {printable(server)}"))


def _done(session: Session, what: str, count: int, *, as_json: bool) -> None:
    if as_json:
        put_json({what: count})
    else:
        session.screen.say(f"{count} {'dead letter' if count == 1 else 'dead letters'} {what}.")


def _line(entry: DeadLetter) -> str:
    when = "" if entry.failed_at is None else f"{entry.failed_at.astimezone():%Y-%m-%d %H:%M}  "
    return f"{entry.sequence}  {when}{entry.stage}  {entry.code}  {printable(entry.error)}"


def _as_text(value: Any) -> str:
    """JSON as text: short items on one line, longer ones on a line each."""
    match value:
        case bool():
            return "yes" if value else "no"
        case None:
            return "none"
        case {"code": str(code), "name": str(), **rest} if not rest:
            return code
        case dict():
            return ", ".join(f"{name.replace('_', ' ')} {_as_text(inner)}" for name, inner in value.items())
        case list():
            items = list(map(_as_text, value))
            return "".join(f"\n  {each}" for each in items) if any(", " in each for each in items) else ", ".join(items)
        case _:
            return printable(str(value))
