"""A small Voicepipe server in memory that can be told to fail. It passes test_against_real_stack.py as the real one does."""

import contextlib
import hashlib
import json
import socket
import threading
import uuid
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime

import fake_speakers
import uvicorn
from fake_routes import Gate, router
from fastapi import FastAPI
from voicepipe.pace import Pace

# A client that is quick to try again, as tests have little time.
QUICK = Pace(retry_for_s=5, first_s=0.01, longest_s=0.02)


def chunk(index, text):
    return "chunk-transcribed", {
        "chunk_index": index,
        "start_s": float(index),
        "end_s": index + 1.0,
        "text": text,
        "language": "en",
        "done_s": index + 1.0,
        "total_s": 3.0,
    }


def stage(name, state, job_state):
    return "stage-changed", {"stage": name, "state": state, "attempt": 1, "job_state": job_state}


STORY = [
    ("job-created", {"name": "a.wav", "size_bytes": 5}),
    stage("prepare", "queued", "queued"),
    stage("prepare", "running", "preparing"),
    ("stage-progressed", {"stage": "prepare", "done_s": 1.0, "total_s": 3.0}),
    stage("prepare", "done", "transcribing"),
    stage("transcribe", "running", "transcribing"),
    chunk(1, "two"),
    chunk(0, "one"),
    chunk(2, "three"),
    stage("transcribe", "done", "assembling"),
    ("job-completed", {"transcript_version": 1}),
]
FAILURE = [*STORY[:3], ("job-failed", {"code": "no_audio", "message": "There is no sound in it."})]


@dataclass
class Upload:
    size: int
    metadata: dict
    body: bytearray = field(default_factory=bytearray)
    job: str | None = None


@dataclass
class Job:
    document: dict
    story: list = field(default_factory=list)
    # By id, as a transcript has them; none where they were not told apart.
    speakers: dict = field(default_factory=dict)
    # What becomes of the document, one step each time somebody looks.
    to_come: deque = field(default_factory=deque)

    def look(self):
        if self.to_come:
            self.document |= self.to_come.popleft()
        return self.document


@dataclass
class Faults:
    """Each is used up from the front."""

    # Keep so many bytes of a PATCH, then break the connection.
    cut_patch: deque = field(default_factory=deque)
    # Take the whole PATCH, then break the connection instead of answering.
    lose_patch_answer: int = 0
    # Answer a PATCH with 409 though its offset is right.
    conflict: int = 0
    # Send so many events of a stream, then break the connection; "close" after a number ends it in order.
    cut_events: deque = field(default_factory=deque)
    # (method, part of the path, status, how often)
    answers: list = field(default_factory=list)
    # Streams send what there is and stay open until this is set.
    hold: threading.Event | None = None


class FakeServer:
    def __init__(self):
        self.uploads, self.jobs, self.requests, self.entries = {}, {}, [], {}
        self.faults = Faults()
        self.story = STORY
        self.warnings = []
        self.has_diarizer = False
        # Names are taken at once, or after the answer.
        self.renames_late = False
        # What happens when speakers are told apart again.
        self.again = fake_speakers.AGAIN
        # What diarizing again was asked with, in the order of the questions.
        self.limits = []
        self.retry_after = "0"
        self.sequence = 0
        self.listening = threading.Event()

    def received(self, method, part=""):
        return [request for request in self.requests if request[0] == method and part in request[1]]

    def add_job(self, name, state="completed", story=None, error=None):
        job_id = str(uuid.uuid4())
        document = {
            "id": job_id,
            "name": name,
            "state": state,
            "created_at": datetime.now(UTC).isoformat(),
            "finished_at": None,
            "duration_s": 3.0,
            "size_bytes": 5,
            "media_type": "audio/wav",
            "options": {},
            "stages": [],
            "warnings": self.warnings,
            "error": error,
            "transcript_version": 1 if state == "completed" else None,
        }
        self.jobs[job_id] = Job(document)
        for kind, data in story or []:
            self.emit(job_id, kind, data)
        return job_id

    def emit(self, job_id, kind, data):
        self.sequence += 1
        self.jobs[job_id].story.append((self.sequence, kind, {"job_id": job_id, **data}))

    def begin(self, upload_id, size, metadata):
        self.uploads[upload_id] = Upload(size, metadata)

    def finish(self, upload_id, upload):
        same = hashlib.sha256(bytes(upload.body)).hexdigest() + json.dumps(sorted(upload.metadata.items()))
        for job_id, job in self.jobs.items():
            if job.document.get("_same") == same:
                upload.job = job_id
                return
        last = self.story[-1]
        state = {"job-failed": "failed", "job-cancelled": "cancelled"}.get(last[0], "completed")
        job_id = self.add_job(upload.metadata["filename"], state, self.story, last[1] if state == "failed" else None)
        job = self.jobs.pop(job_id)
        job.document |= {"id": upload_id, "size_bytes": upload.size, "_same": same}
        for _, _, data in job.story:
            data["job_id"] = upload_id
        self.jobs[upload_id] = job
        upload.job = upload_id


class _Server(uvicorn.Server):
    def capture_signals(self):
        return contextlib.nullcontext()


def make_app(fake):
    app = FastAPI()
    app.state.fake = fake
    # Before the routes that take any word for a command.
    app.include_router(fake_speakers.router)
    app.include_router(router)
    app.add_middleware(Gate, state=app.state)
    return app


@contextlib.contextmanager
def serving(app, port=0):
    """The address under which it answers, from a thread of its own."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        config = uvicorn.Config(app, log_level="critical", ws="none", lifespan="off", timeout_graceful_shutdown=1)
        server = _Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
