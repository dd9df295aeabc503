"""What an operator may set on the workers."""

from __future__ import annotations

import tempfile
from pathlib import Path

from pydantic import Field, field_validator
from voicepipe_wire.settings import Settings as WireSettings


class Settings(WireSettings):
    # One Triton server for each pool, by the name of the pool: `accurate=HOST:PORT,fast=HOST:PORT`.
    triton_urls: str = "accurate=127.0.0.1:8001"
    # Room for one original: prepare decodes from a file that it can seek in.
    scratch_dir: Path = Path(tempfile.gettempdir())
    max_audio_s: float = Field(12 * 3600.0, gt=0)
    # Chunks of one job in the queue at a time: two full batches, so that the model never waits and others get in between.
    window_chunks: int = Field(16, ge=1)
    # Chunks in flight of one transcribe worker: more than one job has in the queue, so that the next one's is there, too.
    transcribe_concurrency: int = Field(24, ge=1)
    # Those of them that are at the models, where what waits cannot be overtaken by a shorter recording, as it can here. Two
    # batches keep a GPU's batches full. On a processor: one for each instance of the model.
    model_requests: int = Field(16, ge=1)
    # How many of those one recording may have; all of them if not set. Fewer keep a place free for whoever comes.
    model_requests_per_job: int | None = Field(None, ge=1)
    # Recordings in flight of one prepare worker: a short one need not wait until a long one is decoded.
    prepare_concurrency: int = Field(4, ge=1)
    assemble_concurrency: int = Field(4, ge=1)
    # How long a job whose model is no longer served waits for it to come back.
    model_wait_timeout_s: float = 600.0
    ack_wait_s: float = Field(30.0, gt=0)
    max_deliver: int = Field(5, ge=1)
    sweep_every_s: float = Field(15.0, gt=0)
    # Without a sign of life for that long, a job is looked at.
    stuck_after_s: float = Field(60.0, gt=0)
    # PCM of failed jobs, so that a retry needs not decode again.
    keep_failed_pcm_s: float = 24 * 3600.0
    # How much longer than the recording lasts a transcript whose words are there waits for its speakers.
    diarization_deadline_s: float = Field(600.0, ge=0)

    @field_validator("triton_urls")
    @classmethod
    def _can_be_read(cls, text: str) -> str:
        addresses_of_pools(text)
        return text

    @property
    def pools(self) -> dict[str, str]:
        """The address (host:port of gRPC) of each pool of speech models, by its name."""
        return addresses_of_pools(self.triton_urls)


def addresses_of_pools(text: str) -> dict[str, str]:
    """What `accurate=HOST:PORT,fast=HOST:PORT` says, by the name of the pool.

    Raises:
        ValueError: it says something else, or names a pool twice.
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
