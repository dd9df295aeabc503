"""`voicepipe transcribe`: upload recordings and fetch their transcripts."""

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
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Audio or video recordings.")],
    output: Folder = None,
    transcript_format: Format = None,
    language: Annotated[
        str | None, typer.Option(metavar="CODE", help="Spoken language, such as en; default: detected.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="TIER", help="accurate or fast; default: the best available.")
    ] = None,
    task: Annotated[
        str | None, typer.Option(metavar="TASK", help="transcribe (default), or translate into English.")
    ] = None,
    keyterm: Annotated[
        list[str] | None, typer.Option(metavar="TERM", help="A word or name to expect. May be repeated.")
    ] = None,
    speakers: Speakers = None,
    channels: Annotated[
        str | None,
        typer.Option(
            metavar="HOW",
            help="mix; separate: each channel is a speaker; auto (default): separate for two channels with a voice each.",
        ),
    ] = None,
    track: Annotated[
        int | None, typer.Option(min=1, metavar="NUMBER", help="The audio track; default: the one that a player plays.")
    ] = None,
    priority: Annotated[str | None, typer.Option(metavar="PRIORITY", help="standard (default) or premium.")] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Transcribe again, even if there is a transcript of this recording.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait for the transcript, or print the id after the upload.")
    ] = True,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Upload recordings, follow them, and print or save the transcripts.

    To resume an interrupted upload, run the same command again.
    """
    if transcript_format == "rttm" and speakers is None and channels != "separate":
        raise typer.BadParameter("rttm needs speakers. Give --speakers too, for example --speakers auto.")
    options = Options(model, language, task, tuple(keyterm or ()), priority=priority, fresh=fresh or None)
    options = replace(options, channels=channels, track=track)
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
            say_how_to_continue(batch, session.screen)
            raise
        put_outcomes(outcomes, wait=wait, as_json=as_json)
        return common_code(outcomes)

    run(context, work, with_text=len(files) == 1)


def items_of(files: Sequence[Path], output: Path | None, suffix: str, *, overwrite: bool) -> list[Item]:
    """The items to process, each file once. Nothing has been sent yet.

    Raises:
        InvalidFile: a recording cannot be read, or a target exists already.
    """
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


def say_how_to_continue(batch: Batch, screen: Screen) -> None:
    for name in sorted(batch.uploading):
        screen.say(f"{name}: the upload was interrupted. Run the same command again to resume it.")
    for name, transcription_id in batch.followed.items():
        screen.say(f"{name}: continues on the server. Its transcript: voicepipe get {transcription_id}")
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
                # Several texts get headings like those of `head` and `tail`.
                heading = f"==> {outcome.item.name} <==\n" if len(outcomes) > 1 else ""
                put(heading + outcome.transcript)


def common_code(outcomes: Sequence[Outcome]) -> ExitCode:
    """The code that all failures share, else NO_TRANSCRIPT; OK without failures."""
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
    """The parsed document of the JSON format; other formats as a string."""
    if text is None or not text.startswith("{"):
        return text
    return json.loads(text)
