"""Commands about speakers: name them, and diarize again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from voicepipe.client import Client
from voicepipe.exit_codes import ExitCode
from voicepipe.model import Transcription
from voicepipe.saving import check_folder, check_targets, save, target_in
from voicepipe.screen import capitalized, printable, warning_text
from voicepipe.speakers import SpeakerLimits, find_speaker

from .jobs import standing
from .session import Folder, Force, Format, Id, Json, Session, Speakers, put, put_json, run
from .transcribe import transcript_json

app = typer.Typer()


@app.command()
def rename(
    context: typer.Context,
    transcription_id: Id,
    reference: Annotated[str, typer.Argument(metavar="SPEAKER", help="speaker_1, or 1, or the current name.")],
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The new name; omit with --clear.")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Remove the name.")] = False,
    as_json: Json = False,
) -> None:
    """Name a speaker of the latest transcript, in every format."""
    new = (name or "").strip()
    if clear == (name is not None) or not (clear or new):
        raise typer.BadParameter("Give the new name of the speaker, or --clear.")

    async def work(session: Session) -> None:
        speaker = find_speaker(await session.client.speakers(transcription_id), reference)
        renamed = await session.client.rename_speaker(transcription_id, speaker.id, new or None)
        if renamed is None:
            will = f"will be named {printable(new)}" if new else "will lose its name"
            session.screen.say(f"Accepted: {speaker.id} {will} in a moment.")
        elif not as_json:
            session.screen.say(f"{speaker.id} is now {printable(renamed.name)}.")
        if as_json:
            put_json((renamed or speaker).document)

    run(context, work)


@app.command()
def diarize(
    context: typer.Context,
    transcription_id: Id,
    speakers: Speakers = None,
    output: Folder = None,
    transcript_format: Format = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait for the new transcript, or exit at once.")
    ] = True,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Tell speakers apart, again or for the first time, and print or save the new transcript. The words stay the same.

    The new version may number the same people differently, so they have to be named again.
    """
    limits, chosen = speakers or SpeakerLimits(), transcript_format or ("json" if as_json else "txt")

    async def work(session: Session) -> ExitCode | None:
        before = await session.client.get(transcription_id)
        target = _target(before, output, chosen, overwrite=force)
        if not wait:
            _say_accepted(session, await session.client.diarize_again(before.id, limits), as_json=as_json)
            return None
        after = await _new_version(session, before, limits)
        if after.state != "completed":
            if as_json:
                put_json({"transcription": dict(after.document), "transcript": None, "saved_to": None})
            session.screen.say(standing(after))
            return ExitCode.NO_TRANSCRIPT
        text = await session.client.transcript(after.id, chosen)
        for warning in after.warnings:
            session.screen.say(capitalized(warning_text(warning)))
        _deliver(session, after, text, target, overwrite=force, as_json=as_json)
        return None

    run(context, work)


def _target(before: Transcription, output: Path | None, suffix: str, *, overwrite: bool) -> Path | None:
    """The file for the transcript; None: stdout.

    Raises:
        InvalidFile: the file exists already, or `output` is not a folder.
    """
    if output is None:
        return None
    target = target_in(output, before.name, suffix)
    check_folder(output)
    check_targets([target], overwrite=overwrite)
    return target


async def _new_version(session: Session, before: Transcription, limits: SpeakerLimits) -> Transcription:
    client: Client = session.client
    # Old events must not be mistaken for new ones. Only a transcription that has ended has a last event.
    last_event_id = await client.last_event_id(before.id) if before.is_final else None
    await client.diarize_again(before.id, limits)
    name, version = before.name or before.id, (before.transcript_version or 0) + 1
    try:
        with session.screen:
            after = await client.wait_for_version(
                before.id, version, last_event_id, on_event=lambda event: session.screen.happened(name, event)
            )
            session.screen.ended(name)
    except asyncio.CancelledError:
        session.screen.say(f"It continues on the server. Its transcript: voicepipe get {before.id}")
        raise
    return after


def _say_accepted(session: Session, accepted: Transcription, *, as_json: bool) -> None:
    if as_json:
        put_json(accepted.document)
    else:
        name = printable(accepted.name) or accepted.id
        session.screen.say(f"{name}: the speakers will be told apart. To follow it: voicepipe watch {accepted.id}")


def _deliver(
    session: Session, after: Transcription, text: str, target: Path | None, *, overwrite: bool, as_json: bool
) -> None:
    if target is not None:
        save(text, target, overwrite=overwrite)
        session.screen.say(f"Saved as {target}")
    if as_json:
        shown = None if target is not None else transcript_json(text)
        saved_to = None if target is None else str(target)
        put_json({"transcription": dict(after.document), "transcript": shown, "saved_to": saved_to})
    elif target is None:
        put(text)
