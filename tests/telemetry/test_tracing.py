"""Traces: a span for each reconcile and each call of it, for who asks; nothing for who does not."""

from __future__ import annotations

import asyncio
import dataclasses
import http.server
import threading
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
import typer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from controller import contract, errors
from controller.api import objects
from controller.api.resources import Resource
from controller.cli.commands import run
from controller.contract import tasks
from controller.execution.acts import Acts
from controller.kinds.server.kind import SERVER
from controller.kube.reasons import KubeReason
from controller.planning import keys
from controller.telemetry import tracing
from fakes.universe import Universe, application, component, with_kind

HIDDEN = "tell-nobody"
ABOUT = ("default", "shop-web-0")


@pytest.fixture
def kept() -> Iterator[InMemorySpanExporter]:
    """Keep all spans in memory."""
    spans = InMemorySpanExporter()
    traces = tracing.through(SimpleSpanProcessor(spans), ratio=1, resource={})
    yield spans
    traces.close()


def named(kept: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    """Return the spans of that name."""
    return [each for each in kept.get_finished_spans() if each.name == name]


def parents(kept: InMemorySpanExporter, spans: list[ReadableSpan]) -> set[str]:
    """Return the names of what spans are parts of."""
    known = {each.context.span_id: each for each in kept.get_finished_spans() if each.context}
    for each in spans:
        assert each.parent
        above = known[each.parent.span_id]
        # A part begins once the whole has, and belongs to the same trace.
        assert each.context
        assert above.context
        assert each.context.trace_id == above.context.trace_id
    return {known[each.parent.span_id].name for each in spans if each.parent}


@pytest.mark.looptime
async def test_a_reconcile_is_a_span_and_so_is_each_of_its_calls(
    kept: InMemorySpanExporter,
) -> None:
    """Both name their object; a write and a call of a provider are parts of what asked for them."""
    secret = component("web", 2)
    container = secret["template"]["spec"]["containers"][0]
    container["env"] = [{"name": "PASSWORD", "value": HIDDEN}]
    async with Universe() as universe:
        await universe.apply(application("shop", secret))
        await universe.settle()
    reconciles = named(kept, "reconcile servers")
    assert {each.attributes["argosy.name"] for each in reconciles if each.attributes} == {
        "shop-web-0",
        "shop-web-1",
    }
    assert {each.parent for each in reconciles} == {None}
    assert {each.attributes.get("argosy.generation") for each in reconciles if each.attributes} == {
        1
    }
    # The servers are of the set, and their pods of the built-in fleet.
    assert parents(kept, named(kept, "create servers")) == {"reconcile serversets"}
    made = named(kept, "create pods")
    assert sorted(str(each.attributes["argosy.name"]) for each in made if each.attributes) == [
        "shop-web-0",
        "shop-web-1",
    ]
    assert parents(kept, made) == {"reconcile servers"}
    assert all(each.status.status_code is not StatusCode.ERROR for each in made)
    assert HIDDEN not in "".join(each.to_json() for each in kept.get_finished_spans())


@pytest.mark.looptime
async def test_a_planner_that_fails_is_a_span_that_says_so(kept: InMemorySpanExporter) -> None:
    """By the kind of its error alone: a message may quote what anybody wrote."""

    def plan(_: Any) -> Any:
        raise ZeroDivisionError(HIDDEN)

    async with Universe(kinds=with_kind(dataclasses.replace(SERVER, plan=plan))) as universe:
        await universe.apply(application("shop", component("web", 1)))
        await universe.settle(quiet=90)
        assert universe.condition(Resource.SERVERS, "shop-web-0", "Stalled")["status"] == "True"
    failed = named(kept, "reconcile servers")
    assert failed
    assert {each.status.status_code for each in failed} == {StatusCode.ERROR}
    assert {each.status.description for each in failed} == {"ZeroDivisionError"}
    assert HIDDEN not in "".join(each.to_json() for each in kept.get_finished_spans())


def test_a_call_that_fails_says_by_which_reason(kept: InMemorySpanExporter) -> None:
    """A span of a call has the length that the call had, and the reason that metrics count."""
    with tracing.reconcile("servers", *ABOUT, 3) as trace:
        pass
    tracing.called(trace, "create pods", "QuotaExceeded", 2.5, ABOUT)
    (call,) = named(kept, "create pods")
    assert (call.status.status_code, call.status.description) == (StatusCode.ERROR, "QuotaExceeded")
    assert call.attributes
    assert call.attributes["error.type"] == "QuotaExceeded"
    assert call.start_time is not None
    assert call.end_time is not None
    assert (call.end_time - call.start_time) / 1e9 == pytest.approx(2.5)


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("fails", "result"),
    [(None, "ok"), (errors.Stalled("no", reason=KubeReason.DENIED), "Terminal")],
)
async def test_an_act_is_a_span_however_long_it_takes(
    kept: InMemorySpanExporter, fails: errors.ArgosyError | None, result: str
) -> None:
    """It ends with the act, which outlives the reconcile that began it."""
    finished: asyncio.Queue[Any] = asyncio.Queue()
    acts = Acts(finished=finished.put_nowait)
    task = objects.Task(id="photo-1", operation="photo", action=tasks.SNAPSHOT)
    call = contract.Call(verb=contract.Verb.ACT, why="test", task=task, instance="pod-1")

    async def ask() -> contract.Facts:
        await asyncio.sleep(600)
        if fails is not None:
            raise fails
        return {}

    with tracing.reconcile("servers", *ABOUT, 1) as trace:
        acts.start(keys.server(*ABOUT), call, ask, trace=trace)
    assert not named(kept, "act server")
    await finished.get()
    (act,) = named(kept, "act server")
    assert act.attributes
    assert act.attributes["argosy.result"] == result
    assert parents(kept, [act]) == {"reconcile servers"}


@pytest.mark.looptime
async def test_who_asks_for_few_gets_whole_ones() -> None:
    """What is left out is left out with all its parts, and nothing fails for that."""
    spans = InMemorySpanExporter()
    traces = tracing.through(SimpleSpanProcessor(spans), ratio=0, resource={})
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 1)))
        await universe.settle()
        assert universe.is_ready()
    traces.close()
    assert spans.get_finished_spans() == ()


def test_nothing_is_kept_where_nobody_asked() -> None:
    """A visit then gets the one context that does nothing, whatever it is about."""
    nothing = tracing.reconcile("servers", *ABOUT, 1)
    assert nothing is tracing.reconcile("applications", "other", "shop", 2)
    with nothing as trace, tracing.reconcile("servers", *ABOUT, 1):
        assert trace is None
    tracing.called(trace, "create pods", "ok", 1.0, ABOUT)


class _Collector(http.server.BaseHTTPRequestHandler):
    """Takes what is sent to it."""

    got: ClassVar[list[tuple[str, str | None, bytes]]] = []

    def do_POST(self) -> None:
        """Keep a request, and say that it was taken."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append((self.path, self.headers.get("Authorization"), body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def test_a_collector_is_sent_what_is_left_when_the_process_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By OTLP over HTTP, under the path of the protocol, with headers from the environment."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Bearer%20abc")
    monkeypatch.setattr(_Collector, "got", [])
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        traces = tracing.to(address, ratio=1, resource={"service.instance.id": "argosy-0"})
        with tracing.reconcile("servers", *ABOUT, 1):
            pass
        traces.close()
        server.shutdown()
    ((path, token, body),) = _Collector.got
    assert (path, token) == ("/v1/traces", "Bearer abc")
    (sent,) = ExportTraceServiceRequest.FromString(body).resource_spans
    about = {each.key: each.value.string_value for each in sent.resource.attributes}
    assert (about["service.name"], about["service.instance.id"]) == ("argosy", "argosy-0")
    assert [each.name for each in sent.scope_spans[0].spans] == ["reconcile servers"]


def test_a_collector_that_is_away_holds_nobody_up() -> None:
    """What cannot be sent is dropped: the process ends all the same."""
    traces = tracing.to("http://127.0.0.1:1", ratio=1, resource={})
    for _ in range(5000):
        with tracing.reconcile("servers", *ABOUT, 1) as trace:
            pass
        tracing.called(trace, "create pods", "ok", 0.1, ABOUT)
    traces.close()
    with tracing.reconcile("servers", *ABOUT, 1) as trace:
        assert trace is None


@pytest.mark.parametrize(
    ("endpoint", "there", "why"),
    [
        ("collector:4318", True, "begins with http"),
        ("http://collector:4318", False, r"argosy\[traces\]"),
    ],
)
def test_what_could_never_be_sent_is_refused_before_anything_runs(
    endpoint: str, there: bool, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address without a scheme, or a Python without the extra."""
    monkeypatch.setattr(tracing, "installed", lambda: there)
    with pytest.raises(typer.BadParameter, match=why):
        run._traceable(endpoint)
