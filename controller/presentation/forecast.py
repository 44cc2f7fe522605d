"""What would come of an application if nothing failed: its planners, run ahead of time.

`kubectl argosy plan` and `delete` show this. The Application and ServerSet planners are asked again
and again; what they want takes effect in memory, and every server comes up at once. So the order,
the budgets and the choice between a change in place and a replacement are the operator's own.
"""

from __future__ import annotations

import dataclasses
import enum
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from controller import contract
from controller.api import clock, conditions, names, objects
from controller.api.choices import Management, Power
from controller.api.conditions import Condition, ConditionType
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.contract import Capability
from controller.kinds import application as application_planner
from controller.kinds import serverset
from controller.kinds.application.snapshot import ApplicationSnapshot
from controller.kinds.serverset import service_manifest
from controller.kinds.serverset.snapshot import ServerSetSnapshot
from controller.planning import budget, merge_patch, plan, relations, verdict
from controller.planning.caches import Sources
from controller.planning.register import Register

T = TypeVar("T", bound=objects.Object)
# A rollout of ten thousand servers one by one would take more; nobody reads that far.
MOST_ROUNDS = 2000
# So many rounds without a change are the end: what a set says is seen a round later.
STILL = 3


class Effect(enum.StrEnum):
    """What happens to a server."""

    CREATE = "create"
    REPLACE = "replace"
    CHANGE = "change in place"
    DELETE = "delete"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What happens to servers of one component at one moment; the next step waits for it."""

    effect: Effect
    component: str
    servers: tuple[str, ...]
    reason: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What would happen, in order; `budgets` are how many servers may be down, by component.

    `finished` tells whether it comes to an end; `message` is how the application then stands.
    `builds` are what must be built first, each a Build's name.
    Of the claims that are there, `claims_deleted` go with their data, and `claims_kept` outlive the
    servers that they were made for. `domains` are the failure domains that servers are given.
    """

    steps: tuple[tuple[Step, ...], ...]
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

    It goes no further than the round in which nobody wants it any more.
    """
    stage = _Stage(sources, application, now)
    rounds: list[tuple[Step, ...]] = []
    still = 0
    for _ in range(MOST_ROUNDS):
        before = stage.writes
        steps = stage.advance()
        if steps:
            rounds.append(steps)
        still = 0 if stage.writes != before else still + 1
        if still >= STILL or stage.gone or not wanted():
            break
    status = stage.application.status
    message = next(
        (each.message for each in status.conditions if each.type == ConditionType.READY), ""
    )
    return Forecast(
        steps=tuple(rounds),
        budgets=stage.budgets(),
        finished=stage.gone or still >= STILL,
        message=message,
        claims_deleted=_in_order(stage.claims_deleted),
        claims_kept=_in_order(stage.claims_left()),
        domains=stage.domains,
        builds=tuple(stage.built),
    )


class _Stage:
    """One application and all below it, in memory."""

    def __init__(self, sources: Sources, application: objects.Application, now: float) -> None:
        self.now = now
        self.writes = 0
        self.gone = False
        # One that is only observed is shown as it would be managed.
        spec = msgspec.structs.replace(application.spec, management=Management.FULL.value)
        self.application = msgspec.structs.replace(application, spec=spec)
        self.claims_deleted: list[str] = []
        # The failure domain that each server was given at last, by its name.
        self.domains: dict[str, str] = {}
        # The Builds that are to end well before anything is made of them.
        self.built: list[str] = []
        self._uids = (f"forecast-{number}" for number in itertools.count())
        meta = application.metadata
        caches = sources.caches
        known = relations.application_of(caches, meta.namespace, meta.name)
        sets = relations.sets_of(caches, known)
        self._sets = {each.metadata.name: each for each in sets.values()}
        self._servers: dict[str, dict[int, objects.Server]] = {}
        for each in sets.values():
            found = caches.by(relations.SERVERS_BY_OWNER, each.metadata.uid).values()
            self._servers[each.metadata.name] = {one.spec.ordinal: one for one in found}
        found_builds = relations.builds_of(caches, meta.namespace, meta.name)
        self._builds = {each.metadata.name: self._end(each) for each in found_builds}
        self._served = self._serving()
        owned = relations.revisions_of(caches, known)
        self._revisions = {each.metadata.name: each for each in owned}
        facts = sources.fleets.facts(application.spec.fleet, meta.namespace)
        # Evictions are nothing that would come of the change.
        capable = facts.capabilities - {Capability.EVICTIONS}
        self._fleet = dataclasses.replace(facts, capabilities=capable)
        # By component and id; also of components that are no more.
        self._claims: dict[str, dict[str, contract.Claim]] = {}
        found_claims = facts.claims(meta.namespace, meta.name, "")
        for claim in self._told_claims() if found_claims is None else found_claims:
            self._claims.setdefault(claim.component, {})[claim.id] = claim
        self._terminating = relations.namespace_terminating(caches, meta.namespace)
        # The longest that a server must have been ready; time goes on by that much a round.
        self._pace = 1.0 + max(
            (each.rollout.min_ready_seconds for each in application.spec.components), default=0
        )

    def budgets(self) -> dict[str, tuple[int, int]]:
        """Return by component how many of how many servers may be unavailable."""
        found = {}
        for each in self._sets.values():
            spec = each.spec
            found[spec.component] = budget.limit(spec.replicas, spec.rollout), spec.replicas
        return found

    def claims_left(self) -> Iterator[str]:
        """Yield the claims that are left behind: their servers go, or nobody is left to use them.

        Claims whose servers were scaled away long ago are no news, unless the application goes.
        """
        serving = self._serving()
        for each in itertools.chain.from_iterable(map(dict.values, self._claims.values())):
            left = self.gone or (each.server in self._served and each.server not in serving)
            if left and not each.going:
                yield each.name

    def _told_claims(self) -> Iterator[contract.Claim]:
        """Yield what servers say of their claims, where their provider is not seen from here."""
        for each in itertools.chain.from_iterable(map(dict.values, self._servers.values())):
            name, component = each.metadata.name, each.spec.component
            for told in each.status.claims:
                claim = names.claim(told.name, name)
                yield contract.Claim(id=claim, name=claim, server=name, component=component)

    def _serving(self) -> frozenset[str]:
        return frozenset(
            each.metadata.name for servers in self._servers.values() for each in servers.values()
        )

    def advance(self) -> tuple[Step, ...]:
        """Let everything be planned once; return what happens to servers."""
        self._carry_out_application()
        steps: list[Step] = []
        for name in sorted(self._sets):
            steps += self._carry_out_set(name)
        for servers in self._servers.values():
            for ordinal, server in servers.items():
                servers[ordinal] = self._come_up(server)
        self.now += self._pace
        return tuple(steps)

    def _carry_out_application(self) -> None:
        made = application_planner.plan(
            ApplicationSnapshot(
                now=self.now,
                application=self.application,
                fleet=self._fleet,
                sets={each.spec.component: each for each in self._sets.values()},
                revisions=tuple(self._revisions.values()),
                builds=tuple(self._builds.values()),
                in_use=self._in_use(),
                namespace_terminating=self._terminating,
            )
        )
        for action in made.actions:
            self._do(action)
        meta = self.application.metadata
        if meta.deletion_timestamp and names.FINALIZER not in meta.finalizers:
            self.gone = True
        if isinstance(made.status, objects.ApplicationStatus):
            self.application = msgspec.structs.replace(self.application, status=made.status)

    def _in_use(self) -> frozenset[str]:
        servers = itertools.chain.from_iterable(map(dict.values, self._servers.values()))
        return frozenset(relations.revision_path(each)[1] for each in servers)

    def _carry_out_set(self, name: str) -> Iterator[Step]:
        found = self._sets[name]
        made = serverset.plan(
            ServerSetSnapshot(
                now=self.now,
                server_set=found,
                servers=Register(self._servers.setdefault(name, {})),
                fleet=self._fleet,
                application=self.application,
                service=_service(found),
                claims=tuple(self._claims.get(found.spec.component, {}).values()),
                revisions=tuple(self._revisions.values()),
                namespace_terminating=self._terminating,
            )
        )
        yield from self._steps(name, made)
        for action in made.actions:
            self._do(action)
        if isinstance(made.status, objects.ServerSetStatus) and name in self._sets:
            self._sets[name] = msgspec.structs.replace(self._sets[name], status=made.status)

    def _steps(self, name: str, made: plan.Plan) -> Iterator[Step]:
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
            yield Step(
                effect=effect,
                component=self._sets[name].spec.component,
                servers=tuple(server for _, server in sorted(servers)),
                reason=reason,
            )

    def _do(self, action: plan.Action) -> None:
        """Let one action take effect."""
        match action:
            case plan.Create(resource=Resource.SERVERSETS):
                made = self._made(action.body, objects.ServerSet)
                self._sets[made.metadata.name] = made
            case plan.Create(resource=Resource.SERVERS):
                server = self._made(action.body, objects.Server)
                owner = server.metadata.controller
                assert owner is not None, "a server without a set"  # noqa: S101 - planners promise it
                self._servers[owner.name][server.spec.ordinal] = server
                self._place(server)
            case plan.Create(resource=Resource.REVISIONS):
                revision = self._made(action.body, objects.ControllerRevision)
                self._revisions[revision.metadata.name] = revision
            case plan.Create(resource=Resource.BUILDS):
                build = self._end(self._made(action.body, objects.Build))
                self._builds[build.metadata.name] = build
            case plan.Patch():
                self._patch(action)
            case plan.Delete():
                self._delete(action)
            case plan.DeleteClaim(claim=claim):
                self._discard(claim.id, claim.name)
            case _:
                return
        self.writes += 1

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

    def _place(self, server: objects.Server) -> None:
        if server.spec.domain:
            self.domains[server.metadata.name] = server.spec.domain

    def _patch(self, action: plan.Patch) -> None:
        match action.resource:
            case Resource.APPLICATIONS:
                self.application = _merged(self.application, action.body)
            case Resource.SERVERSETS:
                found = _merged(self._sets[action.name], action.body)
                self._sets[action.name] = found
                if found.metadata.deletion_timestamp and not found.metadata.finalizers:
                    del self._sets[action.name]
            case Resource.REVISIONS:
                self._revisions[action.name] = _merged(self._revisions[action.name], action.body)
            case Resource.SERVERS:
                ordinal = int(action.name.rpartition("-")[2])
                servers = self._servers[action.name.rpartition("-")[0]]
                servers[ordinal] = _merged(servers[ordinal], action.body)
                self._place(servers[ordinal])
            case _:
                pass

    def _delete(self, action: plan.Delete) -> None:
        match action.resource:
            case Resource.SERVERS:
                above, _, ordinal = action.name.rpartition("-")
                self._servers[above].pop(int(ordinal), None)
            case Resource.SERVERSETS:
                going = {"metadata": {"deletionTimestamp": clock.stamp(self.now)}}
                self._sets[action.name] = _merged(self._sets[action.name], going)
            case Resource.BUILDS:
                self._builds.pop(action.name, None)
            case Resource.REVISIONS:
                self._revisions.pop(action.name, None)
            case Resource.CLAIMS:
                self._discard(action.uid, action.name)
            case _:
                pass

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
            namespace=self.application.metadata.namespace,
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


def _service(found: objects.ServerSet) -> objects.Service:
    """Return the set's Service, as if it were there: making it changes no server."""
    body = service_manifest.body(found)
    return msgspec.convert(
        {**body, "metadata": {**body["metadata"], "uid": "forecast"}}, objects.Service
    )
