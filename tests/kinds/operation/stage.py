"""A stage for operations: plans take effect at once, servers act in virtual time.

On the cluster in memory that rehearsals of rollouts stand on, too, with its machines. The stage
plays acts, each with a given outcome, and nothing more. The application and its sets are props:
nobody plans them. Tests of whole operations are played on it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, cast

from controller import contract
from controller.api import names, objects
from controller.api.resources import PLACES, Resource
from controller.contract import tasks
from controller.contract.tasks import TaskResult
from controller.kinds.operation.kind import OPERATION
from controller.kinds.operation.snapshot import OperationSnapshot
from controller.kinds.server import task
from controller.kinds.server.kind import SERVER
from controller.planning import availability, plan
from controller.providers.pod.changes import can_become
from fakes.instant import NAMESPACE, AnyKind, InstantCluster
from fakes.machines import State

REVISION = "r1"
# No cluster evicts what is on it.
CAPABLE = frozenset(contract.Capability) - {
    contract.Capability.STOP,
    contract.Capability.RESTART,
    contract.Capability.EVICTIONS,
}


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


class Stage(InstantCluster):
    """The world: servers with their machines, operations, one application; and its clock."""

    def __init__(self, count: int = 3, *, component: str = "web") -> None:
        super().__init__(
            contract.FleetFacts(name="pods", capabilities=CAPABLE, can_change=can_become)
        )
        self.fleets.behind = cast("contract.Provider", self.machines)
        self.component = component
        self.acts: dict[str, Act] = {}
        self.holder = "first"
        self.verdict: Verdict = succeed
        self.act_seconds = 1.0
        self.deaf: set[str] = set()
        self.began: list[tuple[str, str]] = []
        self.watchers: list[Callable[[Stage], None]] = []
        self.put(Resource.APPLICATIONS, "shop", {"components": [{"name": component}]})
        self.tell(Resource.APPLICATIONS, "shop", {"observedGeneration": 1})
        for ordinal in range(count):
            self.add_server(ordinal)

    # ---- props

    def add_server(self, ordinal: int) -> objects.Server:
        """Put a new server on the stage; it comes up by itself."""
        name = self.name(ordinal)
        spec = {
            "application": "shop",
            "component": self.component,
            "ordinal": ordinal,
            "revision": REVISION,
        }
        owner = self._set()
        metadata = {
            "name": name,
            "finalizers": [names.FINALIZER],
            "ownerReferences": [_controller(Resource.SERVERSETS, owner)],
        }
        self.registry.create(Resource.SERVERS, NAMESPACE, {"metadata": metadata, "spec": spec})
        return self.servers[name]

    def _set(self) -> objects.ServerSet:
        """Return the set of the component whose turn it is; it is there with its first server."""
        name = names.server_set("shop", self.component)
        if not self.has(Resource.SERVERSETS, name):
            above = self.get(objects.Application, "shop")
            spec = {
                "application": "shop",
                "component": self.component,
                "replicas": 0,
                "revision": REVISION,
                "template": {"spec": {"containers": []}},
            }
            metadata = {
                "name": name,
                "ownerReferences": [_controller(Resource.APPLICATIONS, above)],
            }
            body = {"metadata": metadata, "spec": spec}
            self.registry.create(Resource.SERVERSETS, NAMESPACE, body)
        return self.get(objects.ServerSet, name)

    def submit(self, name: str, action: str, **spec: Any) -> objects.Operation:
        """Create an operation as a person would."""
        self.put(Resource.OPERATIONS, name, {"application": "shop", "action": action, **spec})
        return self.operations[name]

    def change(self, name: str, **spec: Any) -> None:
        """Change an operation's spec as a person would."""
        self.edit(Resource.OPERATIONS, name, {"spec": spec})

    def change_server(self, ordinal: int, **spec: Any) -> None:
        """Change a server's spec, as a rollout or a person would."""
        self.edit(Resource.SERVERS, self.name(ordinal), {"spec": spec})

    def change_set(self, **spec: Any) -> None:
        """Change what the component whose turn it is says of all its servers."""
        self.edit(Resource.SERVERSETS, names.server_set("shop", self.component), {"spec": spec})

    def delete_server(self, ordinal: int) -> None:
        """Begin to delete a server, as a set that needs fewer would."""
        self.delete(Resource.SERVERS, self.name(ordinal))

    def delete_application(self) -> None:
        """Begin to delete the application, and the servers that its planners would take down."""
        self.edit(Resource.APPLICATIONS, "shop", {"metadata": {"finalizers": [names.FINALIZER]}})
        self.delete(Resource.APPLICATIONS, "shop")
        for name in self.servers:
            self.delete(Resource.SERVERS, name)

    def rival(self, name: str, late: float) -> None:
        """Let another planner meddle who sees an operation as it was, and says everything twice."""
        past: list[OperationSnapshot] = []

        def meddle(stage: Stage) -> None:
            past.append(stage.look(name))
            old = next((each for each in past if each.now >= stage.now - late), past[0])
            # Its statuses are refused: they bear the resourceVersion that it saw.
            made = dataclasses.replace(OPERATION.plan(old), status=None)
            for _ in range(2):
                stage._take_effect(OPERATION, name, made)

        self.watchers.append(meddle)

    def crash(self) -> None:
        """Let the operator die and another process take over: what it was at is forgotten."""
        self.acts.clear()
        self.holder += "'"

    # ---- what is seen

    @property
    def servers(self) -> dict[str, objects.Server]:
        """All servers by their names."""
        return self.all(objects.Server)

    @property
    def operations(self) -> dict[str, objects.Operation]:
        """All operations by their names."""
        return self.all(objects.Operation)

    @property
    def told(self) -> list[str]:
        """The reasons of all Events so far."""
        return [each.reason for each in self.events]

    def name(self, ordinal: int) -> str:
        """Return the name of the server with that ordinal."""
        return names.server("shop", self.component, ordinal)

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

    @property
    def instances(self) -> int:
        """How many instances have been made so far."""
        return self.machines.made

    def down(self) -> list[str]:
        """Return the servers whose machines do not work at this moment."""
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
        machine, wanted = self.machines.get(name), self.servers[name].spec
        if machine is None or machine.state(self.now) is not State.READY:
            return False
        return machine.incarnation == wanted.incarnation

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
        found: OperationSnapshot = self.snapshot(OPERATION, name)
        return found

    def plan_operation(self, name: str) -> plan.Plan:
        """Plan an operation and carry the plan out."""
        made = self.decide(OPERATION, name)
        self._take_effect(OPERATION, name, made)
        return made

    def plan_server(self, name: str) -> plan.Plan:
        """Plan a server and carry the plan out."""
        act = self.acts.get(name)
        acting = act.task.id if act else None
        made = self.decide(SERVER, name, acting=acting, holder=self.holder)
        self._take_effect(SERVER, name, made)
        return made

    def _take_effect(self, kind: AnyKind, name: str, made: plan.Plan) -> None:
        for call in self.carry_out(kind, name, made):
            self._call(name, call)

    def _call(self, name: str, call: contract.Call) -> None:
        found = self.servers[name]
        match call.verb:
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
            case _:
                self.machines.carry_out(found, call)

    def _pass(self) -> None:
        for name, act in list(self.acts.items()):
            if name not in self.servers:
                del self.acts[name]
            elif outcome := self._outcome(name, act):
                del self.acts[name]
                write = task.finish_patch(self.servers[name], outcome, self.now)
                if write is not None:
                    self.write(write)

    def _outcome(self, name: str, act: Act) -> TaskResult | None:
        if act.cancelled is not None:
            return TaskResult(task=act.task.id, state="Cancelled")
        if act.ends > self.now or name in self.deaf:
            return None
        if act.ends < 0:
            return TaskResult(
                task=act.task.id, state="Failed", error_class="Unknown", message="no trace"
            )
        message = self.verdict(self.servers[name], act.task)
        if not message:
            return TaskResult(task=act.task.id, state="Succeeded")
        kind, _, text = message.partition(": ")
        return TaskResult(task=act.task.id, state="Failed", error_class=kind, message=text)


def _controller(resource: Resource, owner: objects.Object) -> dict[str, Any]:
    """Return the reference to whoever controls an object."""
    place = PLACES[resource]
    return {
        "apiVersion": place.api_version,
        "kind": place.kind,
        "name": owner.metadata.name,
        "uid": owner.metadata.uid,
        "controller": True,
    }
