"""A line without a Whisper model: real speech through PocketSphinx; and, since it is a line like any other, its traces."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures.meeting import sentence
from voicepipe_local.testing import stacks
from voicepipe_local.trial import TrialStack

from .collector import Collector, Span, collecting
from .front_door import FrontDoor, until, words

JFK = Path(__file__).parents[3] / "shared" / "audio" / "jfk.flac"
SAID = "and so my fellow americans ask not what your country can do for you ask what you can do for your country"

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="module")
def draft_stack(collector: Collector) -> Iterator[TrialStack]:
    traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
    with stacks() as start:
        yield start(env={"VOICEPIPE_WHISPER_MODEL": ""} | traced)


@pytest.fixture(scope="module")
def draft(draft_stack: TrialStack) -> Iterator[FrontDoor]:
    front = FrontDoor(draft_stack.url, draft_stack.api_key)
    yield front
    front.http.close()


@pytest.mark.skipif(not JFK.exists(), reason="there is no recording of real speech beside the project")
def test_real_speech_becomes_a_draft_that_says_what_it_is(draft: FrontDoor):
    job_id = draft.accepted(JFK)
    document = draft.completed(job_id, 250)
    assert (document["model"]["engine"], document["model"]["tier"]) == ("pocketsphinx", "draft")
    assert [warning["code"] for warning in document["warnings"]] == ["draft_quality"]
    assert draft.get(job_id)["warnings"] == document["warnings"]
    print(f"\nsphinx heard: {document['text']}")
    assert len(set(words(document)) & set(SAID.split())) >= 8
    assert "my fellow" in document["text"]
    assert document["duration_s"] == pytest.approx(11, abs=0.1)


def test_only_the_draft_model_is_offered_and_whisper_is_no_option(draft: FrontDoor):
    (model,) = draft.http.get("/v1/capabilities").json()["models"]
    assert (model["name"], model["tier"]) == ("sphinx", "draft")
    refused = draft.send(b"RIFF", model="accurate")
    assert (refused.status_code, refused.json()["code"]) == (422, "model_not_served")


def test_one_trace_follows_a_job_from_the_request_to_the_transcript(draft: FrontDoor, collector: Collector, tmp_path):
    trace_id, client_span_id = secrets.token_hex(16), secrets.token_hex(8)
    audio = sentence(["open", "the", "window"], "linda").save(tmp_path / "window.wav")
    answer = draft.http.post(
        "/v1/transcriptions",
        content=audio.read_bytes(),
        params={"name": "private name.wav", "keyterms": "private term"},
        headers={"traceparent": f"00-{trace_id}-{client_span_id}-01"},
    )
    draft.completed(answer.json()["id"])

    def names() -> set[tuple[str, str]]:
        return {(span.service, span.name) for span in collector.trace(trace_id)}

    def without_parent() -> list[Span]:
        trace = collector.trace(trace_id)
        known = {span.span_id for span in trace} | {client_span_id}
        return [span for span in trace if span.parent_id not in known]

    wanted = {
        ("upload", "POST /v1/transcriptions"),
        ("upload", "store part"),
        ("orchestrator-prepare", "prepare command"),
        ("orchestrator-transcribe", "transcribe command"),
        ("orchestrator-transcribe", "triton infer"),
        ("orchestrator-assemble", "assemble command"),
    }
    until(lambda: wanted <= names() and not without_parent(), about=lambda: (names(), without_parent()))


def test_what_a_user_orders_is_followed_from_status_to_the_keeper(draft: FrontDoor, collector: Collector, tmp_path):
    job_id = draft.accepted(sentence(["close", "the", "window"], "linda").save(tmp_path / "close.wav"))
    draft.completed(job_id)
    trace_id = secrets.token_hex(16)
    traced = {"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"}
    draft.http.delete(f"/v1/transcriptions/{job_id}", headers=traced)

    def names() -> set[tuple[str, str]]:
        return {(span.service, span.name) for span in collector.trace(trace_id)}

    wanted = {("status", "DELETE /v1/transcriptions/{job_id}"), ("orchestrator-keeper", "control command")}
    until(lambda: wanted <= names(), about=names)


def test_traces_hold_no_probes_and_nothing_that_users_wrote(collector: Collector):
    assert collector.spans
    assert [span for span in collector.spans if "/readyz" in span.name or "/metrics" in span.name] == []
    assert [span for span in collector.spans if "private" in span.attributes] == []
