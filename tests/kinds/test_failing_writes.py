"""Whatever a planner writes, alone or with others, is told in its object's status once it fails.

One row for each way through a planner on which it writes and has nothing else to say. A new kind,
or a new such way, is a row here; `tests/suite/test_told.py` finds those that tell nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from controller import contract, errors
from controller.api import clock, names, objects
from controller.api.resources import Resource
from controller.api.views.meta import Meta
from controller.kinds.build.snapshot import BuildSnapshot
from controller.kinds.fleet.snapshot import FleetSnapshot
from controller.kinds.server.snapshot import ServerSnapshot
from controller.planning import plan
from controller.planning.register import Register
from tests.kinds.build import test_build_parts as builds
from tests.kinds.failing_writes import (
    FAILURES,
    REFUSED,
    decide,
    failures,
    see_as_before,
    see_told,
    warnings,
    with_item,
)
from tests.kinds.rehearsal import Rehearsal, component
from tests.kinds.server import props

GONE = "2023-11-14T22:00:00Z"


def _rehearsal(*, up: bool = True) -> Rehearsal:
    found = Rehearsal()
    found.apply("shop", component("web", "web:v1", 2))
    if up:
        found.run()
    return found


def _going(item: Any) -> Any:
    meta = msgspec.structs.replace(item.metadata, deletion_timestamp=GONE)
    return msgspec.structs.replace(item, metadata=meta)


def new_application() -> Any:
    """Return an application that has no finalizer yet."""
    return _rehearsal(up=False).application_snapshot("shop")


def bare_application() -> Any:
    """Return an application that is to go, and of which nothing is left."""
    found = _rehearsal().application_snapshot("shop")
    return dataclasses.replace(found, application=_going(found.application), sets={})


def stripped_set() -> Any:
    """Return a set whose finalizer somebody took off."""
    found = _rehearsal()
    found.edit(Resource.SERVERSETS, "shop-web", {"metadata": {"finalizers": []}})
    return found.set_snapshot("shop-web")


def bare_set() -> Any:
    """Return a set that is to go, and that has no server left."""
    found = _rehearsal().set_snapshot("shop-web")
    going = _going(found.server_set)
    return dataclasses.replace(
        found, server_set=going, servers=Register(), service=None, disruption_budgets=()
    )


def set_with_servers() -> Any:
    """Return a set that is to go, and whose servers do not."""
    found = _rehearsal().set_snapshot("shop-web")
    return dataclasses.replace(found, server_set=_going(found.server_set))


def set_with_a_claim() -> Any:
    """Return a set that is to go, with a claim that a fleet keeps for it."""
    found = bare_set()
    policy = objects.VolumeClaim(name="data", spec=msgspec.Raw(b"{}"), when_deleted="Delete")
    spec = msgspec.structs.replace(found.server_set.spec, fleet="west", volume_claims=(policy,))
    claim = contract.Claim(
        id="v1", name="data-shop-web-0", server="shop-web-0", component="web", namespace="d"
    )
    return dataclasses.replace(
        found,
        server_set=msgspec.structs.replace(found.server_set, spec=spec),
        application=_going(found.application),
        claims=(claim,),
    )


def _server(**more: Any) -> ServerSnapshot:
    return ServerSnapshot(
        now=props.NOW,
        server=props.make(status=props.running(), **more),
        observation=props.RUNNING,
        fleet=props.PODS,
        application=props.APPLICATION,
        holder="me",
    )


def stripped_server() -> Any:
    """Return a server whose finalizer somebody took off."""
    return _server(meta={"finalizers": ()})


def overdue_hold() -> Any:
    """Return a server that is held for longer than was asked for."""
    until = clock.stamp(props.NOW - 1)
    return _server(held=True, hold=objects.Hold(owner="anna", reason="dump", until=until))


def bare_server() -> Any:
    """Return a server that is to go, and of which nothing is left."""
    found = _server(meta={"deletion_timestamp": GONE})
    return dataclasses.replace(found, observation=contract.ABSENT)


def _fleet(**more: Any) -> FleetSnapshot:
    orphan = objects.Orphan(id="i1", server="d/shop-web-0")
    marks = {names.COLLECT_ANNOTATION: "i2"}
    found = objects.Fleet(
        metadata=Meta(name="cloud", uid="f", generation=1, resource_version="7", annotations=marks),
        status=objects.FleetStatus(orphans=(orphan,)),
    )
    return FleetSnapshot(now=props.NOW, fleet=found, servers=3, known_provider=True, **more)


def fleet_with_its_orphan() -> Any:
    """Return a fleet that lists an orphan which can be reached again."""
    return _fleet(returned=frozenset({"i1"}))


def fleet_without_its_orphan() -> Any:
    """Return a fleet that lists an orphan which is gone."""
    return _fleet(gone=frozenset({"i1"}))


def fleet_without_what_was_asked_for() -> Any:
    """Return a fleet of which an instance is to be collected that is not there."""
    return _fleet(unclaimed={})


def _build(**more: Any) -> BuildSnapshot:
    return BuildSnapshot(
        now=builds.NOW,
        build=builds.build(**more),
        application=builds.application(),
        builder=builds.BUILDER,
    )


def new_build() -> Any:
    """Return a Build that has no finalizer yet."""
    return _build()


def ended_build() -> Any:
    """Return a Build that is over and has its finalizer still."""
    found = _build(ended="False")
    meta = msgspec.structs.replace(found.build.metadata, finalizers=(names.FINALIZER,))
    return dataclasses.replace(found, build=msgspec.structs.replace(found.build, metadata=meta))


WAYS: tuple[Callable[[], Any], ...] = (
    new_application,
    bare_application,
    stripped_set,
    bare_set,
    set_with_servers,
    set_with_a_claim,
    stripped_server,
    overdue_hold,
    bare_server,
    fleet_with_its_orphan,
    fleet_without_its_orphan,
    fleet_without_what_was_asked_for,
    new_build,
    ended_build,
)


@pytest.mark.parametrize("kind", FAILURES, ids=str)
@pytest.mark.parametrize("way", WAYS, ids=lambda each: each.__name__)
def test_a_write_that_fails_is_told(way: Callable[[], Any], kind: errors.FailureKind) -> None:
    """In blockedBy, in the words of whoever answered, with one Event, and not anew at each try."""
    see_told(way(), kind)


@pytest.mark.parametrize(
    ("way", "subject"),
    [
        (set_with_servers, "Server/shop-web-0"),
        (set_with_a_claim, "Claim/data-shop-web-0"),
        (fleet_with_its_orphan, "Instance/i1"),
    ],
    ids=["a server", "a claim", "an instance"],
)
def test_an_event_names_what_does_not_go(way: Callable[[], Any], subject: str) -> None:
    """A Server, a claim and an instance each by their own kind: people look for what is named."""
    snapshot = way()
    found = failures(decide(snapshot), snapshot, REFUSED)
    (event,) = warnings(decide(dataclasses.replace(snapshot, outcomes=found)))
    assert (event.reason, event.message) == ("FailedDelete", f"Failed to delete {subject}: no")


def test_a_build_that_has_ended_says_so_as_before() -> None:
    """A finalizer that cannot be taken off is in blockedBy alone, and no more once it is off."""
    see_as_before(ended_build())


def refused_hold(**more: Any) -> Any:
    """Return a server whose hold is over, and whose release is refused."""
    snapshot = overdue_hold()
    found = failures(decide(snapshot), snapshot, REFUSED)
    return dataclasses.replace(snapshot, outcomes=found, **more)


def test_a_hold_that_cannot_be_ended_keeps_the_server_up() -> None:
    """A pod that goes meanwhile is made again, as that of any server that is held."""
    made = decide(refused_hold(observation=contract.ABSENT))
    assert props.verbs(made) == ["create"]
    assert Resource.SERVERS in {x.resource for x in made.actions if isinstance(x, plan.Patch)}


def test_a_hold_that_cannot_be_ended_changes_nothing_of_a_server_that_is_well() -> None:
    """The server stays Ready, and is not changed in place, nor said to be unable to be."""
    snapshot = refused_hold()
    made = decide(snapshot)
    status: Any = made.status
    assert props.ready(status)[0] == "True"
    assert not props.stalled(status)
    assert props.verbs(made) == []
    assert (
        decide(with_item(snapshot, msgspec.structs.replace(snapshot.item, status=status))).status
        is None
    )


@pytest.mark.parametrize("way", [fleet_without_its_orphan, fleet_without_what_was_asked_for])
def test_a_fleet_whose_record_cannot_be_written_goes_on_telling(way: Callable[[], Any]) -> None:
    """How many servers there are, the circuit and the rest are told beside what is refused."""
    snapshot = way()
    found = failures(decide(snapshot), snapshot, REFUSED)
    status: Any = decide(
        dataclasses.replace(snapshot, outcomes=found, circuit="Open", servers=9)
    ).status
    assert (status.servers, status.circuit) == (9, "Open")
