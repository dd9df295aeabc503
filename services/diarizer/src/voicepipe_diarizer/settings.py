"""The settings of the diarizer."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from pydantic import Field, SecretStr
from voicepipe_wire.settings import WorkerSettings


class Settings(WorkerSettings):
    # A folder made by `voicepipe-models pull pyannote-campplus`, or with the layout of
    # pyannote/speaker-diarization-community-1, or the name of such a model on the hub.
    diarization_model: str = ""
    hub_token: SecretStr | None = None
    # Needs space for one recording as single-precision samples: 0.7 GB for 3 hours.
    scratch_dir: Path = Path(tempfile.gettempdir())
    threads: int = Field(default_factory=lambda: min(len(os.sched_getaffinity(0)), 8), ge=1)
    # Half precision, for processors that support it (avx512_bf16, amx); changes the numbers slightly.
    half_precision: bool = False
    # Longer recordings are delivered without speakers: the clustering keeps the distances between all speakers of all
    # windows, so memory grows with the square of the length.
    max_diarized_s: float = Field(3 * 3600.0, gt=0)
    # A recording whose pipeline reports no progress for this long hangs: it is ended and tried again. The clustering, which
    # reports nothing, has a tenth of the length of the recording in addition.
    stall_timeout_s: float = Field(300.0, gt=0)
    max_deliver: int = Field(3, ge=1)
