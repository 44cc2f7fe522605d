"""A call is told apart by its type: no Fleet's name makes it one about an object."""

from __future__ import annotations

import msgspec
import pytest

from controller import contract, errors
from controller.api.resources import Resource
from controller.contract import Verb
from controller.planning import outcomes, targets
from controller.planning.targets import ObjectTarget, ServerTarget
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
