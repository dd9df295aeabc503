"""Commands about transcriptions on the server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Annotated

import typer

from voicepipe.client import Client
from voicepipe.errors import Deleted
from voicepipe.events import ChunkTranscribed, Event, JobFailed, JobWarned
from voicepipe.exit_codes import ExitCode
from voicepipe.model import Transcription
from voicepipe.running_text import RunningText
from voicepipe.saving import check_folder, check_targets, save, target_in
from voicepipe.screen import DOING, capitalized, clock_time, notes_on, printable, warning_text

from .session import Folder, Force, Format, Id, Json, Session, Yes, put, put_json, put_table, run

app = typer.Typer()

# The server counts no further.
COUNTED_AHEAD = 1000


@app.command("list")
def list_transcriptions(
    context: typer.Context,
    state: Annotated[
        str | None, typer.Option(help="Only those in this state: queued, transcribing, completed, failed, ...")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many to list.")] = 20,
    as_json: Json = False,
) -> None:
    """List your transcriptions, newest first."""

    async def work(session: Session) -> None:
        found = []
        async with aclosing(session.client.list(state=state, page_size=min(limit, 100))) as transcriptions:
            async for transcription in transcriptions:
                found.append(transcription)
                if len(found) == limit:
                    break
        if as_json:
            put_json({"items": [dict(transcription.document) for transcription in found]})
        elif found:
            put_table(("ID", "STATE", "LENGTH", "CREATED", "NAME"), map(_table_row, found))
        else:
            session.screen.say(
                "There are no transcriptions." if state is None else f"There are no transcriptions in state {state}."
            )

    run(context, work)


@app.command()
def get(
    context: typer.Context,
    transcription_id: Id,
    transcript_format: Format = None,
    output: Folder = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Print or save the transcript; with --json and no other option, print the transcription."""

    async def work(session: Session) -> ExitCode | None:
        transcription = await session.client.get(transcription_id)
        if as_json and transcript_format is None and output is None:
            put_json(transcription.document)
            return None
        if transcription.state != "completed":
            session.screen.say(standing(transcription))
        if transcription.transcript_version is None:
            return ExitCode.NO_TRANSCRIPT
        chosen = transcript_format or "txt"
        target = None if output is None else target_in(output, transcription.name, chosen)
        if output is not None and target is not None:
            check_folder(output)
            check_targets([target], overwrite=force)
        text = await session.client.transcript(transcription.id, chosen)
        for note in notes_on(transcription):
            session.screen.say(capitalized(note))
        if target is None:
            put(text)
        else:
            save(text, target, overwrite=force)
            session.screen.say(f"Saved as {target}")
            if as_json:
                put_json({"saved_to": str(target)})
        return None

    run(context, work)


@app.command()
def watch(context: typer.Context, transcription_id: Id, as_json: Json = False) -> None:
    """Print the text as it is transcribed, from the beginning, until the transcription has ended.

    With --json, one line of JSON for each event.
    """

    async def work(session: Session) -> ExitCode:
        try:
            with session.screen:
                await _follow(session, transcription_id, as_json=as_json)
        except asyncio.CancelledError:
            session.screen.say(f"It continues on the server. Its transcript: voicepipe get {transcription_id}")
            raise
        transcription = await session.client.get(transcription_id)
        session.screen.say(standing(transcription))
        return ExitCode.OK if transcription.state == "completed" else ExitCode.NO_TRANSCRIPT

    run(context, work)


@app.command()
def cancel(context: typer.Context, transcription_id: Id, as_json: Json = False) -> None:
    """Cancel a transcription. It can be continued with retry."""
    _change(context, transcription_id, Client.cancel, as_json=as_json)


@app.command()
def retry(context: typer.Context, transcription_id: Id, as_json: Json = False) -> None:
    """Run failed or cancelled stages again; finished work is kept."""
    _change(context, transcription_id, Client.retry, as_json=as_json)


@app.command()
def delete(context: typer.Context, transcription_id: Id, yes: Yes = False, as_json: Json = False) -> None:
    """Delete a transcription and its recording permanently."""

    async def work(session: Session) -> None:
        transcription = await session.client.get(transcription_id)
        if not yes:
            name = printable(transcription.name)
            typer.confirm(
                f"Delete {name} ({transcription.state}) with its recording and transcript?", abort=True, err=True
            )
        await session.client.delete(transcription.id)
        if as_json:
            put_json({"deleted": transcription.id})
        else:
            session.screen.say("Deleted.")

    run(context, work)


def standing(transcription: Transcription) -> str:
    """The state of a transcription and what to do next, on one line."""
    name, watch_command = printable(transcription.name) or transcription.id, f"voicepipe watch {transcription.id}"
    match transcription.state:
        case "completed":
            return f"{name} is completed. Its transcript: voicepipe get {transcription.id}"
        case "failed" if transcription.error is not None:
            return f"{name} failed: {transcription.error.message} To try again: voicepipe retry {transcription.id}"
        case "failed":
            return f"{name} failed. To try again: voicepipe retry {transcription.id}"
        case "cancelled":
            return f"{name} was cancelled. To continue it: voicepipe retry {transcription.id}"
        case state:
            return f"{name} is not finished yet: {state}{_progress(transcription)}. To follow it: {watch_command}"


def _progress(transcription: Transcription) -> str:
    running = [stage for stage in transcription.stages if stage.state == "running" and stage.total_s]
    parts = [
        f", {DOING.get(stage.stage, stage.stage)} {clock_time(stage.done_s)} of {clock_time(stage.total_s)}"
        for stage in running
    ]
    if transcription.queue_position is not None:
        more = " or more" if transcription.queue_position == COUNTED_AHEAD else ""
        parts.append(f", {transcription.queue_position}{more} ahead of it")
    if transcription.waiting_for is not None:
        parts.append(f", waits for the {transcription.waiting_for}")
    elif transcription.eta_s is not None:
        parts.append(f", about {clock_time(transcription.eta_s)} left")
    return "".join(parts)


def _change(
    context: typer.Context,
    transcription_id: str,
    command: Callable[[Client, str], Awaitable[Transcription]],
    *,
    as_json: bool,
) -> None:
    async def work(session: Session) -> None:
        transcription = await command(session.client, transcription_id)
        if as_json:
            put_json(transcription.document)
        else:
            session.screen.say(standing(transcription))

    run(context, work)


async def _follow(session: Session, transcription_id: str, *, as_json: bool) -> None:
    text = RunningText()
    async with aclosing(session.client.events(transcription_id)) as events:
        async for event in events:
            session.screen.happened(transcription_id, event)
            if as_json:
                put_json({"id": event.id, "type": event.type, "data": dict(event.document)}, on_one_line=True)
            else:
                _put_event(event, text, session)
            if event.type == "job-deleted":
                raise Deleted
    session.screen.ended(transcription_id)


def _put_event(event: Event, text: RunningText, session: Session) -> None:
    match event.detail:
        case ChunkTranscribed() as chunk:
            for line in text.add(chunk.chunk_index, chunk.text):
                put(line)
        case JobWarned() as warning:
            session.screen.say(capitalized(warning_text(warning)))
        case JobFailed():
            pass  # `standing` reports it at the end
        case _ if event.is_final:
            for line in text.rest():
                put(line)
        case _:
            pass


def _table_row(transcription: Transcription) -> tuple[str, ...]:
    created = transcription.created_at
    return (
        transcription.id,
        transcription.state,
        "" if transcription.duration_s is None else clock_time(transcription.duration_s),
        "" if created is None else f"{created.astimezone():%Y-%m-%d %H:%M}",
        printable(transcription.name),
    )
