"""The helper of `make demo`: its models, its recording, the names of the speakers, and the accuracy of the transcript.

demo.py models            the models of the demo, and what has to be downloaded
demo.py recording         the path of the recording
demo.py names DOCUMENT    lines NUMBER NAME: the speakers of a transcript in JSON, as far as the reference has them
demo.py figures DOCUMENT TRANSCRIPTION
                          word error rate, diarization error rate and speed; TRANSCRIPTION is its metadata in JSON
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from accuracy.corpus import ROOT, phone_call
from accuracy.product_client import read_transcript
from accuracy.runs import Hypothesis
from fixtures.score import normal, wer
from voicepipe_local import models
from voicepipe_models import Kind, State, Store, catalogue_of
from voicepipe_models.progress import size

COLLARS_S = (0.0, 0.25)
# A speaker is a person only if at least this share of the speaker's time overlaps with that person.
MIN_SHARED = 0.5

Turns = Iterable[tuple[float, float, str]]


def main() -> None:
    match sys.argv[1:]:
        case ["models"]:
            print(*describe_models(), sep="\n")
        case ["recording"]:
            print(phone_call().path)
        case ["names", document]:
            print(
                *(f"{speaker.removeprefix('speaker_')} {name}" for speaker, name in names(_transcript(document))),
                sep="\n",
            )
        case ["figures", document, transcription]:
            print(*figures(_transcript(document), _read(transcription)), sep="\n")
        case _:
            sys.exit(__doc__)


def describe_models() -> Iterator[str]:
    catalogue, store = catalogue_of(os.environ), Store(models.folder_of_models(os.environ))
    choice = models.wanted({})
    for name in (*choice.speech.values(), *filter(None, [choice.speakers])):
        model = catalogue.get(name)
        assert model, f"the catalogue has no {name}"
        is_present = store.state(model) is State.PRESENT
        location = f"in {store.path(name)}" if is_present else f"{size(model.download_bytes or 0)} to download"
        purpose = f"{model.tier} speech" if model.kind is Kind.SPEECH else "speakers"
        licences = " and ".join(sorted({licence.spdx for licence in model.licences}))
        yield f"  {name:<18} {purpose:<16} {licences:<20} {location}"


def names(transcript: Hypothesis) -> Iterator[tuple[str, str]]:
    """Pairs of a speaker and a person who shares more than half of the speaker's time; each person is used once."""
    people = [(one.start_s, one.end_s, one.speaker) for one in phone_call().sentences]
    name_of: dict[str, str] = {}
    for speaker in sorted({who for _, _, who in transcript.turns}):
        turns = [turn for turn in transcript.turns if turn[2] == speaker]
        shared = {name: _shared_s(turns, [one for one in people if one[2] == name]) for _, _, name in people}
        name = max(shared, key=lambda each: shared[each])
        if name not in name_of.values() and shared[name] > MIN_SHARED * sum(
            end_s - start_s for start_s, end_s, _ in turns
        ):
            name_of[speaker] = name
    yield from name_of.items()


def figures(transcript: Hypothesis, transcription: dict[str, Any]) -> Iterator[str]:
    call = phone_call()
    text = call.text or ""
    yield (
        f"Word error rate          {wer(text, transcript.text):6.1%}   of {len(normal(text))} words, against the human transcript, "
        "without case and punctuation (jiwer)"
    )
    for collar_s, rate in zip(COLLARS_S, _diarization_error_rates(transcript), strict=True):
        scope = f"without {collar_s:g} s around each boundary" if collar_s else "including every boundary"
        yield f"Diarization error rate   {rate:6.1%}   against the human turns, {scope} (pyannote.metrics)"
    took_s = (_time(transcription["finished_at"]) - _time(transcription["created_at"])).total_seconds()
    speed_s = took_s / transcription["duration_s"] * 60
    yield (
        f"Speed                    {speed_s:5.1f} s   per minute of audio: {transcription['duration_s']:.1f} s took {took_s:.1f} s "
        f"on {len(os.sched_getaffinity(0))} processor cores"
    )


def _diarization_error_rates(transcript: Hypothesis) -> list[float]:
    """One rate for each collar, computed in the environment that has pyannote.metrics."""
    call = phone_call()
    reference = [(one.start_s, one.end_s, one.speaker) for one in call.stretches]
    case = {"reference": reference, "hypothesis": transcript.turns, "duration_s": call.duration_s}
    python, program = ROOT / ".venv-diarizer/bin/python", ROOT / "tests/accuracy/diarization_error.py"
    request = json.dumps({"collars_s": COLLARS_S, "cases": [case]})
    done = subprocess.run(
        [python, "-W", "ignore", program], input=request, stdout=subprocess.PIPE, text=True, check=True
    )
    (errors,) = json.loads(done.stdout)
    return [(one["missed"] + one["false_alarm"] + one["confused"]) / one["total"] for one in errors]


def _shared_s(some: Turns, others: Turns) -> float:
    pairs = ((one, other) for one in some for other in others)
    return sum(max(0.0, min(one[1], other[1]) - max(one[0], other[0])) for one, other in pairs)


def _transcript(path: str) -> Hypothesis:
    return read_transcript(phone_call().id, _read(path))


def _read(path: str) -> dict[str, Any]:
    return dict(json.loads(Path(path).read_text(encoding="utf-8")))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


if __name__ == "__main__":
    main()
