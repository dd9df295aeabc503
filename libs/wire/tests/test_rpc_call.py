"""What every gRPC method has in common: keys, errors, cancellation, metrics and spans, on a real server."""

import asyncio

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY
from rpc_service import ECHO, KEY, NAME, USER_ID, descriptor, failure, serving
from structlog.testing import capture_logs
from support.eventually import eventually_async
from voicepipe_wire import telemetry
from voicepipe_wire.error_catalogue import ERRORS
from voicepipe_wire.errors import Dependency, Problem, Unavailable
from voicepipe_wire.rpc.call import Service

Code = grpc.StatusCode
METHODS = ("Say", "Repeat")


def unpacked(status, kind):
    """The one detail of this kind."""
    (found,) = (each for each in status.details if each.Is(kind.DESCRIPTOR))
    message = kind()
    found.Unpack(message)
    return message


async def test_methods_answer():
    async def requests():
        yield "a"
        yield "end"

    async with serving() as served:
        assert (await served.call("Say", "hello")).value == "hello"
        assert [each.value async for each in served.call("Repeat", "hello")] == ["hello"] * 3
        assert (await served.call("Join", requests())).value == "a end"


@pytest.mark.parametrize("metadata", [(("authorization", f"bearer {KEY}"),), (("x-api-key", KEY),)])
async def test_either_header_may_carry_the_key(metadata):
    async with serving() as served:
        assert (await served.call("Say", "", metadata=metadata)).value == str(USER_ID)


@pytest.mark.parametrize("method", ["Say", "Repeat", "Join"])
@pytest.mark.parametrize(
    ("metadata", "code"),
    [((), "key_missing"), ((("authorization", "Bearer vp_wrong"),), "key_unknown"), ((("x-api-key", "vp_w"),), "key_unknown")],
)  # fmt: skip
async def test_a_call_without_a_known_key_is_unauthenticated(method, metadata, code):
    async def nothing():
        yield ""

    async with serving() as served:
        request = nothing() if method == "Join" else ""
        status, text, details = await failure(served.call(method, request, metadata=metadata))
    assert (status, text) == (Code.UNAUTHENTICATED, ERRORS[code].detail())
    assert unpacked(details, ErrorInfo).reason == code.upper()


async def test_an_open_method_needs_no_key():
    async with serving() as served:
        assert (await served.call("SayOpenly", "hi", metadata=())).value == "hi"


@pytest.mark.parametrize("wish", ["Say", "Repeat"])
async def test_a_problem_is_a_status_with_details(wish):
    async with serving() as served:
        served.echo.error = Problem.of("not_ready", retry_after_s=5, members={"state": "queued", "tries": [1, 2]})
        code, text, details = await failure(served.call(wish, "fail" if wish == "Say" else "then fail"))
    assert (code, text) == (Code.FAILED_PRECONDITION, served.echo.error.detail)
    assert (details.code, details.message) == (code.value[0], text)
    info = unpacked(details, ErrorInfo)
    assert (info.domain, info.reason) == ("voicepipe", "NOT_READY")
    assert dict(info.metadata) == {"state": "queued", "tries": "[1, 2]"}
    assert unpacked(details, RetryInfo).retry_delay.seconds == 5


async def test_what_came_before_an_error_of_a_stream_arrives():
    async with serving() as served:
        served.echo.error = Problem.of("audio_gone")
        call = served.call("Repeat", "then fail")
        assert [(await call.read()).value for _ in range(3)] == ["then fail"] * 3
        assert (await failure(call))[0].name == ERRORS["audio_gone"].grpc


@pytest.mark.parametrize("wish", ["Say", "Repeat"])
async def test_a_bug_is_logged_and_its_client_learns_nothing_of_it(wish):
    with capture_logs() as logs:
        async with serving() as served:
            served.echo.error = ValueError("secret")
            code, text, details = await failure(served.call(wish, "fail" if wish == "Say" else "then fail"))
    assert (code, text) == (Code.INTERNAL, ERRORS["internal_error"].detail())
    assert b"secret" not in details.SerializeToString()
    (logged,) = (each for each in logs if each["event"] == "bug in a request handler")
    assert (logged["route"], logged["exc_info"]) == (f"{NAME}/{wish}", served.echo.error)


@pytest.mark.parametrize(
    "error", [Unavailable(Dependency.OBJECT_STORE, "busy"), ConnectionRefusedError(), TimeoutError()]
)
async def test_an_unavailable_dependency_is_unavailable_with_a_time_to_retry(error):
    async with serving() as served:
        served.echo.error = error
        code, _, details = await failure(served.call("Say", "fail"))
    assert code is Code.UNAVAILABLE
    assert unpacked(details, ErrorInfo).reason == "UNAVAILABLE"
    assert unpacked(details, RetryInfo).retry_delay.seconds > 0


async def test_a_service_may_say_which_problem_an_error_of_its_own_is():
    async with serving(translate=lambda error: Problem.of("superseded") if type(error) is KeyError else None) as served:
        served.echo.error = KeyError("own")
        assert (await failure(served.call("Say", "fail")))[0].name == ERRORS["superseded"].grpc
        served.echo.error = LookupError("another")
        assert (await failure(served.call("Say", "fail")))[0] is Code.INTERNAL


@pytest.mark.parametrize("method", ["Say", "Repeat", "Join"])
async def test_bytes_that_are_no_message_are_a_bad_request(method):
    async def broken():
        yield b"\xff\xff"

    async with serving() as served:
        code, _, details = await failure(served.call(method, broken() if method == "Join" else b"\xff\xff"))
    assert code is Code.INVALID_ARGUMENT
    assert unpacked(details, ErrorInfo).reason == "BAD_REQUEST"


async def test_an_unknown_method_is_unimplemented():
    async with serving() as served:
        for name in (f"/{NAME}/Sing", "/voicepipe.tests.Choir/Say"):
            assert (await failure(served.channel.unary_unary(name)(b"")))[0] is Code.UNIMPLEMENTED


async def test_a_message_of_more_than_4_mib_is_too_large():
    async with serving() as served:
        assert len((await served.call("Say", "x" * 3_900_000)).value) == 3_900_000
        assert (await failure(served.call("Say", "x" * (4 * 1024 * 1024))))[0] is Code.RESOURCE_EXHAUSTED


async def begun(served, method, **more):
    """A call that waits for its client, or for ever."""

    async def endless():
        yield "a"
        await asyncio.Event().wait()

    wishes = {"Say": "wait", "Repeat": "then wait", "Join": endless()}
    call = served.call(method, wishes[method], **more)
    await eventually_async(lambda: served.echo.events[:1] == ["begun"] and not call.done())
    return call


@pytest.mark.parametrize("method", ["Say", "Repeat", "Join"])
async def test_a_client_that_cancels_cancels_what_its_method_awaits(method):
    async with serving() as served:
        call = await begun(served, method)
        call.cancel()
        await eventually_async(
            lambda: served.echo.events[-1] == "ended by CancelledError", 5, lambda: served.echo.events
        )
        assert not served.running.done()


@pytest.mark.parametrize("method", ["Say", "Repeat", "Join"])
async def test_a_deadline_that_passes_cancels_what_its_method_awaits(method):
    async with serving() as served:
        call = await begun(served, method, timeout=1)
        assert (await failure(call))[0] is Code.DEADLINE_EXCEEDED
        await eventually_async(
            lambda: served.echo.events[-1] == "ended by CancelledError", 5, lambda: served.echo.events
        )


async def test_a_stream_that_is_cancelled_while_it_writes_is_closed_in_its_own_task():
    """Not by the garbage collector, in another task: what a method holds is free as soon as its client is gone."""
    with capture_logs() as logs:
        async with serving() as served:
            call = served.call("Repeat", "pour")
            await call.read()
            call.cancel()
            await eventually_async(lambda: len(served.echo.events) == 2, 5, lambda: served.echo.events)
            assert served.echo.events[1] in {"ended by GeneratorExit", "ended by CancelledError"}
            assert len(served.echo.tasks) == 1
    assert [each for each in logs if each["log_level"] == "error"] == []


@pytest.mark.parametrize("reads", [0, 1, 3])
async def test_an_interrupted_stream_ends_with_its_problem_although_its_client_does_not_read(reads):
    async with serving() as served:
        call = served.call("Repeat", "pour")
        for _ in range(reads):
            await call.read()
        await eventually_async(lambda: served.echo.calls)
        served.echo.calls[0].interrupt(Problem.of("unavailable", retry_after_s=1))
        await eventually_async(lambda: len(served.echo.events) == 2, 5, lambda: served.echo.events)
        code, _, details = await failure(call)
    assert code is Code.UNAVAILABLE
    assert unpacked(details, RetryInfo).retry_delay.seconds == 1


def measured(method, code):
    labels = {"method": f"{NAME}/{method}", "code": code}
    return REGISTRY.get_sample_value("voicepipe_grpc_request_duration_seconds_count", labels) or 0


@pytest.mark.parametrize("method", METHODS)
async def test_every_call_is_measured_by_method_and_code(method):
    before = {code: measured(method, code) for code in ("OK", "NOT_FOUND", "CANCELLED")}
    async with serving() as served:
        await served.call("Say", "x") if method == "Say" else [each async for each in served.call("Repeat", "x")]
        served.echo.error = Problem.of("not_found", what="transcription")
        await failure(served.call(method, "fail" if method == "Say" else "then fail"))
        served.echo.events.clear()
        call = await begun(served, method)
        call.cancel()
        await eventually_async(lambda: len(served.echo.events) == 2)
    assert {code: measured(method, code) - count for code, count in before.items()} == dict.fromkeys(before, 1)


@pytest.fixture
def spans(monkeypatch):
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "tracer", provider.get_tracer("tests"))
    return exporter


@pytest.mark.parametrize("method", METHODS)
async def test_a_span_continues_the_trace_of_its_client(spans, method):
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with serving() as served:
        more = {"metadata": (("x-api-key", KEY), ("traceparent", traceparent))}
        call = served.call(method, "x", **more)
        await call if method == "Say" else [each async for each in call]
        (span,) = await eventually_async(spans.get_finished_spans)
    assert span.name == f"{NAME}/{method}"
    assert trace.format_trace_id(span.context.trace_id) == "0af7651916cd43dd8448eb211c80319c"
    assert trace.format_span_id(span.parent.span_id) == "b7ad6b7169203331"
    assert span.attributes["rpc.grpc.status_code"] == "OK"


def test_a_method_that_streams_in_both_directions_is_refused_at_startup():
    class Chat:
        def talk(self, *_):
            raise AssertionError

    with pytest.raises(NotImplementedError, match=r"voicepipe\.tests\.Chat\.Talk"):
        Service(descriptor("Chat", Talk=(True, True)), Chat(), None)


def test_a_method_without_an_implementation_is_refused_at_startup():
    with pytest.raises(AttributeError, match="say"):
        Service(ECHO, object(), None)
