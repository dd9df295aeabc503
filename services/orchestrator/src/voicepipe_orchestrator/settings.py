"""The settings of the workers."""

from __future__ import annotations

import tempfile
from pathlib import Path

from pydantic import Field
from voicepipe_wire.settings import WorkerSettings


class Settings(WorkerSettings):
    # transcribe: the pool of this worker, and the gRPC address of its Triton: HOST:PORT, or dns:///HOST:PORT to spread
    # the requests over all addresses of a name.
    pool: str = Field("accurate", pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length=40)
    triton_url: str = Field("127.0.0.1:8001", pattern=r"^(dns:///)?[^/\s,]+:[0-9]+$")
    # controller: the pools of this installation, separated by commas. They accept jobs even while none of their workers
    # is running.
    pools: str = "accurate,fast"
    # Whether this installation has a diarizer. If so, recordings wait for it, even if it is not running yet.
    speakers: bool = True
    # prepare: the measures of the decoder's sandbox that must take effect (see prepare/sandbox.py), separated by commas.
    # The worker takes no work while one of them is missing.
    required_confinement: str = Field("", pattern=r"^\s*((limits|no_new_privs|user|landlock|seccomp)\s*(,\s*|$))*$")
    # Needs room for one original per recording in preparation: the decoder reads from a seekable file.
    scratch_dir: Path = Path(tempfile.gettempdir())
    max_audio_s: float = Field(12 * 3600.0, gt=0)
    # prepare: a decoder that gives no output for this long hangs. It is ended, and the recording is tried again.
    decode_stall_timeout_s: float = Field(120.0, gt=0)
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
    # transcribe: a request has this long, plus 20 times its audio. A model that takes longer hangs: it counts as away.
    model_timeout_s: float = Field(120.0, gt=0)
    # Recordings in flight in one prepare worker: a short one need not wait until a long one is decoded.
    prepare_concurrency: int = Field(4, ge=1)
    assemble_concurrency: int = Field(4, ge=1)
    # How long a job waits for a pool that is no longer declared and has no worker left.
    model_wait_timeout_s: float = Field(600.0, ge=0)
    sweep_every_s: float = Field(15.0, gt=0)
    # A job that has not changed for this long is checked for lost work.
    stuck_after_s: float = Field(60.0, gt=0)
    # How long the PCM of failed jobs is kept, so that a retry need not decode again.
    keep_failed_pcm_s: float = 24 * 3600.0
    # A transcript whose words are complete waits for its speakers for this long plus the length of the recording.
    diarization_deadline_s: float = Field(600.0, ge=0)

    @property
    def declared_pools(self) -> tuple[str, ...]:
        return _entries(self.pools)

    @property
    def required_measures(self) -> tuple[str, ...]:
        return _entries(self.required_confinement)


def _entries(text: str) -> tuple[str, ...]:
    """The entries of a comma-separated list, without blanks and repetitions."""
    return tuple(dict.fromkeys(word for entry in text.split(",") if (word := entry.strip())))
