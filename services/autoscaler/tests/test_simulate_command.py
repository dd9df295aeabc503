"""The command compares, replays a trace, and has written the page as it is."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicepipe_autoscaler.decision import Reason
from voicepipe_autoscaler.simulate.__main__ import main
from voicepipe_autoscaler.simulate.page import BEGIN, END, PAGE, PLOTS, with_figures, write
from voicepipe_autoscaler.simulate.plot import POINTS, thinned
from voicepipe_autoscaler.simulate.scenarios import SCENARIOS
from voicepipe_autoscaler.simulate.trace import BadTrace, Recording, read

DOCS = Path(__file__).parents[3] / "docs"
LINE = '{"at_s": 1, "audio_s": 60, "priority": "standard", "pool": "transcribe"}\n'


def test_the_page_and_its_plots_are_what_the_command_writes():
    page = (DOCS / PAGE).read_text(encoding="utf-8")
    written = write(page)
    stale = [path for path, text in written.items() if (DOCS / path).read_text(encoding="utf-8") != text]
    assert stale == [], "write them: python -m voicepipe_autoscaler.simulate --write docs"
    assert {path for path in written if path != PAGE} == {f"{PLOTS}/{file.name}" for file in (DOCS / PLOTS).iterdir()}
    for path, text in written.items():
        assert path == PAGE or ET.fromstring(text).tag.endswith("svg")  # noqa: S314 - our own


def test_writing_replaces_the_figures_and_keeps_what_people_wrote():
    page = with_figures(f"# Mine\n\n{BEGIN}\nold\n{END}\nkept\n", "new")
    assert page == f"# Mine\n\n{BEGIN}\nnew\n{END}\nkept\n"
    assert with_figures(page, "new") == page


def test_the_page_explains_every_reason():
    page = (DOCS / PAGE).read_text(encoding="utf-8").partition(BEGIN)[0]
    assert [reason for reason in Reason if f"`{reason}`" not in page] == []


def test_every_recording_of_a_scenario_goes_to_one_of_its_pools():
    for scenario in SCENARIOS:
        assert {one.pool for one in scenario.trace} == set(scenario.pools)


def test_a_trace_is_read_in_the_order_of_time():
    later = LINE.replace('"at_s": 1,', '"at_s": 2.5,').replace("standard", "premium")
    assert read([later, "\n", LINE]) == [
        Recording(1.0, 60.0, "standard", "transcribe"),
        Recording(2.5, 60.0, "premium", "transcribe"),
    ]


@pytest.mark.parametrize(
    "line",
    ["no json", "[]", '{"at_s": 1}', LINE.replace("60", "0"), LINE.replace("1,", "-1,"), LINE.replace("60", '"x"')],
)
def test_a_bad_line_is_named(line):
    with pytest.raises(BadTrace, match="line 2"):
        read([LINE, line])


def test_a_trace_of_ones_own_is_replayed(tmp_path, capsys):
    (tmp_path / "trace.jsonl").write_text(LINE)
    assert main([str(tmp_path / "trace.jsonl"), "--slots", "2", "--speed", "3", "--max", "4", "--whole"]) == 0
    out = capsys.readouterr().out
    assert [name in out for name in ("Voicepipe", "KEDA", "HPA by CPU", "Ray Serve")] == [True] * 4


@pytest.mark.parametrize("found", ["nonsense", LINE.replace("transcribe", "x").replace("standard", "urgent"), None])
def test_a_trace_that_cannot_be_read_is_an_error_of_one_line(tmp_path, capsys, found):
    if found:
        (tmp_path / "trace.jsonl").write_text(found)
    assert main([str(tmp_path / "trace.jsonl")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=3000))
def test_a_thinned_line_keeps_its_highest_point(values):
    points = [(float(at_s), value) for at_s, value in enumerate(values)]
    drawn = thinned(points)
    assert len(drawn) <= POINTS
    assert max(value for _, value in drawn) == max(values)
    assert drawn == sorted(drawn)
