"""The routes of the fake server for speakers."""

from fake_routes import Fake, missing, problem
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

router = APIRouter()


def speaker(number, name=None):
    return {
        "id": f"speaker_{number}",
        "name": name or f"Speaker {number}",
        "talk_s": 1.5,
        "share": 0.5,
        "segments": 1,
        "colour": "#8250df",
    }


def speakers(*names):
    return {each["id"]: each for each in (speaker(number, name) for number, name in enumerate(names, start=1))}


def changed(name, state, job_state):
    return "stage-changed", {"stage": name, "state": state, "attempt": 1, "job_state": job_state}


AGAIN = [
    changed("diarize", "queued", "transcribing"),
    changed("diarize", "running", "transcribing"),
    ("stage-progressed", {"stage": "diarize", "done_s": 2.0, "total_s": 3.0}),
    changed("diarize", "done", "assembling"),
    ("job-completed", {"transcript_version": 2}),
]
AGAIN_FAILED = [*AGAIN[:2], ("job-failed", {"code": "audio_missing", "message": "The stored recording is gone."})]


@router.patch("/v1/transcriptions/{job_id}/speakers/{speaker_id}")
async def rename(fake: Fake, job_id: str, speaker_id: str, request: Request):
    if job_id not in fake.jobs:
        return missing()
    known = fake.jobs[job_id].speakers
    if not known:
        return problem(409, "no_speakers", "Its speakers were not told apart.")
    if speaker_id not in known:
        return problem(404, "speaker_not_found", "The transcript has no such speaker.")
    name = (await request.json())["name"]
    if fake.renames_late:
        return JSONResponse(known[speaker_id], 202)
    known[speaker_id] = speaker(speaker_id.rpartition("_")[2], name)
    return known[speaker_id]


@router.post("/v1/transcriptions/{job_id}/diarization", status_code=202)
async def diarize_again(fake: Fake, job_id: str, request: Request):
    if job_id not in fake.jobs:
        return missing()
    job = fake.jobs[job_id]
    if job.document["state"] != "completed":
        return problem(409, "not_completed", "Only a completed transcription can be diarized again.")
    if not fake.has_diarizer:
        return problem(501, "no_diarizer", "This installation has no diarizer.")
    fake.limits.append(await request.json())
    answer = dict(job.document)
    last_type, last = fake.again[-1]
    ended = {"state": "failed", "error": last} if last_type == "job-failed" else {"state": "completed"}
    job.to_come.extend(
        [{}, {"state": "transcribing"}, ended | {"transcript_version": last.get("transcript_version", 1)}]
    )
    job.speakers = speakers(None, None)
    for kind, data in fake.again:
        fake.emit(job_id, kind, data)
    return answer
