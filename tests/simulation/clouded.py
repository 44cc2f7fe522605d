"""What befalls servers of a cloud, for the stories of remedies: how it comes about, and its end.

`test_remedies` and `test_shown_remedies` list them beside those of pods.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import yaml

from controller import contract
from controller.api import names
from controller.api.resources import Resource
from controller.providers.openstack import clouds, configuration, opening
from controller.providers.openstack import kind as openstack
from controller.providers.openstack.refusals import Reply
from controller.providers.openstack.rights import SECRET
from fakes.openstack import Cloud, Fault, FloatingIP, Machine
from fakes.universe import Json, Universe, component

if TYPE_CHECKING:
    from tests.simulation.test_remedies import World

HOME = "argosy-system"
SPEC: Json = {"flavor": "small", "image": "v1", "networks": [{"name": "tenant"}]}
# Whoever is to be Ready says so on the console.
TELLS: Json = {"readiness": {"console": {}, "startSeconds": 60}}
ALWAYS = 10**6


class Sky:
    """A cloud, and the way to it: by the Secret alone where `logs_in` says so."""

    def __init__(self) -> None:
        self.cloud = Cloud()
        self.logs_in = False

    def kind(self) -> contract.ProviderKind:
        """Return the servers of this cloud as an operator knows them."""
        return openstack.kind(self._connect)

    @contextlib.asynccontextmanager
    async def _connect(
        self, context: contract.Context, settings: configuration.CloudSettings
    ) -> AsyncIterator[opening.CloudConnection]:
        if self.logs_in:
            found = clouds.Clouds(context.api, HOME, settings.cloud)
            await found.load()
            found.cloud()
        yield opening.CloudConnection(tokens=self.cloud, transport=self.cloud, prober=self.cloud)

    def there(self) -> list[Machine]:
        """Return the servers that exist and are not told to go."""
        return [each for each in self.cloud.settle() if each.gone_at is None]

    def named(self, name: str) -> list[Machine]:
        """Return the servers of that name."""
        return [each for each in self.there() if each.name == name]

    async def type_in(self, words: list[str]) -> None:
        """Carry out a command of OpenStack's own, as far as a remedy names it."""
        match words[1:]:
            case ["server", "unlock", name]:
                (machine,) = self.named(name)
                assert machine.locked
                machine.locked = False
            case ["volume", "show", name]:
                assert [each for each in self.cloud.volumes.values() if each.name == name]
            case ["console", "log", "show", name]:
                # One that failed is made anew: whoever types in between types again.
                async with asyncio.timeout(60):
                    while not self.named(name):  # noqa: ASYNC110 - in virtual time
                        await asyncio.sleep(0.5)
            case ["quota", "show", "--usage"]:
                pass
            case ["server", "event", "list", name]:
                assert self.named(name)
            case ["floating", "ip", "list"]:
                assert self.cloud.floating_ips
            case _:
                raise AssertionError(f"nobody here knows how to {' '.join(words)}")


def web(count: int, **spec: Any) -> Json:
    """Return a component of so many servers of the cloud."""
    return component("web", count) | {"template": {"spec": {**SPEC, **spec}}}


async def found(world: World) -> None:
    """Write the Fleet of the cloud, unless it is there."""
    if ("", "west") not in world.universe.server.objects.get(Resource.FLEETS, {}):
        body = {
            "apiVersion": "argosy.dev/v1alpha1",
            "kind": "Fleet",
            "metadata": {"name": "west"},
            "spec": {"provider": "openstack", "openstack": {"cloud": "test"}},
        }
        world.universe.server.registry.create(Resource.FLEETS, "", body, actor="user")


async def apply(world: World, count: int, **spec: Any) -> None:
    """Apply the application, whose fleet is the cloud."""
    await found(world)
    await world.apply(web(count, **spec), fleet="west")


async def runs(world: World, count: int, **spec: Any) -> None:
    """Apply the application, and see it Ready."""
    await apply(world, count, **spec)
    await world.universe.until(world.ready)
    await world.universe.settle()


async def is_unreachable(world: World) -> None:
    """Have nothing arrive at the cloud."""
    await runs(world, 1)
    world.sky.cloud.faults.append(Fault(method="*", path="", unsent=True, times=ALWAYS))
    await apply(world, 2)


async def asks_for_long_pauses(world: World) -> None:
    """Have the cloud ask for a longer wait than a call is kept for."""
    await runs(world, 1)
    slow = Reply(status=429, headers={"retry-after": "600"})
    world.sky.cloud.faults.append(Fault(method="POST", path="", reply=slow, times=ALWAYS))
    await apply(world, 2)


async def answers_again(world: World) -> None:
    """Have the cloud answer as ever."""
    world.sky.cloud.faults.clear()


async def is_asked_less(world: World) -> None:
    """Set the limit of the Fleet to what the cloud allows, which then answers."""
    limits = {"spec": {"limits": {"callsPerSecond": 1}}}
    await world.universe.server.patch(Resource.FLEETS, "", "west", limits)
    world.sky.cloud.faults.clear()


async def has_another_floating_ip(world: World) -> None:
    """Have somebody give the server's port a floating IP before Argosy does."""
    own = [{"name": "tenant", "floatingIPFrom": "public"}]
    await apply(world, 1, networks=own)
    async with asyncio.timeout(60):
        while not world.sky.there():  # noqa: ASYNC110 - in virtual time
            await asyncio.sleep(0.1)
    (machine,) = world.sky.there()
    world.sky.cloud.floating_ips["theirs"] = FloatingIP(
        id="theirs", outside="outside-1", address="198.51.100.1", description="by hand",
        created=0.0, port=f"port.{machine.id}.network-1",
    )  # fmt: skip


async def is_without_it(world: World) -> None:
    """Delete the floating IP that was given by hand."""
    del world.sky.cloud.floating_ips["theirs"]


async def refuses_credentials(world: World) -> None:
    """Have the cloud take no credentials."""
    world.sky.cloud.credentials = False
    await apply(world, 1)


async def takes_credentials(world: World) -> None:
    """Have the cloud take what is in the Secret from now on."""
    world.sky.cloud.credentials = True


async def has_credentials_of_another_project(world: World) -> None:
    """Have the Secret name a project that the servers are not in."""
    await runs(world, 1)
    world.sky.cloud.enter("project-2")
    await apply(world, 2)


async def has_those_of_its_own(world: World) -> None:
    """Have the Secret name the project of the servers."""
    world.sky.cloud.restore()


async def has_no_secret(world: World) -> None:
    """Apply what needs a Secret that nobody has written."""
    world.sky.logs_in = True
    await apply(world, 1)


async def has_its_secret(world: World) -> None:
    """Write the Secret, with the cloud that the Fleet names."""
    text = yaml.safe_dump({"clouds": {"test": {"auth": {"auth_url": "https://k/v3"}}}})
    data = {clouds.KEY: base64.b64encode(text.encode()).decode()}
    body = {"metadata": {"name": SECRET, "namespace": HOME}, "data": data}
    world.universe.server.registry.create(Resource.SECRETS, HOME, body, actor="user")


async def is_too_old(world: World) -> None:
    """Have the cloud be of before Stein."""
    world.sky.cloud.newest = "2.60"
    await apply(world, 1)


async def is_upgraded(world: World) -> None:
    """Have the cloud upgraded."""
    world.sky.cloud.newest = "2.93"


async def meets_its_quota(world: World) -> None:
    """Ask for one server more than the project may have."""
    world.sky.cloud.quota = 1
    await apply(world, 2)


async def has_more_quota(world: World) -> None:
    """Have the quota raised."""
    world.sky.cloud.quota = 10


async def says_nothing(world: World) -> None:
    """Have a server that never says that it is ready."""
    await apply(world, 1, **TELLS)


async def says_that_it_failed(world: World) -> None:
    """Have each server of the image say that its start failed."""
    await apply(world, 1, **TELLS)
    await world.universe.until(lambda: _is_up(world, "image-1"))
    _prints(world, "failed")


async def gets_a_better_image(world: World) -> None:
    """Apply another image, whose servers say that they are ready."""
    await apply(world, 1, **TELLS, image="v2")
    await world.universe.until(lambda: _is_up(world, "image-2"))
    _prints(world, "ready")


def _is_up(world: World, image: str) -> bool:
    found = world.sky.there()
    return [(each.status, each.body["imageRef"]) for each in found] == [("ACTIVE", image)]


def _prints(world: World, word: str) -> None:
    (machine,) = world.sky.there()
    machine.console += f"argosy-{word} {machine.metadata['argosy.token']}\n"


async def is_locked(world: World) -> None:
    """Have somebody lock a server in the cloud that is to go."""
    await runs(world, 2)
    (machine,) = world.sky.named("shop-web-1")
    machine.locked = True
    await apply(world, 1)
    await asyncio.sleep(5)


async def cannot_be_started(world: World) -> None:
    """Have a server go down whose host cannot start it."""
    await runs(world, 1)
    (machine,) = world.sky.there()
    world.sky.cloud.powers = False
    machine.status, machine.updated = "SHUTOFF", world.sky.cloud.now


async def has_its_host_mended(world: World) -> None:
    """Have the host start servers again."""
    world.sky.cloud.powers = True


def has_one(world: World) -> bool:
    """Return whether the application is Ready with a single server in the cloud."""
    return world.ready() and len(world.sky.there()) == 1


def take_away(universe: Universe, resource: Resource, name: str) -> None:
    """Take the finalizers off an object and delete it, before anybody can see the one alone."""
    registry, free = universe.server.registry, {"metadata": {"finalizers": None}}
    registry.patch(resource, "default", name, free, actor="user")
    registry.delete(resource, "default", name, actor="user")


async def loses_its_server(world: World) -> None:
    """Have somebody take a Server away: its instance is in the way of the next one's."""
    await runs(world, 1)
    take_away(world.universe, Resource.SERVERS, "shop-web-0")


async def has_it_collected(world: World) -> None:
    """Write the ids that the Fleet tells into its annotation."""
    fleet = world.universe.server.objects[Resource.FLEETS]["", "west"]
    told = [each["id"] for each in fleet["status"]["unclaimed"]]
    marks = {"metadata": {"annotations": {names.COLLECT_ANNOTATION: ",".join(told)}}}
    await world.universe.server.patch(Resource.FLEETS, "", "west", marks)


CLAIM: Json = {
    "name": "data",
    "spec": {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    },
}


async def apply_with_volumes(world: World, count: int) -> None:
    """Apply the application, whose servers have a volume each."""
    await found(world)
    await world.apply(web(count) | {"volumeClaims": [CLAIM]}, fleet="west")


async def has_a_broken_volume(world: World) -> None:
    """Have the volume of a server that is to come back in a state in which nobody can use it."""
    await apply_with_volumes(world, 1)
    await world.universe.until(lambda: world.ready() and len(world.sky.there()) == 1)
    await apply_with_volumes(world, 0)
    await world.universe.until(lambda: not world.sky.cloud.settle())
    (volume,) = world.sky.cloud.volumes.values()
    volume.status = "error"
    await apply_with_volumes(world, 1)


async def has_its_volume_mended(world: World) -> None:
    """Have the volume as it was."""
    (volume,) = world.sky.cloud.volumes.values()
    volume.status = "available"
