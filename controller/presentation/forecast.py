"""The steps that an application would take if nothing failed: its planners, run ahead of time.

`kubectl argosy plan` and `delete` show this. The Application and ServerSet planners are asked again
and again; what they want takes effect in memory, and every server comes up at once. So the order,
the budgets and the choice between a change in place and a replacement are the operator's own.
"""

from __future__ import annotations

import dataclasses
import enum
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar, cast

import msgspec

from controller import contract
from controller.api import clock, conditions, names, objects
from controller.api.choices import Management, Power, ServiceType
from controller.api.conditions import Condition, ConditionType
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.contract import Capability
from controller.kinds.application.kind import APPLICATION
from controller.kinds.kind import Kind
from controller.kinds.serverset import service_manifest
from controller.kinds.serverset.kind import SERVER_SET
from controller.planning import budget, finalizers, merge_patch, plan, relations, verdict
from controller.planning.caches import Fleets, Moment, Path, Sources
from controller.presentation.overlay import Overlay

T = TypeVar("T", bound=objects.Object)
# A rollout of ten thousand servers one by one would take more; nobody reads that far.
MOST_ROUNDS = 2000
# So many rounds without a change are the end: what a set says is seen a round later.
STILL = 3
# Writes to these take effect once they are planned.
_PLAYED: Mapping[Resource, type[objects.Object]] = {
    Resource.APPLICATIONS: objects.Application,
    Resource.SERVERSETS: objects.ServerSet,
    Resource.SERVERS: objects.Server,
    Resource.REVISIONS: objects.ControllerRevision,
    Resource.BUILDS: objects.Build,
    Resource.SERVICES: objects.Service,
}
# These just happen beside the application: they are nothing that would come of the change.
_BESIDE = (
    objects.DisruptionBudget,
    objects.EvictionRequest,
    objects.Job,
    objects.Node,
    objects.Operation,
    objects.Pod,
)


class Effect(enum.StrEnum):
    """The effect of a step on a server."""

    CREATE = "create"
    REPLACE = "replace"
    CHANGE = "change in place"
    DELETE = "delete"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ForecastStep:
    """The effect on servers of one component at one moment; the next step waits for it."""

    effect: Effect
    component: str
    servers: tuple[str, ...]
    reason: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The steps to come, in order; `budgets` are how many servers may be down, by component.

    `finished` tells whether they come to an end; `message` is how the application then stands.
    `builds` are what must be built first, each a Build's name.
    Of the claims that are there, `claims_deleted` go with their data, and `claims_kept` outlive the
    servers that they were made for. `domains` are the failure domains that servers are given.
    """

    steps: tuple[tuple[ForecastStep, ...], ...]
    budgets: dict[str, tuple[int, int]]
    finished: bool
    message: str
    claims_deleted: tuple[str, ...] = ()
    claims_kept: tuple[str, ...] = ()
    domains: Mapping[str, str] = dataclasses.field(default_factory=dict)
    builds: tuple[str, ...] = ()


def forecast(
    sources: Sources,
    application: objects.Application,
    now: float,
    wanted: Callable[[], bool] = lambda: True,
) -> Forecast:
    """Return what would come of `application`, which may differ from the one in the caches.

    The forecast goes no further than the round in which nobody wants it any more.
    """
    rehearsal = _Rehearsal(sources, application, now)
    rounds: list[tuple[ForecastStep, ...]] = []
    still = 0
    for _ in range(MOST_ROUNDS):
        before = rehearsal.writes
        steps = rehearsal.advance()
        if steps:
            rounds.append(steps)
        still = 0 if rehearsal.writes != before else still + 1
        if still >= STILL or rehearsal.gone or not wanted():
            break
    status = rehearsal.application.status
    message = next(
        (each.message for each in status.conditions if each.type == ConditionType.READY), ""
    )
    return Forecast(
        steps=tuple(rounds),
        budgets=rehearsal.budgets(),
        finished=rehearsal.gone or still >= STILL,
        message=message,
        claims_deleted=_in_order(rehearsal.claims_deleted),
        claims_kept=_in_order(rehearsal.claims_left()),
        domains=rehearsal.domains,
        builds=tuple(rehearsal.built),
    )


class _Fleets:
    """The fleets as they matter to what comes of a change, with the claims that are there yet."""

    def __init__(
        self,
        beneath: Fleets,
        claims: Callable[[str, str, str], tuple[contract.Claim, ...]],
    ) -> None:
        self._beneath = beneath
        self._claims = claims
        self._facts: dict[tuple[str, str], contract.FleetFacts] = {}

    def __getattr__(self, name: str) -> Any:
        """Answer everything else as the fleets do."""
        return getattr(self._beneath, name)

    def facts(self, name: str, namespace: str) -> contract.FleetFacts:
        """Return the facts of a fleet; evictions are nothing that would come of the change."""
        known = self._facts.get((name, namespace))
        if known is None:
            found = self._beneath.facts(name, namespace)
            capable = found.capabilities - {Capability.EVICTIONS}
            known = dataclasses.replace(found, capabilities=capable, claims=self._claims)
            self._facts[name, namespace] = known
        return known


class _Rehearsal:
    """One application and all below it: planned from what is cached, and from what came of that."""

    def __init__(self, sources: Sources, application: objects.Application, now: float) -> None:
        self.now = now
        self.writes = 0
        self.gone = False
        self.claims_deleted: list[str] = []
        # The failure domain that each server was given at last, by its name.
        self.domains: dict[str, str] = {}
        # The Builds that are to end well before anything is made of them.
        self.built: list[str] = []
        self._uids = (f"forecast-{number}" for number in itertools.count())
        meta, spec = application.metadata, application.spec
        self._path = meta.namespace, meta.name
        self._caches = Overlay(sources.caches, without=_BESIDE)
        # One that is only observed is shown as it would be managed.
        managed = msgspec.structs.replace(spec, management=Management.FULL.value)
        self._caches.put(msgspec.structs.replace(application, spec=managed))
        for each in (*self._sets(), *relations.builds_of(self._caches, *self._path)):
            self._put(each)
        # The servers that are yet to become what they were told to be: at first all.
        self._coming: dict[Path, None] | None = None
        self._served = self._serving()
        # By component and id; also of components that are no more.
        self._claims: dict[str, dict[str, contract.Claim]] = {}
        found = sources.fleets.facts(spec.fleet, meta.namespace).claims(*self._path, "")
        for claim in self._told_claims() if found is None else found:
            self._claims.setdefault(claim.component, {})[claim.id] = claim
        fleets = cast("Fleets", _Fleets(sources.fleets, self._claims_of))
        self._sources = dataclasses.replace(sources, caches=self._caches, fleets=fleets)
        # The longest that a server must have been ready; time goes on by that much a round.
        self._pace = 1.0 + max(
            (each.rollout.min_ready_seconds for each in spec.components), default=0
        )

    @property
    def application(self) -> objects.Application:
        """The application as it is by now, also where it is gone."""
        return self._caches.of(objects.Application).objects[self._path]

    def budgets(self) -> dict[str, tuple[int, int]]:
        """Return by component how many of how many servers may be unavailable."""
        found = {}
        for each in self._sets():
            spec = each.spec
            found[spec.component] = budget.limit(spec.replicas, spec.rollout), spec.replicas
        return found

    def claims_left(self) -> Iterator[str]:
        """Yield the claims that are left behind: their servers go, or nobody is left to use them.

        Claims whose servers were scaled away long ago are no news, unless the application goes.
        """
        serving = self._serving()
        for each in self._claims_of(*self._path, ""):
            left = self.gone or (each.server in self._served and each.server not in serving)
            if left and not each.going:
                yield each.name

    def _claims_of(
        self, _namespace: str, _application: str, component: str
    ) -> tuple[contract.Claim, ...]:
        """Return the claims that are there yet: of a component, or of all."""
        if component:
            return tuple(self._claims.get(component, {}).values())
        return tuple(itertools.chain.from_iterable(map(dict.values, self._claims.values())))

    def _told_claims(self) -> Iterator[contract.Claim]:
        """Yield what servers say of their claims, where their provider is not seen from here."""
        for each in self._servers():
            name, component = each.metadata.name, each.spec.component
            for told in each.status.claims:
                claim = names.claim(told.name, name)
                yield contract.Claim(id=claim, name=claim, server=name, component=component)

    def _sets(self) -> Iterable[objects.ServerSet]:
        return relations.sets_of(self._caches, self.application).values()

    def _servers(self) -> Iterable[objects.Server]:
        owned = relations.SERVERS_BY_OWNER
        return itertools.chain.from_iterable(
            self._caches.by(owned, each.metadata.uid).values() for each in self._sets()
        )

    def _serving(self) -> frozenset[str]:
        return frozenset(each.metadata.name for each in self._servers())

    def advance(self) -> tuple[ForecastStep, ...]:
        """Let everything be planned once; return what happens to servers."""
        self._carry_out_application()
        steps: list[ForecastStep] = []
        for each in sorted(self._sets(), key=lambda each: each.metadata.name):
            steps += self._carry_out_set(each)
        for server in self._changed():
            after = self._come_up(server)
            if after is not server:
                self._caches.put(after)
        self._coming = {}
        self.now += self._pace
        return tuple(steps)

    def _changed(self) -> Iterable[objects.Server]:
        """Return the servers that may have been told to be something else."""
        if self._coming is None:
            return tuple(self._servers())
        found = (self._caches.find(objects.Server, each) for each in self._coming)
        return tuple(each for each in found if each is not None)

    def _planned(self, kind: Kind[Any, Any], item: objects.Object) -> plan.Plan:
        """Return what the kind's planner wants, given what its own `gather` finds by now."""
        return kind.plan(kind.gather(self._sources, item, Moment(now=self.now)))

    def _carry_out_application(self) -> None:
        made = self._planned(APPLICATION, self.application)
        for action in made.actions:
            self._do(action)
        meta = self.application.metadata
        if meta.deletion_timestamp and not finalizers.is_on(meta):
            self.gone = True
        self._tell(self.application, made)

    def _carry_out_set(self, found: objects.ServerSet) -> Iterator[ForecastStep]:
        made = self._planned(SERVER_SET, found)
        yield from self._steps(found.spec.component, made)
        for action in made.actions:
            self._do(action)
        after = self._caches.find(objects.ServerSet, _path(found))
        if after is not None:
            self._tell(after, made)

    def _tell(self, item: objects.Application | objects.ServerSet, made: plan.Plan) -> None:
        if made.status is not None:
            self._caches.put(msgspec.structs.replace(item, status=made.status))

    def _steps(self, component: str, made: plan.Plan) -> Iterator[ForecastStep]:
        """Yield what the plan does to servers, one step for each effect and reason."""
        grouped: dict[tuple[Effect, str], list[tuple[int, str]]] = {}
        for action in made.actions:
            effect = _effect(action)
            if effect is None:
                continue
            server = _name(action)
            grouped.setdefault((effect, _reason(action)), []).append(
                (int(server.rpartition("-")[2]), server)
            )
        for (effect, reason), servers in grouped.items():
            yield ForecastStep(
                effect=effect,
                component=component,
                servers=tuple(server for _, server in sorted(servers)),
                reason=reason,
            )

    def _do(self, action: plan.Action) -> None:
        """Let one action take effect."""
        match action:
            case plan.Create(resource=resource) if resource in _PLAYED:
                self._put(self._made(action.body, _PLAYED[resource]))
            case plan.Patch():
                self._patch(action)
            case plan.Delete():
                self._delete(action)
            case plan.DeleteClaim(claim=claim):
                self._discard(claim.id, claim.name)
            case _:
                return
        self.writes += 1

    def _put(self, item: objects.Object) -> None:
        """Take in what was made or changed, with what comes of it in no time."""
        if isinstance(item, objects.Build):
            item = self._end(item)
        self._caches.put(item)
        if isinstance(item, objects.ServerSet):
            self._serve(item)
        if isinstance(item, objects.Server):
            if self._coming is not None:
                self._coming[_path(item)] = None
            if item.spec.domain:
                self.domains[item.metadata.name] = item.spec.domain

    def _serve(self, server_set: objects.ServerSet) -> None:
        """Have the set's Service be as its component says: making it changes no server."""
        if service_manifest.asked(server_set).type != ServiceType.NONE:
            self._caches.put(self._made(service_manifest.body(server_set), objects.Service))

    def _end(self, build: objects.Build) -> objects.Build:
        """Return a Build as it is once it has succeeded: its digest is not known before."""
        if verdict.finished(build):
            return build
        name = build.metadata.name
        self.built.append(name)
        done = conditions.Condition(type=ConditionType.SUCCEEDED, status="True")
        status = msgspec.structs.replace(
            build.status,
            conditions=(done,),
            commit=build.spec.commit or f"the commit of {name}",
            image=f"{build.spec.source.image}@{name}",
        )
        return msgspec.structs.replace(build, status=status)

    def _patch(self, action: plan.Patch) -> None:
        found = self._find(action)
        if found is None:
            return
        after = _merged(found, action.body)
        meta = after.metadata
        if isinstance(after, objects.ServerSet) and meta.deletion_timestamp and not meta.finalizers:
            self._caches.drop(objects.ServerSet, _path(after))
        else:
            self._put(after)

    def _delete(self, action: plan.Delete) -> None:
        """Let a delete take effect; a set goes once it is let go of."""
        if action.resource is Resource.CLAIMS:
            self._discard(action.uid, action.name)
        if action.resource is Resource.SERVERSETS:
            going = {"metadata": {"deletionTimestamp": clock.stamp(self.now)}}
            found = self._find(action)
            if found is not None:
                self._caches.put(_merged(found, going))
        elif action.resource in _PLAYED:
            self._caches.drop(_PLAYED[action.resource], (action.namespace, action.name))

    def _find(self, action: plan.Patch | plan.Delete) -> objects.Object | None:
        if action.resource not in _PLAYED:
            return None
        return self._caches.find(_PLAYED[action.resource], (action.namespace, action.name))

    def _discard(self, claim: str, name: str) -> None:
        self.claims_deleted.append(name)
        for claims in self._claims.values():
            claims.pop(claim, None)

    def _made(self, body: plan.Manifest, view: type[T]) -> T:
        found = msgspec.json.decode(msgspec.json.encode(body), type=view)
        meta = msgspec.structs.replace(
            found.metadata,
            uid=next(self._uids),
            generation=1,
            namespace=self._path[0],
            creation_timestamp=clock.stamp(self.now),
        )
        return msgspec.structs.replace(found, metadata=meta)

    def _come_up(self, server: objects.Server) -> objects.Server:
        """Return the server as it is once what it was told has come true."""
        spec, status = server.spec, server.status
        told = (status.revision, status.incarnation, status.power)
        wanted = (spec.revision, spec.incarnation, spec.power)
        well = any(
            each.type == ConditionType.READY and each.status == "True" for each in status.conditions
        )
        if told == wanted and (well or spec.power == Power.STOPPED):
            return server
        runs = spec.power == Power.RUNNING
        ready = Condition(
            type=ConditionType.READY,
            status="True" if runs else "False",
            reason=Reason.RUNNING if runs else Reason.STOPPED,
            last_transition_time=clock.stamp(self.now),
            observed_generation=server.metadata.generation,
        )
        after = msgspec.structs.replace(
            status,
            observed_generation=server.metadata.generation,
            revision=spec.revision,
            incarnation=spec.incarnation,
            power=spec.power,
            conditions=(ready,),
            attempts=objects.Attempts(),
            provider=msgspec.structs.replace(
                status.provider, zone=spec.domain or status.provider.zone
            ),
        )
        return msgspec.structs.replace(server, status=after)


def _in_order(claims: Iterable[str]) -> tuple[str, ...]:
    """Return the claims by what they are for, and then by the ordinals of their servers."""

    def place(name: str) -> tuple[str, int]:
        base, _, ordinal = name.rpartition("-")
        return base, int(ordinal) if ordinal.isdecimal() else 0

    return tuple(sorted(claims, key=place))


def _effect(action: plan.Action) -> Effect | None:
    match action:
        case plan.Create(resource=Resource.SERVERS):
            return Effect.CREATE
        case plan.Delete(resource=Resource.SERVERS):
            return Effect.DELETE
        case plan.Patch(resource=Resource.SERVERS, body={"spec": spec}):
            if "incarnation" in spec:
                return Effect.REPLACE
            return Effect.CHANGE if "revision" in spec else None
    return None


def _name(action: Any) -> str:
    if isinstance(action, plan.Create):
        return str(action.body["metadata"]["name"])
    return str(action.name)


def _reason(action: Any) -> str:
    return str(action.why)


def _merged(found: T, body: plan.Manifest) -> T:
    """Return the object with `body` merged in, its generation raised where its spec changed."""
    before = msgspec.json.decode(msgspec.json.encode(found))
    after = merge_patch.merge(before, msgspec.json.decode(msgspec.json.encode(body)))
    if after.get("spec") != before.get("spec"):
        after["metadata"]["generation"] = before["metadata"].get("generation", 1) + 1
    return msgspec.json.decode(msgspec.json.encode(after), type=type(found))


def _path(item: objects.Object) -> Path:
    return item.metadata.namespace, item.metadata.name
