"""Why something is as it is: the walk from what is asked down to what is to blame."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from controller import errors
from controller.api import clock
from controller.api.resources import Resource
from controller.kube import slots
from controller.planning.circuit import CircuitState
from controller.presentation import answers, inspection, last_lines
from controller.presentation.answers import Answer
from controller.presentation.references import Reference
from controller.providers.openstack.reasons import CloudReason
from fakes.api_server.kubelet import Behaviour, Kubelet
from fakes.api_server.storage import Json
from fakes.universe import Universe, application, component, operation

pytestmark = pytest.mark.looptime


def behave(pod: Json) -> Behaviour:
    """Let one server's image be missing."""
    missing = pod["metadata"]["name"] == "shop-web-1"
    return Behaviour(fate="ImagePullBackOff" if missing else "Ready")


async def asked(universe: Universe, resource: Resource, name: str) -> Answer | None:
    """Return the answer for one object."""
    async with inspection.look(universe.server, "default") as look:
        return answers.walk(look, Reference(resource=resource, name=name), "default")


def leaves(found: Answer) -> list[Answer]:
    """Return what is to blame in the end."""
    return [leaf for each in found.below for leaf in leaves(each)] or [found]


async def test_the_walk_leads_from_the_application_to_the_server_that_is_ill() -> None:
    """Each step is an answer of its own; the last one has the message and what can be done."""
    async with Universe(kubelet=Kubelet(behave)) as universe:
        await universe.apply(application("shop", component("web", 3), component("db", 1)))
        await universe.until(
            lambda: (
                "ImagePullBackOff"
                in str(universe.condition(Resource.SERVERS, "shop-web-1").get("message"))
            )
        )
        found = await asked(universe, Resource.APPLICATIONS, "shop")
    assert found is not None
    assert [each.object for each in found.below] == ["ServerSet/shop-web"]
    (leaf,) = leaves(found)
    assert leaf.object == "Server/shop-web-1"
    assert "ImagePullBackOff" in leaf.message
    remedies = [each.remedy for each in leaf.waits if each.remedy] or [leaf.command]
    assert all(each.endswith("-n default") for each in remedies), remedies


async def test_a_reason_is_explained_by_the_kind_that_gives_it() -> None:
    """Whoever asks about a server reads of the server, and of an operation alone where one is."""
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 1)))
        await universe.settle()
        server = await asked(universe, Resource.SERVERS, "shop-web-0")
        await universe.apply(operation("again", "shop", "Restart"))
        await universe.settle()
        ended = await asked(universe, Resource.OPERATIONS, "again")
    assert server is not None
    assert (server.reason, server.meaning) == ("Running", "The server runs, as asked.")
    assert ended is not None
    succeeded = "The operation succeeded on every targeted server."
    assert (ended.reason, ended.meaning) == ("Completed", succeeded)


async def test_the_walk_leads_down_only_and_so_it_ends() -> None:
    """A server may wait for its application, which is answered for, but not for all of its own."""
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 3)))
        await universe.settle()
        await universe.merge(Resource.APPLICATIONS, "shop", {"spec": {"paused": True}})
        await universe.delete(Resource.PODS, "shop-web-0")
        await universe.settle()
        found = await asked(universe, Resource.SERVERS, "shop-web-0")
        gone = await asked(universe, Resource.SERVERS, "shop-web-9")
    assert found is not None
    assert [each.object for each in found.below] == ["Application/shop"]
    assert not found.below[0].below
    assert gone is None


def lease(namespace: str, name: str, holder: str, renewed: float) -> Json:
    """Return a Lease as it is listed."""
    spec = {"holderIdentity": holder, "leaseDurationSeconds": 15}
    return {
        "metadata": {"namespace": namespace, "name": name},
        "spec": {**spec, "renewTime": clock.precise(renewed)},
    }


class Leases:
    """An API server that lists Leases."""

    def __init__(self, *leases: Json) -> None:
        self._leases = leases

    async def raw(self, _path: str, query: str = "") -> bytes:
        """Return those of the name that is asked for."""
        found = [each for each in self._leases if query.endswith("%3D" + each["metadata"]["name"])]
        return json.dumps({"items": found}).encode()


@pytest.mark.parametrize("claimed", [True, False])
async def test_an_install_beside_one_for_the_whole_cluster_is_told(claimed: bool) -> None:
    """Whoever wonders why nothing happens reads which of two installs acts; others may be legal."""
    now = 1_790_000_000.0
    leases = [
        lease("argosy-a", "argosy-leader", "a-1", now - 3),
        lease("argosy-b", "argosy-leader", "b-1", now - 5),
        lease("argosy-c", "argosy-leader", "c-1", now - 5000),
    ]
    if claimed:
        leases.append(lease("kube-public", "argosy-cluster", "argosy-a/argosy-leader", now - 9))
    api: Any = Leases(*leases)
    told = await answers.operator(api, now)
    if claimed:
        assert "the install in namespace argosy-a looks after the whole cluster" in told
        assert "those in argosy-b do nothing. Uninstall all but the one in argosy-a." in told
    else:
        assert told == ""


async def told_by(leases: list[Json], name: str = "shop") -> Answer:
    """Return the answer for an application where these Leases are to be read."""
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 1)))
        await universe.settle()

        class Door:
            """The server, and Leases beside it."""

            raw = Leases(*leases).raw

            def __getattr__(self, verb: str) -> Any:
                return getattr(universe.server, verb)

        api: Any = Door()
        meant = Reference(resource=Resource.APPLICATIONS, name=name)
        return await answers.read(api, meant, "default", 1_790_000_000.0)


async def test_which_replica_has_an_application_is_told() -> None:
    """By the Lease of its slot, in the namespace of the install whose replicas share the work."""
    now = 1_790_000_000.0
    name = slots.lease(slots.of("default", "shop"))
    shared = lease("argosy", "argosy-leader", "argosy-replicas", now - 3)
    held = lease("argosy", name, "argosy-7c9f-abcde_0123456789ab", 0.0)
    elsewhere = lease("other", name, "stranger_0", 0.0)
    told = await told_by([shared, elsewhere, held])
    assert (
        told.replica
        == f"Replica argosy-7c9f-abcde looks after this object, by Lease {name} in argosy."
    )
    given = {**held, "spec": {**held["spec"], "holderIdentity": ""}}
    for leases in ([shared, given], [shared]):
        told = await told_by(leases)
        assert told.replica.startswith(f"No replica has {name}, the slot of this object: a replica")


async def test_where_one_replica_leads_no_replica_is_told() -> None:
    """Nor where nobody leads, or where it cannot be seen whose replicas have it."""
    now = 1_790_000_000.0
    held = lease("argosy", slots.lease(slots.of("default", "shop")), "argosy-0_ab", 0.0)
    alone = lease("argosy", "argosy-leader", "argosy-0_ab", now - 3)
    two = [
        lease(namespace, "argosy-leader", "argosy-replicas", now - 3) for namespace in ("a", "b")
    ]
    for leases in ([alone, held], [held], [*two, held]):
        assert (await told_by(leases)).replica == ""


def away(verb: str, *, after: bool) -> None:
    """Have no call get through to the machines."""
    if not after:
        raise errors.Outage(f"{verb}: 503 from cloud.example", reason=CloudReason.CLOUD_UNREACHABLE)


async def test_why_names_the_circuit_that_is_open_and_its_next_trial() -> None:
    """From the application down: since when, in the provider's own words, and the next try."""
    spec = {"provider": "memory", "limits": {"concurrentCalls": 16}}
    async with Universe() as universe:
        await universe.server.create(
            Resource.FLEETS, "", {"metadata": {"name": "metal"}, "spec": spec}
        )
        well = universe.machines.interfere
        universe.machines.interfere = away
        await universe.apply(application("shop", component("web", 40), fleet="metal"))
        await universe.until(
            lambda: universe.process.fleets.circuit("metal").state is CircuitState.OPEN
        )
        # The third trial: what waits for it told the first one, and is not written anew.
        await universe.until(lambda: universe.process.fleets.circuit("metal").times == 3)
        await asyncio.sleep(5)
        circuit = universe.process.fleets.circuit("metal")
        for resource, name in (
            (Resource.APPLICATIONS, "shop"),
            (Resource.SERVERSETS, "shop-web"),
            (Resource.SERVERS, "shop-web-7"),
        ):
            found = await asked(universe, resource, name)
            assert found is not None
            assert found.reason == "CircuitOpen"
            assert "create: 503 from cloud.example" in found.message
            (wait,) = [each for each in found.waits if each.reason == "CircuitOpen"]
            assert wait.object == "Fleet/metal"
            assert wait.next_attempt_time == clock.stamp(circuit.until)
            assert clock.parse(wait.since) <= universe.server.now() - 90
            assert wait.remedy
        universe.machines.interfere = well
        await universe.until(
            lambda: universe.condition(Resource.APPLICATIONS, "shop").get("status") == "True"
        )
        found = await asked(universe, Resource.APPLICATIONS, "shop")
        assert found is not None
        assert found.reason != "CircuitOpen"


@pytest.mark.parametrize("runs", [True, False])
async def test_the_last_lines_of_what_crashed_are_told(runs: bool) -> None:
    """Those of the container that ended: while another runs in its place, of the one before."""
    asked: list[tuple[str, str, bool]] = []

    class Door:
        """The server, and the output of containers beside it."""

        raw = Leases().raw

        def __getattr__(self, verb: str) -> Any:
            return getattr(universe.server, verb)

        async def logs(
            self, namespace: str, pod: str, *, container: str, tail_lines: int, previous: bool
        ) -> AsyncIterator[bytes]:
            assert (namespace, tail_lines) == ("default", last_lines.LAST_WORDS)
            asked.append((pod, container, previous))
            yield b"KeyError: 'DATABASE'\r\n"

    # It ends after 1.5 s, and again 2 s later, and waits then.
    kubelet = Kubelet(lambda _: Behaviour(fate="Unready", ends=1 if runs else 9))
    async with Universe(kubelet=kubelet) as universe:
        await universe.apply(application("shop", component("web", 1)))
        await asyncio.sleep(8)
        api: Any = Door()
        meant = Reference(resource=Resource.APPLICATIONS, name="shop")
        told = await answers.read(api, meant, "default", 1_790_000_000.0, lines=True)
        assert asked == [("shop-web-0", "main", runs)]
        (said,) = told.printed
        assert (said.server, said.lines) == ("shop-web-0", ("KeyError: 'DATABASE'",))
        assert not (await answers.read(api, meant, "default", 1_790_000_000.0)).printed
