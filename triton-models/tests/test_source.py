import importlib

import pytest
from speech_contract.revision import revision

source = importlib.import_module("whisper.1.source")


def model(folder, files=source.NEEDED):
    folder.mkdir(exist_ok=True)
    for name in files:
        (folder / name).write_text(name)
    return folder


def test_a_folder_is_taken_as_it_is(tmp_path):
    assert source.model_folder(str(model(tmp_path / "m"))) == tmp_path / "m"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "VOICEPIPE_WHISPER_MODEL is not set"),
        ("/no/such/folder", "There is no folder"),
        ("whisper-base", "There is no folder"),
    ],
)
def test_a_model_that_cannot_be_had_is_explained_in_one_sentence(name, says):
    with pytest.raises(source.ModelUnavailable, match=says):
        source.model_folder(name)


def test_a_folder_without_a_model_names_what_is_missing(tmp_path):
    model(tmp_path / "m", ["model.bin"])
    with pytest.raises(source.ModelUnavailable, match=r"no config\.json and no tokenizer\.json"):
        source.model_folder(str(tmp_path / "m"))


def test_the_revision_follows_the_contents_not_the_place(tmp_path):
    first, second = model(tmp_path / "a"), model(tmp_path / "b")
    before = revision(first.iterdir())
    assert before == revision(second.iterdir())
    (second / "model.bin").write_text("other weights")
    assert before != revision(second.iterdir())
