"""Reading recordings, and runs that were saved."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile as sf

from . import corpus, sounds
from .runs import Hypothesis, Run, UnreadableRun, Word


def test_the_phone_call_has_two_speakers_with_words_and_times():
    call = corpus.phone_call()
    assert call.path.exists()
    assert call.text.startswith("Hello? Hello? Oh, hello.")
    assert {one.speaker for one in call.sentences} == {"Diane", "Sheila"}
    assert len({one.speaker for one in call.stretches}) == call.speakers == 2
    assert (call.stretches[0].start_s, round(call.stretches[0].end_s, 2)) == (6.69, 7.12)


def test_recordings_are_selected_by_id_language_group_and_tag():
    call = corpus.phone_call()
    german = replace(call, id="C_de_one", language="de", groups=("C", "read"))
    assert corpus.select([call, german], []) == (call, german)
    assert corpus.select([call, german], ["C_*"]) == (german,)
    assert corpus.select([call, german], ["de", "telephone"]) == (call, german)
    assert corpus.select([call, german], ["xx"]) == ()


def test_a_folder_without_a_manifest_has_no_recordings(tmp_path):
    assert corpus.speech(tmp_path) == ()


def test_an_uncertain_text_is_not_a_reference_and_one_person_has_one_label(tmp_path):
    (tmp_path / "manifest.json").write_text(
        """[{"id": "x", "file": "x.wav", "language": "fr", "duration_s": 2.5, "text": "la dictée", "group": "C",
             "text_confidence": "low: first words unsure", "num_speakers": 1, "tags": ["short"], "rttm": "x.rttm"}]"""
    )
    (tmp_path / "x.rttm").write_text(
        "SPEAKER x 1 0.0 1.0 <NA> <NA> well <NA> <NA>\\nSPEAKER x 1 1.0 1.0 <NA> <NA> ill <NA> <NA>\\n"
    )
    [one] = corpus.speech(tmp_path)
    assert one.text is None
    assert len({stretch.speaker for stretch in one.stretches}) == 1


def test_sounds_have_their_stated_level_and_are_reproducible(tmp_path):
    first = {one.id: sf.read(one.path)[0] for one in sounds.recordings(tmp_path / "one")}
    second = {one.id: sf.read(one.path)[0] for one in sounds.recordings(tmp_path / "two")}
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert not first["silence"].any()
    for name, level_db in (("white-noise-40dB", -40), ("pink-noise-20dB", -20), ("music", -20)):
        assert abs(10 * np.log10(np.mean(first[name] ** 2)) - level_db) < 1


def test_a_saved_run_is_read_back_unchanged(tmp_path):
    run = Run({"made_at": "today"})
    run.add(
        "accurate",
        "ours",
        [Hypothesis("x", ("en",), "hi", (Word(0.0, 0.5, "hi", "1"),), ((0.0, 0.5, "1"),), ("slow",))],
    )
    run.save(tmp_path / "run.json")
    assert Run.load(tmp_path / "run.json") == run


def test_a_file_that_is_not_a_run_is_refused(tmp_path):
    with pytest.raises(UnreadableRun, match="cannot be read"):
        Run.load(tmp_path / "nowhere.json")
    (tmp_path / "other.json").write_text('{"about": 1}')
    with pytest.raises(UnreadableRun, match="not a run of this command"):
        Run.load(tmp_path / "other.json")
