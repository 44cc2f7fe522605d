"""One operator, put together as `wiring` does, but for its process, its probes and its network.

`universe` starts and kills it whole; `proof.mutants.arena` has several of them stand by a Lease.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from controller import contract
from controller.execution.caches import Caches
from controller.execution.engine import Engine
from controller.execution.event_writer import EventWriter
from controller.execution.fleets import Fleets
from controller.execution.ownership import Ownership, SoleLeader
from controller.execution.pool import Pool
from controller.execution.writer import Writer
from controller.kinds import registry as kinds_registry
from controller.kinds.kind import Kind
from controller.kube import api as kube
from controller.planning.builders import Builder
from controller.providers import registry as providers_registry

Kinds = Sequence[Kind[Any, Any]]


class Operator:
    """The parts of one operator: its caches, the fleets that it knows, its engine; none runs yet.

    `providers` are beside those of this build, or in the place of those of their name.
    """

    def __init__(
        self,
        api: kube.Api,
        *,
        name: str,
        clock: Callable[[], float],
        kinds: Kinds = kinds_registry.KINDS,
        providers: Mapping[str, contract.ProviderKind] | None = None,
        may_write: Callable[[], bool] = lambda: True,
        ownership: Ownership | None = None,
        servers_per_namespace: int = 0,
        builder: Builder = Builder(),  # noqa: B008 - frozen
        sharers: Callable[[], int] = lambda: 1,
        holder: str = "",
        by_slot: bool = False,
    ) -> None:
        self.name = name
        self.caches = Caches(api, kinds=kinds, optional=True, by_slot=by_slot)
        pool = Pool(sharers=sharers)
        context = contract.Context(
            api=api,
            informers=self.caches.informers,
            clock=clock,
            may_write=may_write,
            sharers=sharers,
        )
        known = {**providers_registry.kinds(), **(providers or {})}
        self.fleets = Fleets(
            self.caches,
            kinds=known,
            context=context,
            pool=pool,
            sharers=sharers,
            since=(ownership or SoleLeader()).since,
        )
        self.writer = Writer(api, may_write=may_write, made=self.caches.learn)
        self.engine = Engine(
            caches=self.caches,
            fleets=self.fleets,
            writer=self.writer,
            pool=pool,
            event_writer=EventWriter(api, reporter=name, clock=clock, may_write=may_write),
            clock=clock,
            holder=holder or name,
            ownership=ownership,
            servers_per_namespace=servers_per_namespace,
            builder=builder,
        )
