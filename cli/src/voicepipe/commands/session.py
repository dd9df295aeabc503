"""Shared by all commands: options, settings, the client, exit codes, output."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from voicepipe import settings
from voicepipe.client import Client, default_memory
from voicepipe.errors import VoicepipeError
from voicepipe.exit_codes import ExitCode, code_of
from voicepipe.model import TranscriptFormat
from voicepipe.pace import Pace
from voicepipe.screen import Screen, printable, screen_on, stderr_console
from voicepipe.settings import Connection
from voicepipe.speakers import SpeakerLimits


def _limits(text: str) -> SpeakerLimits:
    try:
        return SpeakerLimits.from_text(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


# Without a terminal nothing is truncated, so that `voicepipe list | grep` works on whole lines.
_WIDE = 400

# Options that several commands share.
Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout, for programs.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="The id of the transcription.")]
Format = Annotated[
    TranscriptFormat | None,
    typer.Option("--format", "-f", metavar="FORMAT", help="txt (default), srt, vtt, json or rttm."),
]
Folder = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="DIR", help="Save as DIR/NAME.FORMAT instead of printing.")
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite existing files.")]
Speakers = Annotated[
    SpeakerLimits | None,
    typer.Option(
        parser=_limits,
        metavar="COUNT",
        help="Tell speakers apart: 2 (exactly), 2..4, 2.., ..4, or auto (as many as there are).",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]


@dataclass(frozen=True, slots=True)
class GlobalOptions:
    """The options before the command."""

    url: str | None
    api_key_file: Path | None
    retry_for_s: float
    # None leaves it to the settings.
    grpc: bool | None


@dataclass(frozen=True, slots=True)
class Session:
    """Commands enter `screen` only around long work: bars and a transcript must not mix on a terminal."""

    client: Client
    screen: Screen
    url: str


def run(
    context: typer.Context, work: Callable[[Session], Awaitable[ExitCode | None]], *, with_text: bool = False
) -> None:
    """Run `work` with a client, then exit with its code or with that of its error."""
    console = stderr_console()
    try:
        connection = connection_of(context)
        code = asyncio.run(_with_client(context.obj, connection, work, screen_on(console, with_text=with_text)))
    except VoicepipeError as error:
        # A message from the server may contain names that users chose.
        console.print("\n".join(map(printable, str(error).splitlines())), soft_wrap=not console.is_terminal)
        code = code_of(error)
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    raise typer.Exit(code or ExitCode.OK)


def connection_of(context: typer.Context) -> Connection:
    """The server to use and its key.

    Raises:
        InvalidSettings: no server or no key is given.
    """
    chosen: GlobalOptions = context.obj
    return settings.load(chosen.url, chosen.api_key_file, os.environ, settings.config_path(), grpc=chosen.grpc)


async def _with_client(
    global_options: GlobalOptions,
    connection: Connection,
    work: Callable[[Session], Awaitable[ExitCode | None]],
    screen: Screen,
) -> ExitCode | None:
    pace = Pace(global_options.retry_for_s, on_wait=screen.waiting)
    async with Client(
        connection.url, connection.api_key, protocol=connection.protocol, pace=pace, memory=default_memory()
    ) as client:
        return await work(Session(client, screen, connection.url))


def put(text: str) -> None:
    """Write text to stdout, with a line break at the end."""
    typer.echo(text, nl=bool(text) and not text.endswith("\n"))


def put_json(value: Mapping[str, Any], *, on_one_line: bool = False) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=None if on_one_line else 2))


def put_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table to stdout; only its last column wraps."""
    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console = Console(markup=False, highlight=False, emoji=False, width=_WIDE)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in headings[:-1]:
        table.add_column(heading, no_wrap=True)
    table.add_column(headings[-1], overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def as_text(value: Any) -> str:
    """JSON as text: short items on one line, longer ones on a line each."""
    match value:
        case bool():
            return "yes" if value else "no"
        case None:
            return "none"
        case {"code": str(code), "name": str(), **rest} if not rest:
            return code
        case dict():
            return ", ".join(f"{name.replace('_', ' ')} {as_text(inner)}" for name, inner in value.items())
        case list():
            items = list(map(as_text, value))
            return "".join(f"\n  {each}" for each in items) if any(", " in each for each in items) else ", ".join(items)
        case _:
            return printable(str(value))
