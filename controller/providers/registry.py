"""Which providers this build has: one line each.

`wiring` builds them once and hands them to `execution`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from controller import contract
from controller.api import objects
from controller.kube import api as kube
from controller.kube import informer
from controller.providers.memory import machines
from controller.providers.memory.provider import MemoryProvider
from controller.providers.pod import rights as pod_rights
from controller.providers.pod.provider import PodProvider
from controller.providers.steps import rights as step_rights
from controller.providers.steps import steps

# What providers see servers, and what they do for them, by: these are watched.
SEEN_BY: tuple[type[objects.Object], ...] = (objects.Pod, objects.Claim, objects.Job)

RIGHTS = (*pod_rights.RIGHTS, *step_rights.RIGHTS)

Factory = Callable[[objects.Fleet], contract.Provider]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Providers:
    """The built-in fleet's provider, and what makes those of all other fleets.

    `others` are by the name that a Fleet's `spec.provider` has; each raises Stalled where the Fleet
    says what it cannot do.
    """

    pods: contract.Provider
    others: Mapping[str, Factory]


class _InMemory:
    """Fleets in memory by the uid of their Fleet: they outlive changes of its spec."""

    def __init__(self, shared: steps.Steps) -> None:
        self._shared = shared
        self._fleets: dict[str, machines.MemoryFleet] = {}

    def __call__(self, fleet: objects.Fleet) -> contract.Provider:
        settings = machines.read_settings(bytes(fleet.spec.memory))
        fleet_machines = self._fleets.setdefault(fleet.metadata.uid, machines.MemoryFleet())
        fleet_machines.settings = settings
        fleet_machines.zones = tuple(each.name for each in fleet.spec.failure_domains)
        return MemoryProvider(fleet_machines, self._shared)


def build(
    *,
    api: kube.Api,
    pods: informer.Informer[objects.Pod],
    claims: informer.Informer[objects.Claim] | None = None,
    jobs: informer.Informer[objects.Job] | None = None,
    allowed_urls: Sequence[str] = (),
) -> Providers:
    """Return the providers of this build, which see by these caches and write by `api`.

    Raises Stalled, `UrlRefused`, where `allowed_urls` has one that cannot be compared.
    """
    shared = steps.Steps(api, jobs, allowed_urls=allowed_urls)
    built_in = PodProvider(api, pods, claims, act_steps=shared)
    return Providers(
        pods=built_in,
        others={
            "pod": lambda _: built_in,
            "memory": _InMemory(shared),
        },
    )
