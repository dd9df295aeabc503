"""How much of the time the wrong people are said to speak: a program, run where pyannote.metrics is, in the environment of the diarizer.

Reads JSON from standard input: `collars_s`, and `cases`, each with `said` and `found`, lists of [start_s, end_s, who], and
`duration_s`. Prints JSON: for each case a list, for each collar `missed`, `false_alarm`, `confused` and `total` in seconds. Overlaps
are scored (NIST, RT-09); that far before and behind every border of `said` nothing is.
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
    made = Annotation()
    for number, (start_s, end_s, who) in enumerate(turns):
        made[Segment(start_s, end_s), number] = who
    return made


def errors(case: dict, collar_s: float) -> dict[str, float]:
    error = DiarizationErrorRate(collar=2 * collar_s, skip_overlap=False)  # it takes that of both sides together
    whole = Timeline([Segment(0, case["duration_s"])])
    parts = error(annotation(case["said"]), annotation(case["found"]), uem=whole, detailed=True)
    return {name: parts[their_name] for name, their_name in NAMES.items()}


def main() -> None:
    order = json.load(sys.stdin)
    print(json.dumps([[errors(case, collar_s) for collar_s in order["collars_s"]] for case in order["cases"]]))


if __name__ == "__main__":
    main()
