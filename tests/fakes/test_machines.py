"""The machines by which tests of planners play servers: how each fares, second by second."""

from __future__ import annotations

import msgspec
import pytest

from controller import contract
from controller.api import objects
from controller.contract import Phase, Verb
from fakes.machines import Machines, State

NAME = "shop-web-0"


class World:
    """A clock, the machines that go by it, and the one server that they are told of."""

    def __init__(self) -> None:
        self.now = 100.0
        self.machines = Machines(lambda: self.now)

    @property
    def state(self) -> State:
        """How the server's machine is."""
        return self.machines.state(NAME)

    def follow(self, image: str = "web:v1", revision: str = "r1", incarnation: int = 1) -> bool:
        """Have the machine be what a spec says."""
        wanted = server(image, revision=revision, incarnation=incarnation)
        return self.machines.follow(wanted)

    def ask(self, verb: Verb, instance: str = "") -> None:
        """Ask the provider for something."""
        call = contract.Call(verb=verb, why="", template=template("web:v1"), instance=instance)
        self.machines.carry_out(server(), call)

    def observe(self) -> contract.Observation:
        """Return what the provider sees."""
        return self.machines.observe(server())


def template(image: str) -> bytes:
    """Return a template of one container."""
    return b'{"spec":{"containers":[{"name":"main","image":"%s"}]}}' % image.encode()


def server(image: str = "web:v1", *, revision: str = "r1", incarnation: int = 1) -> objects.Server:
    """Return a server that is to run an image."""
    return objects.Server(
        metadata=objects.Meta(name=NAME),
        spec=objects.ServerSpec(
            application="shop",
            component="web",
            ordinal=0,
            revision=revision,
            incarnation=incarnation,
            template=msgspec.Raw(template(image)),
        ),
    )


def test_a_machine_boots_is_changed_made_anew_and_goes_in_seconds() -> None:
    """Each by the spec of its server, whose machine is as it says once that time has passed."""
    world = World()
    assert (world.follow(), world.state) == (True, State.BOOTING)
    world.now += 2
    assert (world.follow(), world.state) == (False, State.READY)
    world.machines[NAME].ill = True
    assert world.state is State.ILL
    assert (world.follow("web:v2", "r2"), world.state) == (False, State.BOOTING)
    world.now += 1
    assert (world.state, world.machines[NAME].image) == (State.READY, "web:v2")
    assert (world.follow("web:v2", "r2", 2), world.state) == (True, State.BOOTING)
    world.machines.delete(NAME)
    assert (world.state, list(world.machines)) == (State.GOING, [NAME])
    world.now += 1
    assert (world.state, list(world.machines), world.machines.made) == (State.ABSENT, [], 2)


@pytest.mark.parametrize(
    ("image", "state"),
    [("web:v1", State.READY), ("web:broken", State.STUCK), ("web:fatal", State.FAILED)],
)
def test_an_image_says_what_becomes_of_its_machine(image: str, state: State) -> None:
    """Once it has booted: until then all are alike."""
    world = World()
    world.follow(image)
    assert world.state is State.BOOTING
    world.now += 2
    assert world.state is state


def test_a_provider_sees_what_came_of_its_calls() -> None:
    """And what is asked of an instance that is another's by now changes nothing."""
    world = World()
    assert world.observe() == contract.ABSENT
    world.ask(Verb.CREATE)
    first = world.observe()
    assert (first.phase, first.ready, first.ready_since) == (Phase.PENDING, False, 0.0)
    world.now += 5
    seen = world.observe()
    assert (seen.phase, seen.ready, seen.ready_since) == (Phase.RUNNING, True, 102.0)
    world.ask(Verb.DELETE, instance="another")
    assert world.observe() == seen
    world.machines[NAME].failed = True
    assert world.observe().phase is Phase.FAILED
    world.ask(Verb.DELETE, instance=first.id)
    assert world.observe().phase is Phase.TERMINATING
    world.now += 1
    assert world.observe() == contract.ABSENT
    world.ask(Verb.CREATE)
    assert world.observe().id != first.id
    with pytest.raises(AssertionError):
        world.ask(Verb.CREATE)
