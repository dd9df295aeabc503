"""What `make demo` knows of the recording that it plays: what is downloaded before, who speaks, and how wrong the transcript is.

demo.py models            the models that the demo serves, and what of them has to be downloaded
demo.py recording         the path of the recording
demo.py names DOCUMENT    lines NUMBER NAME: who the speakers of a transcript in JSON are, as far as the reference tells
demo.py figures DOCUMENT TRANSCRIPTION
                          word error rate, diarization error rate and speed; TRANSCRIPTION is its state in JSON
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
from accuracy.product_client import heard
from accuracy.runs import Hypothesis
from fixtures.score import normal, wer
from voicepipe_local import models
from voicepipe_models import Kind, State, Store, catalogue_of
from voicepipe_models.progress import size

COLLARS_S = (0.0, 0.25)
# Less of a speaker's time than this in common with one person, and nobody can say who it is.
SURE = 0.5

Turns = Iterable[tuple[float, float, str]]


def main() -> None:
    match sys.argv[1:]:
        case ["models"]:
            print(*about_models(), sep="\n")
        case ["recording"]:
            print(phone_call().path)
        case ["names", document]:
            print(
                *(f"{speaker.removeprefix('speaker_')} {name}" for speaker, name in names(_heard(document))), sep="\n"
            )
        case ["figures", document, transcription]:
            print(*figures(_heard(document), _read(transcription)), sep="\n")
        case _:
            sys.exit(__doc__)


def about_models() -> Iterator[str]:
    catalogue, store = catalogue_of(os.environ), Store(models.folder_of_models(os.environ))
    choice = models.wanted({})
    for what in (*choice.speech.values(), *filter(None, [choice.speakers])):
        model = catalogue.get(what)
        assert model, f"the catalogue has no {what}"
        there = store.state(model) is State.PRESENT
        todo = f"in {store.path(what)}" if there else f"{size(model.download_bytes or 0)} to download"
        purpose = f"{model.tier} speech" if model.kind is Kind.SPEECH else "speakers"
        licences = " and ".join(sorted({licence.spdx for licence in model.licences}))
        yield f"  {what:<18} {purpose:<16} {licences:<20} {todo}"


def names(found: Hypothesis) -> Iterator[tuple[str, str]]:
    """Speakers that share more than half of their time with one person of the reference, and with no other speaker's."""
    people = [(one.start_s, one.end_s, one.speaker) for one in phone_call().sentences]
    taken: dict[str, str] = {}
    for speaker in sorted({who for _, _, who in found.turns}):
        turns = [turn for turn in found.turns if turn[2] == speaker]
        shared = {name: _shared_s(turns, [one for one in people if one[2] == name]) for _, _, name in people}
        name = max(shared, key=lambda each: shared[each])
        if name not in taken.values() and shared[name] > SURE * sum(end_s - start_s for start_s, end_s, _ in turns):
            taken[speaker] = name
    yield from taken.items()


def figures(found: Hypothesis, transcription: dict[str, Any]) -> Iterator[str]:
    call = phone_call()
    text = call.text or ""
    yield (
        f"Word error rate          {wer(text, found.text):6.1%}   of {len(normal(text))} words, against the human transcript; "
        "lower case, without punctuation (jiwer)"
    )
    for collar_s, rate in zip(COLLARS_S, _diarization_error_rates(found), strict=True):
        about = f"{collar_s:g} s around each border left out" if collar_s else "every border counts"
        yield f"Diarization error rate   {rate:6.1%}   against the human turns; {about} (pyannote.metrics)"
    took_s = (_moment(transcription["finished_at"]) - _moment(transcription["created_at"])).total_seconds()
    speed_s = took_s / transcription["duration_s"] * 60
    yield (
        f"Speed                    {speed_s:5.1f} s   for a minute of audio: {transcription['duration_s']:.1f} s took {took_s:.1f} s "
        f"on {len(os.sched_getaffinity(0))} processor cores"
    )


def _diarization_error_rates(found: Hypothesis) -> list[float]:
    """One for each collar, counted where pyannote.metrics is installed."""
    call = phone_call()
    said = [(one.start_s, one.end_s, one.speaker) for one in call.stretches]
    case = {"said": said, "found": found.turns, "duration_s": call.duration_s}
    python, program = ROOT / ".venv-diarizer/bin/python", ROOT / "tests/accuracy/diarization_error.py"
    order = json.dumps({"collars_s": COLLARS_S, "cases": [case]})
    done = subprocess.run([python, "-W", "ignore", program], input=order, stdout=subprocess.PIPE, text=True, check=True)
    (errors,) = json.loads(done.stdout)
    return [(one["missed"] + one["false_alarm"] + one["confused"]) / one["total"] for one in errors]


def _shared_s(some: Turns, others: Turns) -> float:
    pairs = ((one, other) for one in some for other in others)
    return sum(max(0.0, min(one[1], other[1]) - max(one[0], other[0])) for one, other in pairs)


def _heard(path: str) -> Hypothesis:
    return heard(phone_call().id, _read(path))


def _read(path: str) -> dict[str, Any]:
    return dict(json.loads(Path(path).read_text(encoding="utf-8")))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


if __name__ == "__main__":
    main()
