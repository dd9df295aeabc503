"""Whisper behind Triton: builds the recognizer from the environment and answers batches (see ../../README.md)."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import triton_python_backend_utils as pb_utils

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the model repository, for speech_contract

from speech_contract.environment import require_numpy_1
from speech_contract.revision import revision
from speech_contract.serving import MAX_AUDIO_S, answer

from .engine import Engine
from .recognizer import WhisperRecognizer
from .source import NEEDED, model_folder
from .vocabulary import Vocabulary


class TritonPythonModel:
    """Called by Triton's python backend, one batch at a time."""

    def initialize(self, _args: dict[str, str]) -> None:
        require_numpy_1()
        folder = model_folder(os.environ.get("VOICEPIPE_WHISPER_MODEL", ""))
        engine = Engine(
            folder,
            device=os.environ.get("VOICEPIPE_WHISPER_DEVICE") or "auto",
            compute_type=os.environ.get("VOICEPIPE_WHISPER_COMPUTE_TYPE") or None,
            threads=int(os.environ.get("VOICEPIPE_WHISPER_THREADS") or len(os.sched_getaffinity(0))),
        )
        description = {
            "model": folder.name,
            "revision": revision([folder / file for file in NEEDED]),
            "engine": "ctranslate2",
            "engine_version": engine.version,
            "tier": os.environ.get("VOICEPIPE_WHISPER_TIER") or "accurate",
            "device": engine.device,
            "compute_type": engine.compute_type,
            "max_audio_s": MAX_AUDIO_S,
        }
        vocabulary = Vocabulary.load(folder, multilingual=engine.is_multilingual)
        self._recognizer = WhisperRecognizer(engine, vocabulary, description)
        touched = os.environ.get("VOICEPIPE_WHISPER_LAST_SUCCESS")
        self._last_success = Path(touched) if touched else None
        pb_utils.Logger.log_info(
            f"model loaded: {description['model']} {description['revision']}, {engine.compute_type} on {engine.device}"
        )

    def execute(self, requests: list[Any]) -> list[Any]:
        return answer(requests, self._recognizer, pb_utils, self._last_success)
