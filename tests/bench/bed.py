"""The line on the test bed: one stack of its own, what is sent to it, and what its database says came of that."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
from voicepipe_local.lineup import model_requests
from voicepipe_local.models import DEFAULT_SPEAKERS
from voicepipe_local.trial import TrialStack

FIXTURE_MODEL = Path(__file__).parents[1] / "fixtures" / "whisper" / "model"
LOOK_EVERY_S = 0.02


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is sent. Full sizes are those of the goals; small ones show that the bench works, and no more."""

    meeting_s: float = 600.0
    repeats: int = 3
    backlog: int = 6
    backlog_s: float = 300.0
    upload_bytes: int = 1_000_000_000
    long_s: float = 3 * 3600.0
    clips: int = 5
    # Of these the second is compared with the stock pipeline, the last with the second.
    diarized_s: tuple[float, ...] = (60.0, 300.0, 900.0, 3600.0)


QUICK = Sizes(
    meeting_s=120,
    repeats=1,
    backlog=3,
    backlog_s=120,
    upload_bytes=128 << 20,
    long_s=900,
    clips=2,
    diarized_s=(20.0, 40.0, 60.0),
)


@dataclass(frozen=True, slots=True)
class Finished:
    """A job that ended well. Times are of the database's clock; `stages` are (queued, started, finished) in s after acceptance."""

    id: str
    wall_s: float
    stages: dict[str, tuple[float, float, float]]

    def took_s(self, stage: str) -> float:
        _, started, finished = self.stages[stage]
        return finished - started


class Bed:
    """One running stack. `client` speaks to the gateway as the first user."""

    def __init__(self, stack: TrialStack, model: Path, sizes: Sizes, requests: int) -> None:
        self.stack = stack
        self.model = model
        self.sizes = sizes
        self.requests = requests  # at the model at a time: one batch is worked on, one waits
        self.client = httpx.Client(base_url=stack.url, headers=stack.headers, timeout=120, trust_env=False)
        self._database = psycopg.connect(stack.database_url, autocommit=True)

    @property
    def batch(self) -> int:
        return max(1, self.requests // 2)

    @property
    def scratch(self) -> Path:
        return self.stack.home.folder("bench")

    def address(self, part: str) -> str:
        return str(self.stack.part(part)["address"])

    def pid(self, part: str) -> int:
        return int(self.stack.part(part)["pid"])

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
            time.sleep(LOOK_EVERY_S)

    def state(self, job: str) -> str:
        return str(self.ask("SELECT state FROM jobs WHERE id = %s", job)[0][0])

    def wait_for_stage(self, job: str, stage: str, *states: str) -> None:
        query = "SELECT state FROM stages WHERE job_id = %s AND stage = %s"
        self.wait(lambda: self.ask(query, job, stage)[0][0] in states, f"{stage} of {job} {states}")

    def finished(self, job: str) -> Finished:
        """Wait for the end of a job. Raises RuntimeError where it is not a good one."""
        self.wait(lambda: self.state(job) in {"completed", "failed", "cancelled"}, f"the end of {job}")
        if self.state(job) != "completed":
            raise RuntimeError(f"{job} {self.state(job)}: {self._reason(job)}")
        wall_s = self.ask("SELECT extract(epoch FROM finished_at - created_at)::float8 FROM jobs WHERE id = %s", job)
        rows = self.ask(
            """
            SELECT stage, extract(epoch FROM s.queued_at - j.created_at)::float8,
                extract(epoch FROM s.started_at - j.created_at)::float8,
                extract(epoch FROM s.finished_at - j.created_at)::float8
            FROM stages s JOIN jobs j ON j.id = s.job_id WHERE j.id = %s AND s.state = 'done'
            """,
            job,
        )
        return Finished(job, wall_s[0][0], {stage: (queued, start, end) for stage, queued, start, end in rows})

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
    sizes: Sizes, model: Path = FIXTURE_MODEL, requests: int | None = None, *, speakers: bool = False
) -> Iterator[Bed]:
    """A whole line of its own, gone at the end. `requests` at the model at a time: as the stack chooses, if not given.

    With `speakers` it has a diarizer.
    """
    diarizer = DEFAULT_SPEAKERS if speakers else "none"
    env = {"VOICEPIPE_MODELS": f"accurate={model}", "VOICEPIPE_DIARIZATION_MODEL": diarizer}
    requests = requests or model_requests(env)
    env["VOICEPIPE_MODEL_REQUESTS"] = str(requests)
    # Not a folder that only this user can enter: PostgreSQL runs as another.
    folder = Path(tempfile.mkdtemp(prefix="voicepipe-bench-"))
    folder.chmod(0o711)
    stack = TrialStack(folder, {}, env)
    try:
        stack.up()
        bed = Bed(stack, model, sizes, requests)
        # The first request of everything is slower: imports, connections, caches.
        bed.finished(bed.send(_first_recording(), "first.wav", diarize=str(speakers).lower()))
        yield bed
        bed.close()
    finally:
        stack.crash()
        shutil.rmtree(folder, ignore_errors=True)


def _first_recording() -> bytes:
    from .recordings import meeting_wav

    return meeting_wav(20, seed=1_000)
