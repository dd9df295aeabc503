"""Transcripts in every format, and audio by range."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import pytest
from voicepipe_wire.messaging.outbox import Owned
from voicepipe_wire.transcript.document import ModelUsed, Transcript, TranscriptSegment, TranscriptWord
from voicepipe_wire.v1.events_pb2 import JobCreated

from .conftest import AUDIO, Client, Pipeline, following, rest


def transcript(job_id: UUID, version: int, text: str) -> dict[str, Any]:
    words = tuple(TranscriptWord(float(i), i + 0.5, word, 0.9) for i, word in enumerate(text.split()))
    segment = TranscriptSegment(0, 0.0, float(len(words)), text, 0.9, "en", None, words)
    model = ModelUsed("whisper", "ctranslate2", "accurate", "abc", "int8")
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    return Transcript(str(job_id), version, "en", 0.99, 10.0, 5.0, model, text, (segment,), (), (), moment).to_json()


async def completed(pipeline: Pipeline, owner_id: UUID, *texts: str, **columns: Any) -> UUID:
    job_id = await pipeline.job(owner_id, state="completed", finished_at=datetime.now(UTC), **columns)
    for version, text in enumerate(texts, start=1):
        await pipeline.pool.execute(
            "INSERT INTO transcripts (job_id, owner_id, version, document) VALUES ($1, $2, $3, $4)",
            job_id,
            owner_id,
            version,
            transcript(job_id, version, text),
        )
    return job_id


async def test_a_transcript_comes_in_the_requested_format(alice: Client, pipeline: Pipeline):
    job_id = await completed(pipeline, alice.owner_id, "Grüße and <tea>.")
    path = f"/v1/transcriptions/{job_id}/transcript"
    expected = {
        "json": ("application/json", '"Grüße and <tea>."'),
        "txt": ("text/plain", "Grüße and <tea>.\n"),
        "srt": ("application/x-subrip", "00:00:00,000 --> "),
        "vtt": ("text/vtt", "Grüße and &lt;tea&gt;."),
    }
    for name, (media_type, part) in expected.items():
        for request in ({"params": {"format": name}}, {"headers": {"Accept": media_type}}):
            answer = await alice.get(path, **request)
            assert answer.status_code == 200
            assert answer.headers["content-type"] == f"{media_type}; charset=utf-8"
            assert part in answer.content.decode()
    assert (await alice.get(path)).json() == transcript(job_id, 1, "Grüße and <tea>.")
    assert "Accept" in (await alice.get(path)).headers["vary"]


async def test_an_unknown_format_is_rejected(alice: Client, pipeline: Pipeline):
    job_id = await completed(pipeline, alice.owner_id, "Tea.")
    for request in ({"params": {"format": "docx"}}, {"headers": {"Accept": "image/png"}}):
        answer = await alice.get(f"/v1/transcriptions/{job_id}/transcript", **request)
        assert (answer.status_code, answer.json()["code"]) == (406, "format_unknown")


async def test_the_latest_version_is_the_default(alice: Client, pipeline: Pipeline):
    job_id = await completed(pipeline, alice.owner_id, "First.", "Second.")
    path = f"/v1/transcriptions/{job_id}/transcript"
    assert (await alice.get(f"{path}?format=txt")).text == "Second.\n"
    assert (await alice.get(f"{path}?format=txt&version=1")).text == "First.\n"
    missing = await alice.get(f"{path}?version=3")
    assert (missing.status_code, missing.json()["code"], missing.json()["latest"]) == (404, "version_not_found", 2)
    assert (await alice.get(f"{path}?version=99999999999")).status_code == 422
    answer = await alice.get(f"/v1/transcriptions/{job_id}")
    assert answer.json()["transcript_version"] == 2


async def test_a_client_that_has_the_version_gets_304(alice: Client, pipeline: Pipeline):
    job_id = await completed(pipeline, alice.owner_id, "First.")
    path = f"/v1/transcriptions/{job_id}/transcript"
    etag = (await alice.get(path)).headers["etag"]
    again = await alice.get(path, headers={"If-None-Match": f'"other", W/{etag}'})
    assert (again.status_code, again.content) == (304, b"")
    assert (await alice.get(f"{path}?format=srt", headers={"If-None-Match": etag})).status_code == 200


async def test_a_download_is_named_after_the_recording(alice: Client, pipeline: Pipeline):
    job_id = await completed(pipeline, alice.owner_id, "Tea.", name='Bü"ro; 50%.wav')
    answer = await alice.get(f"/v1/transcriptions/{job_id}/transcript?format=srt&download=1")
    assert (
        answer.headers["content-disposition"]
        == "attachment; filename=\"Bu_ro; 50_.srt\"; filename*=UTF-8''B%C3%BC%22ro%3B%2050%25.srt"
    )


@pytest.mark.parametrize(
    "name",
    [
        "\U0001f468\u200d\U0001f469\u200d\U0001f467.wav",
        "פגישה.wav",
        "Cafe\u0301.wav",
        'a"; filename=b; c.wav',
        "...a.wav",
    ],
)
async def test_a_name_comes_back_as_it_was_stored(alice: Client, pipeline: Pipeline, name: str):
    job_id = await completed(pipeline, alice.owner_id, "Tea.", name=name)
    await pipeline.store_audio(job_id)
    path = f"/v1/transcriptions/{job_id}"
    assert (await alice.get(path)).json()["name"] == name
    assert name in [item["name"] for item in (await alice.get("/v1/transcriptions")).json()["items"]]
    for shown, suffix in (("audio", ".wav"), ("transcript?format=srt&download=1", ".srt")):
        disposition = (await alice.get(f"{path}/{shown}")).headers["content-disposition"]
        assert disposition.isascii()
        plain, _, encoded = disposition.rpartition("; filename*=UTF-8''")
        assert unquote(encoded) == name.removesuffix(".wav") + suffix
        assert plain.count('"') == 2


async def test_a_name_comes_back_in_the_events(alice: Client, pipeline: Pipeline):
    name = '\U0001f468\u200d\U0001f469\u200d\U0001f467 \u05e4\u05d2 Cafe\u0301 "a".wav'
    job_id = await pipeline.job(alice.owner_id)
    async with pipeline.outbox.transaction() as transaction:
        transaction.event(Owned(job_id, alice.owner_id), JobCreated(job_id=str(job_id), name=name, size_bytes=1))
    await pipeline.end(alice.owner_id, job_id)
    async with following(alice, job_id) as events:
        created = [event for event in await rest(events) if event.type == "job-created"]
    assert created[0].data["name"] == name


async def test_a_transcript_that_is_not_ready_is_a_409_with_the_state(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id, state="transcribing")
    answer = await alice.get(f"/v1/transcriptions/{job_id}/transcript")
    assert (answer.status_code, answer.json()["code"], answer.json()["state"]) == (409, "not_ready", "transcribing")
    assert int(answer.headers["retry-after"]) > 0


async def test_a_failed_or_cancelled_job_explains_why_it_has_no_transcript(alice: Client, pipeline: Pipeline):
    failed = await pipeline.job(
        alice.owner_id, state="failed", error_code="no_audio", error_message="It has no audio. Send another."
    )
    answer = (await alice.get(f"/v1/transcriptions/{failed}/transcript")).json()
    assert (answer["status"], answer["code"], answer["detail"]) == (409, "no_audio", "It has no audio. Send another.")
    cancelled = await pipeline.job(alice.owner_id, state="cancelled")
    answer = (await alice.get(f"/v1/transcriptions/{cancelled}/transcript")).json()
    assert (answer["status"], answer["code"]) == (409, "cancelled")


async def test_a_transcript_stays_available_while_its_job_is_retried(alice: Client, pipeline: Pipeline):
    job_id = await completed(pipeline, alice.owner_id, "First.")
    await pipeline.pool.execute("UPDATE jobs SET state = 'transcribing', finished_at = NULL WHERE id = $1", job_id)
    assert (await alice.get(f"/v1/transcriptions/{job_id}/transcript?format=txt")).text == "First.\n"


SIZE = len(AUDIO)
RANGES = [
    ("bytes=0-0", 0, 1),
    ("bytes=0-99", 0, 100),
    ("bytes=100-", 100, SIZE),
    ("bytes=-10", SIZE - 10, SIZE),
    (f"bytes={SIZE - 1}-{SIZE + 1000}", SIZE - 1, SIZE),
    (f"bytes=-{SIZE * 2}", 0, SIZE),
    ("Bytes = 5 - 6", 5, 7),
]


async def test_audio_comes_whole_or_by_range(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    await pipeline.store_audio(job_id)
    path = f"/v1/transcriptions/{job_id}/audio"
    whole = await alice.get(path)
    assert (whole.status_code, whole.content) == (200, AUDIO)
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["content-type"] == "audio/wav"
    assert whole.headers["content-length"] == str(SIZE)
    for header, start, end in RANGES:
        part = await alice.get(path, headers={"Range": header})
        assert (part.status_code, part.content) == (206, AUDIO[start:end]), header
        assert part.headers["content-range"] == f"bytes {start}-{end - 1}/{SIZE}"
        assert part.headers["content-length"] == str(end - start)
    # Several ranges, or an invalid one: the whole recording.
    for header in ("bytes=0-1,5-6", "bytes=9-5", "lines=1-2", "bytes=-", "nonsense"):
        assert (await alice.get(path, headers={"Range": header})).status_code == 200, header
    for header in (f"bytes={SIZE}-", "bytes=-0", f"bytes={SIZE + 5}-{SIZE + 9}"):
        refused = await alice.get(path, headers={"Range": header})
        assert (refused.status_code, refused.json()["code"]) == (416, "range_unsatisfiable")
        assert refused.headers["content-range"] == f"bytes */{SIZE}"


async def test_a_range_of_another_version_returns_the_whole_recording(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    await pipeline.store_audio(job_id)
    path = f"/v1/transcriptions/{job_id}/audio"
    etag = (await alice.http.head(path)).headers["etag"]
    same = await alice.get(path, headers={"Range": "bytes=0-0", "If-Range": etag})
    other = await alice.get(path, headers={"Range": "bytes=0-0", "If-Range": '"other"'})
    assert (same.status_code, other.status_code) == (206, 200)
    assert (await alice.get(path, headers={"If-None-Match": etag})).status_code == 304


async def test_head_returns_the_size_without_the_audio(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    answer = await alice.http.head(f"/v1/transcriptions/{job_id}/audio")
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, str(SIZE), b"")


async def test_audio_is_never_served_as_a_type_that_browsers_execute(alice: Client, pipeline: Pipeline):
    for media_type, served in {
        "text/html": "application/octet-stream",
        "image/svg+xml": "application/octet-stream",
        "audio/x\r\nX-Bad: 1": "application/octet-stream",
        "video/mp4": "video/mp4",
        "AUDIO/MPEG; x=1": "audio/mpeg",
    }.items():
        job_id = await pipeline.job(alice.owner_id, media_type=media_type, name="<script>.html")
        await pipeline.store_audio(job_id)
        answer = await alice.get(f"/v1/transcriptions/{job_id}/audio")
        assert answer.headers["content-type"] == served
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]
        assert answer.headers["content-disposition"].startswith("inline; filename=")
        assert "x-bad" not in answer.headers


async def test_audio_that_is_no_longer_stored_is_gone(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    answer = await alice.get(f"/v1/transcriptions/{job_id}/audio")
    assert (answer.status_code, answer.json()["code"]) == (410, "audio_gone")


async def test_without_the_object_store_audio_is_503_and_the_service_stays_ready(start):
    async with start(s3_endpoint="http://127.0.0.1:9") as service:
        user = await service.user()
        job_id = await service.pipeline.job(user.owner_id)
        answer = await user.get(f"/v1/transcriptions/{job_id}/audio")
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert json.loads((await user.get("/readyz")).text)["status"] == "ready"
