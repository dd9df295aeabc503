"""Every operation of status over REST and gRPC, on the same data: the same answer, or the same error."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import grpc
import httpx
import pytest
from rpc_stubs import failure
from voicepipe_wire.error_catalogue import ERRORS
from voicepipe_wire.messaging.subjects import BACKLOG, DLQ

from .conftest import Client, Pipeline, Service
from .rpc_values import as_rest, pruned
from .spoken_transcripts import INTERPRETED, completed
from .stored_backlog import publish
from .stored_dead_letters import dead_letter

# Seconds that pass between the two requests.
RUNNING = frozenset({"age_s", "unchanged_s", "eta_s"})
ADMIN = "/v1/admin"
TIMES = r'"20\d\d-\d\d-[^"]*'


@dataclass(frozen=True)
class Same:
    """One operation by both protocols; `{...}` are filled in with the data of the test."""

    method: str
    verb: str
    path: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    # The member of the gRPC response that is the response of REST; None is the whole.
    member: str | None = None
    body: Any = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


JOB = {"id": "{done}"}
ANSWERS = [
    Same("Get", "GET", "/v1/transcriptions/{done}", JOB),
    Same("Get", "GET", "/v1/transcriptions/{queued}", {"id": "{queued}"}),
    Same("Get", "GET", "/v1/transcriptions/{failed}", {"id": "{failed}"}),
    Same("List", "GET", "/v1/transcriptions"),
    Same("List", "GET", "/v1/transcriptions?limit=1", {"page_size": 1}),
    Same("List", "GET", "/v1/transcriptions?state=failed&state=completed", {"states": ["failed", "completed"]}),
    Same("List", "GET", "/v1/transcriptions?ids={failed},{done}", {"ids": ["{failed}", "{done}"]}),
    Same("List", "GET", "/v1/transcriptions?name=MEET", {"name": "MEET"}),
    Same("RenameSpeaker", "PATCH", "/v1/transcriptions/{done}/speakers/speaker_1",
         {**JOB, "speaker": "speaker_1", "name": "Ada"}, "speaker", {"name": "Ada"}),
    Same("GetCapabilities", "GET", "/v1/capabilities"),
    Same("GetVersion", "GET", "/version"),
    Same("ListDeadLetters", "GET", f"{ADMIN}/dead-letters"),
    Same("ListDeadLetters", "GET", f"{ADMIN}/dead-letters?limit=1&stage=prepare",
         {"page_size": 1, "filter": {"stage": "prepare"}}),
    Same("GetDeadLetter", "GET", f"{ADMIN}/dead-letters/{{letter}}", {"sequence": "{letter}"}),
    Same("ListOperatorActions", "GET", f"{ADMIN}/audit"),
    Same("ListOperatorActions", "GET", f"{ADMIN}/audit?limit=1", {"page_size": 1}),
    Same("ListQueues", "GET", f"{ADMIN}/queues"),
    Same("ListStuckJobs", "GET", f"{ADMIN}/stuck-jobs?older_than_s=1", {"older_than_s": 1}),
]  # fmt: skip
# Possible once, so that each protocol changes a job of its own.
CHANGES = [
    Same("Cancel", "POST", "/v1/transcriptions/{queued}/cancel", {"id": "{queued}"}, "transcription"),
    Same("Retry", "POST", "/v1/transcriptions/{failed}/retry", {"id": "{failed}"}, "transcription"),
    Same("DiarizeAgain", "POST", "/v1/transcriptions/{done}/diarization", JOB, "transcription", {}),
]
# With the code of the catalogue.
UNKNOWN, ID = str(uuid4()), {"id": "{other}"}
ERRORS_OF = [
    (Same("Get", "GET", "/v1/transcriptions/{other}", ID), "not_found"),
    (Same("Get", "GET", "/v1/transcriptions/nonsense", {"id": "nonsense"}), "not_found"),
    (Same("List", "GET", "/v1/transcriptions?cursor=nonsense", {"page_token": "nonsense"}), "bad_cursor"),
    (Same("Watch", "GET", "/v1/transcriptions/{other}/events", ID), "not_found"),
    (Same("Cancel", "POST", "/v1/transcriptions/{done}/cancel", JOB), "not_cancellable"),
    (Same("Retry", "POST", "/v1/transcriptions/{done}/retry", JOB), "not_retryable"),
    (Same("Delete", "DELETE", "/v1/transcriptions/{other}", ID), "not_found"),
    (Same("DiarizeAgain", "POST", "/v1/transcriptions/{queued}/diarization", {"id": "{queued}"}, body={}), "not_completed"),
    (Same("DiarizeAgain", "POST", "/v1/transcriptions/{silent}/diarization", {"id": "{silent}"}, body={}), "audio_gone"),
    (Same("RenameSpeaker", "PATCH", "/v1/transcriptions/{done}/speakers/speaker_9",
          {**JOB, "speaker": "speaker_9", "name": "Ada"}, body={"name": "Ada"}), "speaker_not_found"),
    (Same("RenameSpeaker", "PATCH", "/v1/transcriptions/{queued}/speakers/speaker_1",
          {"id": "{queued}", "speaker": "speaker_1", "name": "Ada"}, body={"name": "Ada"}), "not_ready"),
    (Same("GetTranscript", "GET", "/v1/transcriptions/{queued}/transcript", {"id": "{queued}"}), "not_ready"),
    (Same("GetTranscript", "GET", "/v1/transcriptions/{failed}/transcript", {"id": "{failed}"}), "no_audio_stream"),
    (Same("GetTranscript", "GET", "/v1/transcriptions/{done}/transcript?version=7", {**JOB, "version": 7}), "version_not_found"),
    (Same("Render", "GET", "/v1/transcriptions/{done}/transcript?format=docx", {**JOB, "format": "docx"}), "format_unknown"),
    (Same("GetAudio", "GET", "/v1/transcriptions/{silent}/audio", {"id": "{silent}"}), "audio_gone"),
    (Same("ListDeadLetters", "GET", f"{ADMIN}/dead-letters?owner=nobody", {"filter": {"owner": "nobody"}}), "invalid_request"),
    (Same("ListDeadLetters", "GET", f"{ADMIN}/dead-letters?cursor=x", {"page_token": "x"}), "bad_cursor"),
    (Same("RedriveDeadLetters", "POST", f"{ADMIN}/dead-letters/redrive?cursor=x", {"page_token": "x"}), "bad_cursor"),
    (Same("GetDeadLetter", "GET", f"{ADMIN}/dead-letters/0", {"sequence": 0}), "not_found"),
    (Same("RedriveDeadLetter", "POST", f"{ADMIN}/dead-letters/999999/redrive", {"sequence": 999999}), "not_found"),
    (Same("DiscardDeadLetter", "DELETE", f"{ADMIN}/dead-letters/999999", {"sequence": 999999}), "not_found"),
    (Same("ListOperatorActions", "GET", f"{ADMIN}/audit?cursor=x", {"page_token": "x"}), "bad_cursor"),
    (Same("ListStuckJobs", "GET", f"{ADMIN}/stuck-jobs?cursor=x", {"page_token": "x"}), "bad_cursor"),
]  # fmt: skip


@pytest.fixture
async def ada(service: Service) -> Client:
    for stream in (DLQ, BACKLOG):
        await service.pipeline.jetstream.context.purge_stream(stream)
    return await service.user("ada", operator=True)


@pytest.fixture
async def data(service: Service, ada: Client, pipeline: Pipeline) -> dict[str, str]:
    """One of everything, by name."""
    return await made_for(service, ada, pipeline)


async def made_for(service: Service, ada: Client, pipeline: Pipeline) -> dict[str, str]:
    ended, then = datetime(2026, 3, 1, tzinfo=UTC), datetime.now(UTC) - timedelta(hours=1)
    damaged = {"code": "damaged_parts", "message": "Words may be missing.", "start_s": 64.0, "duration_s": 2.5}
    found: dict[str, Any] = {"media": INTERPRETED.to_json(), "warnings": [damaged]}
    made = {
        "done": await completed(pipeline, ada.owner_id),
        "silent": await completed(pipeline, ada.owner_id),
        "queued": await pipeline.job(
            ada.owner_id, changed_at=then, duration_s=60.0, speech_s=30.5, language="en", **found
        ),
        "failed": await pipeline.job(
            ada.owner_id, state="failed", finished_at=ended, error_code="no_audio_stream", error_message="No sound."
        ),
        "other": await completed(pipeline, (await service.user()).owner_id),
        "letter": await dead_letter(pipeline, "prepare", owner_id=ada.owner_id),
    }
    await pipeline.store_audio(made["done"])
    await pipeline.stage(made["queued"], "prepare", started_at=then, state="running", done_s=1.5, total_s=60.0)
    for sequence in (await dead_letter(pipeline), await dead_letter(pipeline, "prepare")):
        await ada.http.post(f"{ADMIN}/dead-letters/{sequence}/redrive")
    await publish(pipeline, 5)
    description = {"tier": "accurate", "engine": "ctranslate2", "languages": ["en"], "max_audio_s": 30.0}
    await pipeline.pool.execute(
        "INSERT INTO models (name, description) VALUES ('accurate', $1) ON CONFLICT DO NOTHING", description
    )
    await pipeline.pool.execute(
        "INSERT INTO workers (id, stage, version, seen_at) VALUES (gen_random_uuid(), 'transcribe', '1', now())"
    )
    return {name: str(value) for name, value in made.items()}


def filled_in(value: Any, data: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            key: int(data["letter"]) if each == "{letter}" else filled_in(each, data) for key, each in value.items()
        }
    if isinstance(value, list):
        return [filled_in(each, data) for each in value]
    return value.format(**data) if isinstance(value, str) else value


async def both(client: Client, same: Same, data: Mapping[str, str]) -> tuple[httpx.Response, Any]:
    """The response of REST, and the call of gRPC."""
    more = {} if same.body is None else {"json": same.body}
    answer = await client.http.request(same.verb, filled_in(same.path, data), **more)
    return answer, client.rpc(same.method, **filled_in(dict(same.fields), data))


def comparable(value: Any) -> Any:
    """Without running seconds, and with the token of the next page under one name."""
    if isinstance(value, dict):
        names = {"next_page_token": "next_cursor"}
        return {names.get(key, key): comparable(each) for key, each in value.items() if key not in RUNNING}
    return [comparable(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("same", ANSWERS, ids=str)
async def test_both_protocols_answer_alike(ada: Client, data: dict[str, str], same: Same):
    answer, call = await both(ada, same, data)
    assert answer.is_success, answer.text
    message = await call
    took_effect = getattr(message, "took_effect", None)
    found = comparable(pruned(as_rest(getattr(message, same.member) if same.member else message)))
    expected = comparable(pruned(answer.json()))
    assert found == expected
    assert found
    assert took_effect in {None, True}


@pytest.mark.parametrize("same", CHANGES, ids=str)
async def test_both_protocols_change_a_job_alike(
    service: Service, ada: Client, pipeline: Pipeline, data: dict[str, str], same: Same
):
    more = {} if same.body is None else {"json": same.body}
    answer = await ada.http.request(same.verb, filled_in(same.path, data), **more)
    assert answer.is_success, answer.text
    twin = await made_for(service, ada, pipeline)
    message = await ada.rpc(same.method, **filled_in(dict(same.fields), twin))
    assert message.took_effect
    (name,) = re.findall(r"{(\w+)}", same.path)
    found = json.dumps(pruned(as_rest(message.transcription)), sort_keys=True).replace(twin[name], data[name])
    expected = json.dumps(pruned(answer.json()), sort_keys=True)
    found, expected = (re.sub(r'"queue_position": \d+, ', "", each) for each in (found, expected))
    assert re.sub(TIMES, '"', found) == re.sub(TIMES, '"', expected)


@pytest.mark.parametrize(("same", "code"), ERRORS_OF, ids=str)
async def test_both_protocols_fail_alike(ada: Client, data: dict[str, str], same: Same, code: str):
    answer, call = await both(ada, same, data)
    problem, error = answer.json(), await failure(call)
    assert problem["code"] == error.reason == code
    assert error.detail == problem["detail"]
    expected = ERRORS[code].grpc or "FAILED_PRECONDITION"
    assert grpc.StatusCode[error.code] is grpc.StatusCode[expected]
    assert answer.status_code == (ERRORS[code].status or 409)
    members = {key: value for key, value in problem.items() if key not in {"type", "title", "status", "code", "detail"}}
    assert set(error.members) == set(members)
    assert (error.retry_after_s is not None) == ("retry-after" in answer.headers)


async def test_both_protocols_list_the_same_pages(ada: Client, data: dict[str, str]):
    """A cursor of one is a token of the other."""
    first = (await ada.get("/v1/transcriptions?limit=2")).json()
    page = await ada.rpc("List", page_size=2, page_token=first["next_cursor"])
    rest = (await ada.get("/v1/transcriptions", params={"cursor": first["next_cursor"]})).json()
    assert [item.id for item in page.items] == [item["id"] for item in rest["items"]][:2]
    assert len(page.items) == 2
    assert page.next_page_token == ""


def test_every_method_is_compared():
    from rpc_stubs import METHODS

    compared = {same.method for same in (*ANSWERS, *CHANGES)} | {same.method for same, _ in ERRORS_OF}
    assert set(METHODS) - compared == set()
