"""The fleets that can be used: which provider stands behind a name, and whether one may use it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from controller import contract, errors
from controller.api import clock, names, objects
from controller.api.reasons import Reason
from controller.execution.caches import Caches
from controller.execution.pool import Pool
from controller.planning import plan, relations

Factory = Callable[[objects.Fleet], contract.Provider]


class Fleets:
    """Providers by fleet name, made when first needed, kept while the Fleet is the same.

    `factories` are the known providers by name. The built-in fleet of pods needs no object; a
    Fleet object of its name replaces it.
    """

    def __init__(
        self,
        world: Caches,
        *,
        pods: contract.Provider,
        factories: Mapping[str, Factory],
        pool: Pool,
    ) -> None:
        self._world = world
        self._pods = pods
        self._factories = factories
        self._pool = pool
        # Keyed by UID and generation: a changed Fleet gets a new provider and pool.
        self._made: dict[str, tuple[tuple[str, int], contract.Provider, Pool]] = {}
        # Instances abandoned by this process that their Fleet's status may not name yet.
        self._abandoned: dict[str, dict[str, objects.Orphan]] = {}
        self._changed: Callable[[str], None] = lambda _: None
        self._observed: contract.Changed = lambda _namespace, _name: None

    def subscribe(self, *, fleet: Callable[[str], None], server: contract.Changed) -> None:
        """Call `fleet` with a name that has something to record, `server` as providers say."""
        self._changed = fleet
        self._observed = server
        self._pods.subscribe(server)

    def abandon(self, action: plan.RecordOrphan, now: float) -> None:
        """Remember an instance that was given up, until its Fleet's status names it."""
        orphan = objects.Orphan(id=action.instance, server=action.server, since=clock.stamp(now))
        self._abandoned.setdefault(action.fleet, {}).setdefault(action.instance, orphan)
        self._changed(action.fleet)

    def abandoned(self, name: str) -> tuple[objects.Orphan, ...]:
        """Return the instances that were abandoned and that the Fleet's status does not name."""
        fleet, waiting = self.find(name), self._abandoned.get(name, {})
        for orphan in fleet.status.orphans if fleet else ():
            waiting.pop(orphan.id, None)
        return tuple(waiting.values())

    def looked_up(self, name: str) -> tuple[frozenset[str], frozenset[str]]:
        """Return which recorded orphans can be reached again, and which are no more."""
        fleet, provider = self.find(name), self.provider(name)
        if fleet is None or provider is None:
            return frozenset(), frozenset()
        seen = {each.id: provider.look(each.id) for each in fleet.status.orphans}
        away = (contract.Phase.UNKNOWN, contract.Phase.UNREACHABLE, contract.Phase.ABSENT)
        return (
            frozenset(each for each, phase in seen.items() if phase not in away),
            frozenset(each for each, phase in seen.items() if phase is contract.Phase.ABSENT),
        )

    def find(self, name: str) -> objects.Fleet | None:
        """Return the Fleet object called `name`, if there is one."""
        return self._world.of(objects.Fleet).objects.get(("", name))

    def is_known(self, provider: str) -> bool:
        """Return whether a provider of that name exists in this build."""
        return provider in self._factories

    def provider(self, name: str) -> contract.Provider | None:
        """Return the provider behind a fleet's name; None where there is none that works."""
        try:
            made = self._make(name)
        except errors.Stalled:
            return None
        return made[0] if made else None

    def holding(self, server: objects.Meta) -> tuple[str, str | None]:
        """Return which fleet has an instance of a server whose spec cannot be read, and its id.

        The id is empty where no fleet has one, None while one of them cannot tell.
        """
        made = self._world.of(objects.Fleet).objects
        known: str | None = ""
        for name in dict.fromkeys((names.BUILT_IN_FLEET, *(each for _, each in made))):
            provider = self.provider(name)
            found = provider.instance(server) if provider is not None else None
            if found:
                return name, found
            known = None if found is None else known
        return "", known

    def pool(self, name: str) -> Pool:
        """Return the pool that bounds calls for a fleet: pods share the API server's."""
        try:
            made = self._make(name)
        except errors.Stalled:
            return self._pool
        return made[1] if made else self._pool

    def pools(self) -> tuple[Pool, ...]:
        """Return the pools of all fleets that have one of their own."""
        return tuple(pool for _, _, pool in self._made.values() if pool is not self._pool)

    def facts(self, name: str, namespace: str) -> contract.FleetFacts:
        """Return what planning needs: capabilities, or the problem that stands in the way."""
        fleet = self.find(name)
        if fleet is None and name != names.BUILT_IN_FLEET:
            return contract.FleetFacts(
                name=name,
                problem=Reason.UNKNOWN_FLEET,
                message=f"fleet {name!r} does not exist: create it, or name one of `kubectl get"
                " argfleet` or the built-in fleet 'pods'",
            )
        if fleet is not None and not self._allowed(fleet, namespace):
            return contract.FleetFacts(
                name=name,
                problem=Reason.FLEET_NOT_ALLOWED,
                message=f"fleet {name!r} does not allow namespace {namespace!r}: its"
                " spec.allowedNamespaces must match the namespace's labels",
            )
        try:
            made = self._make(name)
        except errors.Stalled as error:
            return contract.FleetFacts(name=name, problem=error.reason, message=str(error))
        if made is None:
            return contract.FleetFacts(
                name=name,
                problem=Reason.UNKNOWN_FLEET,
                message=f"fleet {name!r} names a provider that this build does not have",
            )
        provider = made[0]
        read_only = not self._world.plans(objects.Fleet)
        return contract.FleetFacts(
            name=name,
            capabilities=provider.capabilities,
            keeps_orphans=fleet is not None and not read_only,
            may_abandon=not read_only or provider is self._pods,
            orphans=frozenset(each.id for each in fleet.status.orphans) if fleet else frozenset(),
        )

    def _make(self, name: str) -> tuple[contract.Provider, Pool] | None:
        """Return provider and pool; raises Stalled where the Fleet says what cannot be done."""
        fleet = self.find(name)
        if fleet is None:
            return (self._pods, self._pool) if name == names.BUILT_IN_FLEET else None
        factory = self._factories.get(fleet.spec.provider)
        if factory is None:
            return None
        version = (fleet.metadata.uid, fleet.metadata.generation)
        made = self._made.get(name)
        if made is None or made[0] != version:
            provider, limits = factory(fleet), fleet.spec.limits
            if provider is self._pods:
                return self._pods, self._pool
            pool = Pool(
                width=limits.concurrent_calls, per_second=limits.calls_per_second, strict=True
            )
            made = self._made[name] = (version, provider, pool)
            provider.subscribe(self._observed)
        return made[1], made[2]

    def _allowed(self, fleet: objects.Fleet, namespace: str) -> bool:
        wanted = fleet.spec.allowed_namespaces
        if wanted is None:
            return True
        labels = relations.namespace_labels(self._world, namespace)
        return labels is not None and wanted.match_labels.items() <= labels.items()
