"""The supervisor of fleets: opens and closes their providers, lends them, and holds calls back.

The engine starts it when this replica leads. A Fleet that comes, changes or goes has its provider
opened or closed in the background; until it is open nothing is concluded about its servers. A
built-in fleet is one more Fleet, which nobody wrote; an object of its name replaces it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeVar

import structlog

from controller import contract, errors
from controller.api import objects
from controller.api.reasons import Reason
from controller.execution import fleet_branch
from controller.execution.breaker import Breaker
from controller.execution.caches import Caches
from controller.execution.fleet_branch import Branch, CallEnd
from controller.execution.fleet_waiters import Waiters
from controller.execution.pool import WIDTH, Pool
from controller.execution.provider_life import ProviderLife
from controller.planning import circuit as circuits
from controller.planning import keys, relations, words
from controller.planning.circuit import Circuit, CircuitState
from controller.planning.keys import Key
from controller.reasons import NOTHING, AnyReason

_log = structlog.get_logger(__name__)
T = TypeVar("T")

# How many calls a second a fleet's provider gets at most where its Fleet does not say.
PER_SECOND = 50
# How long a start waits for providers to open, in seconds; those that take longer come later.
OPENING_SECONDS = 2.0


class Fleets:
    """Providers by fleet name, open for as long as their Fleet is the same.

    `kinds` are the known providers by name, `pool` is that of the API server. `sharers` processes
    keep to a fleet's limits together; `since` tells when the turn of this one at a key began, by
    the loop's clock. `touch` is called with each key of which something else may be planned now.
    """

    def __init__(
        self,
        caches: Caches,
        *,
        kinds: Mapping[str, contract.ProviderKind],
        context: contract.Context,
        pool: Pool,
        sharers: Callable[[], int] = lambda: 1,
        since: Callable[[Key], float] = lambda _key: -math.inf,
    ) -> None:
        self._sharers = sharers
        self._since = since
        self._caches = caches
        self._kinds = kinds
        # Fleets that need no object, by their names, and how people see them until there is one.
        self._built_in: dict[str, objects.Fleet] = {}
        self._displays: dict[str, contract.Display] = {}
        for each in kinds.values():
            if each.built_in is not None:
                name = each.built_in.fleet
                spec = objects.FleetSpec(provider=each.name)
                self._built_in[name] = objects.fleet(objects.Meta(name=name), spec)
                self._displays[name] = each.built_in.displayed(each.display)
        self._context = context
        self._pool = pool
        self._branches: dict[str, Branch] = {}
        # Providers of Fleets that changed or went, until their last calls have ended.
        self._ending: set[asyncio.Task[None]] = set()
        # Pools of Fleets that went, while calls wait in them.
        self._left: list[Pool] = []
        self._waiters = Waiters(caches)

    def subscribe(
        self, touch: Callable[[Key], None], nudge: Callable[[Key], None] | None = None
    ) -> None:
        """Call `touch` with each object of which something else may now be planned.

        `nudge` is called with those whose turn it is: they are not to wait for anything else.
        """
        self._waiters.touch = touch
        self._waiters.nudge = nudge or touch

    # --- Life -------------------------------------------------------------------------------------

    async def start(self, *, patience: float = OPENING_SECONDS) -> None:
        """Open the providers of all fleets that there are, and follow Fleets from now on."""
        if self._caches.watches(objects.Fleet):
            self._caches.informer(objects.Fleet).subscribe(self._fleet_changed)
        known = [name for _, name in self._caches.of(objects.Fleet).objects]
        for name in dict.fromkeys((*self._built_in, *known)):
            self._follow(name, first=True)
        waits = [
            asyncio.ensure_future(each.life.settled())
            for each in self._branches.values()
            if each.life is not None
        ]
        if waits:
            _, late = await asyncio.wait(waits, timeout=patience)
            for each in late:
                each.cancel()

    async def stop(self) -> None:
        """Close all providers, once the calls that they were lent to have ended."""
        if self._branches and self._caches.watches(objects.Fleet):
            self._caches.informer(objects.Fleet).unsubscribe(self._fleet_changed)
        for branch in self._branches.values():
            self._end(branch)
        self._branches.clear()
        if self._ending:
            await asyncio.wait(self._ending)

    def _fleet_changed(self, old: objects.Fleet | None, new: objects.Fleet | None) -> None:
        item = new or old
        if item is not None:
            self._follow(item.metadata.name)

    def _follow(self, name: str, *, first: bool = False) -> None:
        """Have the fleet's provider, pool and rule be those that its Fleet asks for now.

        The `first` ones of this process may have been another's until just now.
        """
        fleet, branch = self._written(name), self._branches.get(name)
        if fleet is None:
            if branch is not None:
                self._end(branch)
                self._left.append(branch.pool)
                del self._branches[name]
            return
        if branch is None:
            branch = Branch(fleet, self._pool, self._waiters, self._context.clock)
            self._branches[name] = branch
        branch.adopt(fleet)
        kind = self._kinds.get(fleet.spec.provider)
        branch.pool = self._pool_of(branch, kind)
        if branch.life is not None and branch.life.serves(fleet):
            return
        if first or branch.life is not None:
            branch.take_over()
        self._end(branch)
        # Another provider is tried anew, whatever became of the calls to the one before.
        branch.anew()
        if kind is not None:
            context = dataclasses.replace(
                self._context,
                changed=functools.partial(self._observed, name),
                claims_changed=self._claims_changed,
                alone_since=functools.partial(self._alone_since, name),
            )
            branch.life = ProviderLife(kind, context, fleet, changed=lambda: self._wake(name))

    def _end(self, branch: Branch) -> None:
        """Close a provider in the background."""
        life, branch.life = branch.life, None
        branch.stop()
        if life is not None:
            ending = life.end()
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    def _pool_of(self, branch: Branch, kind: contract.ProviderKind | None) -> Pool:
        """Return the pool of a fleet: that of the API server where nothing bounds its calls.

        A pool of its own stays with the fleet's name through all changes of its limits.
        """
        limits = branch.fleet.spec.limits
        in_cluster = kind is None or kind.in_cluster
        bounded = limits.concurrent_calls is not None or limits.calls_per_second is not None
        if in_cluster and not bounded and branch.pool is self._pool:
            return self._pool
        width = limits.concurrent_calls or WIDTH
        per_second = limits.calls_per_second or (0 if in_cluster else PER_SECOND)
        if branch.pool is self._pool:
            return Pool(width=width, per_second=per_second, strict=True, sharers=self._sharers)
        branch.pool.limit(width=width, per_second=per_second)
        return branch.pool

    # --- The fleets and their state ---------------------------------------------------------------

    def find(self, name: str) -> objects.Fleet | None:
        """Return the Fleet object called `name`, if there is one."""
        return self._caches.of(objects.Fleet).objects.get(("", name))

    def _written(self, name: str) -> objects.Fleet | None:
        return self.find(name) or self._built_in.get(name)

    def is_built_in(self, name: str) -> bool:
        """Return whether a fleet is there whether or not anybody wrote it."""
        return name in self._built_in

    def kind(self, name: str) -> contract.ProviderKind | None:
        """Return the provider of a fleet as the registry lists it; None where there is none."""
        fleet = self._written(name)
        return self._kinds.get(fleet.spec.provider) if fleet is not None else None

    def display(self, name: str) -> contract.Display:
        """Return how people see what a fleet makes; of one that nobody wrote, what is behind it."""
        kind = self.kind(name)
        return self._display(name, kind) if kind is not None else contract.PLAIN

    def _display(self, name: str, kind: contract.ProviderKind) -> contract.Display:
        own = self._displays.get(name)
        return kind.display if own is None or self.find(name) is not None else own

    def is_known(self, provider: str) -> bool:
        """Return whether a provider of that name exists in this build."""
        return provider in self._kinds

    def provider(self, name: str) -> contract.Provider | None:
        """Return the provider behind a fleet's name; None where there is none that is open."""
        branch = self._branches.get(name)
        return branch.life.provider if branch is not None and branch.life is not None else None

    def failure(self, name: str) -> errors.ArgosyError | None:
        """Return why a fleet's provider could not be opened when that was last tried."""
        branch = self._branches.get(name)
        return branch.life.failure if branch is not None and branch.life is not None else None

    def silence(self, name: str) -> contract.Silence | None:
        """Return for how long a fleet's provider has heard nothing of its servers, and why."""
        provider = self.provider(name)
        return provider.silence() if provider is not None else None

    def is_open(self, name: str) -> bool:
        """Return whether a fleet's provider is open."""
        return self.provider(name) is not None

    def circuit(self, name: str) -> Circuit:
        """Return the circuit of a fleet as a whole."""
        branch = self._branches.get(name)
        return branch.whole.circuit if branch is not None else Circuit()

    def held(self, name: str) -> tuple[str, ...]:
        """Return the namespaces whose calls alone are held back, sorted."""
        branch = self._branches.get(name)
        return tuple(sorted(branch.held())) if branch is not None else ()

    def tries(self, name: str, namespace: str = "") -> bool:
        """Return whether what may be called for a namespace's servers are trials."""
        branch = self._branches.get(name)
        found = branch.breakers(namespace) if branch is not None else ()
        return any(each.circuit.state is CircuitState.HALF_OPEN for each in found)

    def circuits(self) -> dict[tuple[str, ...], float]:
        """Return of each fleet whether its circuit holds calls back."""
        return {
            (name,): float(each.whole.circuit.state is not CircuitState.CLOSED)
            for name, each in self._branches.items()
        }

    def looked_up(self, name: str) -> tuple[frozenset[str], frozenset[str]]:
        """Return which recorded orphans can be reached again, and which are no more."""
        fleet = self.find(name)
        recorded = fleet.status.orphans if fleet is not None else ()
        found = self.instances(name) if recorded else None
        if found is None:
            return frozenset(), frozenset()
        seen = {each.id: each.phase for each in found}
        away = (contract.Phase.UNKNOWN, contract.Phase.UNREACHABLE)
        return (
            frozenset(each.id for each in recorded if seen.get(each.id, away[0]) not in away),
            frozenset(each.id for each in recorded if each.id not in seen),
        )

    def is_outside(self, provider: str) -> bool:
        """Return whether a provider's servers are outside the cluster, which then collects none."""
        return provider in self._kinds and not self._kinds[provider].in_cluster

    def instances(self, name: str) -> Iterable[contract.Instance] | None:
        """Return all instances of a fleet; None while not known."""
        provider = self.provider(name)
        return provider.instances() if provider is not None else None

    def holding(self, server: objects.Meta) -> tuple[str, str | None]:
        """Return which fleet has an instance of a server whose spec cannot be read, and its id.

        The id is empty where no fleet has one, None while one of them cannot tell.
        """
        known: str | None = ""
        for name in self._branches:
            provider = self.provider(name)
            found = provider.instance(server) if provider is not None else None
            if found:
                return name, found
            known = None if found is None else known
        return "", known

    def pool(self, name: str) -> Pool:
        """Return the pool that bounds calls for a fleet."""
        branch = self._branches.get(name)
        return branch.pool if branch is not None else self._pool

    def pools(self) -> tuple[Pool, ...]:
        """Return the pools of all fleets that have one of their own."""
        self._left = [each for each in self._left if not each.idle()]
        own = [*self._left, *(each.pool for each in self._branches.values())]
        return tuple(each for each in own if each is not self._pool)

    def facts(self, name: str, namespace: str) -> contract.FleetFacts:
        """Return what planning needs: what a fleet can and has, and what stands in the way.

        One that may not be used, or cannot be opened, may have volumes and a record all the same:
        whoever goes is told what is known of these, and where nothing is known yet.
        """
        fleet = self._written(name)
        if fleet is None:
            return self._unknown_fleet(name, None)
        # Read once: whoever asks for `spec` looks up what its bytes say.
        spec = fleet.spec
        kind = self._kinds.get(spec.provider)
        if kind is None:
            return self._unknown_fleet(name, fleet)
        problem, message = self._problem(name, spec, namespace)
        written = fleet is not self._built_in.get(name)
        read_only = not self._caches.plans(objects.Fleet)
        provider, branch = self.provider(name), self._branches.get(name)
        return contract.FleetFacts(
            name=name,
            capabilities=kind.capabilities,
            problem=problem,
            message=message,
            pause=self._pause(name, namespace) if not problem else None,
            outage=branch.outage(namespace) if branch is not None else contract.OutageSpan(),
            window=float(spec.limits.circuit.window_seconds),
            can_change=provider.can_change if provider is not None else contract.never,
            claims=provider.claims if provider is not None else _unknown,
            record=fleet if written and not read_only else None,
            may_abandon=not read_only or not written,
            orphans=frozenset(each.id for each in fleet.status.orphans),
            domains=spec.failure_domains,
            in_cluster=kind.in_cluster,
            display=self._display(name, kind),
        )

    def _unknown_fleet(self, name: str, fleet: objects.Fleet | None) -> contract.FleetFacts:
        """Return what is said of a fleet that there is not, or not in this build."""
        if fleet is None:
            others = "".join(f" or to the built-in fleet {each}" for each in self._built_in)
            message = (
                f"Fleet {name} does not exist. Create it, or set spec.fleet to one of"
                f" `kubectl get argfleet`{others}."
            )
        else:
            provider = fleet.spec.provider
            message = f"Fleet {name} cannot be used. This operator has no provider {provider}."
        return contract.FleetFacts(name=name, problem=Reason.UNKNOWN_FLEET, message=message)

    def _problem(self, name: str, spec: objects.FleetSpec, namespace: str) -> tuple[AnyReason, str]:
        """Return why a fleet is of no use until a person changes something, and in which words."""
        if not self._allowed(spec, namespace):
            return Reason.FLEET_NOT_ALLOWED, (
                f"Fleet {name} does not allow namespace {namespace}. The labels of the namespace"
                " must match spec.allowedNamespaces of the Fleet."
            )
        failure = self.failure(name)
        if failure is None or failure.policy.kind is not errors.FailureKind.REFUSED:
            return NOTHING, ""
        return failure.reason, _not_opened(name, failure)

    def _pause(self, name: str, namespace: str) -> contract.Pause | None:
        branch, failure = self._branches.get(name), self.failure(name)
        if branch is None or branch.life is None or branch.life.provider is None:
            return contract.Pause(
                reason=failure.reason if failure is not None else Reason.FLEET_OPENING,
                message=_not_opened(name, failure)
                if failure is not None
                else f"The fleet {name} is being opened.",
            )
        found = next((each for each in branch.breakers(namespace) if each.holds), None)
        return _held(found) if found is not None else None

    def _allowed(self, spec: objects.FleetSpec, namespace: str) -> bool:
        wanted = spec.allowed_namespaces
        if wanted is None:
            return True
        labels = relations.namespace_labels(self._caches, namespace)
        return labels is not None and wanted.match_labels.items() <= labels.items()

    # --- Calls ------------------------------------------------------------------------------------

    def promise(
        self, name: str, verb: contract.Verb, namespace: str = "", action: str = ""
    ) -> None:
        """Count a call that was planned, and will begin when its turn comes, as one that tries."""
        branch = self._branches.get(name)
        for each in branch.asked(namespace, verb, action) if branch is not None else ():
            each.promise(verb)

    async def ask(
        self,
        name: str,
        verb: contract.Verb,
        call: Callable[[contract.Provider], Awaitable[T]],
        *,
        namespace: str = "",
        whose: str = "",
        action: str = "",
    ) -> T:
        """Lend a fleet's provider to `call`, about the server `whose`, and count how that ends.

        `action` is that of an act. Raises NotSent where the provider is not open, or not to be
        called for now.
        """
        branch = self._branches.get(name)
        if branch is None or branch.life is None:
            raise errors.NotSent(f"the fleet {name} is not open", reason=Reason.FLEET_OPENING)
        life = branch.life
        with life.lend() as provider:
            asked = branch.asked(namespace, verb, action)
            if not all(each.may_begin(verb) for each in asked):
                for each in asked:
                    each.redeem(verb)
                message = f"many calls to the fleet {name} failed: new ones wait for a while"
                raise errors.NotSent(message, reason=Reason.CIRCUIT_OPEN)
            begun = tuple((each, each.begin(verb)) for each in asked)
            how = CallEnd(failed=None)
            try:
                answer = await call(provider)
                how = CallEnd(failed=False)
            except errors.ArgosyError as error:
                how = fleet_branch.ended(error, verb, whose)
                raise
            except (TimeoutError, ConnectionError) as error:
                how = fleet_branch.unanswered(error)
                raise
            else:
                return answer
            finally:
                branch.end(begun, namespace, how)
                if verb is contract.Verb.CREATE and branch.life is not life:
                    branch.take_over()

    # --- Who is told ------------------------------------------------------------------------------

    def _observed(self, fleet: str, namespace: str, name: str) -> None:
        """Have a server looked at of which its provider shows something, which shows that it lives.

        Whatever the provider shows while its circuit is open may bring the next trial forward.
        """
        branch = self._branches.get(fleet)
        for each in branch.breakers(namespace) if branch is not None else ():
            each.seen()
        self._waiters.touch(keys.server(namespace, name))

    def _alone_since(self, fleet: str, namespace: str, name: str) -> float:
        """Return until when others may have made something for a server, by the loop's clock."""
        branch = self._branches.get(fleet)
        own = self._since(keys.server(namespace, name))
        return max(own, branch.alone_since) if branch is not None else own

    def _claims_changed(self, namespace: str, application: str, component: str) -> None:
        """Have the set of a component looked at: what its servers have outlives them."""
        self._waiters.touch(keys.component(namespace, application, component))

    def _wake(self, name: str) -> None:
        """Have everything planned anew that may have waited for the fleet."""
        branch = self._branches.get(name)
        if branch is not None:
            works = branch.whole.circuit.state is CircuitState.CLOSED
            self._waiters.wake_all(branch.fleet, works=works)


def _unknown(namespace: str, application: str, component: str) -> None:
    """Know of no claims yet: their provider is not open."""
    del namespace, application, component


def _not_opened(name: str, failure: errors.ArgosyError) -> str:
    """Return what is told of a fleet whose provider could not be opened."""
    return words.because(f"Fleet {name} cannot be opened", str(failure))


def _held(by: Breaker) -> contract.Pause:
    """Return what is told while a circuit lets nothing through."""
    circuit, namespace = by.circuit, by.namespace
    whose = f"the fleet {by.fleet.metadata.name}"
    return contract.Pause(
        reason=Reason.CIRCUIT_OPEN,
        message=circuits.message(
            f"{whose} for the namespace {namespace}" if namespace else whose, circuit.words
        ),
        until=circuit.until if circuit.state is CircuitState.OPEN else 0.0,
        namespace=namespace,
    )
