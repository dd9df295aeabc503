"""An in-memory Voicepipe server that fails on demand. It passes test_against_real_stack.py like the real one."""

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

# A client that retries quickly, to keep the tests fast.
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
    # The call that writes it over gRPC.
    writer: object = None


@dataclass
class Job:
    document: dict
    story: list = field(default_factory=list)
    # By id, as in a transcript; empty without diarization.
    speakers: dict = field(default_factory=dict)
    # Changes of the document, one applied per GET.
    to_come: deque = field(default_factory=deque)

    def get(self):
        if self.to_come:
            self.document |= self.to_come.popleft()
        return self.document


@dataclass
class Faults:
    """Faults to inject. Queues are consumed from the front."""

    # Keep this many bytes of a PATCH, then break the connection.
    cut_patch: deque = field(default_factory=deque)
    # Take the whole PATCH, then break the connection instead of answering.
    lose_patch_answer: int = 0
    # Answer a PATCH with 409 though its offset is right.
    conflict: int = 0
    # Send this many events of a stream, then break the connection; a number in a tuple closes it cleanly instead.
    cut_events: deque = field(default_factory=deque)
    # [method, part of the path, status, how often]
    answers: list = field(default_factory=list)
    # Streams send all past events and stay open until this is set.
    hold: threading.Event | None = None


class FakeServer:
    def __init__(self):
        self.uploads, self.jobs, self.requests, self.entries = {}, {}, [], {}
        # For operators: the dead letters redriven by filter, the audit, the queues and the jobs that are stuck.
        self.redriven, self.actions, self.stuck = [], [], []
        self.queues = {"state": "missing", "published_at": None, "age_s": None, "queues": []}
        self.faults = Faults()
        self.story = STORY
        self.warnings = []
        self.media = None
        self.has_diarizer = False
        # Whether names take effect only after the answer.
        self.renames_late = False
        # The events of diarizing again.
        self.again = fake_speakers.AGAIN
        # The hashes that came with recordings over gRPC, in order; empty where there was none.
        self.hashes = []
        # The bodies of the requests to diarize again, in order.
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
            "media": self.media,
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
    # Before the route that accepts any word as a command.
    app.include_router(fake_speakers.router)
    app.include_router(router)
    app.add_middleware(Gate, state=app.state)
    return app


@contextlib.contextmanager
def serving(app, port=0):
    """Serve the app in a thread and yield its address."""
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
