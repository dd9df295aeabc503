"""Where the model comes from: a folder, or a repository of the hub in CTranslate2's format."""

from __future__ import annotations

from pathlib import Path

NEEDED = ("model.bin", "config.json", "tokenizer.json")
_WANTED = [*NEEDED, "preprocessor_config.json", "vocabulary.*"]

_SIZES = (
    "tiny",
    "tiny.en",
    "base",
    "base.en",
    "small",
    "small.en",
    "medium",
    "medium.en",
    "large-v1",
    "large-v2",
    "large-v3",
)
_DISTILLED = ("small.en", "medium.en", "large-v2", "large-v3")
REPOSITORIES = (
    {size: f"Systran/faster-whisper-{size}" for size in _SIZES}
    | {f"distil-{size}": f"Systran/faster-distil-whisper-{size}" for size in _DISTILLED}
    | {"large": "Systran/faster-whisper-large-v3"}
    | dict.fromkeys(("turbo", "large-v3-turbo"), "mobiuslabsgmbh/faster-whisper-large-v3-turbo")
)


class ModelUnavailable(Exception):
    """The model can not be had; the message says what to do."""


def model_folder(name: str) -> Path:
    """The folder of a model given by path, by hub repository (`owner/name`) or by short name (`small`).

    A copy in the hub's cache (HF_HOME) is used without asking the network.
    """
    if not name:
        raise ModelUnavailable(
            "VOICEPIPE_WHISPER_MODEL is not set: give a folder with a CTranslate2 Whisper, or a name such as 'small'."
        )
    folder = Path(name).expanduser()
    if not folder.is_dir():
        folder = _from_hub(name)
    if missing := [file for file in NEEDED if not (folder / file).is_file()]:
        raise ModelUnavailable(f"{folder} is not a CTranslate2 Whisper: it has no {' and no '.join(missing)}.")
    return folder


def _from_hub(name: str) -> Path:
    repository = REPOSITORIES.get(name, name)
    if name.startswith(("/", ".", "~")):
        raise ModelUnavailable(f"There is no folder {name}: set VOICEPIPE_WHISPER_MODEL to one that holds the model.")
    if repository.count("/") != 1:
        raise ModelUnavailable(
            f"Whisper model {name!r} is neither a folder here nor a name of the hub; known names are "
            f"{', '.join(REPOSITORIES)}, or owner/name."
        )
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(repository, allow_patterns=_WANTED, local_files_only=True))
    except Exception:  # noqa: BLE001, S110 - not in the cache: ask the hub
        pass
    try:
        return Path(snapshot_download(repository, allow_patterns=_WANTED))
    except Exception as error:
        raise ModelUnavailable(
            f"Whisper model {name!r} could not be fetched from the hub ({type(error).__name__}): set "
            "VOICEPIPE_WHISPER_MODEL to a folder that holds the model, or let HF_HOME point to a cache that does."
        ) from error
