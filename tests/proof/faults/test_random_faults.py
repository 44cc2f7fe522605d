"""What goes wrong is decided by seed and key alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proof.faults import kinds, random_faults, requests
from proof.faults.kinds import Kind

POD = requests.Request(verb="create", resource="pods", namespace="shop", name="web-0")
PODS = "/api/v1/namespaces/shop/pods"
SERVERS = "/apis/argosy.dev/v1alpha1/servers"


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "label", "writes"),
    [
        ("POST", PODS, {}, b'{"metadata":{"name":"web-0"}}', "create pods/shop/web-0", True),
        ("POST", PODS, {}, b"no JSON", "create pods/shop", True),
        ("GET", PODS, {}, b"", "list pods/shop", False),
        ("GET", PODS, {"watch": "1"}, b"", "watch pods/shop", False),
        ("GET", f"{PODS}/web-0", {}, b"", "get pods/shop/web-0", False),
        ("PATCH", f"{PODS}/web-0/status", {}, b"{}", "patch pods/shop/web-0/status", True),
        ("DELETE", f"{PODS}/web-0", {}, b"", "delete pods/shop/web-0", True),
        ("GET", SERVERS, {"watch": "true"}, b"", "watch servers", False),
        ("GET", "/api/v1/namespaces/shop", {}, b"", "get namespaces/shop", False),
        ("GET", "/api/v1/namespaces", {}, b"", "list namespaces", False),
        ("GET", "/version", {}, b"", "get /version", False),
        (
            "PUT",
            "/apis/coordination.k8s.io/v1/namespaces/argosy/leases/argosy-leader",
            {},
            b"{}",
            "update leases/argosy/argosy-leader",
            False,
        ),
    ],
)
def test_requests_are_told_by_their_paths(  # noqa: PLR0917 - a table with six columns
    method: str, path: str, query: dict[str, str], body: bytes, label: str, writes: bool
) -> None:
    """A request is named as in the audit log; Leases are no writes that matter."""
    found = requests.parse(method, path, query, body)
    assert (found.label, found.writes) == (label, writes)


def test_keys_number_what_is_alike() -> None:
    """The second request for the same thing has another key."""
    sequence = requests.Sequence()
    keys = [sequence.key(POD), sequence.key(POD)]
    assert keys == ["create pods/web-0#0", "create pods/web-0#1"]


@given(st.integers(), st.text())
def test_one_seed_one_fate(seed: int, key: str) -> None:
    """The same seed and key give the same fault in every run."""
    faults = random_faults.Faults(seed=seed, rates=random_faults.STORM)
    assert random_faults.decide(faults, key, POD) == random_faults.decide(faults, key, POD)


@given(st.integers(), st.text(), st.sampled_from(["watch", "list", "get", "create", "patch"]))
def test_only_what_can_happen_happens(seed: int, key: str, verb: str) -> None:
    """A watch is never refused, a create never stale: faults fit their requests."""
    request = requests.Request(verb=verb, resource="pods")
    faults = random_faults.Faults(seed=seed, rates=dict.fromkeys(Kind, 0.1))
    fault = random_faults.decide(faults, key, request)
    assert fault.kind in (*request.possible, Kind.NONE)
    assert 0 <= fault.seconds <= max(faults.delay_seconds, faults.freeze_seconds)


@pytest.mark.parametrize(("kind", "rate"), [(Kind.LOST, 0.3), (Kind.ERROR, 0.02), (Kind.BUSY, 1)])
def test_rates_are_kept(kind: Kind, rate: float) -> None:
    """Over many requests a fault befalls the share that was asked for."""
    faults = random_faults.Faults(seed=7, rates={kind: rate})
    hit = sum(random_faults.decide(faults, str(n), POD).kind is kind for n in range(5000))
    assert hit / 5000 == pytest.approx(rate, abs=0.03)


def test_spared_resources_are_fine() -> None:
    """Whoever is spared suffers nothing."""
    faults = random_faults.Faults(rates={Kind.ERROR: 1.0}, spared=frozenset({"pods"}))
    assert faults.fault("x", POD) is kinds.FINE


def test_a_log_replays(tmp_path: Path) -> None:
    """Decisions read back from a log are the same; what was fine stays fine."""
    log = tmp_path / "faults.jsonl"
    entries = [
        {"time": 1.0, "key": "create pods/web-0#0", "kind": "lag", "seconds": 2.5, "after": 3},
        {"time": 2.0, "crash": "after commit", "number": 4, "request": "x"},
    ]
    log.write_text("".join(json.dumps(each) + "\n" for each in entries))
    replay = random_faults.Replay.read(log)
    expected = kinds.Fault(kind=Kind.LAG, seconds=2.5, after=3)
    assert replay.fault("create pods/web-0#0", POD) == expected
    assert replay.fault("create pods/web-0#1", POD) is kinds.FINE
