"""What somebody who looks on may read, and what is said of the rest."""

from __future__ import annotations

import functools

import pytest

from controller import errors
from controller.api.resources import Resource
from controller.execution.caches import Caches
from controller.presentation import inspection
from fakes.api_server import chaos
from fakes.api_server.refusal import refuse
from fakes.universe import Universe

pytestmark = pytest.mark.looptime


def _lists(resource: Resource, request: chaos.Request) -> bool:
    return (request.verb, request.resource) == ("list", resource)


async def test_whatever_may_not_be_listed_is_said() -> None:
    """Of each kind that only refines an answer, who may not list them is told so."""
    async with Universe() as universe:
        followed = set(Caches(universe.server, namespaces=("default",)).informers)
        for resource in sorted(followed - set(inspection.NEEDED)):
            error: errors.ArgosyError = refuse(
                403,
                "Forbidden",
                f'{resource} is forbidden: User "e" cannot list resource "x" in API group ""',
            )
            rule = chaos.Rule(
                matches=functools.partial(_lists, resource),
                verdict=chaos.Verdict(before=error),
                times=None,
            )
            universe.faults.rules.insert(0, rule)
            async with inspection.look(universe.server, "default") as look:
                assert any(str(resource.value) in note for note in look.notes), resource
            universe.faults.rules.remove(rule)
    assert {Resource.PODS, Resource.DISRUPTION_BUDGETS} <= followed
