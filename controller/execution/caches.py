"""All that is cached of the cluster: one informer a resource, and the indexes that gather needs."""

from __future__ import annotations

import collections
import functools
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from controller import parts
from controller.api import conditions, names, objects
from controller.api.resources import Resource
from controller.execution.registers import Registers
from controller.kube import api as kube_api
from controller.kube import informer
from controller.telemetry import progress

# What is not ours is watched only where it carries our label.
_LABELLED = names.APPLICATION_LABEL

OWNER = "owner"
APPLICATION = "application"
COMPONENT = "component"
FLEET = "fleet"


def _owner(item: objects.Object) -> Hashable | None:
    owner = item.metadata.controller
    return owner.uid if owner else None


def _server_application(item: objects.Server) -> Hashable:
    return item.metadata.namespace, item.spec.application


def _server_fleet(item: objects.Server) -> Hashable:
    return item.spec.fleet


def _operation_application(item: objects.Operation) -> Hashable:
    return item.metadata.namespace, item.spec.application


def _labelled_component(item: objects.Object) -> Hashable:
    labels = item.metadata.labels
    return (
        item.metadata.namespace,
        labels.get(names.APPLICATION_LABEL),
        labels.get(names.COMPONENT_LABEL),
    )


class Caches:
    """The caches of one cluster, or of some of its namespaces (`("",)` means all).

    `cluster_scoped` asks for what belongs to the whole cluster; what of it is `read_only` is for
    others to plan.
    """

    def __init__(
        self,
        api: kube_api.Api,
        *,
        namespaces: Sequence[str] = ("",),
        cluster_scoped: bool = True,
        read_only: frozenset[Resource] = frozenset(),
    ) -> None:
        self.read_only = read_only

        def watch(resource: Resource, selector: str = "") -> informer.Informer[Any]:
            return informer.Informer(api, resource, namespaces=namespaces, label_selector=selector)

        self.applications: informer.Informer[objects.Application] = watch(Resource.APPLICATIONS)
        self.sets: informer.Informer[objects.ServerSet] = watch(Resource.SERVERSETS)
        self.servers: informer.Informer[objects.Server] = watch(Resource.SERVERS)
        self.operations: informer.Informer[objects.Operation] = watch(Resource.OPERATIONS)
        self.pods: informer.Informer[objects.Pod] = watch(Resource.PODS, _LABELLED)
        self.services: informer.Informer[objects.Service] = watch(Resource.SERVICES, _LABELLED)
        self.claims: informer.Informer[objects.Claim] = watch(Resource.CLAIMS, _LABELLED)
        self.jobs: informer.Informer[objects.Job] = watch(Resource.JOBS, _LABELLED)
        self.revisions: informer.Informer[objects.ControllerRevision] = watch(
            Resource.REVISIONS, _LABELLED
        )
        # Namespaced installs may have no right to what belongs to the whole cluster.
        self.fleets: informer.Informer[objects.Fleet] | None = None
        self.namespaces: informer.Informer[objects.Namespace] | None = None
        if cluster_scoped:
            self.fleets = informer.Informer(api, Resource.FLEETS)
            self.namespaces = informer.Informer(api, Resource.NAMESPACES)
        self._add_indexes()
        self.registers = Registers(functools.partial(self.servers.by, OWNER))
        self.servers.subscribe(self.registers.change)

    def _add_indexes(self) -> None:
        self.sets.add_index(OWNER, _owner)
        self.servers.add_index(OWNER, _owner)
        self.servers.add_index(APPLICATION, _server_application)
        self.servers.add_index(FLEET, _server_fleet)
        self.operations.add_index(APPLICATION, _operation_application)
        self.revisions.add_index(OWNER, _owner)
        self.claims.add_index(COMPONENT, _labelled_component)

    @property
    def informers(self) -> dict[Resource, informer.Informer[Any]]:
        """Every informer, by its resource."""
        every: Iterable[informer.Informer[Any] | None] = (
            self.applications,
            self.sets,
            self.servers,
            self.operations,
            self.pods,
            self.services,
            self.claims,
            self.jobs,
            self.revisions,
            self.fleets,
            self.namespaces,
        )
        return {each.resource: each for each in every if each is not None}

    @property
    def synced(self) -> bool:
        """Whether every cache has seen a whole list."""
        return all(each.synced for each in self.informers.values())

    def cached(self) -> dict[tuple[str, ...], float]:
        """Return how many objects each cache holds."""
        return {(resource,): len(each.objects) for resource, each in self.informers.items()}

    def silences(self) -> dict[tuple[str, ...], float]:
        """Return how long ago each watch was last heard."""
        return {
            (resource,): silence
            for resource, each in self.informers.items()
            if (silence := each.silence) is not None
        }

    def pulses(self) -> list[progress.Pulse]:
        """Return when each loop that feeds a cache last went on."""
        return [pulse for each in self.informers.values() for pulse in each.pulses]

    def servers_by_state(self) -> dict[tuple[str, ...], float]:
        """Return how many servers there are, by fleet and by what their Ready condition says."""
        counts: collections.Counter[tuple[str, ...]] = collections.Counter()
        for server in self.servers.objects.values():
            ready = conditions.find(server.status.conditions, "Ready")
            said = (ready.status, ready.reason) if ready else ("Unknown", "Pending")
            counts[server.spec.fleet, *said] += 1
        return dict(counts)

    async def wait(self) -> None:
        """Return once `synced`."""
        for each in self.informers.values():
            await each.wait()

    async def run(self) -> None:
        """Keep all caches up to date until cancelled."""
        await parts.together(
            {f"cache {resource}": each.run() for resource, each in self.informers.items()}
        )

    def namespace_terminating(self, namespace: str) -> bool:
        """Return whether the namespace itself is on its way out, as far as is known."""
        if self.namespaces is None:
            return False
        found = self.namespaces.objects.get(("", namespace))
        return found is not None and (
            found.status.phase == "Terminating" or found.metadata.deletion_timestamp is not None
        )

    def namespace_labels(self, namespace: str) -> dict[str, str] | None:
        """Return the labels of a namespace; None where they cannot be known."""
        found = self.namespaces.objects.get(("", namespace)) if self.namespaces else None
        return found.metadata.labels if found is not None else None
