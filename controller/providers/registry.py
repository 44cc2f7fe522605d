"""Which providers this build has: one line each.

`wiring` makes one Registry and hands its factories to `execution`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from controller.api import objects
from controller.kube import api as kube
from controller.kube import informer
from controller.providers import base, memory, memory_fleet, pod, steps

Factory = Callable[[objects.Fleet], base.Provider]


@dataclasses.dataclass(slots=True, kw_only=True)
class Registry:
    """Makes providers for fleets, and keeps what must outlive them."""

    api: kube.Api
    pods: informer.Informer[objects.Pod]
    claims: informer.Informer[objects.Claim] | None = None
    allowed_urls: tuple[str, ...] = ()
    # Fleets in memory by the uid of their Fleet: they outlive changes of its spec.
    in_memory: dict[str, memory_fleet.MemoryFleet] = dataclasses.field(default_factory=dict)

    @property
    def factories(self) -> Mapping[str, Factory]:
        """The factories by the name that a Fleet's `spec.provider` has."""
        return {
            "pod": self._pod,
            "memory": self._memory,
        }

    def built_in(self) -> pod.PodProvider:
        """Return the provider behind the fleet `pods`, which needs no Fleet."""
        return pod.PodProvider(self.api, self.pods, self.claims, allowed_urls=self.allowed_urls)

    def _pod(self, fleet: objects.Fleet) -> base.Provider:
        del fleet  # pods have no settings of their own
        return self.built_in()

    def _memory(self, fleet: objects.Fleet) -> base.Provider:
        settings = memory_fleet.read_settings(bytes(fleet.spec.memory))
        uid = fleet.metadata.uid
        machines = self.in_memory.setdefault(uid, memory_fleet.MemoryFleet())
        machines.settings = settings
        machines.zones = tuple(each.name for each in fleet.spec.failure_domains)
        return memory.MemoryProvider(
            machines, steps.Steps(self.api, allowed_urls=self.allowed_urls)
        )
