"""A disposable stack of the product: sends recordings to it and reads the results from its database."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
from voicepipe_local.disposable_stack import DisposableStack
from voicepipe_local.models import NO_SPEAKERS
from voicepipe_local.topology import model_requests

ROOT = Path(__file__).parents[2]
TIER = "accurate"
POLL_EVERY_S = 0.02


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is sent. The goals hold for the full sizes; small ones only check that the bench works."""

    repeats: int = 3
    recording_s: float = 600.0
    short_jobs: int = 32
    short_rounds: int = 2
    during_clips_s: float = 1800.0
    meeting_s: float = 3600.0
    backlog: int = 6
    backlog_s: float = 300.0
    upload_bytes: int = 1_000_000_000
    event_streams: int = 2000
    long_s: float = 3 * 3600.0
    clips: int = 5
    # The second is compared with the stock pipeline, the last with the second.
    diarized_s: tuple[float, ...] = (60.0, 300.0, 900.0)


QUICK = Sizes(
    repeats=1,
    recording_s=60,
    short_jobs=6,
    short_rounds=1,
    during_clips_s=180,
    meeting_s=120,
    backlog=3,
    backlog_s=120,
    upload_bytes=128 << 20,
    event_streams=200,
    long_s=900,
    clips=2,
    diarized_s=(20.0, 40.0, 60.0),
)


@dataclass(frozen=True, slots=True)
class CompletedJob:
    """A completed job.

    `stages` are (queued, started, finished) in seconds after acceptance, by the clock of the database.
    """

    id: str
    wall_s: float
    stages: dict[str, tuple[float, float, float]]

    def took_s(self, stage: str) -> float:
        _, started, finished = self.stages[stage]
        return finished - started


class Testbed:
    """One running stack.

    `client` uses the gateway as the first user; `model` is the folder of the model that is served.
    """

    def __init__(self, stack: DisposableStack, model: Path, sizes: Sizes, requests: int) -> None:
        self.stack = stack
        self.model = model
        self.sizes = sizes
        self.requests = requests  # concurrent requests at the model
        self.client = httpx.Client(base_url=stack.url, headers=stack.headers, timeout=120, trust_env=False)
        self._database = psycopg.connect(stack.database_url, autocommit=True)

    @property
    def scratch(self) -> Path:
        return self.stack.data_dir.folder("bench")

    def address(self, service: str) -> str:
        return str(self._component(service)["address"])

    def pid(self, service: str) -> int:
        return int(self._component(service)["pid"])

    def _component(self, service: str) -> dict[str, Any]:
        """The process of a service; of `transcribe`, the one of the pool that is measured."""
        return self.stack.component("transcribe-accurate" if service == "transcribe" else service)

    def send(self, wav: bytes, name: str, **options: str) -> str:
        """Send a recording; returns the id of the job."""
        options = {"language": "en", "name": name, "fresh": "true", **options}
        response = self.client.post(
            "/v1/transcriptions", content=wav, params=options, headers={"Content-Type": "audio/wav"}
        )
        response.raise_for_status()
        return str(response.json()["id"])

    def query(self, statement: str, *arguments: Any) -> list[tuple[Any, ...]]:
        return self._database.execute(statement, arguments).fetchall()

    def wait(self, is_true: Callable[[], bool], goal: str, timeout_s: float = 3600.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not is_true():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{goal}: not within {timeout_s:.0f} s")
            time.sleep(POLL_EVERY_S)

    def state(self, job: str) -> str:
        return str(self.query("SELECT state FROM jobs WHERE id = %s", job)[0][0])

    def wait_for_stage(self, job: str, stage: str, *states: str) -> None:
        query = "SELECT state FROM stages WHERE job_id = %s AND stage = %s"
        self.wait(lambda: self.query(query, job, stage)[0][0] in states, f"{stage} of {job} {states}")

    def completed(self, job: str) -> CompletedJob:
        """Wait for the end of a job.

        Raises:
            RuntimeError: it failed or was cancelled.
        """
        self.wait(lambda: self.state(job) in {"completed", "failed", "cancelled"}, f"the end of {job}")
        if self.state(job) != "completed":
            raise RuntimeError(f"{job} {self.state(job)}: {self._reason(job)}")
        wall_s = self.query("SELECT extract(epoch FROM finished_at - created_at)::float8 FROM jobs WHERE id = %s", job)
        return CompletedJob(job, wall_s[0][0], self.stages(job))

    def stages(self, job: str) -> dict[str, tuple[float, float, float]]:
        """The stages that are done, as in `CompletedJob`."""
        rows = self.query(
            """
            SELECT stage, extract(epoch FROM s.queued_at - j.created_at)::float8,
                extract(epoch FROM s.started_at - j.created_at)::float8,
                extract(epoch FROM s.finished_at - j.created_at)::float8
            FROM stages s JOIN jobs j ON j.id = s.job_id WHERE j.id = %s AND s.state = 'done'
            """,
            job,
        )
        return {stage: (queued, start, end) for stage, queued, start, end in rows}

    def progress(self, job: str, stage: str) -> float:
        """The finished share of a stage, from 0 to 1."""
        query = "SELECT state = 'done', done_s / nullif(total_s, 0) FROM stages WHERE job_id = %s AND stage = %s"
        is_done, done = self.query(query, job, stage)[0]
        return 1.0 if is_done else float(done or 0.0)

    def text(self, job: str) -> str:
        response = self.client.get(f"/v1/transcriptions/{job}/transcript", params={"format": "json"})
        response.raise_for_status()
        return str(response.json()["text"])

    def _reason(self, job: str) -> tuple[Any, ...]:
        return self.query("SELECT error_code, error_message FROM jobs WHERE id = %s", job)[0]

    def chunks(self, job: str) -> list[Sequence[Sequence[int]]]:
        """The spans of each chunk, in samples."""
        return [row[0] for row in self.query("SELECT spans FROM chunks WHERE job_id = %s ORDER BY chunk_index", job)]

    def remove(self, job: str) -> None:
        self.client.delete(f"/v1/transcriptions/{job}").raise_for_status()
        self.wait(lambda: not self.query("SELECT FROM jobs WHERE id = %s", job), f"the deletion of {job}", 60)

    def close(self) -> None:
        self.client.close()
        self._database.close()


@contextmanager
def running(
    sizes: Sizes,
    warm_up: bytes,
    speech: Mapping[str, Path],
    speakers: Path | None = None,
    requests: int | None = None,
) -> Iterator[Testbed]:
    """Run a separate stack, which has transcribed the recording `warm_up`, and remove it at the end.

    `speech` maps each tier to the folder of its model. Without `speakers` there is no diarizer. `requests` is the
    number of concurrent requests at the model, by default as the stack chooses.
    """
    env = {
        "VOICEPIPE_MODELS": ",".join(f"{tier}={folder}" for tier, folder in speech.items()),
        "VOICEPIPE_DIARIZATION_MODEL": str(speakers or NO_SPEAKERS),
        "VOICEPIPE_MAX_EVENT_STREAMS": "10000",
        **({"VOICEPIPE_MODEL_REQUESTS": str(requests)} if requests else {}),
    }
    # PostgreSQL runs as another user, who must be able to enter the folder.
    folder = Path(tempfile.mkdtemp(prefix="voicepipe-bench-"))
    folder.chmod(0o711)
    stack = DisposableStack(folder, {}, env)
    try:
        stack.up()
        testbed = Testbed(stack, speech[TIER], sizes, requests or model_requests(env))
        # The first request is slower everywhere: imports, connections, caches.
        testbed.completed(testbed.send(warm_up, "warm-up.wav", model=TIER, diarize=str(speakers is not None).lower()))
        yield testbed
        testbed.close()
    finally:
        stack.crash()
        shutil.rmtree(folder, ignore_errors=True)
