"""A call is told apart by its type: no Fleet's name makes it one about an object."""

from __future__ import annotations

import msgspec
import pytest

from controller import contract, errors
from controller.api import objects
from controller.api.resources import Resource
from controller.contract import Verb
from controller.planning import outcomes, plan, targets
from controller.planning.targets import ClaimTarget, InstanceTarget, ObjectTarget, ServerTarget
from tests.planning import test_outcomes

SERVER = test_outcomes.SERVER


@pytest.mark.parametrize("resource", Resource)
def test_a_fleet_may_have_the_name_of_any_resource(resource: Resource) -> None:
    """Its refused create is known as the fleet's alone, and a refused write as the object's."""
    spec = msgspec.structs.replace(SERVER.spec, fleet=str(resource))
    server = msgspec.structs.replace(SERVER, spec=spec)
    name = server.metadata.name
    create = contract.Call(verb=contract.Verb.CREATE, why="Create")
    asked = targets.of(create, server)
    written: targets.Target = ObjectTarget(resource, "d", name)
    assert asked == (ServerTarget(str(resource), name), Verb.CREATE)
    assert asked[0] != written
    for target, refused in ((asked[0], False), (written, True)):
        found = outcomes.of([test_outcomes.outcome(target=target, kind=errors.FailureKind.REFUSED)])
        assert found.has_refused(resource, name) is refused


def test_a_call_is_known_by_the_word_of_the_contract() -> None:
    """Nothing translates verbs: an act has none here, as its task tells how it went."""
    acts = {contract.Verb.ACT, contract.Verb.RESUME, contract.Verb.CANCEL}
    asked = {
        verb: targets.of_call(contract.Call(verb=verb, why=""), SERVER) for verb in contract.Verb
    }
    told = {verb: found[1] for verb, found in asked.items() if found is not None}
    assert told == {verb: verb for verb in set(contract.Verb) - acts}
    words = {each.value for each in targets.ObjectVerb}
    assert not words & {each.value for each in contract.Verb}


FLEET = objects.fleet(objects.Meta(name="west"), objects.FleetSpec(provider="openstack"))
CLAIM = contract.Claim(
    id="v1", name="data-shop-web-0", server="shop-web-0", component="web", namespace="d"
)


@pytest.mark.parametrize(
    ("action", "item", "target", "subject", "object_"),
    [
        (
            contract.Call(verb=Verb.DELETE, why=""),
            test_outcomes.SERVER,
            ServerTarget("pods", "shop-web-0"),
            "Server/shop-web-0",
            "Fleet/pods",
        ),
        (
            plan.DeleteClaim(claim=CLAIM, fleet="west", why=""),
            test_outcomes.SET,
            ClaimTarget("west", "data-shop-web-0"),
            "Claim/data-shop-web-0",
            "Fleet/west",
        ),
        (
            plan.DeleteOrphan(instance="shop-web-0", server="d/shop-web-0", why=""),
            FLEET,
            InstanceTarget("west", "shop-web-0"),
            "Instance/shop-web-0",
            "Instance/shop-web-0",
        ),
    ],
    ids=["server", "claim", "instance"],
)
def test_what_a_fleet_is_asked_about_is_known_by_its_kind(
    action: plan.Action, item: objects.Object, target: targets.Target, subject: str, object_: str
) -> None:
    """Three that have one name are three, each told as what it is, and shown by its fleet."""
    assert targets.of(action, item) == (target, Verb.DELETE)
    assert (target.subject, target.object) == (subject, object_)
    assert target.shown == target.maker
    others = (kind(target.maker, "x") for kind in (ServerTarget, ClaimTarget, InstanceTarget))
    assert len(set(others)) == 3
    pods = test_outcomes.outcome(
        target=target, verb=Verb.DELETE, display=test_outcomes.PODS.display, blocker=""
    )
    told = "Pod/shop-web-0" if isinstance(target, ServerTarget) else object_
    assert pods.object(item) == told
