"""Diarization errors: a program that runs in the environment of the diarizer, which has pyannote.metrics.

Reads JSON from standard input: `collars_s`, and `cases`, each with `reference` and `hypothesis`, lists of [start_s,
end_s, speaker], and `duration_s`. Prints JSON: a list for each case, which has `missed`, `false_alarm`, `confused` and
`total` in seconds for each collar. Overlaps are scored (NIST, RT-09). Nothing within the collar before and after a
boundary of `reference` is scored.
"""

import json
import sys

from pyannote.core import Annotation, Segment, Timeline
from pyannote.metrics.diarization import DiarizationErrorRate

NAMES = {
    "missed": "missed detection",
    "false_alarm": "false alarm",
    "confused": "confusion",
    "total": "total",
}


def annotation(turns: list[tuple[float, float, str]]) -> Annotation:
    result = Annotation()
    for number, (start_s, end_s, speaker) in enumerate(turns):
        result[Segment(start_s, end_s), number] = speaker
    return result


def errors(case: dict, collar_s: float) -> dict[str, float]:
    error = DiarizationErrorRate(
        collar=2 * collar_s, skip_overlap=False
    )  # pyannote.metrics takes the sum of both sides
    whole = Timeline([Segment(0, case["duration_s"])])
    parts = error(annotation(case["reference"]), annotation(case["hypothesis"]), uem=whole, detailed=True)
    return {name: parts[their_name] for name, their_name in NAMES.items()}


def main() -> None:
    request = json.load(sys.stdin)
    print(json.dumps([[errors(case, collar_s) for collar_s in request["collars_s"]] for case in request["cases"]]))


if __name__ == "__main__":
    main()
