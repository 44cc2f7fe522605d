"""The facts about a provider that this build needs before any fleet has one: a registry line.

A provider is a folder that ends in one `ProviderKind`. The CRD of Fleet, the table of permissions
and the supervisor of fleets are made from what stands here; nothing else names a provider.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from controller.api import objects
from controller.api.permissions import Permission
from controller.api.resources import Resource
from controller.contract.display import PLAIN, BuiltIn, Display
from controller.contract.observation import CanChange, Capability
from controller.contract.provider import Changed, Provider
from controller.kube import api as kube
from controller.kube import informer
from controller.reasons import Vocabulary

if TYPE_CHECKING:
    # The models take long to import, and only who renders the CRDs needs them.
    from controller.api import schema

# Of the server of that namespace and name.
AloneSince = Callable[[str, str], float]


def nobody(namespace: str, name: str) -> None:
    """Hear of a change of a server, and tell nobody."""
    del namespace, name


def no_component(namespace: str, application: str, component: str) -> None:
    """Hear of a change of a claim, and tell nobody."""
    del namespace, application, component


def always() -> bool:
    """Let everything be written: there is nobody else."""
    return True


def alone() -> int:
    """Count the processes that share a fleet's limits where there is one."""
    return 1


def nobody_else(namespace: str, name: str) -> float:
    """Know of nobody else who makes servers."""
    del namespace, name
    return -math.inf


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The means that a provider is given to work with for as long as it is open.

    `changed` is to be called whenever what `observe` answers may have changed by itself; never
    after the provider is closed. `claims_changed` is, with namespace, application and component,
    whenever that is so of what `claims` answers. `may_write` is to be asked right before anything
    is sent that changes something, by loops of the provider as by its calls: where it says no,
    nothing is sent, and `errors.LeaseLost` is raised. Writes of `api` ask by themselves.

    `alone_since` tells of a server, by namespace and name, until when others may have made
    something for it, by the loop's clock: the provider before this one, or another process. No
    list that was asked for earlier proves that there is nothing.
    """

    api: kube.Api
    informers: Mapping[Resource, informer.Informer[Any]]
    clock: Callable[[], float]
    changed: Changed = nobody
    claims_changed: Callable[[str, str, str], None] = no_component
    may_write: Callable[[], bool] = always
    alone_since: AloneSince = nobody_else
    # The URLs that HTTP steps may call beyond a server's own addresses.
    allowed_urls: Sequence[str] = ()
    # Where the operator itself lives, and what is for it alone.
    namespace: str = ""
    # How many processes keep to a fleet's limits together.
    sharers: Callable[[], int] = alone


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ProviderKind:
    """One provider, as the registry lists it.

    `name` is what a Fleet's `spec.provider` says, and the field that holds its settings;
    `makes` ends the sentence "servers are …" in the reference. `settings` returns the model of
    these settings. `open` may await, and starts whatever watches the provider's side; it raises
    Stalled where the Fleet says what cannot be done. The provider is closed when its Fleet changes
    or goes, once the calls that were lent to it have ended.
    """

    name: str
    makes: str
    capabilities: frozenset[Capability]
    open: Callable[[Context, objects.Fleet], AbstractAsyncContextManager[Provider]]
    # Where the operator alone has a way to its servers: what can change in place by the settings of
    # a Fleet, for whoever looks on. The function raises Stalled as `open` does. None: whoever looks
    # on opens the provider, too, and sees its servers by caches of their own.
    foresees: Callable[[objects.Fleet], CanChange] | None = None
    settings: Callable[[], type[schema.Model]] | None = None
    # The reasons that its servers alone give: `why` explains them, a page for people lists them.
    reasons: tuple[type[Vocabulary], ...] = ()
    rights: tuple[Permission, ...] = ()
    # The views of what its providers see servers, and what they do for them, by: these are watched.
    sees: tuple[type[objects.Object], ...] = ()
    # Calls are writes to the API server, and share its pool where the Fleet sets no limits.
    in_cluster: bool = False
    # The API server can say by a dry run what is wrong with a template of its servers.
    dry_runs: bool = False
    display: Display = PLAIN
    built_in: BuiltIn | None = None
