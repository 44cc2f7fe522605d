"""Metrics, in the shape that controller-runtime gave them, under the prefix `argosy_`.

The engine counts here; `health` serves them. Labels are bounded: no object has a series of its own.
Numbers that are known anyway, such as how many servers are in which state, are asked for when
scraped and cost nothing in between.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType

import prometheus_client
from prometheus_client import metrics_core
from prometheus_client.registry import Collector

# A series of its own for when each counter began is of use to nobody here.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no hints

REGISTRY = prometheus_client.CollectorRegistry()
prometheus_client.ProcessCollector(registry=REGISTRY)
prometheus_client.PlatformCollector(registry=REGISTRY)

Labels = tuple[str, ...]
Source = Callable[[], Mapping[Labels, float]]

_FAST = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0)
_LONG = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
_SLOW = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)

# The rows that the reference lists: name, type, labels, meaning.
_declared: list[tuple[str, str, Labels, str]] = []


def _counter(name: str, text: str, labels: Labels) -> prometheus_client.Counter:
    _declared.append((name, "counter", labels, text))
    return prometheus_client.Counter(name, text, labels, registry=REGISTRY)


def _gauge(name: str, text: str) -> prometheus_client.Gauge:
    _declared.append((name, "gauge", (), text))
    return prometheus_client.Gauge(name, text, registry=REGISTRY)


def _histogram(
    name: str, text: str, labels: Labels, buckets: tuple[float, ...]
) -> prometheus_client.Histogram:
    _declared.append((name, "histogram", labels, text))
    return prometheus_client.Histogram(name, text, labels, buckets=buckets, registry=REGISTRY)


_reconciles = _counter(
    "argosy_reconcile_total",
    "Visits to objects, by how they ended.",
    ("controller", "result"),
)
_failures = _counter(
    "argosy_reconcile_errors_total",
    "Visits to objects, and changes of theirs, that ended with an error of Argosy's own.",
    ("controller",),
)
_refused = _counter(
    "argosy_status_refused_total",
    "Statuses that the API server refused, of which a smaller one tells.",
    ("controller",),
)
_durations = _histogram(
    "argosy_reconcile_time_seconds",
    "How long gathering and planning took.",
    ("controller",),
    _FAST,
)
_writes = _counter(
    "argosy_writes_total",
    "Writes to the API server by `resource`, and calls to a fleet's provider, acts among them, by"
    " `fleet`; each by the answer, `other` where that is a word of somebody else's.",
    ("resource", "fleet", "result"),
)
_write_durations = _histogram(
    "argosy_write_time_seconds",
    "How long writes (by `resource`) and provider calls (by `fleet`) took, from their turn to the"
    " answer; without acts, which take as long as what they run.",
    ("resource", "fleet"),
    _SLOW,
)
_events_lost = _counter(
    "argosy_events_lost_total",
    "Events that could not be written, and are not tried again.",
    (),
)
_first_ready = _histogram(
    "argosy_server_first_ready_seconds",
    "How long servers took, from when they were declared until they were ready for the first time.",
    ("fleet",),
    _LONG,
)
_mended = _counter(
    "argosy_drift_mended_total",
    "Fields of servers that others had changed and that were set again as they are declared.",
    ("fleet",),
)
_keys = _gauge(
    "argosy_workqueue_depth",
    "Objects that wait to be looked at.",
)
_waiting = _gauge(
    "argosy_writes_waiting",
    "Writes that are planned and wait for their turn.",
)
_leading = _gauge(
    "argosy_leader",
    "1 while this replica holds the Lease, alone or with others, else 0.",
)


class _Asked(Collector):
    """A gauge whose values are asked for when scraped; none until there is someone to ask."""

    def __init__(self, name: str, text: str, labels: Labels) -> None:
        self._name, self._text, self._labels = name, text, labels
        self._source: Source | None = None
        _declared.append((name, "gauge", labels, text))
        REGISTRY.register(self)

    def ask(self, source: Source) -> None:
        self._source = source

    def describe(self) -> Iterable[metrics_core.Metric]:
        return [metrics_core.GaugeMetricFamily(self._name, self._text, labels=self._labels)]

    def collect(self) -> Iterable[metrics_core.Metric]:
        family = metrics_core.GaugeMetricFamily(self._name, self._text, labels=self._labels)
        if self._source is not None:
            for labels, value in sorted(self._source().items()):
                family.add_metric(labels, value)
        return [family]


_servers = _Asked(
    "argosy_servers", "Servers, by their fleet and the reason of their Ready condition.",
    ("fleet", "ready", "reason"),
)  # fmt: skip
_workers = _Asked(
    "argosy_active_workers", "Calls under way: writes, provider calls and acts.", ("kind",)
)
_width = _Asked(
    "argosy_write_width",
    "Writes to the API server that may be under way at once, as learnt from how far away it is.",
    (),
)
_lag = _Asked(
    "argosy_watch_silence_seconds",
    "How long ago each watch was last heard; bookmarks come about once a minute.",
    ("resource",),
)
_idle = _Asked(
    "argosy_plan_silence_seconds",
    "How long ago the leader last turned to what is to be planned: every ten seconds when at rest.",
    (),
)
_objects = _Asked("argosy_cached_objects", "Objects in the caches.", ("resource",))
_refused_scopes = _Asked(
    "argosy_refused_scopes",
    "Namespaces, or 1 for the whole cluster, that the leader leaves to another install.",
    (),
)
_unbounded = _Asked(
    "argosy_evictions_unbounded",
    "Sets whose evictions do not keep to Argosy's budget, by the reason that they give.",
    ("reason",),
)
_circuits = _Asked(
    "argosy_fleet_circuit_open", "1 while calls to a fleet are held back, else 0.", ("fleet",)
)
_slots = _Asked(
    "argosy_slots_owned",
    "Of the 64 slots of the work those that this replica plans: all of them where it leads alone.",
    (),
)

# Whoever has the numbers gives a function that returns them by label values.
ask_servers = _servers.ask
ask_workers = _workers.ask
ask_width = _width.ask
ask_watch_silence = _lag.ask
ask_plan_silence = _idle.ask
ask_cached_objects = _objects.ask
ask_circuits = _circuits.ask
ask_unbounded_evictions = _unbounded.ask
ask_refused_scopes = _refused_scopes.ask
ask_slots = _slots.ask


class _Timer:
    """Times the visits of one controller; they never overlap, so one is made for all."""

    __slots__ = ("_bad", "_began", "_durations", "_failures", "_good")

    def __init__(self, controller: str) -> None:
        self._began = 0.0
        self._good = _reconciles.labels(controller, "success")
        self._bad = _reconciles.labels(controller, "error")
        self._failures = _failures.labels(controller)
        # A count of what has not happened yet is 0: a series that is not there alerts nobody.
        _refused.labels(controller)
        self._durations = _durations.labels(controller)

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._durations.observe(time.perf_counter() - self._began)
        if kind is None:
            self._good.inc()

    def fail(self) -> None:
        self._bad.inc()
        self._failures.inc()


class _Writes:
    """Counts the writes of one resource, or the calls to one fleet: the other label is empty.

    A fleet may be named like a resource, as the built-in one of pods is.
    """

    __slots__ = ("_durations", "_labels", "_results")

    def __init__(self, resource: str, fleet: str) -> None:
        self._labels = resource, fleet
        self._durations = _write_durations.labels(*self._labels)
        self._results: dict[str, prometheus_client.Counter] = {}

    def add(self, result: str, seconds: float | None) -> None:
        counter = self._results.get(result)
        if counter is None:
            counter = self._results[result] = _writes.labels(*self._labels, result)
        counter.inc()
        if seconds is not None:
            self._durations.observe(seconds)


# Looking a child up by its labels costs more than counting, so each is looked up once.
_timers: dict[str, _Timer] = {}
_counted: dict[tuple[str, str], _Writes] = {}


def reconcile(controller: str) -> _Timer:
    """Return a context that times a visit, and counts a good one; visits must not overlap."""
    timer = _timers.get(controller)
    if timer is None:
        timer = _timers[controller] = _Timer(controller)
    return timer


def failed(controller: str) -> None:
    """Count a visit, or a callback of a watch, that failed."""
    reconcile(controller).fail()


def status_refused(controller: str) -> None:
    """Count a status that the API server refused."""
    _refused.labels(controller).inc()


def wrote(resource: str, result: str, seconds: float) -> None:
    """Count one write to the API server: `result` is `ok` or the reason why not."""
    _count(resource, "", result, seconds)


def called(fleet: str, result: str, seconds: float | None = None) -> None:
    """Count one call to a fleet's provider, as a write is; an act without how long it took."""
    _count("", fleet, result, seconds)


def _count(resource: str, fleet: str, result: str, seconds: float | None) -> None:
    counted = _counted.get((resource, fleet))
    if counted is None:
        counted = _counted[resource, fleet] = _Writes(resource, fleet)
    counted.add(result, seconds)


def event_lost() -> None:
    """Count an Event that could not be written."""
    _events_lost.inc()


def ready_first(fleet: str, seconds: float) -> None:
    """Count a server that is ready for the first time."""
    _first_ready.labels(fleet).observe(seconds)
    # Of a fleet that has servers the next one is counted, too: it is 0 until then.
    _mended.labels(fleet)


def mended(fleet: str, fields: int) -> None:
    """Count what others had changed of a server, and was mended."""
    _mended.labels(fleet).inc(fields)


def queued(keys: int, writes: int) -> None:
    """Tell how many objects wait to be looked at and how many writes for their turn."""
    _keys.set(keys)
    _waiting.set(writes)


def lead(*, leading: bool) -> None:
    """Tell whether this replica holds the Lease."""
    _leading.set(1 if leading else 0)


def render() -> bytes:
    """Return all metrics in Prometheus' text format."""
    return prometheus_client.generate_latest(REGISTRY)


def reference() -> str:
    """Return the reference table of Argosy's own metrics, in Markdown."""
    rows = ["| Metric | Type | Labels | Meaning |", "|---|---|---|---|"]
    for name, kind, labels, text in sorted(_declared):
        named = ", ".join(f"`{each}`" for each in labels)
        rows.append(f"| `{name}` | {kind} | {named} | {text} |")
    return "\n".join(rows) + "\n"
