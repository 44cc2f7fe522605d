"""A rehearsal of whole rollouts: plans of applications and sets take effect, servers come and go.

On the cluster in memory where plans take effect at once. Nobody plans its servers: their machines
do as specs and images say, and what planners would write of that is written. It keeps watch over
every plan: a budget that is broken, or a surplus server, ends the test at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from controller import contract
from controller.api import clock, conditions, names, objects
from controller.api.resources import PLACES, Resource
from controller.contract import Capability
from controller.kinds.application.kind import APPLICATION
from controller.kinds.application.snapshot import ApplicationSnapshot
from controller.kinds.operation.kind import OPERATION
from controller.kinds.revisions import contents, references
from controller.kinds.serverset.kind import SERVER_SET
from controller.kinds.serverset.snapshot import ServerSetSnapshot
from controller.planning import amounts, availability, budget, census, narrative, plan, relations
from controller.planning.register import Register
from controller.providers.pod.changes import can_become
from fakes.instant import NAMESPACE, START, AnyKind, InstantCluster
from fakes.machines import Machine, State

# After so many seconds without a write only a wait can be what is left, and none is longer.
QUIET = 5
LONGEST_WAIT = 1200
CAPABLE = frozenset({Capability.DNS, Capability.CLAIMS, Capability.CHANGE_IN_PLACE})
Body = dict[str, Any]
# The reason by which a server says how its machine is; of one that boots nothing is said yet.
REASONS = {
    State.READY: "Available",
    State.ILL: "Unhealthy",
    State.STUCK: "Progressing",
    State.FAILED: "AttemptsExhausted",
}


def template(image: str, **fields: Any) -> Body:
    """Return a template of one container."""
    return {"spec": {"containers": [{"name": "main", "image": image}], **fields}}


def component(name: str, image: str, replicas: int | None = None, **fields: Any) -> Body:
    """Return a component as users write it."""
    written: Body = {"name": name, "template": template(image), **fields}
    return written if replicas is None else {**written, "replicas": replicas}


class Rehearsal(InstantCluster):
    """One namespace with its applications, sets and servers."""

    def __init__(self) -> None:
        super().__init__(
            contract.FleetFacts(name="pods", capabilities=CAPABLE, can_change=can_become)
        )
        self.lines: list[str] = []
        self._told: dict[str, list[str]] = {}
        self._images: dict[str, str] = {}

    # What people do.

    def apply(self, name: str, *components: Body, **spec: Any) -> None:
        """Declare an application, or change it."""
        self.put(Resource.APPLICATIONS, name, {"components": list(components), **spec})
        for each in self.get(objects.Application, name).spec.components:
            content = contents.of_component(each)
            image = msgspec.json.decode(each.template)["spec"]["containers"][0]["image"]
            self._images.setdefault(content.revision, image)

    def submit(self, name: str, action: str, **spec: Any) -> None:
        """Create an operation on the application."""
        self.put(Resource.OPERATIONS, name, {"application": "shop", "action": action, **spec})

    def fall_ill(self, name: str) -> None:
        """Let a server stop doing its work."""
        self.machines[name].ill = True

    # How time passes.

    def tick(self) -> bool:
        """Plan everything, let servers act and a second pass; say if anything was written."""
        before = self.writes
        for name in sorted(self.all(objects.Application)):
            self.plan_application(name)
        for name in sorted(self.all(objects.ServerSet)):
            self._plan_set(name)
        for name in sorted(self.all(objects.Operation)):
            self._plan_operation(name)
        for name in sorted(self.all(objects.Server)):
            self._act(name)
        self.collect_garbage()
        self.now += 1
        return self.writes != before

    def run(self, seconds: int = 120, quiet: int = 5) -> None:
        """Let time pass until nothing was written for `quiet` seconds, at most `seconds`."""
        still = 0
        for _ in range(seconds):
            still = 0 if self.tick() else still + 1
            if still >= quiet:
                return

    def rest(self) -> None:
        """Let time pass, ever faster while nothing happens, until nothing is left to happen."""
        still = 0
        for _ in range(2000):
            still = 0 if self.tick() else still + 1
            self.now += 60 if still > QUIET else 0
            if still > 2 * QUIET + LONGEST_WAIT // 60:
                return
        raise AssertionError("it never came to rest")

    def run_for(self, seconds: int) -> None:
        """Let just so much time pass."""
        for _ in range(seconds):
            self.tick()

    def pass_by(self, seconds: int) -> None:
        """Let about so much time pass, ten times as fast while nothing happens."""
        until, still = self.now + seconds, 0
        while self.now < until:
            still = 0 if self.tick() else still + 1
            self.now += 9 if still > QUIET else 0

    def say(self, text: str) -> None:
        """Put a sentence of the test's into the narrative."""
        self.lines.append(f"* {text}")

    @property
    def story(self) -> str:
        """The narrative so far; revisions by the images that they are known for."""
        text = "\n".join(self.lines) + "\n"
        for revision, image in self._images.items():
            text = text.replace(revision, f"<{image}>")
        return text

    # What can be seen.

    def servers(self, set_name: str) -> dict[int, objects.Server]:
        """Return the servers that a set controls, by ordinal."""
        uid = self.get(objects.ServerSet, set_name).metadata.uid
        found = {
            each.spec.ordinal: each
            for each in self.all(objects.Server).values()
            if each.metadata.controller and each.metadata.controller.uid == uid
        }
        return dict(sorted(found.items()))

    def images(self, set_name: str) -> dict[int, str]:
        """Return what image each server of the set runs, those that are ready."""
        return {
            ordinal: self.machines[each.metadata.name].image
            for ordinal, each in self.servers(set_name).items()
            if self._is_ready(each.metadata.name)
        }

    def condition(self, kind: type[Any], name: str, which: str = "Ready") -> tuple[str, str]:
        """Return a condition's status and reason."""
        for each in self.get(kind, name).status.conditions:
            if each.type == which:
                return each.status, each.reason
        return "", ""

    # How plans are made and carried out.

    def application_snapshot(self, name: str) -> ApplicationSnapshot:
        """Return what the Application planner is given."""
        found: ApplicationSnapshot = self.snapshot(APPLICATION, name)
        return found

    def set_snapshot(self, name: str) -> ServerSetSnapshot:
        """Return what the ServerSet planner is given; its register says what a new one says."""
        found: ServerSetSnapshot = self.snapshot(SERVER_SET, name)
        told = found.servers.census(found.server_set, self.now)
        assert told == Register(self.servers(name)).census(found.server_set, self.now)
        return found

    def plan_application(self, name: str) -> None:
        """Let the plan of one application take effect, and no other."""
        self._take_effect(APPLICATION, name)

    def _plan_set(self, name: str) -> None:
        given = self.set_snapshot(name)
        before = self._available(name)
        live = len(given.servers)
        self._take_effect(SERVER_SET, name)
        if self.has(Resource.SERVERSETS, name) and not given.server_set.metadata.deletion_timestamp:
            self._watch_over(given.server_set.spec, name, before, live)

    def _plan_operation(self, name: str) -> None:
        """Only operations that ask nothing of servers: those are played on the stage."""
        found = self.get(objects.Operation, name)
        if not conditions.find(found.status.conditions, "Stalled") and not conditions.is_true(
            found.status.conditions, "Ready"
        ):
            self._take_effect(OPERATION, name)

    def _watch_over(self, spec: objects.ServerSetSpec, name: str, before: int, live: int) -> None:
        most = spec.replicas + amounts.up(spec.rollout.max_surge, spec.replicas)
        now_live = len(self.servers(name))
        assert now_live <= max(most, live), f"{now_live} servers live, at most {most} may"
        if spec.rollout.strategy == "RollingUpdate" and not spec.volume_claims:
            least = spec.replicas - budget.limit(spec.replicas, spec.rollout)
            left = self._available(name)
            assert left >= min(before, least), f"{left} servers left available of {before}"

    def _take_effect(self, kind: AnyKind, name: str) -> None:
        made = self.decide(kind, name)
        self._narrate(kind.resource, name, made)
        assert not list(self.carry_out(kind, name, made))

    def _narrate(self, resource: Resource, name: str, made: plan.Plan) -> None:
        lines = [each for each in narrative.narrate(made) if not each.startswith("looking again")]
        title = f"{PLACES[resource].kind} {name}"
        if not made.actions and self._told.get(title) == lines:
            return
        self._told[title] = lines
        self.lines.append(f"{self.now - START:.0f} s, {title}{self._picture(resource, name)}")
        self.lines += [f"    {each}" for each in lines]

    def _picture(self, resource: Resource, name: str) -> str:
        """Draw a set's servers: + available, o on its way, x going; and what each is to run."""
        if resource is not Resource.SERVERSETS:
            return ""
        drawn = []
        for ordinal, each in self.servers(name).items():
            mark = "+" if availability.seconds_until_available(each, self.now, 0) == 0 else "o"
            mark = "x" if each.metadata.deletion_timestamp else mark
            image = self._images.get(each.spec.revision, "?").rpartition(":")[2]
            drawn.append(f"{ordinal}{mark}{image}")
        return f" [{' '.join(drawn)}]" if drawn else " []"

    # What servers do.

    def _act(self, name: str) -> None:
        server = self.get(objects.Server, name)
        meta = server.metadata
        if meta.deletion_timestamp:
            self.machines.delete(name, since=clock.parse(meta.deletion_timestamp))
            if name not in self.machines:
                self.let_go(Resource.SERVERS, name)
            return
        server = self._complete(server)
        if self.machines.follow(server):
            self._claim(server)
        self._report(server, self.machines[name])

    def _complete(self, server: objects.Server) -> objects.Server:
        """Return the server with what it refers to, of which nothing may be missing."""
        owner = server.metadata.controller
        above = self.get(objects.ServerSet, owner.name) if owner is not None else None
        stored = self.get(objects.ControllerRevision, relations.revision_path(server)[1])
        return references.complete(server, above, stored)

    def _report(self, server: objects.Server, machine: Machine) -> None:
        """Write the server's status, as its planner would: when Ready, when ill, when lost."""
        state = machine.state(self.now)
        if state not in REASONS:
            return
        reason, ready = REASONS[state], state is State.READY
        generation = server.metadata.generation
        status: Body = {
            "observedGeneration": generation,
            "revision": machine.revision,
            "incarnation": machine.incarnation,
            "power": "Running",
            "conditions": [self._word(server, "Ready", machine, holds=ready, reason=reason)],
        }
        if state is State.FAILED:
            status["conditions"].append(
                self._word(server, "Stalled", machine, holds=True, reason=reason)
            )
        self.tell(Resource.SERVERS, server.metadata.name, status)

    def _word(
        self, server: objects.Server, kind: str, machine: Machine, *, holds: bool, reason: str
    ) -> Body:
        told = server.status
        same = (told.incarnation, told.revision) == (machine.incarnation, machine.revision)
        status = "True" if holds else "False"
        before = conditions.find(told.conditions, kind)
        when = clock.stamp(self.now)
        if same and before is not None and before.status == status:
            when = before.last_transition_time
        return {
            "type": kind,
            "status": status,
            "reason": reason,
            "message": "",
            "lastTransitionTime": when,
            "observedGeneration": server.metadata.generation,
        }

    def _claim(self, server: objects.Server) -> None:
        """Make the server's claims, as a provider does when it makes a server."""
        spec, name = server.spec, server.metadata.name
        for each in spec.volume_claims:
            claim = names.claim(each.name, name)
            if not self.has(Resource.CLAIMS, claim):
                labels = names.claim_labels(spec.application, spec.component, name)
                metadata = {"name": claim, "labels": labels}
                self.registry.create(Resource.CLAIMS, NAMESPACE, {"metadata": metadata})

    def _is_ready(self, name: str) -> bool:
        server = self.get(objects.Server, name)
        well = self.machines.state(name) is State.READY
        return well and not server.metadata.deletion_timestamp

    def _available(self, set_name: str) -> int:
        """Count the servers that say they are ready, and were not told to be anything else.

        One that a person marked to go first is not missed when it goes: they asked for it.
        """
        return sum(
            conditions.is_true(each.status.conditions, "Ready")
            and each.status.revision == each.spec.revision
            and each.status.incarnation == each.spec.incarnation
            and (each.metadata.deletion_timestamp is None or self._marked(each))
            for each in self.servers(set_name).values()
        )

    def _marked(self, server: objects.Server) -> bool:
        mark = server.metadata.annotations.get(names.DELETE_FIRST_ANNOTATION, census.SPARE)
        return bool(mark != census.SPARE)


Scene = Callable[[Rehearsal], None]
