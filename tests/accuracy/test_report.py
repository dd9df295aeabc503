"""The tables of a run over recordings made by hand."""

import pytest

from . import measures, page, report, speakers
from .corpus import Recording, Stretch
from .product_client import read_transcript
from .runs import Hypothesis, Run, Word

CALL = Recording(
    "call",
    None,
    "en",
    20.0,
    "good morning bob hello ann",
    speakers=2,
    stretches=(Stretch(0.0, 2.0, "ann"), Stretch(2.0, 4.0, "bob")),
    sentences=(Stretch(0.0, 2.0, "ann", "Good morning, Bob."), Stretch(2.0, 4.0, "bob", "Hello, Ann.")),
)
GERMAN = Recording("german", None, "de", 5.0, "guten Tag")
MIXED = Recording("mixed", None, "en+es", 5.0, "how are you muy bien")
NOISE = Recording("noise", None, "zxx", 5.0)
ALL = (CALL, GERMAN, MIXED, NOISE)
TURNS = ((0.0, 2.0, "speaker_1"), (2.0, 4.0, "speaker_2"))
WORDS = (
    Word(0.0, 0.5, "Good", "speaker_1"),
    Word(0.5, 1.0, "morning,", "speaker_1"),
    Word(1.5, 2.0, "Bob.", "speaker_1"),
    Word(2.1, 2.6, "Hello,", "speaker_2"),
    Word(3.0, 4.6, "Ann.", "speaker_2"),
)


@pytest.fixture(scope="module")
def run() -> Run:
    run = Run()
    ours = Hypothesis("call", ("en",), "Good morning, Bob. Hello, Ann.", WORDS, TURNS)
    theirs = Hypothesis(
        "call", ("en",), "Good morning. Hello, Dan.", tuple(word for word in WORDS if word.text != "Bob.")
    )
    run.add(
        "accurate",
        "ours",
        [
            ours,
            Hypothesis("german", ("nl",), "goeden Tag"),
            Hypothesis("mixed", ("en", "es"), "how are you muy bien"),
            Hypothesis("noise", (), ""),
        ],
    )
    run.add(
        "accurate",
        "filtered",
        [
            theirs,
            Hypothesis("german", ("de",), "guten Tag"),
            Hypothesis("mixed", ("en",), "how are you"),
            Hypothesis("noise", ("en",), "Thank you.", (Word(0, 1, "Thank"), Word(1, 2, "you."))),
        ],
    )
    run.add("accurate", "stock", [Hypothesis("call", (), "", (), ((0.0, 4.0, "A"),))])
    return run


def test_word_rows_are_grouped_by_language(run):
    rows = {row.name: row for row in measures.word_rows(ALL, report.word_systems(run, "accurate"))}
    assert list(rows) == ["en", "de", "en+es, code-switching", "all, words"]
    assert rows["en"].values["ours"].value == 0
    assert rows["en"].values["filtered"].value == pytest.approx(2 / 5)
    assert rows["en"].verdicts == {"filtered": "no worse"}  # one recording is only an example
    assert rows["de"].verdicts == {"filtered": "inconclusive"}
    assert rows["all, words"].of == 7


def test_speaker_rows_are_compared_with_stock_pyannote(run):
    rows = {row.name: row for row in speakers.rows(ALL, run, "accurate")}
    assert rows["DER, collar 0 s"].values["ours"].value == 0
    assert rows["DER, collar 0 s"].values["stock"].value == pytest.approx(0.5)
    assert rows["several speakers, wrong number detected"].values["stock"].value == 1
    assert rows["WDER"].values["ours"].value == 0
    assert rows["WDER"].values["stock"].value == pytest.approx(2 / 4)
    assert rows["cpWER"].values["ours"].value == 0


@pytest.fixture(scope="module")
def text(run: Run) -> str:
    return page.render(run, ALL)


def test_the_page_has_every_table_and_lists_where_the_goal_is_not_met(text):
    for heading in ("The goal", "Words: accurate", "Times: accurate", "Languages: accurate", "Speakers: accurate"):
        assert f"## {heading}\n" in text
    assert "| accurate | de | 1 | filtered | +50.0 | inconclusive |" in text
    assert "| german | de | nl | de |" in text
    assert "| noise | 0 | 2: Thank you. |" in text
    assert "| german | 50 % | 0 % | guten Tag | goeden Tag |" in text


def test_a_run_without_peers_has_only_the_values_of_ours(run):
    without_peers = Run()
    without_peers.add("accurate", "ours", [run.of("accurate", "ours")["german"]])
    text = page.render(without_peers, ALL)
    assert "No peer was run" in text
    assert "filtered |" not in text


def test_recordings_whose_text_changed_between_two_runs_are_listed(run):
    before = Run()
    before.add("accurate", "ours", [run.of("accurate", "ours")["call"], Hypothesis("german", ("de",), "guten Tag")])
    text = report.changes(run, before, ALL)
    assert "| german | 50 % | 0 % | goeden Tag | guten Tag |" in text
    assert "| call |" not in text


def test_a_served_transcript_is_converted():
    word = {"start_s": 0.1, "end_s": 0.4, "text": "Hola.", "speaker": "speaker_1", "confidence": 0.9}
    document = {
        "text": "Hola.",
        "segments": [{"language": "es", "words": [word]}, {"language": "en", "words": []}],
        "turns": [{"start_s": 0.0, "end_s": 0.5, "speaker": "speaker_1"}],
        "warnings": [{"code": "low_confidence", "message": "..."}],
    }
    assert read_transcript("x", document) == Hypothesis(
        "x",
        ("es", "en"),
        "Hola.",
        (Word(0.1, 0.4, "Hola.", "speaker_1"),),
        ((0.0, 0.5, "speaker_1"),),
        ("low_confidence",),
    )
