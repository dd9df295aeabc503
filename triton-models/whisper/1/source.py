"""Checks the model folder, which must exist before the server starts (see models/)."""

from __future__ import annotations

from pathlib import Path

NEEDED = ("model.bin", "config.json", "tokenizer.json")


class ModelUnavailable(Exception):
    """The folder contains no usable model; the message says what to do."""


def model_folder(name: str) -> Path:
    """The absolute path of the folder `name`.

    Raises:
        ModelUnavailable: it is not a folder with a CTranslate2 Whisper.
    """
    if not name:
        raise ModelUnavailable("VOICEPIPE_WHISPER_MODEL is not set: set it to a folder with a CTranslate2 Whisper.")
    folder = Path(name).expanduser().absolute()
    if not folder.is_dir():
        raise ModelUnavailable(
            f"There is no folder {folder}: set VOICEPIPE_WHISPER_MODEL to a folder with a CTranslate2 Whisper. "
            "`voicepipe-models pull` downloads one."
        )
    if missing := [file for file in NEEDED if not (folder / file).is_file()]:
        raise ModelUnavailable(f"{folder} is not a CTranslate2 Whisper: it lacks {' and '.join(missing)}.")
    return folder
