"""Traces in the chart: none unless a collector is named, and its headers come from a Secret."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]
COLLECTOR = "http://otel-collector.observability:4318"


def container(manifests: list[Manifest]) -> Manifest:
    """Return the operator's container."""
    (found,) = (each for each in manifests if each["kind"] == "Deployment")
    (one,) = found["spec"]["template"]["spec"]["containers"]
    made: Manifest = one
    return made


def told(one: Manifest) -> list[str]:
    """Return what the operator is told of traces."""
    return [word for word in one["args"] if word.startswith("--traces")]


def test_no_traces_are_made_unless_a_collector_is_named(render: Render) -> None:
    """Whoever asks for nothing pays nothing, and tells nobody."""
    one = container(render("traces.headersSecret.name=collector"))
    assert told(one) == []
    assert "OTEL_EXPORTER_OTLP_HEADERS" not in [each["name"] for each in one["env"]]


@pytest.mark.parametrize("ratio", ["1", "0.25", "0"])
def test_the_collector_and_how_much_it_is_sent(render: Render, ratio: str) -> None:
    """Address and ratio are flags of the operator."""
    one = container(render(f"traces.endpoint={COLLECTOR}", f"traces.ratio={ratio}"))
    assert told(one) == [f"--traces-endpoint={COLLECTOR}", f"--traces-ratio={ratio}"]


def test_headers_come_from_a_secret(render: Render) -> None:
    """A token of the collector stands in no manifest."""
    one = container(render(f"traces.endpoint={COLLECTOR}", "traces.headersSecret.name=collector"))
    (header,) = (each for each in one["env"] if each["name"] == "OTEL_EXPORTER_OTLP_HEADERS")
    assert header["valueFrom"] == {"secretKeyRef": {"name": "collector", "key": "headers"}}
