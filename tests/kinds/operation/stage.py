"""A stage for planners: a tiny world in which plans take effect and servers act, in virtual time.

It plays what execution and a provider do, and nothing more: merge patches with their preconditions,
calls that take a while, acts with given outcomes. Tests of whole operations are played on it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from controller import contract
from controller.api import clock, names, objects
from controller.api.resources import Resource
from controller.api.views.meta import Meta
from controller.contract import Phase, tasks
from controller.contract.tasks import Outcome
from controller.kinds import operation, server
from controller.kinds.operation import retention
from controller.kinds.operation.snapshot import OperationSnapshot
from controller.kinds.server import task
from controller.kinds.server.snapshot import ServerSnapshot
from controller.planning import availability, merge_patch, plan, verdict
from controller.providers.pod.changes import can_become

START = 1_700_000_000.0
# No cluster evicts what is on it.
CAPABLE = frozenset(contract.Capability) - {
    contract.Capability.STOP,
    contract.Capability.EVICTIONS,
}


@dataclasses.dataclass(slots=True)
class Substance:
    """What a server is made of on this stage."""

    id: str
    incarnation: int
    revision: str
    born: float
    alternative: int = 0
    ready: float | None = None
    ends: float | None = None


@dataclasses.dataclass(slots=True)
class Act:
    """An act under way."""

    task: objects.Task
    ends: float
    cancelled: float | None = None


Verdict = Callable[[objects.Server, objects.Task], str]


def succeed(_server: objects.Server, _task: objects.Task) -> str:
    """Let every act succeed."""
    return ""


class Stage:
    """The world: servers with their substance, operations, one application; and its clock."""

    def __init__(self, count: int = 3, *, component: str = "web", boot: float = 2.0) -> None:
        self.now = START
        self.boot = boot
        self.version = 1
        self.application = objects.Application(
            metadata=Meta(name="shop", namespace="d", uid="app", generation=1),
            spec=objects.ApplicationSpec(components=(objects.Component(name=component),)),
            status=objects.ApplicationStatus(observed_generation=1),
        )
        self.component = component
        self.sets: dict[str, objects.ServerSet] = {}
        self.revisions: dict[str, objects.ControllerRevision] = {}
        self.servers: dict[str, objects.Server] = {}
        self.operations: dict[str, objects.Operation] = {}
        self.substance: dict[str, Substance] = {}
        self.acts: dict[str, Act] = {}
        self.holder = "first"
        self.capabilities = CAPABLE
        self.verdict: Verdict = succeed
        self.broken: set[str] = set()
        self.act_seconds = 1.0
        self.deaf: set[str] = set()
        self.told: list[str] = []
        self.began: list[tuple[str, str]] = []
        self.instances = 0
        self.watchers: list[Callable[[Stage], None]] = []
        for ordinal in range(count):
            self.add_server(ordinal)

    # ---- props

    def add_server(self, ordinal: int) -> objects.Server:
        """Put a new server on the stage; it comes up by itself."""
        name = names.server("shop", self.component, ordinal)
        self.version += 1
        self.servers[name] = objects.Server(
            metadata=Meta(
                name=name,
                namespace="d",
                uid=f"uid-{name}-{self.version}",
                resource_version=str(self.version),
                generation=1,
                creation_timestamp=clock.stamp(self.now),
                finalizers=(names.FINALIZER,),
            ),
            spec=objects.ServerSpec(
                application="shop",
                component=self.component,
                ordinal=ordinal,
                revision="r1",
                template=msgspec.Raw(b'{"spec":{"containers":[]}}'),
            ),
        )
        return self.servers[name]

    def submit(self, name: str, action: str, **spec: Any) -> objects.Operation:
        """Create an operation as a person would."""
        self.version += 1
        raw = {
            "metadata": {
                "name": name,
                "namespace": "d",
                "uid": f"uid-{name}-{self.version}",
                "resourceVersion": str(self.version),
                "generation": 1,
                "creationTimestamp": clock.stamp(self.now),
            },
            "spec": {"application": "shop", "action": action, **spec},
        }
        self.operations[name] = msgspec.json.decode(
            msgspec.json.encode(raw), type=objects.Operation
        )
        return self.operations[name]

    def edit(self, name: str, **spec: Any) -> None:
        """Change an operation's spec as a person would."""
        self._merge(self.operations, name, {"spec": spec}, "")

    def edit_server(self, ordinal: int, **spec: Any) -> None:
        """Change a server's spec, as a rollout or a person would."""
        self._merge(self.servers, self.name(ordinal), {"spec": spec}, "")

    def delete(self, collection: dict[str, Any], name: str) -> None:
        """Mark an object as being deleted."""
        stamp = clock.stamp(self.now)
        self._merge(collection, name, {"metadata": {"deletionTimestamp": stamp}}, "")

    def name(self, ordinal: int) -> str:
        """Return the name of the server with that ordinal."""
        return names.server("shop", self.component, ordinal)

    def delete_application(self) -> None:
        """Mark the application, and the servers that its planners would take down, as going."""
        stamp = clock.stamp(self.now)
        meta = msgspec.structs.replace(self.application.metadata, deletion_timestamp=stamp)
        self.application = msgspec.structs.replace(self.application, metadata=meta)
        for name in list(self.servers):
            self.delete(self.servers, name)

    def rival(self, name: str, late: float) -> None:
        """Let another planner meddle who sees an operation as it was, and says everything twice."""
        past: list[OperationSnapshot] = []

        def meddle(stage: Stage) -> None:
            past.append(stage.look(name))
            old = next((each for each in past if each.now >= stage.now - late), past[0])
            for _ in range(2):
                # Its statuses are refused: they bear the resourceVersion that it saw.
                stage._carry_out(name, operation.plan(old))

        self.watchers.append(meddle)

    def crash(self) -> None:
        """Let the operator die and another process take over: what it was at is forgotten."""
        self.acts.clear()
        self.holder += "'"

    # ---- what is seen

    def status(self, name: str) -> objects.OperationStatus:
        """Return the status of an operation."""
        return self.operations[name].status

    def reason(self, name: str) -> str:
        """Return the reason of an operation's condition Succeeded."""
        found = [each.reason for each in self.status(name).conditions if each.type == "Succeeded"]
        return found[0] if found else "Waiting"

    def ended(self, name: str) -> bool:
        """Return whether the operation has come to an end."""
        return any(
            each.type == "Succeeded" and each.status != "Unknown"
            for each in self.status(name).conditions
        )

    def down(self) -> list[str]:
        """Return the servers whose substance does not work at this moment."""
        return [name for name in self.servers if not self._works(name)]

    def under_task(self) -> list[str]:
        """Return the servers with a task that has not ended."""
        return [name for name, each in self.servers.items() if not tasks.ended(each)]

    def available(self) -> int:
        """Return how many servers are available."""
        return sum(
            availability.seconds_until_available(each, self.now, 0) <= 0
            for each in self.servers.values()
        )

    def _works(self, name: str) -> bool:
        stuff, wanted = self.substance.get(name), self.servers[name].spec
        return (
            stuff is not None
            and stuff.ends is None
            and stuff.ready is not None
            and stuff.ready <= self.now
            and stuff.incarnation == wanted.incarnation
        )

    def observe(self, name: str) -> contract.Observation:
        """Return what a provider would see of a server."""
        stuff = self.substance.get(name)
        if stuff is None:
            return contract.ABSENT
        phase = Phase.RUNNING
        if stuff.ends is not None:
            phase = Phase.TERMINATING
        elif name in self.broken:
            phase = Phase.FAILED
        elif stuff.born + self.boot > self.now:
            phase = Phase.PENDING
        elif stuff.ready is None:
            stuff.ready = self.now
        return contract.Observation(
            phase=phase,
            id=stuff.id,
            addresses=("10.0.0.1",),
            revision=stuff.revision,
            incarnation=stuff.incarnation,
            alternative=stuff.alternative,
            ready=phase is Phase.RUNNING,
            ready_since=stuff.ready or 0.0,
            since=stuff.born,
            message="it broke" if name in self.broken else "",
        )

    # ---- the play

    def settle(self, limit: float = 60.0) -> None:
        """Play until all servers are available."""
        self.until(lambda: self.available() == len(self.servers), limit=limit)

    def finish(self, name: str, limit: float = 3600.0) -> str:
        """Play until the operation has ended, and return the reason."""
        self.until(lambda: self.ended(name), limit=limit)
        return self.reason(name)

    def until(self, done: Callable[[], bool], *, limit: float = 600.0) -> None:
        """Play until `done`, and fail after `limit` seconds of the stage's time."""
        end = self.now + limit
        while not done():
            assert self.now < end, f"not done after {limit} s: {self.told[-20:]}"
            self.step()

    def play(self, seconds: float) -> None:
        """Play for some time."""
        end = self.now + seconds
        while self.now < end:
            self.step()

    def step(self, seconds: float = 0.5) -> None:
        """Let everybody plan once, then let time pass."""
        for name in list(self.operations):
            self.plan_operation(name)
        for name in list(self.servers):
            self.plan_server(name)
        for watch in self.watchers:
            watch(self)
        self.now += seconds
        self._pass()

    def look(self, name: str) -> OperationSnapshot:
        """Return what the Operation planner is given."""
        found = self.operations[name]
        beside = [
            each for each in self.operations.values() if each.metadata.uid != found.metadata.uid
        ]
        return OperationSnapshot(
            now=self.now,
            operation=found,
            application=self.application,
            fleet=contract.FleetFacts(
                name="pods", capabilities=self.capabilities, can_change=can_become
            ),
            sets=self.sets,
            servers={(s.spec.component, s.spec.ordinal): s for s in self.servers.values()},
            others=tuple(each for each in beside if not verdict.finished(each)),
            remembered=tuple(each for each in beside if retention.REMEMBERED.key(each)),
            revisions=tuple(self.revisions.values()),
        )

    def plan_operation(self, name: str) -> plan.Plan:
        """Plan an operation and carry the plan out."""
        answer = operation.plan(self.look(name))
        self._write_status(self.operations, name, answer.status)
        self._carry_out(name, answer)
        return answer

    def plan_server(self, name: str) -> plan.Plan:
        """Plan a server and carry the plan out."""
        act = self.acts.get(name)
        look = ServerSnapshot(
            now=self.now,
            server=self.servers[name],
            observation=self.observe(name),
            fleet=contract.FleetFacts(
                name="pods", capabilities=self.capabilities, can_change=can_become
            ),
            application=self.application,
            acting=act.task.id if act else None,
            holder=self.holder,
        )
        answer = server.plan(look)
        self._write_status(self.servers, name, answer.status)
        self._carry_out(name, answer)
        return answer

    def _carry_out(self, name: str, answer: plan.Plan) -> None:
        for action in answer.actions:
            match action:
                case plan.Patch():
                    self._patch(action)
                case contract.Call():
                    self._call(name, action)
                case plan.Delete(resource=Resource.OPERATIONS):
                    del self.operations[action.name]
                case plan.RecordEvent():
                    self.told.append(f"{name}: {action.reason}")
                case _:
                    raise AssertionError(action)

    def _collection(self, resource: Resource) -> dict[str, Any]:
        found: Mapping[Resource, dict[str, Any]] = {
            Resource.SERVERS: self.servers,
            Resource.OPERATIONS: self.operations,
            Resource.REVISIONS: self.revisions,
        }
        return found[resource]

    def _patch(self, action: plan.Patch) -> None:
        collection = self._collection(action.resource)
        found = collection.get(action.name)
        if found is None or found.metadata.uid != action.uid:
            return
        if action.resource_version not in ("", found.metadata.resource_version):
            return
        self._merge(collection, action.name, action.body, action.subresource)

    def _merge(
        self, collection: dict[str, Any], name: str, body: Mapping[str, Any], subresource: str
    ) -> None:
        found = collection[name]
        before = msgspec.json.decode(msgspec.json.encode(found))
        after = merge_patch.merge(before, body)
        self.version += 1
        after["metadata"]["resourceVersion"] = str(self.version)
        if not subresource and after.get("spec") != before.get("spec"):
            after["metadata"]["generation"] += 1
        decoded = msgspec.json.decode(msgspec.json.encode(after), type=type(found))
        going = decoded.metadata.deletion_timestamp is not None
        if going and not decoded.metadata.finalizers:
            del collection[name]
        else:
            collection[name] = decoded

    def _write_status(
        self, collection: dict[str, Any], name: str, status: plan.Status | None
    ) -> None:
        if status is None:
            return
        self.version += 1
        found = collection[name]
        meta = msgspec.structs.replace(found.metadata, resource_version=str(self.version))
        collection[name] = msgspec.structs.replace(found, metadata=meta, status=status)

    def _call(self, name: str, call: contract.Call) -> None:
        found = self.servers[name]
        match call.verb:
            case contract.Verb.CREATE:
                assert name not in self.substance, f"two instances of {name}"
                self.instances += 1
                self.substance[name] = Substance(
                    id=f"i{self.instances}",
                    incarnation=found.spec.incarnation,
                    revision=found.spec.revision,
                    born=self.now,
                    alternative=call.alternative,
                )
            case contract.Verb.DELETE:
                stuff = self.substance.get(name)
                if stuff is not None and stuff.id == call.instance:
                    stuff.ends = self.now + 1.0
                    self.broken.discard(name)
            case contract.Verb.ACT | contract.Verb.RESUME:
                assert call.task is not None
                if call.verb is contract.Verb.ACT:
                    self.began.append((name, call.task.step))
                outcome = self.now + self.act_seconds
                self.acts[name] = Act(task=call.task, ends=outcome)
                if call.verb is contract.Verb.RESUME:
                    self.acts[name].ends = -1.0
            case contract.Verb.CANCEL:
                act = self.acts.get(name)
                if act is not None and name not in self.deaf and act.cancelled is None:
                    act.cancelled = self.now
            case contract.Verb.CHANGE:
                raise AssertionError(call)

    def _pass(self) -> None:
        for name, stuff in list(self.substance.items()):
            if stuff.ends is not None and stuff.ends <= self.now:
                del self.substance[name]
        for name, act in list(self.acts.items()):
            if name not in self.servers:
                del self.acts[name]
            elif outcome := self._outcome(name, act):
                del self.acts[name]
                write = task.finish_patch(self.servers[name], outcome, self.now)
                if write is not None:
                    self._patch(write)

    def _outcome(self, name: str, act: Act) -> Outcome | None:
        if act.cancelled is not None:
            return Outcome(task=act.task.id, state="Cancelled")
        if act.ends > self.now or name in self.deaf:
            return None
        if act.ends < 0:
            return Outcome(
                task=act.task.id, state="Failed", error_class="Unknown", message="no trace"
            )
        message = self.verdict(self.servers[name], act.task)
        if not message:
            return Outcome(task=act.task.id, state="Succeeded")
        kind, _, text = message.partition(": ")
        return Outcome(task=act.task.id, state="Failed", error_class=kind, message=text)
