"""What an operator may set on the diarizer."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from pydantic import Field, SecretStr
from voicepipe_wire.settings import Settings as WireSettings


class Settings(WireSettings):
    # A folder in the layout of pyannote/speaker-diarization-community-1, or the name of such a model on the hub.
    # Checkpoints are pickles: name only what you trust.
    diarization_model: str = ""
    hub_token: SecretStr | None = None
    # Room for one recording as single-precision samples: 3 hours take 0.7 GB.
    scratch_dir: Path = Path(tempfile.gettempdir())
    threads: int = Field(default_factory=lambda: min(len(os.sched_getaffinity(0)), 8), ge=1)
    # Half precision where the processor computes in it (avx512_bf16, amx); changes the numbers slightly.
    half_precision: bool = False
    # What is longer is delivered without speakers. Memory grows with the square of the length: the fixture models took 1.1 GB for
    # one hour and 4.1 GB for three.
    max_diarized_s: float = Field(3 * 3600.0, gt=0)
    ack_wait_s: float = Field(30.0, gt=0)
    max_deliver: int = Field(3, ge=1)
