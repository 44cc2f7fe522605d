"""Servers refer to their revision and their set: what is filled in, and what becomes of gaps."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import pytest

from controller import contract
from controller.api import names, objects
from controller.api.views.meta import Meta
from controller.contract import Capability, Observation, Phase
from controller.kinds.revisions import references
from controller.planning import availability, plan
from tests.kinds.server import props
from tests.kinds.server.props import RUNNING, decide, make, ready, stalled, told, verbs

OLD = msgspec.Raw(b'{"spec":{"image":"old"}}')
NEW = msgspec.Raw(b'{"spec":{"image":"new"}}')
COPY = msgspec.Raw(b'{"spec":{"image":"copy"}}')
ZONE = objects.Alternative(name="a", patch=msgspec.Raw(b'{"spec":{"zone":"a"}}'))
STORED = objects.ControllerRevision(
    metadata=Meta(name="shop-web-r1", namespace="d", uid="rev"),
    data=msgspec.Raw(
        b'{"template":{"spec":{"image":"old"}},"volumeClaims":[{"name":"data","spec":{}}],'
        b'"alternatives":[{"name":"a","patch":{"spec":{"zone":"a"}}}]}'
    ),
)


def server_set(revision: str) -> objects.ServerSet:
    """Return a set at `revision`, with policies of its own."""
    return objects.ServerSet(
        metadata=Meta(name="shop-web", namespace="d", uid="set"),
        spec=objects.ServerSetSpec(
            application="shop",
            component="web",
            revision=revision,
            template=NEW,
            volume_claims=(
                objects.VolumeClaim(name="data", spec=msgspec.Raw(b"{}"), when_scaled="Delete"),
            ),
            recovery=objects.Recovery(attempts=7),
            deletion=objects.Deletion(drain_seconds=9),
            rollout=objects.Rollout(min_ready_seconds=3),
        ),
    )


def bare(**spec: Any) -> objects.Server:
    """Return a server as Argosy writes it: with references alone."""
    return make(template=objects.NULL, **spec)


def test_a_server_is_what_its_revision_and_its_set_say() -> None:
    """Template and claims are the revision's, all policies of today the set's: alternatives too."""
    spec = references.complete(bare(), server_set("r2"), STORED).spec
    assert (spec.template, spec.recovery.alternatives) == (OLD, ())
    assert [(each.name, each.when_scaled) for each in spec.volume_claims] == [("data", "Delete")]
    assert (spec.recovery.attempts, spec.deletion.drain_seconds) == (7, 9)
    assert spec.min_ready_seconds == 3


def test_the_set_stands_in_for_a_record_of_its_own_revision() -> None:
    """While the record is made again, nothing is missing."""
    found = references.complete(bare(revision="r2"), server_set("r2"), None)
    assert found.spec.template == NEW
    assert references.is_complete(found)


def test_a_copy_counts_only_where_nothing_else_is_known() -> None:
    """Servers of 0.1 carry one: it serves where the record is gone, and outranks nothing."""
    copied = make(template=COPY, recovery=objects.Recovery(attempts=2))
    assert references.complete(copied, server_set("r2"), STORED).spec.template == OLD
    lonely = references.complete(copied, server_set("r2"), None)
    assert (lonely.spec.template, lonely.spec.recovery.attempts) == (COPY, 7)
    orphan = references.complete(copied, None, None)
    assert (orphan.spec.template, orphan.spec.recovery.attempts) == (COPY, 2)
    assert references.complete(bare(), None, STORED).spec.template == OLD


def test_servers_of_one_revision_share_what_they_refer_to() -> None:
    """Ten thousand servers hold one template in memory; another set's are told apart."""
    above = server_set("r2")
    first, second = (references.complete(bare(ordinal=n), above, STORED).spec for n in (0, 1))
    assert first.template is second.template
    assert first.volume_claims is second.volume_claims
    other = msgspec.structs.replace(
        above, spec=msgspec.structs.replace(above.spec, recovery=objects.Recovery(attempts=1))
    )
    assert references.complete(bare(), other, STORED).spec.recovery.attempts == 1


@pytest.mark.parametrize("data", [None, b'"no object"', b'{"template":7,"volumeClaims":7}'])
def test_what_has_no_record_is_incomplete(data: bytes | None) -> None:
    """Neither record, set nor copy says what the server is made from; a garbled one is none."""
    stored = msgspec.structs.replace(STORED, data=msgspec.Raw(data)) if data else None
    assert not references.is_complete(references.complete(bare(), server_set("r2"), stored))
    assert not references.is_complete(references.complete(bare(), None, stored))


# ---- without a record

ABSENT = contract.ABSENT
OTHER = dataclasses.replace(RUNNING, incarnation=1, revision="r0")
FAILED = dataclasses.replace(RUNNING, phase=Phase.FAILED, ready=False, error_class="Transient")
STOPPED = dataclasses.replace(RUNNING, phase=Phase.STOPPED, ready=False)
# Its instances go down and come up where they are, as those of a cloud do.
CLOUD = contract.FleetFacts(
    name="west",
    capabilities=frozenset({Capability.CHANGE_IN_PLACE, Capability.RESTART, Capability.STOP}),
)


def test_what_runs_without_a_record_runs_on_and_says_so() -> None:
    """It is Ready, as it does its work, and Stalled, as nobody could make it again."""
    made = decide(bare(), RUNNING, recorded=False)
    assert verbs(made) == []
    assert ready(told(made)) == ("True", "RevisionMissing")
    assert stalled(told(made))
    (blocked,) = told(made).blocked_by
    assert blocked.object == "ControllerRevision/shop-web-r1"
    assert blocked.remedy == "kubectl edit argapp shop -n d"
    after = bare(status=told(made))
    assert availability.seconds_until_available(after, props.NOW, 0) == 0
    assert not availability.failed_for_good(after)
    assert decide(after, RUNNING, recorded=False).status is None


@pytest.mark.parametrize(
    ("seen", "spec"),
    [
        (ABSENT, {}),
        (RUNNING, {"incarnation": 2}),
        (OTHER, {}),
        (FAILED, {}),
    ],
    ids=["absent", "another incarnation", "another revision", "failed"],
)
def test_nothing_is_made_or_torn_down_for_want_of_a_record(
    seen: Observation, spec: dict[str, object]
) -> None:
    """Whatever would come next, the server waits, and says what it waits for."""
    server = bare(**spec)
    counted = told(decide(server, seen, recorded=False))
    made = decide(bare(status=counted, **spec), seen, recorded=False)
    assert verbs(made) == []
    assert ready(counted) == ("False", "RevisionMissing")
    assert stalled(counted)
    assert counted.blocked_by[0].reason == "RevisionMissing"


def test_what_is_not_there_can_be_let_go() -> None:
    """The remedy takes down nothing: the Server comes back at a revision that is on record."""
    (blocked,) = told(decide(bare(), ABSENT, recorded=False)).blocked_by
    assert blocked.remedy == "kubectl delete argsrv shop-web-0 -n d"
    assert "cannot be made" in blocked.message


def test_a_record_that_returns_ends_the_wait() -> None:
    """With it the server is made, as if it had never been gone."""
    waits = bare(status=told(decide(bare(), ABSENT, recorded=False)))
    assert verbs(decide(waits, ABSENT)) == ["create"]
    runs = bare(status=told(decide(bare(), RUNNING, recorded=False)))
    assert ready(told(decide(runs, RUNNING))) == ("True", "Running")


def asked(made: plan.Plan) -> list[tuple[str, str, bytes]]:
    """Return what the provider is asked, why, and from which template."""
    calls = (each for each in made.actions if isinstance(each, contract.Call))
    return [(each.verb.value, each.why, each.template) for each in calls]


def test_stopping_and_deleting_need_no_record() -> None:
    """A person who wants a server down gets it down."""
    stop = decide(bare(power="Stopped"), RUNNING, recorded=False)
    assert verbs(stop) == ["delete"]
    gone = {"deletion_timestamp": "2026-01-01T00:00:00Z"}
    assert verbs(decide(bare(meta=gone), RUNNING, recorded=False)) == ["delete"]


@pytest.mark.parametrize(
    ("seen", "spec"),
    [
        (RUNNING, {}),
        (FAILED, {}),
        (OTHER, {}),
        (RUNNING, {"incarnation": 2}),
        (RUNNING, {"incarnation": 2, "restart_as": 2}),
    ],
    ids=["as wanted", "failed", "another revision", "another incarnation", "to be restarted"],
)
def test_what_can_stop_in_place_does_so_without_a_record(
    seen: Observation, spec: dict[str, object]
) -> None:
    """The instance goes down as it is, and is not deleted: no other could be made."""
    server = bare(power="Stopped", **spec)
    assert asked(decide(server, seen, recorded=False, fleet=CLOUD)) == [("change", "Stop", b"")]
    down = decide(
        server, dataclasses.replace(seen, phase=Phase.STOPPED), recorded=False, fleet=CLOUD
    )
    assert asked(down) == []
    assert ready(told(down)) == ("False", "Stopped")
    assert told(down).power == "Stopped"
    assert not stalled(told(down))


def test_what_is_lost_as_it_is_to_stop_is_kept_without_a_record() -> None:
    """Its fleet deletes what is lost: not what could not be made again, and that is told."""
    away = dataclasses.replace(RUNNING, phase=Phase.UNREACHABLE, ready=False)
    server = bare(power="Stopped", meta={"annotations": {names.FORCE_ANNOTATION: "i1"}})
    assert verbs(decide(server, away, fleet=CLOUD)) == ["delete"]
    kept = decide(server, away, recorded=False, fleet=CLOUD)
    assert verbs(kept) == []
    assert told(kept).blocked_by[0].reason == "RevisionMissing"


def test_what_was_stopped_in_place_starts_without_a_record() -> None:
    """Its Start is waited for until it is Ready; one that is to become another is told at once."""
    task = objects.Task(id="t", operation="o", run="1", step="run", action="Start")
    server = bare(task=task)
    down = decide(server, STOPPED, recorded=False, fleet=CLOUD)
    assert asked(down) == [("change", "Start", b"")]
    boots = dataclasses.replace(RUNNING, ready=False)
    for made in (down, decide(server, boots, recorded=False, fleet=CLOUD)):
        assert made.status is None or told(made).task is None
    up = told(decide(server, RUNNING, recorded=False, fleet=CLOUD))
    assert (up.task.state if up.task else "") == "Succeeded"
    other = dataclasses.replace(OTHER, phase=Phase.STOPPED, ready=False)
    held = decide(server, other, recorded=False, fleet=CLOUD)
    assert verbs(held) == []
    failed = told(held).task
    assert (failed.state if failed else "") == "Failed"


def test_a_restart_without_a_record_fails_at_once() -> None:
    """Its operation learns why, and does not wait for its timeout."""
    task = objects.Task(id="t", operation="o", run="1", step="run", action="Restart")
    server = bare(incarnation=2, task=task)
    made = told(decide(server, RUNNING, recorded=False))
    assert made.task is not None
    assert made.task.state == "Failed"
    assert "no longer on record" in made.task.message
