"""The settings of the workers."""

from __future__ import annotations

import tempfile
from pathlib import Path

from pydantic import Field, field_validator
from voicepipe_wire.settings import Settings as WireSettings


class Settings(WireSettings):
    # The Triton server of each pool: `accurate=HOST:PORT,fast=HOST:PORT`.
    triton_urls: str = "accurate=127.0.0.1:8001"
    # Needs room for one original per recording in preparation: the decoder reads from a seekable file.
    scratch_dir: Path = Path(tempfile.gettempdir())
    max_audio_s: float = Field(12 * 3600.0, gt=0)
    # Chunks of one job in the queue at a time: two full batches, so that the model is never idle and other jobs get in
    # between.
    window_chunks: int = Field(16, ge=1)
    # Chunks in flight in one transcribe worker: more than one job may have in the queue, so that chunks of the next job
    # are among them.
    transcribe_concurrency: int = Field(24, ge=1)
    # Those of them that are sent to the models at a time. Requests that wait in a worker can be overtaken by a shorter
    # recording, those in the model's queue cannot. On a GPU: two batches, so that batches stay full. On a CPU: one per
    # instance of the model.
    model_requests: int = Field(16, ge=1)
    # How many of those one recording may have; all if not set. A lower number keeps a slot free for the next recording.
    model_requests_per_job: int | None = Field(None, ge=1)
    # Recordings in flight in one prepare worker: a short one need not wait until a long one is decoded.
    prepare_concurrency: int = Field(4, ge=1)
    assemble_concurrency: int = Field(4, ge=1)
    # How long a job waits for a model that is no longer served.
    model_wait_timeout_s: float = 600.0
    ack_wait_s: float = Field(30.0, gt=0)
    max_deliver: int = Field(5, ge=1)
    sweep_every_s: float = Field(15.0, gt=0)
    # A job that has not changed for this long is checked for lost work.
    stuck_after_s: float = Field(60.0, gt=0)
    # How long the PCM of failed jobs is kept, so that a retry need not decode again.
    keep_failed_pcm_s: float = 24 * 3600.0
    # A transcript whose words are complete waits for its speakers for this long plus the length of the recording.
    diarization_deadline_s: float = Field(600.0, ge=0)

    @field_validator("triton_urls")
    @classmethod
    def _is_valid(cls, text: str) -> str:
        addresses_of_pools(text)
        return text

    @property
    def pools(self) -> dict[str, str]:
        """The gRPC address (host:port) of each pool of speech models."""
        return addresses_of_pools(self.triton_urls)


def addresses_of_pools(text: str) -> dict[str, str]:
    """Parse `accurate=HOST:PORT,fast=HOST:PORT`.

    Raises:
        ValueError: `text` has another form, or names a pool twice.
    """
    addresses: dict[str, str] = {}
    for entry in text.split(","):
        pool, _, address = (word.strip() for word in entry.partition("="))
        host, _, port = address.rpartition(":")
        if not (pool and host and port.isdigit()):
            raise ValueError(f"{entry.strip()!r} is not like accurate=HOST:PORT")
        if pool in addresses:
            raise ValueError(f"pool {pool!r} has two addresses")
        addresses[pool] = address
    return addresses
