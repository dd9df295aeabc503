"""The product on the test testbed: one stack of its own, what is sent to it, and what its database says came of that."""

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
    """How much is sent. Full sizes are those of the goals; small ones show that the bench works, and no more."""

    repeats: int = 3
    recording_s: float = 600.0
    short_jobs: int = 32
    short_rounds: int = 2
    beside_s: float = 1800.0
    meeting_s: float = 3600.0
    backlog: int = 6
    backlog_s: float = 300.0
    upload_bytes: int = 1_000_000_000
    long_s: float = 3 * 3600.0
    clips: int = 5
    # Of these the second is compared with the stock pipeline, the last with the second.
    diarized_s: tuple[float, ...] = (60.0, 300.0, 900.0)


QUICK = Sizes(
    repeats=1,
    recording_s=60,
    short_jobs=6,
    short_rounds=1,
    beside_s=180,
    meeting_s=120,
    backlog=3,
    backlog_s=120,
    upload_bytes=128 << 20,
    long_s=900,
    clips=2,
    diarized_s=(20.0, 40.0, 60.0),
)


@dataclass(frozen=True, slots=True)
class CompletedJob:
    """A job that ended well. Times are of the database's clock; `stages` are (queued, started, finished) in s after acceptance."""

    id: str
    wall_s: float
    stages: dict[str, tuple[float, float, float]]

    def took_s(self, stage: str) -> float:
        _, started, finished = self.stages[stage]
        return finished - started


class Testbed:
    """One running stack. `client` speaks to the gateway as the first user, `model` is the folder of the model that they get."""

    def __init__(self, stack: DisposableStack, model: Path, sizes: Sizes, requests: int) -> None:
        self.stack = stack
        self.model = model
        self.sizes = sizes
        self.requests = requests  # at the model at a time
        self.client = httpx.Client(base_url=stack.url, headers=stack.headers, timeout=120, trust_env=False)
        self._database = psycopg.connect(stack.database_url, autocommit=True)

    @property
    def scratch(self) -> Path:
        return self.stack.data_dir.folder("bench")

    def address(self, part: str) -> str:
        return str(self.stack.component(part)["address"])

    def pid(self, part: str) -> int:
        return int(self.stack.component(part)["pid"])

    def send(self, wav: bytes, name: str, **options: str) -> str:
        """The id of the job."""
        options = {"language": "en", "name": name, **options}
        answer = self.client.post(
            "/v1/transcriptions", content=wav, params=options, headers={"Content-Type": "audio/wav"}
        )
        answer.raise_for_status()
        return str(answer.json()["id"])

    def ask(self, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
        return self._database.execute(query, arguments).fetchall()

    def wait(self, is_true: Callable[[], bool], what: str, timeout_s: float = 3600.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not is_true():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: not within {timeout_s:.0f} s")
            time.sleep(POLL_EVERY_S)

    def state(self, job: str) -> str:
        return str(self.ask("SELECT state FROM jobs WHERE id = %s", job)[0][0])

    def wait_for_stage(self, job: str, stage: str, *states: str) -> None:
        query = "SELECT state FROM stages WHERE job_id = %s AND stage = %s"
        self.wait(lambda: self.ask(query, job, stage)[0][0] in states, f"{stage} of {job} {states}")

    def finished(self, job: str) -> CompletedJob:
        """Wait for the end of a job. Raises RuntimeError where it is not a good one."""
        self.wait(lambda: self.state(job) in {"completed", "failed", "cancelled"}, f"the end of {job}")
        if self.state(job) != "completed":
            raise RuntimeError(f"{job} {self.state(job)}: {self._reason(job)}")
        wall_s = self.ask("SELECT extract(epoch FROM finished_at - created_at)::float8 FROM jobs WHERE id = %s", job)
        return CompletedJob(job, wall_s[0][0], self.stages(job))

    def stages(self, job: str) -> dict[str, tuple[float, float, float]]:
        """Of those that are done, as in `CompletedJob`."""
        rows = self.ask(
            """
            SELECT stage, extract(epoch FROM s.queued_at - j.created_at)::float8,
                extract(epoch FROM s.started_at - j.created_at)::float8,
                extract(epoch FROM s.finished_at - j.created_at)::float8
            FROM stages s JOIN jobs j ON j.id = s.job_id WHERE j.id = %s AND s.state = 'done'
            """,
            job,
        )
        return {stage: (queued, start, end) for stage, queued, start, end in rows}

    def done(self, job: str, stage: str) -> float:
        """How much of a stage is done, from 0 to 1."""
        query = "SELECT state = 'done', done_s / nullif(total_s, 0) FROM stages WHERE job_id = %s AND stage = %s"
        is_done, done = self.ask(query, job, stage)[0]
        return 1.0 if is_done else float(done or 0.0)

    def text(self, job: str) -> str:
        answer = self.client.get(f"/v1/transcriptions/{job}/transcript", params={"format": "json"})
        answer.raise_for_status()
        return str(answer.json()["text"])

    def _reason(self, job: str) -> tuple[Any, ...]:
        return self.ask("SELECT error_code, error_message FROM jobs WHERE id = %s", job)[0]

    def chunks(self, job: str) -> list[Sequence[Sequence[int]]]:
        """The spans of every chunk, in samples of the recording."""
        return [row[0] for row in self.ask("SELECT spans FROM chunks WHERE job_id = %s ORDER BY chunk_index", job)]

    def remove(self, job: str) -> None:
        self.client.delete(f"/v1/transcriptions/{job}").raise_for_status()
        self.wait(lambda: not self.ask("SELECT FROM jobs WHERE id = %s", job), f"the deletion of {job}", 60)

    def close(self) -> None:
        self.client.close()
        self._database.close()


@contextmanager
def running(
    sizes: Sizes,
    first: bytes,
    speech: Mapping[str, Path],
    speakers: Path | None = None,
    requests: int | None = None,
) -> Iterator[Testbed]:
    """A whole stack of its own, gone at the end, that has transcribed the recording `first`.

    `speech` holds the folder of each tier's model; without `speakers` there is no diarizer. `requests` at the model at a time: as
    the stack chooses, if not given.
    """
    env = {
        "VOICEPIPE_MODELS": ",".join(f"{tier}={folder}" for tier, folder in speech.items()),
        "VOICEPIPE_DIARIZATION_MODEL": str(speakers or NO_SPEAKERS),
        **({"VOICEPIPE_MODEL_REQUESTS": str(requests)} if requests else {}),
    }
    # Not a folder that only this user can enter: PostgreSQL runs as another.
    folder = Path(tempfile.mkdtemp(prefix="voicepipe-bench-"))
    folder.chmod(0o711)
    stack = DisposableStack(folder, {}, env)
    try:
        stack.up()
        testbed = Testbed(stack, speech[TIER], sizes, requests or model_requests(env))
        # The first request of everything is slower: imports, connections, caches.
        testbed.finished(testbed.send(first, "first.wav", model=TIER, diarize=str(speakers is not None).lower()))
        yield testbed
        testbed.close()
    finally:
        stack.crash()
        shutil.rmtree(folder, ignore_errors=True)
