"""Traces, for who asks for them: a span for each reconcile, and one for each of its calls.

`operator` opens them where it is told a collector; else nothing here does anything, and
OpenTelemetry, which an extra installs, is not even imported. A span says which object, which call
and how it ended, by its reason: no template, message or name of a secret. A collector that is slow
or away costs spans, never a reconcile: a thread of its own sends them, from a bounded queue.
"""

from __future__ import annotations

import contextlib
import importlib
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.trace import Span, Tracer

    # The trace that calls are parts of: the span of the visit that asked for them, if it is kept.
    Trace = Span | None

# How long one batch may take, and the last one when the process ends, in seconds.
SEND_SECONDS, LAST_SECONDS = 5, 3
PATH = "/v1/traces"
NAME = "argosy"
# The outcome of a call that did all that was asked.
OK = "ok"

_NOTHING: contextlib.AbstractContextManager[Trace] = contextlib.nullcontext()
_tracer: Tracer | None = None


class Traces:
    """The spans that this process sends; closing sends the rest."""

    def __init__(self, provider: TracerProvider) -> None:
        global _tracer  # noqa: PLW0603 - as metrics are, one for the process
        self._provider = provider
        _tracer = provider.get_tracer(NAME)

    def close(self) -> None:
        """Send what is left, within a few seconds, and stop."""
        global _tracer  # noqa: PLW0603 - as above
        _tracer = None
        self._provider.force_flush(LAST_SECONDS * 1000)
        self._provider.shutdown()


def installed() -> bool:
    """Return whether the extra is here that `to` needs; only who asks for traces pays for that."""
    try:
        importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    except ImportError:
        return False
    return True


def to(endpoint: str, *, ratio: float, resource: Mapping[str, str]) -> Traces:
    """Send traces to the collector at this address, by OTLP over HTTP: so many of all, 0 to 1.

    Raises ImportError where the extra is not `installed`. Headers and certificates are taken
    from the environment, as OpenTelemetry says (OTEL_EXPORTER_OTLP_HEADERS and others).
    """
    from opentelemetry.exporter.otlp.proto.http import trace_exporter  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    exporter = trace_exporter.OTLPSpanExporter(endpoint.rstrip("/") + PATH, timeout=SEND_SECONDS)
    return through(BatchSpanProcessor(exporter), ratio=ratio, resource=resource)


def through(processor: SpanProcessor, *, ratio: float, resource: Mapping[str, str]) -> Traces:
    """Give spans to a processor; `to` has one that sends them, and tests one that keeps them."""
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider, sampling  # noqa: PLC0415

    provider = TracerProvider(
        sampler=sampling.ParentBased(sampling.TraceIdRatioBased(ratio)),
        resource=Resource.create({"service.name": NAME, **resource}),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(processor)
    return Traces(provider)


def reconcile(
    kind: str, namespace: str, name: str, generation: int
) -> contextlib.AbstractContextManager[Trace]:
    """Return a context that is a reconcile, and gives what its calls are parts of."""
    if _tracer is None:
        return _NOTHING
    return _reconciling(_tracer, kind, _about(namespace, name, generation=generation))


@contextlib.contextmanager
def _reconciling(tracer: Tracer, kind: str, about: Mapping[str, str | int]) -> Iterator[Trace]:
    span = tracer.start_span(f"reconcile {kind}", attributes=about)
    try:
        yield span
    except Exception as error:
        _fail(span, type(error).__name__)
        raise
    finally:
        span.end()


def called(trace: Trace, call: str, result: str, seconds: float, about: tuple[str, str]) -> None:
    """Tell of a call that ended just now, as `create pods`, and of how it went."""
    if _tracer is None or trace is None:
        return
    from opentelemetry import trace as api  # noqa: PLC0415

    ended = time.time_ns()
    span = _tracer.start_span(
        call,
        context=api.set_span_in_context(trace),
        kind=api.SpanKind.CLIENT,
        attributes={**_about(*about), "argosy.result": result},
        start_time=ended - int(seconds * 1e9),
    )
    if result != OK:
        _fail(span, result)
    span.end(ended)


def _fail(span: Span, reason: str) -> None:
    from opentelemetry.trace import StatusCode  # noqa: PLC0415

    span.set_attribute("error.type", reason)
    span.set_status(StatusCode.ERROR, reason)


def _about(namespace: str, name: str, **more: int) -> dict[str, str | int]:
    named = {f"argosy.{key}": value for key, value in more.items()}
    return {"k8s.namespace.name": namespace, "argosy.name": name, **named}
