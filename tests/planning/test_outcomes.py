"""What is told of calls that failed: once each, in words that stand while it is tried again."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from controller import errors
from controller.api import clock, objects
from controller.api.resources import Resource
from controller.contract import Verb
from controller.planning import outcomes
from controller.planning.targets import InstanceTarget, ObjectTarget, ServerTarget
from controller.providers import registry

NOW = 1_700_000_000.0
POD = ObjectTarget(Resource.PODS, "d", "shop-web-0")
SERVER = objects.Server(
    metadata=objects.Meta(name="shop-web-0", namespace="d"),
    spec=objects.ServerSpec(
        application="shop",
        component="web",
        ordinal=0,
        revision="r1",
        template=msgspec.Raw(b"{}"),
    ),
)
SET = objects.ServerSet(
    metadata=objects.Meta(name="shop-web", namespace="d"),
    spec=objects.ServerSetSpec(application="shop", component="web", revision="r1"),
)


def outcome(**more: Any) -> outcomes.Outcome:
    """Return a create that a quota refused."""
    known: dict[str, Any] = {
        "target": POD, "verb": Verb.CREATE, "kind": errors.FailureKind.FAILED,
        "reason": "QuotaExceeded",
        "message": "exceeded quota: used 2", "time": NOW, "again": NOW + 10, "event": True,
        "blocker": "ResourceQuota/two",
    }  # fmt: skip
    return outcomes.Outcome(**{**known, **more})


def test_a_refusal_is_one_event_however_often_it_is_tried() -> None:
    """Named as a ReplicaSet names its own; what status told before is no news."""
    found = outcomes.of([outcome(), outcome(target=ObjectTarget(Resource.PODS, "d", "shop-web-1"))])
    (told,) = outcomes.news((), found, SERVER)
    assert (told.reason, told.warning) == ("FailedCreate", True)
    assert told.message == "Failed to create Pod/shop-web-0: exceeded quota: used 2"
    again = outcomes.of([outcome(count=2, message="exceeded quota: used 3")])
    assert list(outcomes.news(found.blocked(SERVER), again, SERVER)) == []


def test_what_need_not_be_told_is_no_event() -> None:
    """A failure of the moment, and one that nobody is told of."""
    found = outcomes.of([outcome(event=False), outcome(told=False)])
    assert list(outcomes.news((), found, SERVER)) == []


def test_another_cause_is_another_event() -> None:
    """The quota is raised, and a webhook is in the way."""
    before = outcomes.of([outcome()]).blocked(SERVER)
    found = outcomes.of([outcome(blocker="Webhook/guard", reason="WebhookFailed")])
    assert [each.cause for each in outcomes.news(before, found, SERVER)] == [
        "Webhook/guard WebhookFailed"
    ]


def test_retries_change_nothing_that_is_told() -> None:
    """A count in a message moves with each retry, and so does the next time: neither is written."""
    before = outcomes.steady((), outcomes.of([outcome()]).blocked(SERVER), NOW)
    later = outcome(time=NOW + 20, since=NOW, again=NOW + 60, message="exceeded quota: used 3")
    assert outcomes.steady(before, outcomes.of([later]).blocked(SERVER), NOW + 20) == before


def test_what_is_told_of_the_next_attempt_is_never_long_out_of_date() -> None:
    """After ten minutes it is told anew, since when it has been so all the same."""
    before = outcomes.steady((), outcomes.of([outcome()]).blocked(SERVER), NOW)
    now = NOW + 10 + outcomes.COARSE + 1
    later = outcome(time=now, since=NOW, again=now + 60, message="exceeded quota: used 3")
    (told,) = outcomes.steady(before, outcomes.of([later]).blocked(SERVER), now)
    assert told.next_attempt_time == clock.stamp(now + 60)
    assert told.message == "exceeded quota: used 3"
    assert told.since == before[0].since


PODS, CLOUD = registry.kinds()["pod"], registry.kinds()["openstack"]
assert PODS.built_in is not None
UNWRITTEN = PODS.built_in.displayed(PODS.display)
RIGHT = 'services is forbidden: User "op" cannot create resource "services" in API group ""'


@pytest.mark.parametrize(
    ("more", "told", "remedy"),
    [
        (
            {
                "target": ObjectTarget(Resource.SERVICES, "d", "shop-web"),
                "kind": errors.FailureKind.REFUSED,
            },
            "ServerSet/shop-web",
            "kubectl edit argapp shop -n d",
        ),
        (
            {"target": ObjectTarget(Resource.SERVICES, "d", "shop-web"), "reason": "NameTaken"},
            "Service/shop-web",
            "kubectl get services shop-web -n d -o yaml",
        ),
        (
            {"target": ServerTarget("pods", "a"), "display": UNWRITTEN},
            "Fleet/pods",
            "kubectl get --raw '/readyz?verbose'",
        ),
        (
            {"target": ServerTarget("edge", "a"), "display": PODS.display},
            "Fleet/edge",
            "kubectl get argfleet edge -o yaml",
        ),
        (
            {"target": ServerTarget("edge", "a"), "verb": Verb.DELETE, "display": PODS.display},
            "Pod/a",
            "kubectl get pods a -n d -o yaml",
        ),
        (
            {"target": ServerTarget("west", "a"), "verb": Verb.DELETE, "display": CLOUD.display},
            "Fleet/west",
            "kubectl get argfleet west -o yaml",
        ),
        (
            {"target": ServerTarget("west", "a"), "blocker": "Volume/v", "display": CLOUD.display},
            "Volume/v",
            "openstack volume show v",
        ),
        (
            {"target": ServerTarget("pods", "a"), "message": RIGHT, "blocker": "Namespace/d"},
            "Namespace/d",
            "kubectl auth can-i create services --as op",
        ),
    ],
    ids=[
        "never made",
        "somebody else's",
        "asked of the API server",
        "asked of a fleet",
        "is there",
        "is no object",
        "of a cloud",
        "no right",
    ],
)
def test_only_what_is_there_is_named(more: dict[str, Any], told: str, remedy: str) -> None:
    """An object that was never made stands in nobody's way, and no command shows it."""
    (found,) = outcomes.of([outcome(**{"blocker": "", **more})]).blocked(SET)
    assert (found.object, found.remedy) == (told, remedy)


def test_a_fleet_tells_of_its_instances_each_by_its_id() -> None:
    """No Server stands for them: two that are locked are two, and the Fleet shows both."""
    fleet = objects.fleet(objects.Meta(name="west"), objects.FleetSpec(provider="openstack"))
    locked: dict[str, Any] = {
        "verb": Verb.DELETE, "kind": errors.FailureKind.REFUSED, "reason": "ServerLocked",
        "blocker": "",
        "message": "delete i1: locked",
    }  # fmt: skip
    found = outcomes.of(
        outcome(target=InstanceTarget("west", each), **locked) for each in ("i1", "i2")
    )
    told = found.blocked(fleet)
    assert [each.object for each in told] == ["Instance/i1", "Instance/i2"]
    assert {each.remedy for each in told} == {"kubectl get argfleet west -o yaml"}
    (event,) = outcomes.news(told[1:], found, fleet)
    assert (event.reason, event.message) == (
        "FailedDelete",
        "Failed to delete Instance/i1: delete i1: locked",
    )
    by_server = outcome(target=ServerTarget("west", "shop-web-0"), **locked)
    assert by_server.object(SERVER) == "Fleet/west"
