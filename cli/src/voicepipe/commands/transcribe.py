"""`voicepipe transcribe`: recordings in, transcripts out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from voicepipe.batch import Batch, Item, Outcome
from voicepipe.exit_codes import ExitCode
from voicepipe.model import Options
from voicepipe.recording import Recording
from voicepipe.saving import check_folder, check_targets, target_in
from voicepipe.screen import Screen, printable

from .session import Folder, Force, Format, Json, Session, Speakers, put, put_json, run

app = typer.Typer()


@app.command()
def transcribe(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Recordings, audio or video.")],
    output: Folder = None,
    transcript_format: Format = None,
    language: Annotated[
        str | None, typer.Option(metavar="CODE", help="Spoken language, such as en; default: the server hears it.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="TIER", help="accurate or fast; default: the best that is served.")
    ] = None,
    task: Annotated[
        str | None, typer.Option(metavar="TASK", help="transcribe (default), or translate into English.")
    ] = None,
    keyterm: Annotated[
        list[str] | None, typer.Option(metavar="TERM", help="A word or name to listen for. May be repeated.")
    ] = None,
    speakers: Speakers = None,
    priority: Annotated[str | None, typer.Option(metavar="TIER", help="standard (default) or premium.")] = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait for the transcript, or print the id and leave.")
    ] = True,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Upload recordings, follow them, and print or save the transcripts.

    An upload that was interrupted goes on where it stopped when the same command is given again.
    """
    if transcript_format == "rttm" and speakers is None:
        raise typer.BadParameter("rttm says who speaks when. Give --speakers, too; for example --speakers auto.")
    options = Options(model, language, task, tuple(keyterm or ()), priority=priority)
    if speakers is not None:
        options = replace(options, diarize=True, min_speakers=speakers.least, max_speakers=speakers.most)
    chosen = transcript_format or ("json" if as_json else "txt")

    async def work(session: Session) -> ExitCode:
        items = items_of(files, output, chosen, overwrite=force)
        batch = Batch(session.client, session.screen, options, chosen, wait=wait, overwrite=force)
        try:
            with session.screen:
                outcomes = await batch.run(items)
        except asyncio.CancelledError:
            say_how_to_go_on(batch, session.screen)
            raise
        put_outcomes(outcomes, wait=wait, as_json=as_json)
        return common_code(outcomes)

    run(context, work, with_text=len(files) == 1)


def items_of(files: Sequence[Path], output: Path | None, suffix: str, *, overwrite: bool) -> list[Item]:
    """What is to be done, each file once. Raises InvalidFile before anything is sent."""
    once = list({path.resolve(): path for path in files}.values())
    for path in once:
        Recording.at(path)
    if output is not None:
        check_folder(output)
    items = [
        Item(printable(str(path)), path, None if output is None else target_in(output, path.name, suffix))
        for path in once
    ]
    check_targets([item.target for item in items if item.target is not None], overwrite=overwrite)
    return items


def say_how_to_go_on(batch: Batch, screen: Screen) -> None:
    for name in sorted(batch.uploading):
        screen.say(f"{name}: the upload stopped. Give the same command again to go on where it stopped.")
    for name, transcription_id in batch.followed.items():
        screen.say(f"{name}: goes on at the server. Its transcript: voicepipe get {transcription_id}")
        screen.say(f"{name}: to follow it again: voicepipe watch {transcription_id}")


def put_outcomes(outcomes: Sequence[Outcome], *, wait: bool, as_json: bool) -> None:
    if as_json:
        put_json({"items": [_as_json(outcome) for outcome in outcomes]})
    elif not wait:
        for outcome in outcomes:
            if outcome.transcription is not None:
                put(outcome.transcription.id)
    else:
        for outcome in outcomes:
            if outcome.transcript is not None:
                # Several texts after each other, with headings as `head` and `tail` write them.
                heading = f"==> {outcome.item.name} <==\n" if len(outcomes) > 1 else ""
                put(heading + outcome.transcript)


def common_code(outcomes: Sequence[Outcome]) -> ExitCode:
    """What all that failed have in common; else that not everything has its transcript."""
    codes = {outcome.exit_code for outcome in outcomes} - {ExitCode.OK}
    if not codes:
        return ExitCode.OK
    return codes.pop() if len(codes) == 1 else ExitCode.NO_TRANSCRIPT


def _as_json(outcome: Outcome) -> dict[str, Any]:
    saved = outcome.item.target is not None and outcome.exit_code is ExitCode.OK and outcome.transcription is not None
    return {
        "file": str(outcome.item.path),
        "transcription": None if outcome.transcription is None else dict(outcome.transcription.document),
        "transcript": transcript_json(outcome.transcript),
        "saved_to": str(outcome.item.target) if saved else None,
        "error": None if outcome.error is None else {"code": outcome.error.code, "message": outcome.error.message},
    }


def transcript_json(text: str | None) -> Any:
    """The document itself where it is JSON; captions and plain text as a string."""
    if text is None or not text.startswith("{"):
        return text
    return json.loads(text)
