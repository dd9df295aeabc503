import importlib

import pytest
from speech_contract.revision import revision

source = importlib.import_module("whisper.1.source")


def model(folder, files=source.NEEDED):
    folder.mkdir(exist_ok=True)
    for name in files:
        (folder / name).write_text(name)
    return folder


def test_a_model_folder_is_used_in_place(tmp_path):
    assert source.model_folder(str(model(tmp_path / "m"))) == tmp_path / "m"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "VOICEPIPE_WHISPER_MODEL is not set"),
        ("/no/such/folder", "There is no folder"),
        ("whisper-base", "There is no folder"),
    ],
)
def test_an_unavailable_model_is_explained(name, message):
    with pytest.raises(source.ModelUnavailable, match=message):
        source.model_folder(name)


def test_the_missing_files_of_a_model_are_named(tmp_path):
    model(tmp_path / "m", ["model.bin"])
    with pytest.raises(source.ModelUnavailable, match=r"it lacks config\.json and tokenizer\.json"):
        source.model_folder(str(tmp_path / "m"))


def test_the_revision_depends_on_contents_and_not_on_location(tmp_path):
    first, second = model(tmp_path / "a"), model(tmp_path / "b")
    before = revision(first.iterdir())
    assert before == revision(second.iterdir())
    (second / "model.bin").write_text("other weights")
    assert before != revision(second.iterdir())
