"""The routes of the fake server. Its state and its faults are in fake_server.py."""

import asyncio
import base64
import json
import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse

KEY = "vp_test"
FINAL = {"job-completed", "job-failed", "job-cancelled", "job-deleted"}
FORMATS = {
    "txt": "one two three\n",
    "srt": "1\n00:00:00,000 --> 00:00:03,000\none two three\n",
    "vtt": "WEBVTT\n\n00:00:00.000 --> 00:00:03.000\none two three\n",
    "json": json.dumps({"schema": 1, "text": "one two three", "segments": [{"id": 0, "text": "one two three"}]}),
    "rttm": "SPEAKER meeting 1 0.000 3.000 <NA> <NA> speaker_1 <NA> <NA>\n",
}

# The code of an injected answer; of all others it is `unavailable`.
REASONS = {409: "idempotency_in_flight"}

router = APIRouter()


def _fake(request: Request):
    return request.app.state.fake


Fake = Annotated[Any, Depends(_fake)]


def problem(status, code, detail, headers=None):
    body = {"type": f"urn:voicepipe:problem:{code}", "title": code, "status": status, "code": code, "detail": detail}
    return JSONResponse(body, status, headers, "application/problem+json")


def abort(request):
    """Drop the connection of the request, like a router that is switched off."""
    request.receive.__self__.transport.abort()


def missing():
    return problem(404, "not_found", "There is nothing of yours under this id.")


class Gate:
    """Records requests, checks the key, and injects faults."""

    def __init__(self, app, state):
        self.app, self.state = app, state

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.state.fake.requests.append((scope["method"], scope["path"], headers))
        response = self.refusal(scope, headers)
        await (response or self.app)(scope, receive, send)

    def refusal(self, scope, headers):
        for fault in self.state.fake.faults.answers:
            method, part, status, times = fault
            if times and method == scope["method"] and part in scope["path"]:
                fault[3] -= 1
                code = REASONS.get(status, "unavailable")
                return problem(
                    status, code, "A component is unavailable.", {"Retry-After": self.state.fake.retry_after}
                )
        if headers.get("authorization") != f"Bearer {KEY}":
            return problem(401, "key_unknown", "This API key is unknown.")
        return None


@router.post("/v1/uploads")
async def create(fake: Fake, request: Request):
    assert request.headers["tus-resumable"] == "1.0.0"
    pairs = (item.split(" ") for item in request.headers["upload-metadata"].split(","))
    metadata = {key: base64.b64decode(value).decode() for key, value in pairs}
    if metadata.get("language", "en") not in {"en", "auto"}:
        return problem(422, "invalid_option", "language is invalid.")
    upload_id = str(uuid.uuid4())
    fake.begin(upload_id, int(request.headers["upload-length"]), metadata)
    # On another host: the client must not send its key there.
    return Response(status_code=201, headers={"Location": f"http://elsewhere.invalid/v1/uploads/{upload_id}"})


def standing(upload, status):
    headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": str(len(upload.body)), "Cache-Control": "no-store"}
    if upload.job:
        headers["Transcription-Id"] = upload.job
    return Response(status_code=status, headers=headers)


@router.head("/v1/uploads/{upload_id}")
async def head(fake: Fake, upload_id: str):
    upload = fake.uploads.get(upload_id)
    return standing(upload, 200) if upload else Response(status_code=404)


@router.patch("/v1/uploads/{upload_id}")
async def patch(fake: Fake, upload_id: str, request: Request):
    upload = fake.uploads.get(upload_id)
    if upload is None:
        return missing()
    if fake.faults.conflict:
        fake.faults.conflict -= 1
        return problem(409, "offset_mismatch", "Another connection writes this upload.")
    if int(request.headers["upload-offset"]) != len(upload.body):
        return problem(409, "offset_mismatch", "The offset does not match.")
    cut_after = fake.faults.cut_patch.popleft() if fake.faults.cut_patch else None
    before = len(upload.body)
    async for block in request.stream():
        upload.body += block
        if cut_after is not None and len(upload.body) - before >= cut_after:
            del upload.body[before + cut_after :]
            abort(request)
            return Response()
    if len(upload.body) == upload.size:
        fake.finish(upload_id, upload)
    if fake.faults.lose_patch_answer:
        fake.faults.lose_patch_answer -= 1
        abort(request)
    return standing(upload, 204)


@router.get("/v1/transcriptions")
async def listing(fake: Fake, limit: int = 100, cursor: int = 0, state: str | None = None):
    found = [job.document for job in reversed(fake.jobs.values()) if state in {None, job.document["state"]}]
    end = cursor + limit
    return {"items": found[cursor:end], "next_cursor": str(end) if end < len(found) else None}


@router.get("/v1/transcriptions/{job_id}")
async def get(fake: Fake, job_id: str):
    return fake.jobs[job_id].get() if job_id in fake.jobs else missing()


@router.get("/v1/transcriptions/{job_id}/events")
async def events(fake: Fake, job_id: str, request: Request):
    if job_id not in fake.jobs:
        return missing()
    after = int(request.headers.get("last-event-id", 0))
    job = fake.jobs[job_id]
    if after and not any(event[0] > after for event in job.story) and job.story[-1][1] in FINAL:
        return Response(status_code=204)
    cut_after = fake.faults.cut_events.popleft() if fake.faults.cut_events else None
    return StreamingResponse(frames(fake, job, after, cut_after, request), media_type="text/event-stream")


async def frames(fake, job, after, cut_after, request):
    yield "retry: 1\n\n"
    for sent, (sequence, kind, data) in enumerate([event for event in job.story if event[0] > after]):
        if cut_after is not None and sent == (cut_after[0] if isinstance(cut_after, tuple) else cut_after):
            if isinstance(cut_after, int):
                yield f"id: {sequence}\nevent: {kind}\nda"
                await asyncio.sleep(0.01)
                abort(request)
            return
        lines = json.dumps(data, indent=1).replace("\n", "\ndata: ")
        yield f": still here\n\nid: {sequence}\nevent: {kind}\ndata: {lines}\n\n"
    fake.listening.set()
    if fake.faults.hold is not None:
        await asyncio.to_thread(fake.faults.hold.wait)


@router.get("/v1/transcriptions/{job_id}/transcript")
async def transcript(fake: Fake, job_id: str, wanted: Annotated[str, Query(alias="format")] = "json"):
    if job_id not in fake.jobs:
        return missing()
    if fake.jobs[job_id].document["transcript_version"] is None:
        return problem(409, "not_ready", "The transcript is not ready yet.")
    speakers = fake.jobs[job_id].speakers
    if wanted == "rttm" and not fake.has_diarizer:
        return problem(409, "no_speakers", "Its speakers were not told apart. POST to .../diarization does it now.")
    if wanted == "json" and speakers:
        return json.loads(FORMATS["json"]) | {"speakers": list(speakers.values())}
    return PlainTextResponse(FORMATS[wanted])


@router.post("/v1/transcriptions/{job_id}/{command}")
async def command(fake: Fake, job_id: str, command: str):
    document = fake.jobs[job_id].document
    document["state"] = {"cancel": "cancelled", "retry": "queued"}[command]
    return document


@router.delete("/v1/transcriptions/{job_id}")
async def delete(fake: Fake, job_id: str):
    return Response(status_code=204) if fake.jobs.pop(job_id, None) else missing()


@router.get("/v1/capabilities")
async def capabilities(fake: Fake):
    return {
        "models": [{"name": "fast", "tier": "fast"}],
        "formats": list(FORMATS),
        "speakers": {"available": fake.has_diarizer},
    }


@router.get("/version")
async def version(fake: Fake):
    return {"service": "status", "version": "9.9.9"}


def selected(fake, request):
    """The dead letters that the filters of the request select, as the real server selects them."""
    query = request.query_params
    return [
        entry
        for entry in fake.entries.values()
        if all(query.get(name) in {None, entry[name]} for name in ("code", "stage"))
        and query.get("owner") in {None, entry.get("owner_id")}
        and query.get("failed_after", "") < entry["failed_at"] < query.get("failed_before", "9")
    ]


@router.get("/v1/admin/dead-letters")
async def entries(fake: Fake, request: Request, cursor: int = 0):
    found = selected(fake, request)
    return {
        "items": found[cursor : cursor + 1],
        "next_cursor": str(cursor + 1) if cursor + 1 < len(found) else None,
    }


@router.get("/v1/admin/dead-letters/{sequence}")
async def entry(fake: Fake, sequence: int):
    return fake.entries.get(sequence) or missing()


@router.post("/v1/admin/dead-letters/redrive")
async def redrive_some(fake: Fake, request: Request, cursor: int = 0):
    """One for each request. They stay, as if the controller were slow, until the last has been redriven."""
    found = selected(fake, request)
    repeated = [entry["sequence"] for entry in found[cursor : cursor + 1] if entry["sequence"] in fake.redriven]
    accepted = [entry["sequence"] for entry in found[cursor : cursor + 1] if entry["sequence"] not in fake.redriven]
    fake.redriven += accepted
    more = cursor + 1 < len(found)
    return {
        "accepted": len(accepted),
        "repeated": len(repeated),
        "next_cursor": str(cursor + 1) if more else None,
    }


@router.post("/v1/admin/dead-letters/{sequence}/redrive")
async def redrive(fake: Fake, sequence: int):
    return Response(status_code=202) if fake.entries.pop(sequence, None) else missing()


@router.delete("/v1/admin/dead-letters/{sequence}")
async def discard(fake: Fake, sequence: int):
    return Response(status_code=204) if fake.entries.pop(sequence, None) else missing()


@router.get("/v1/admin/audit")
async def audit(fake: Fake, limit: int = 20, cursor: int = 0):
    end = cursor + limit
    return {"items": fake.actions[cursor:end], "next_cursor": str(end) if end < len(fake.actions) else None}


@router.get("/v1/admin/queues")
async def queues(fake: Fake):
    return fake.queues


@router.get("/v1/admin/stuck-jobs")
async def stuck_jobs(fake: Fake, older_than_s: int = 600, limit: int = 20, cursor: int = 0):
    found = [job for job in fake.stuck if job["unchanged_s"] > older_than_s]
    end = cursor + limit
    return {"items": found[cursor:end], "next_cursor": str(end) if end < len(found) else None}
