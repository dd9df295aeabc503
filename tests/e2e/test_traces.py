"""One trace follows a recording through every process, and no trace contains text that users wrote."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from fixtures import media
from fixtures.meeting import sentence
from support.eventually import eventually
from support.front_door import FrontDoor
from voicepipe_local.testing import stacks

from .collector import Collector, Span, collecting

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="module")
def traced(collector: Collector) -> Iterator[FrontDoor]:
    """A separate stack that exports its traces to the collector."""
    with stacks() as start:
        stack = start(env={"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "200"})
        front = FrontDoor(stack.url, stack.api_key)
        yield front
        front.http.close()


def test_one_trace_follows_a_job_from_the_request_to_the_transcript(traced: FrontDoor, collector: Collector, tmp_path):
    trace_id, client_span_id = secrets.token_hex(16), secrets.token_hex(8)
    audio = sentence(["open", "the", "window"], "linda").save(tmp_path / "window.wav")
    answer = traced.http.post(
        "/v1/transcriptions",
        content=audio.read_bytes(),
        params={"name": "private name.wav", "keyterms": "private term"},
        headers={"traceparent": f"00-{trace_id}-{client_span_id}-01"},
    )
    traced.completed(answer.json()["id"])

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
    eventually(lambda: wanted <= names() and not without_parent(), about=lambda: (names(), without_parent()))


def test_one_trace_follows_a_change_from_status_to_the_worker(traced: FrontDoor, collector: Collector, tmp_path):
    job_id = traced.accepted(media.video_without_audio(tmp_path / "film.mp4"))
    traced.end_of(job_id)
    trace_id = secrets.token_hex(16)
    parent = {"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"}
    traced.http.post(f"/v1/transcriptions/{job_id}/retry", headers=parent)

    def names() -> set[tuple[str, str]]:
        return {(span.service, span.name) for span in collector.trace(trace_id)}

    wanted = {("status", "POST /v1/transcriptions/{job_id}/retry"), ("orchestrator-prepare", "prepare command")}
    eventually(lambda: wanted <= names(), about=names)


def test_traces_contain_no_probes_and_no_text_that_users_wrote(collector: Collector):
    assert collector.spans
    assert [span for span in collector.spans if "/readyz" in span.name or "/metrics" in span.name] == []
    assert [span for span in collector.spans if "private" in span.attributes] == []
