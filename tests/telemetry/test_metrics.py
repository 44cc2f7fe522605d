"""Metrics and probes: what is counted is served, and what is asked for is asked at the scrape."""

import ast
import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from prometheus_client import parser

import controller
from controller.telemetry import health, metrics


def value(name: str, **labels: str) -> float | None:
    """Return a sample as a scraper would read it; None where there is none."""
    for family in parser.text_string_to_metric_families(metrics.render().decode()):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return float(sample.value)
    return None


def test_visits_are_counted_by_how_they_end() -> None:
    """A visit that raises is timed, no success, and counted as an error once, by who catches it."""
    with metrics.reconcile("counted"):
        pass
    with pytest.raises(ZeroDivisionError), metrics.reconcile("counted"):
        raise ZeroDivisionError
    metrics.failed("counted")
    assert value("argosy_reconcile_total", controller="counted", result="success") == 1
    assert value("argosy_reconcile_total", controller="counted", result="error") == 1
    assert value("argosy_reconcile_errors_total", controller="counted") == 1
    assert value("argosy_reconcile_time_seconds_count", controller="counted") == 2


def test_writes_are_counted_by_their_answer() -> None:
    """Each reason has its own series, and the time is that of all."""
    metrics.wrote("things", "ok", 0.01)
    metrics.wrote("things", "ok", 0.03)
    metrics.wrote("things", "Conflict", 0.02)
    labels = {"resource": "things", "fleet": ""}
    assert value("argosy_writes_total", **labels, result="ok") == 2
    assert value("argosy_writes_total", **labels, result="Conflict") == 1
    assert value("argosy_write_time_seconds_sum", **labels) == pytest.approx(0.06)


def test_a_fleet_named_like_a_resource_has_series_of_its_own() -> None:
    """Calls to its provider are no writes of that resource; an act has no time."""
    metrics.wrote("twins", "ok", 0.01)
    metrics.called("twins", "ok", 0.02)
    metrics.called("twins", "ok")
    written, called = {"resource": "twins", "fleet": ""}, {"resource": "", "fleet": "twins"}
    assert value("argosy_writes_total", **written, result="ok") == 1
    assert value("argosy_writes_total", **called, result="ok") == 2
    assert value("argosy_write_time_seconds_count", **written) == 1
    assert value("argosy_write_time_seconds_count", **called) == 1


def test_depths_and_leadership_are_what_was_told_last() -> None:
    """Gauges go down as well as up."""
    metrics.queued(7, 3)
    metrics.queued(2, 0)
    assert (value("argosy_workqueue_depth"), value("argosy_writes_waiting")) == (2, 0)
    metrics.lead(leading=True)
    assert value("argosy_leader") == 1
    metrics.lead(leading=False)
    assert value("argosy_leader") == 0


def test_what_is_known_anyway_is_asked_for_at_the_scrape() -> None:
    """A source is not asked in between, and series that it leaves out are gone."""
    asked = 0
    seen: dict[tuple[str, ...], float] = {("pods", "True", "Running"): 3.0}

    def source() -> dict[tuple[str, ...], float]:
        nonlocal asked
        asked += 1
        return dict(seen)

    metrics.ask_servers(source)
    assert asked == 0
    labels = {"fleet": "pods", "ready": "True", "reason": "Running"}
    assert value("argosy_servers", **labels) == 3
    seen.clear()
    assert value("argosy_servers", **labels) is None
    assert asked == 2


def test_the_reference_names_all_that_is_served() -> None:
    """No metric of ours is served that the reference does not describe, with its labels."""
    with metrics.reconcile("described"):
        pass
    metrics.wrote("described", "ok", 0.01)
    metrics.called("described", "ok", 0.01)
    table = metrics.reference()
    for family in parser.text_string_to_metric_families(metrics.render().decode()):
        if not family.name.startswith("argosy_"):
            continue
        name = f"{family.name}_total" if family.type == "counter" else family.name
        (row,) = [line for line in table.splitlines() if line.startswith(f"| `{name}` |")]
        for sample in family.samples:
            assert all(f"`{label}`" in row for label in set(sample.labels) - {"le"})


class Probed:
    """A process whose probes are served."""

    def __init__(self) -> None:
        self.healthy, self.ready, self.crash = True, False, False
        self.ports = (0, 0)

    def ailing(self) -> str:
        """Say why it should be ended, or crash in saying so."""
        if self.crash:
            raise RuntimeError("secret detail")
        return "" if self.healthy else "the engine: no progress for 70 s"

    async def get(self, path: str, *, metrics_port: bool = False) -> tuple[int, str]:
        """Return the status and the text at a path."""
        url = f"http://127.0.0.1:{self.ports[1 if metrics_port else 0]}{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response.status, await response.text()


@pytest.fixture
async def probed() -> AsyncIterator[Probed]:
    """Serve the probes of a process on free ports."""
    made = Probed()
    bound = asyncio.Event()

    def listening(probes: int, scrapes: int) -> None:
        made.ports = (probes, scrapes)
        bound.set()

    serving = asyncio.create_task(
        health.serve(
            health_port=-1,
            metrics_port=-2,
            healthy=made.ailing,
            ready=lambda: "" if made.ready else "not yet",
            host="127.0.0.1",
            bound=listening,
        )
    )
    async with asyncio.timeout(180):
        await bound.wait()
    yield made
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


async def test_probes_answer_as_the_process_is(probed: Probed) -> None:
    """A standby lives and is not ready; a check that crashes is a failure without its details."""
    assert (await probed.get("/healthz"))[0] == 200
    assert (await probed.get("/readyz"))[0] == 503
    probed.ready, probed.healthy = True, False
    assert (await probed.get("/readyz"))[0] == 200
    assert await probed.get("/healthz") == (503, "the engine: no progress for 70 s\n")
    probed.crash = True
    status, text = await probed.get("/healthz")
    assert status == 500
    assert "secret" not in text


async def test_metrics_have_a_port_of_their_own(probed: Probed) -> None:
    """They are served there and not beside the probes, which a network may open wider."""
    status, text = await probed.get("/metrics", metrics_port=True)
    assert status == 200
    assert "argosy_leader" in text
    assert (await probed.get("/metrics"))[0] == 404
    assert (await probed.get("/healthz", metrics_port=True))[0] == 404


ROOT = Path(controller.__file__).parent
# What is served, and written into the reference.
SERVED = {"render", "reference"}
MADE = ("_counter", "_gauge", "_histogram", "_Asked")


def fed(tree: ast.AST) -> set[str]:
    """Return the names that code does more with than to make a series of 0 by their labels."""
    idle = {
        id(node.value.func.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Attribute)
        and node.value.func.attr == "labels"
    }
    return {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and id(node) not in idle
    }


def test_a_series_of_zero_feeds_nobody() -> None:
    """What makes a series of 0 counts nothing by that."""
    code = "_a.labels(fleet)\n_b.labels(fleet).inc()\n_c.set(1)\nself._d = _d.labels(fleet)"
    assert {"_a", "_b", "_c", "_d"} & fed(ast.parse(code)) == {"_b", "_c", "_d"}


def test_every_metric_has_a_way_in() -> None:
    """None is declared that no function of the module sets, counts or asks for."""
    tree = ast.parse(Path(metrics.__file__).read_text())
    declared = {
        ast.unparse(node.targets[0])
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and ast.unparse(node.value.func) in MADE
    }
    assert len(declared) == len(metrics._declared)
    assert declared - fed(tree) == set()


def test_every_way_in_is_used_outside() -> None:
    """A gauge whose setter nobody calls would be 0 for ever, and a counter never count."""
    tree = ast.parse(Path(metrics.__file__).read_text())
    ways = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    ways |= {ast.unparse(node.targets[0]) for node in tree.body if isinstance(node, ast.Assign)}
    ways = {each for each in ways if re.fullmatch(r"[a-z]\w*", each)} - SERVED
    used = {
        node.attr
        for path in ROOT.rglob("*.py")
        if path.relative_to(ROOT).parts[0] != "telemetry" and "metrics." in path.read_text()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "metrics"
    }
    assert len(ways) > 15
    assert ways - used == set()
