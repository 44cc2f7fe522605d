"""Acts whose outcome the API server does not take: nothing else of their server waits for that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from controller import errors
from controller.api.resources import Resource
from controller.providers.memory.machines import MemoryMachine
from fakes.api_server.refusal import refuse
from fakes.universe import Universe, application, component, operation
from tests.simulation.answers import WEBHOOK, Answer

pytestmark = pytest.mark.looptime

Json = dict[str, Any]
NAME = "shop-web-0"
FLEET: Json = {
    "apiVersion": "argosy.dev/v1alpha1",
    "kind": "Fleet",
    "metadata": {"name": "metal"},
    "spec": {"provider": "memory"},
}
# How the API server, or who guards the namespace, may answer the write.
ANSWERS: dict[str, Callable[[], errors.ArgosyError]] = {
    "invalid": lambda: refuse(422, "Invalid", "status.task.facts: too many"),
    "policy": lambda: refuse(
        403,
        "Forbidden",
        f"servers.argosy.dev \"{NAME}\" is forbidden: ValidatingAdmissionPolicy 'no-facts' with"
        " binding 'all' denied request: no facts here",
    ),
    "webhook": lambda: refuse(500, "InternalError", WEBHOOK),
}


def status(universe: Universe) -> Json:
    """Return what the server says of itself."""
    return dict(universe.get(Resource.SERVERS, NAME)["status"])


async def carried_out(
    universe: Universe, answer: str, seconds: float
) -> tuple[Answer, MemoryMachine]:
    """Let a command run to its end in a server, whose outcome is then not taken.

    The claim of an act is written before; what planners say of a server is put, and taken.
    """
    await universe.server.create(Resource.FLEETS, "", FLEET)
    await universe.bring_up(application("shop", component("web", 1), fleet="metal"))
    (machine,) = universe.machines.machines
    step = {"name": "say", "exec": {"command": ["sleep", "20"]}, "timeoutSeconds": 60}
    await universe.apply(operation("say", "shop", "Steps", steps=[step], timeoutSeconds=7200))
    await universe.until(lambda: status(universe).get("task", {}).get("state") == "Started")
    guard = Answer(
        universe, "patch", Resource.SERVERS, lambda _: ANSWERS[answer](), subresource="status"
    )
    await universe.until(lambda: guard.count > 0)
    await asyncio.sleep(seconds)
    return guard, machine


@pytest.mark.parametrize("answer", ANSWERS)
async def test_a_deletion_does_not_wait_for_an_outcome_that_is_not_taken(answer: str) -> None:
    """Whatever is answered, and however long it has been: the server goes, as it would have."""
    async with Universe() as universe:
        await carried_out(universe, answer, 30)
        await universe.delete(Resource.APPLICATIONS, "shop")
        await universe.until(
            lambda: not universe.names(Resource.SERVERS) and not universe.machines.machines,
            patience=60,
        )


@pytest.mark.parametrize("answer", ANSWERS)
async def test_an_outcome_that_was_not_taken_is_written_once_it_may_be(answer: str) -> None:
    """The act has succeeded, and so it is told, though its time is over by then; it ran once.

    Meanwhile the write is asked for less and less.
    """
    async with Universe() as universe:
        guard, machine = await carried_out(universe, answer, 600)
        assert status(universe)["task"]["state"] == "Started"
        assert guard.count < 30
        guard.over()
        await universe.until(lambda: status(universe)["task"]["state"] != "Started", patience=700)
        told = status(universe)["task"]
        assert (told["state"], told["attempt"]) == ("Succeeded", 1)
        assert told["facts"] == {"exitCode": "0"}
        await universe.until(
            lambda: universe.condition(Resource.OPERATIONS, "say", "Succeeded")["status"] == "True"
        )
        await universe.until(lambda: not status(universe).get("blockedBy"))
        assert len(machine.acts) == 1


@pytest.mark.parametrize("answer", ["invalid", "policy"])
async def test_a_refused_outcome_is_told_of_the_server(answer: str) -> None:
    """Its status and one Event say what the API server answered; a server that is well stays so."""
    async with Universe() as universe:
        await carried_out(universe, answer, 30)
        said = "too many" if answer == "invalid" else "no facts here"
        (found,) = status(universe)["blockedBy"]
        assert said in found["message"]
        assert universe.condition(Resource.SERVERS, NAME)["status"] == "True"
        told = [
            each["note"]
            for each in universe.server.objects[Resource.EVENTS].values()
            if each["reason"] == "FailedUpdate"
        ]
        assert len(told) == 1
        assert told[0].startswith(f"Failed to record the act of Server/{NAME}: ")


async def test_a_server_is_kept_up_while_the_outcome_of_its_act_is_not_taken() -> None:
    """A machine that is lost is made again: planning goes on with all but the act."""
    async with Universe() as universe:
        _, machine = await carried_out(universe, "invalid", 30)
        universe.machines.remove(machine, at_once=True)
        await universe.until(
            lambda: [each.id for each in universe.machines.machines] not in ([], [machine.id]),
            patience=60,
        )
