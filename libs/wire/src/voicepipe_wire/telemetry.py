"""Logs as JSON lines and traces over OTLP. Neither contains audio, transcript text or keys."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import structlog
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import extract
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from structlog.typing import Processor

from . import __version__

OTLP_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"

tracer = trace.get_tracer("voicepipe")


def configure(service: str, log_level: str) -> None:
    """Call once per process, before the first log line. Traces are exported only if an OTLP endpoint is set."""
    level = logging.getLevelNamesMapping()[log_level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace,
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    _log_libraries(shared)
    # Its request logs contain presigned URLs.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # It logs a traceback for each connection of the pool that it cannot make; we log each outage.
    logging.getLogger("asyncpg.pool").setLevel(logging.CRITICAL)
    provider = TracerProvider(resource=Resource.create({"service.name": service, "service.version": __version__}))
    if os.environ.get(OTLP_ENDPOINT):
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


def _log_libraries(shared: list[Processor]) -> None:
    """Warnings of libraries as the same JSON, one line each, tracebacks included."""
    handler = logging.StreamHandler(sys.stderr)
    renderers: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=renderers, foreign_pre_chain=shared[:-1]))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


@contextmanager
def span(name: str, headers: Mapping[str, str] | None = None, **attributes: str | float) -> Iterator[trace.Span]:
    """A span: a child of the one in `headers` if given, else of the current one."""
    context = extract(headers) if headers else None
    with tracer.start_as_current_span(name, context=context, attributes=attributes) as current:
        yield current


def shutdown() -> None:
    """Flush and stop the exporter."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.shutdown()


def _add_trace(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = f"{context.trace_id:032x}"
    return event
