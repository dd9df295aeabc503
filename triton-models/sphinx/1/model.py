"""PocketSphinx behind Triton, with the tensors and parameters of `whisper`. See README.md."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import triton_python_backend_utils as pb_utils

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the model repository, for speech_contract

from speech_contract.environment import need_numpy_1
from speech_contract.revision import revision
from speech_contract.serving import MAX_AUDIO_S, answer

from .decoder import Decoder
from .recognizer import SphinxRecognizer


class TritonPythonModel:
    """Called by Triton's python backend, one chunk at a time."""

    def initialize(self, _args: dict[str, str]) -> None:
        need_numpy_1()
        decoder = Decoder()
        about = {
            "model": "pocketsphinx-en-us",
            "revision": revision(decoder.model_files),
            "engine": "pocketsphinx",
            "engine_version": decoder.version,
            "tier": "draft",
            "device": "cpu",
            "compute_type": "float32",
            "max_audio_s": MAX_AUDIO_S,
        }
        self._recognizer = SphinxRecognizer(decoder, about)

    def execute(self, requests: list[Any]) -> list[Any]:
        return answer(requests, self._recognizer, pb_utils)
