"""Whoever looks on says what the operator says, also of what only the operator knows."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog import testing

from controller import errors
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.kinds.server.kind import SERVER
from controller.planning import plan
from controller.planning.keys import Key
from controller.presentation import answers, inspection
from controller.presentation.references import Reference
from controller.reasons import ForeignReason
from fakes.api_server import Faults
from fakes.api_server.chaos import Verdict
from fakes.api_server.refusal import refuse
from fakes.universe import Universe, application, component
from tests.simulation import test_claims as claims
from tests.simulation.answers import blocked
from tests.simulation.test_outcomes import agree

pytestmark = pytest.mark.looptime


async def planned(universe: Universe, resource: Resource, name: str) -> plan.Plan:
    """Return what whoever looks on finds that would be done next."""
    async with inspection.look(universe.server, "default") as look:
        return look.plan(Key(resource, "default", name), now=universe.server.now())[1]


async def waits(universe: Universe, resource: Resource, name: str) -> set[tuple[str, str]]:
    """Return what `why` says that an object waits for."""
    async with inspection.look(universe.server, "default") as look:
        found = answers.walk(look, Reference(resource=resource, name=name), "default")
    assert found is not None
    return {(each.object, each.reason) for each in found.waits}


@contextlib.asynccontextmanager
async def quiet() -> AsyncIterator[None]:
    """Keep what is logged: a traceback for each crash takes long to write."""
    with testing.capture_logs():
        yield


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (refuse(403, "Forbidden", claims.REFUSAL), "ClaimCannotGrow"),
        (ZeroDivisionError("a bug"), "InternalError"),
        (errors.Transient("odd", reason=ForeignReason("Odd")), "Odd"),
    ],
    ids=["refused", "crashed", "in words that nobody knows"],
)
async def test_a_call_is_told_that_failed_for_a_server_that_is_ready(
    error: Any, reason: str
) -> None:
    """Whatever the call ended with, it stands in status, and is forgotten once it succeeds."""
    faults = Faults()
    async with quiet(), Universe(faults=faults) as universe:
        await universe.bring_up(claims.shop("1Gi"))
        faults.on("patch", Resource.CLAIMS, verdict=Verdict(before=error), times=None)
        await universe.apply(claims.shop("2Gi"))
        things = (
            (Resource.SERVERS, "shop-db-0"),
            (Resource.SERVERSETS, "shop-db"),
            (Resource.APPLICATIONS, "shop"),
        )
        await universe.until(
            lambda: reason in dict(blocked(universe, *things[-1])).values(), patience=120
        )
        await universe.settle(quiet=5)
        await agree(universe)
        for thing in things:
            assert reason in {why for _, why in await waits(universe, *thing)}, thing
        faults.calm()
        await universe.until(lambda: not blocked(universe, *things[-1]), patience=700)
        await universe.settle(quiet=5)
        await agree(universe)


async def test_a_namespace_that_is_full_is_told() -> None:
    """And no server is said to be made next, although whoever looks on knows no bound."""
    async with Universe(servers_per_namespace=3) as universe:
        await universe.apply(application("shop", component("web", 5)))
        await universe.settle(quiet=5)
        assert universe.condition(Resource.SERVERSETS, "shop-web")["reason"] == "NamespaceFull"
        await agree(universe)
        made = await planned(universe, Resource.SERVERSETS, "shop-web")
        assert not [each for each in made.actions if isinstance(each, plan.Create)]
        assert ("Namespace/default", "NamespaceFull") in await waits(
            universe, Resource.APPLICATIONS, "shop"
        )
        await universe.apply(application("shop", component("web", 3)))
        await universe.settle(quiet=5)
        await agree(universe)
        assert not await waits(universe, Resource.APPLICATIONS, "shop")


async def test_nothing_is_said_to_be_done_for_what_is_only_observed() -> None:
    """Whatever a planner forgets, the operator leaves out, and so does whoever looks on."""

    def forgets(found: Any) -> plan.Plan:
        alarm = plan.RecordEvent(reason=Reason.FAILED, message="forgotten", warning=True)
        return dataclasses.replace(SERVER.plan(found), actions=(alarm,))

    async with Universe() as universe:
        await universe.bring_up(application("shop", component("web", 1)))
        key = Key(Resource.SERVERS, "default", "shop-web-0")
        for management, actions in (("Full", 1), ("Observe", 0)):
            change = {"spec": {"management": management}}
            await universe.merge(Resource.APPLICATIONS, "shop", change)
            await universe.settle()
            async with inspection.look(universe.server, "default") as look:
                look.caches.kinds[Resource.SERVERS] = dataclasses.replace(SERVER, plan=forgets)
                _, made = look.plan(key, now=universe.server.now())
            assert len(made.actions) == actions, management
