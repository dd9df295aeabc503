"""The folder that holds the model. Whoever starts the server has put it there: see models/."""

from __future__ import annotations

from pathlib import Path

NEEDED = ("model.bin", "config.json", "tokenizer.json")


class ModelUnavailable(Exception):
    """There is no model in the folder; the message says what to do."""


def model_folder(name: str) -> Path:
    """The folder `name`, once it is known to hold a CTranslate2 Whisper."""
    if not name:
        raise ModelUnavailable("VOICEPIPE_WHISPER_MODEL is not set: give a folder with a CTranslate2 Whisper.")
    folder = Path(name).expanduser().absolute()
    if not folder.is_dir():
        raise ModelUnavailable(
            f"There is no folder {folder}: set VOICEPIPE_WHISPER_MODEL to one that holds a CTranslate2 Whisper. "
            "`voicepipe-models pull` gets one."
        )
    if missing := [file for file in NEEDED if not (folder / file).is_file()]:
        raise ModelUnavailable(f"{folder} is not a CTranslate2 Whisper: it has no {' and no '.join(missing)}.")
    return folder
