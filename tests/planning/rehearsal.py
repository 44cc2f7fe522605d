"""A rehearsal of whole rollouts: plans of applications and sets take effect, servers come and go.

A tiny API server (uids, generations, finalizers, owners, preconditions) and servers that boot, fail
and go as their image says; time is counted in seconds. It keeps watch over every plan: a budget
that is broken, or a surplus server, ends the test at once.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from controller import contract
from controller.api import clock, conditions, names, objects
from controller.api.resources import PLACES, Resource
from controller.contract import Capability
from controller.kinds import application, operation, serverset
from controller.kinds.application.snapshot import ApplicationSnapshot
from controller.kinds.operation.snapshot import OperationSnapshot
from controller.kinds.revisions import contents, references
from controller.kinds.serverset.snapshot import ServerSetSnapshot
from controller.planning import (
    amounts,
    availability,
    budget,
    census,
    merge_patch,
    narrative,
    plan,
    relations,
)
from controller.planning.register import Register
from controller.providers.pod.manifest import only_images_differ

START = 1_700_000_000.0
BOOT = 2.0
CHANGE = 1.0
TEARDOWN = 1.0
# After so many seconds without a write only a wait can be what is left, and none is longer.
QUIET = 5
LONGEST_WAIT = 1200
NAMESPACE = "default"
CAPABLE = frozenset({Capability.DNS, Capability.CLAIMS, Capability.CHANGE_IN_PLACE})
Body = dict[str, Any]


class Conflict(Exception):  # noqa: N818 - the word that the API has for it
    """A precondition did not hold: whoever planned it plans again."""


@dataclasses.dataclass(slots=True)
class Running:
    """What a server is made of."""

    incarnation: int
    revision: str
    image: str
    ready_at: float
    ill: bool = False


def template(image: str, **fields: Any) -> Body:
    """Return a template of one container."""
    return {"spec": {"containers": [{"name": "main", "image": image}], **fields}}


def component(name: str, image: str, replicas: int | None = None, **fields: Any) -> Body:
    """Return a component as users write it."""
    written: Body = {"name": name, "template": template(image), **fields}
    return written if replicas is None else {**written, "replicas": replicas}


class Rehearsal:
    """One namespace with its applications, sets and servers."""

    def __init__(self) -> None:
        self.now = START
        self.store: dict[tuple[Resource, str], Body] = {}
        self.running: dict[str, Running] = {}
        self.fleet = contract.FleetFacts(
            name="pods", capabilities=CAPABLE, can_change=only_images_differ
        )
        self.namespace_terminating = False
        self.watching_since = 0.0
        self.writes = 0
        self.events: list[plan.RecordEvent] = []
        self.lines: list[str] = []
        self._serial = 0
        self._told: dict[str, list[str]] = {}
        self._images: dict[str, str] = {}
        self._registers: dict[str, Register] = {}

    # What people do.

    def apply(self, name: str, *components: Body, **spec: Any) -> None:
        """Declare an application, or change it."""
        body = {
            "apiVersion": names.API_VERSION,
            "kind": "Application",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"components": list(components), **spec},
        }
        key = Resource.APPLICATIONS, name
        if key in self.store:
            found = self.store[key]
            if found["spec"] != body["spec"]:
                found["spec"] = body["spec"]
                self._bump(found, generation=True)
        else:
            self._create(Resource.APPLICATIONS, body)
        for each in self.get(objects.Application, name).spec.components:
            content = contents.of_component(each)
            image = msgspec.json.decode(each.template)["spec"]["containers"][0]["image"]
            self._images.setdefault(content.revision, image)

    def edit(self, resource: Resource, name: str, body: Body) -> None:
        """Change an object by hand."""
        self._merge(self.store[resource, name], body)

    def delete(self, resource: Resource, name: str, finalizers: tuple[str, ...] = ()) -> None:
        """Delete an object by hand; `finalizers` are those that the API server adds for it."""
        found = self.store[resource, name]
        found["metadata"].setdefault("finalizers", []).extend(finalizers)
        self._delete(resource, name, found["metadata"]["uid"])

    def release_orphans(self, resource: Resource, name: str) -> None:
        """Do as the garbage collector does for an orphaning delete: cut the ties, let go."""
        found = self.store[resource, name]
        for body in list(self.store.values()):
            owners = body["metadata"].get("ownerReferences", [])
            kept = [each for each in owners if each["uid"] != found["metadata"]["uid"]]
            if kept != owners:
                body["metadata"]["ownerReferences"] = kept
                self._bump(body)
        found["metadata"]["finalizers"].remove("orphan")
        self._bump(found)

    def submit(self, name: str, action: str, **spec: Any) -> None:
        """Create an operation on the application."""
        body = {
            "apiVersion": names.API_VERSION,
            "kind": "Operation",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"application": "shop", "action": action, **spec},
        }
        self._create(Resource.OPERATIONS, body)

    def fall_ill(self, name: str) -> None:
        """Let a server stop doing its work."""
        self.running[name].ill = True

    # How time passes.

    def tick(self) -> bool:
        """Plan everything, let servers act and a second pass; say if anything was written."""
        before = self.writes
        for name in sorted(self._names(Resource.APPLICATIONS)):
            self.plan_application(name)
        for name in sorted(self._names(Resource.SERVERSETS)):
            self._plan_set(name)
        for name in sorted(self._names(Resource.OPERATIONS)):
            self._plan_operation(name)
        for name in sorted(self._names(Resource.SERVERS)):
            self._act(name)
        self._collect_garbage()
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

    def get(self, view: type[Any], name: str) -> Any:
        """Return an object as planners see it."""
        resource = next(each for each, place in PLACES.items() if place.view is view)
        return self._view(resource, name)

    def has(self, resource: Resource, name: str) -> bool:
        """Return whether the object exists."""
        return (resource, name) in self.store

    def servers(self, set_name: str) -> dict[int, objects.Server]:
        """Return the servers that a set controls, by ordinal."""
        uid = self.store[Resource.SERVERSETS, set_name]["metadata"]["uid"]
        found: dict[int, objects.Server] = {
            each.spec.ordinal: each for each in self._owned(Resource.SERVERS, uid)
        }
        return dict(sorted(found.items()))

    def images(self, set_name: str) -> dict[int, str]:
        """Return what image each server of the set runs, those that are ready."""
        return {
            ordinal: self.running[each.metadata.name].image
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
        found = self.get(objects.Application, name)
        sets = [*self._owned(Resource.SERVERSETS, found.metadata.uid)]
        return ApplicationSnapshot(
            now=self.now,
            application=found,
            fleet=self.fleet,
            sets={each.spec.component: each for each in sets},
            revisions=tuple(self._owned(Resource.REVISIONS, found.metadata.uid)),
            in_use=frozenset(
                relations.revision_path(self._view(Resource.SERVERS, each))[1]
                for each in self._names(Resource.SERVERS)
            ),
            operations=tuple(
                self._view(Resource.OPERATIONS, each) for each in self._names(Resource.OPERATIONS)
            ),
            namespace_terminating=self.namespace_terminating,
        )

    def set_snapshot(self, name: str) -> ServerSetSnapshot:
        """Return what the ServerSet planner is given."""
        found = self.get(objects.ServerSet, name)
        owner = found.metadata.controller
        above = self.store.get((Resource.APPLICATIONS, found.spec.application))
        mine = above is not None and owner is not None and above["metadata"]["uid"] == owner.uid
        claims = [self._view(Resource.CLAIMS, each) for each in self._names(Resource.CLAIMS)]
        return ServerSetSnapshot(
            now=self.now,
            server_set=found,
            servers=self._register(found),
            fleet=self.fleet,
            application=self.get(objects.Application, found.spec.application) if mine else None,
            service=self.get(objects.Service, name) if self.has(Resource.SERVICES, name) else None,
            claims=tuple(
                each
                for each in claims
                if each.metadata.labels.get(names.COMPONENT_LABEL) == found.spec.component
            ),
            revisions=tuple(self._owned(Resource.REVISIONS, owner.uid)) if owner else (),
            watching_since=self.watching_since,
            namespace_terminating=self.namespace_terminating,
        )

    def _register(self, server_set: objects.ServerSet) -> Register:
        """Return the register kept of the set, once it was seen to say what a new one says."""
        servers = self.servers(server_set.metadata.name)
        kept = self._registers.setdefault(server_set.metadata.uid, Register())
        for ordinal in [each for each in kept if each not in servers]:
            kept.remove(ordinal)
        for ordinal, server in servers.items():
            if kept.get(ordinal) != server:
                kept.put(server)
        told = kept.census(server_set, self.now)
        assert told == Register(servers).census(server_set, self.now)
        return kept

    def plan_application(self, name: str) -> None:
        """Let the plan of one application take effect, and no other."""
        made = application.plan(self.application_snapshot(name))
        self._carry_out(Resource.APPLICATIONS, name, made)

    def _plan_set(self, name: str) -> None:
        given = self.set_snapshot(name)
        made = serverset.plan(given)
        before = self._available(name)
        live = len(given.servers)
        self._carry_out(Resource.SERVERSETS, name, made)
        if self.has(Resource.SERVERSETS, name) and not given.server_set.metadata.deletion_timestamp:
            self._watch_over(given.server_set.spec, name, before, live)

    def _plan_operation(self, name: str) -> None:
        """Only operations that ask nothing of servers: those are played on the stage."""
        found = self.get(objects.Operation, name)
        if conditions.find(found.status.conditions, "Stalled") or conditions.is_true(
            found.status.conditions, "Ready"
        ):
            return
        above = self.get(objects.Application, found.spec.application)
        owner = above.metadata.uid
        sets = [*self._owned(Resource.SERVERSETS, owner)]
        given = OperationSnapshot(
            now=self.now,
            operation=found,
            application=above,
            fleet=self.fleet,
            sets={each.spec.component: each for each in sets},
            servers={
                (each.spec.component, each.spec.ordinal): each
                for found_set in sets
                for each in self.servers(found_set.metadata.name).values()
            },
            revisions=tuple(self._owned(Resource.REVISIONS, owner)),
        )
        self._carry_out(Resource.OPERATIONS, name, operation.plan(given))

    def _watch_over(self, spec: objects.ServerSetSpec, name: str, before: int, live: int) -> None:
        most = spec.replicas + amounts.up(spec.rollout.max_surge, spec.replicas)
        now_live = len(self.servers(name))
        assert now_live <= max(most, live), f"{now_live} servers live, at most {most} may"
        if spec.rollout.strategy == "RollingUpdate" and not spec.volume_claims:
            least = spec.replicas - budget.limit(spec.replicas, spec.rollout)
            left = self._available(name)
            assert left >= min(before, least), f"{left} servers left available of {before}"

    def _carry_out(self, resource: Resource, name: str, made: plan.Plan) -> None:
        self._narrate(resource, name, made)
        guards = [each for each in made.actions if isinstance(each, plan.Delete | plan.Patch)]
        assert all(each.uid for each in guards), "a write without a uid"
        targets = [(each.resource, each.name) for each in guards]
        assert len(targets) == len(set(targets)), "two writes to one object in one plan"
        for action in made.actions:
            try:
                self._do(action)
            except Conflict:
                continue
        if made.status is not None and (resource, name) in self.store:
            found = self.store[resource, name]
            status = msgspec.json.decode(msgspec.json.encode(made.status))
            if found.get("status") != status:
                found["status"] = status
                self._bump(found)

    def _do(self, action: plan.Action) -> None:
        if isinstance(action, plan.Create):
            body = msgspec.json.decode(msgspec.json.encode(action.body))
            assert (action.resource, body["metadata"]["name"]) not in self.store
            self._create(action.resource, body)
        elif isinstance(action, plan.Patch):
            found = self.store.get((action.resource, action.name))
            if found is None or found["metadata"]["uid"] != action.uid:
                raise Conflict
            if action.resource_version not in ("", found["metadata"]["resourceVersion"]):
                raise Conflict
            body = msgspec.json.decode(msgspec.json.encode(action.body))
            assert merge_patch.merge(found, body) != found, f"a patch that changes nothing: {body}"
            self._merge(found, body)
        elif isinstance(action, plan.Delete):
            self._delete(action.resource, action.name, action.uid)
        elif isinstance(action, plan.RecordEvent):
            self.events.append(action)

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
        body = self.store[Resource.SERVERS, name]
        server = self._view(Resource.SERVERS, name)
        meta, spec = server.metadata, server.spec
        if meta.deletion_timestamp:
            if self.now >= clock.parse(meta.deletion_timestamp) + TEARDOWN:
                self.running.pop(name, None)
                body["metadata"]["finalizers"] = []
                self._finalize(Resource.SERVERS, name)
            return
        running = self.running.get(name)
        server = self._complete(server)
        spec = server.spec
        image = msgspec.json.decode(spec.template)["spec"]["containers"][0]["image"]
        if running is None or running.incarnation != spec.incarnation:
            self.running[name] = Running(spec.incarnation, spec.revision, image, self.now + BOOT)
            self._claim(server)
        elif running.revision != spec.revision:
            self.running[name] = Running(spec.incarnation, spec.revision, image, self.now + CHANGE)
        self._report(body, server, self.running[name])

    def _complete(self, server: objects.Server) -> objects.Server:
        """Return the server with what it refers to, of which nothing may be missing."""
        owner = server.metadata.controller
        above = self._view(Resource.SERVERSETS, owner.name) if owner is not None else None
        stored = self._view(Resource.REVISIONS, relations.revision_path(server)[1])
        return references.complete(server, above, stored)

    def _report(self, body: Body, server: objects.Server, running: Running) -> None:
        """Write the server's status, as its planner would: when Ready, when ill, when lost."""
        if self.now < running.ready_at:
            return
        reason, stalled = "Available", False
        if "fatal" in running.image:
            reason, stalled = "AttemptsExhausted", True
        elif "broken" in running.image:
            reason = "Progressing"
        elif running.ill:
            reason = "Unhealthy"
        ready = reason == "Available"
        generation = server.metadata.generation
        status: Body = {
            "observedGeneration": generation,
            "revision": running.revision,
            "incarnation": running.incarnation,
            "power": "Running",
            "conditions": [self._word(body, "Ready", running, holds=ready, reason=reason)],
        }
        if stalled:
            status["conditions"].append(
                self._word(body, "Stalled", running, holds=True, reason=reason)
            )
        if body.get("status") != status:
            body["status"] = status
            self._bump(body)

    def _word(self, body: Body, kind: str, running: Running, *, holds: bool, reason: str) -> Body:
        told = body.get("status", {})
        same = told.get("incarnation") == running.incarnation and (
            told.get("revision") == running.revision
        )
        status = "True" if holds else "False"
        before = next((c for c in told.get("conditions", []) if c["type"] == kind), None)
        when = clock.stamp(self.now)
        if same and before is not None and before["status"] == status:
            when = before["lastTransitionTime"]
        return {
            "type": kind,
            "status": status,
            "reason": reason,
            "message": "",
            "lastTransitionTime": when,
            "observedGeneration": body["metadata"]["generation"],
        }

    def _claim(self, server: objects.Server) -> None:
        """Make the server's claims, as a provider does when it makes a server."""
        spec, name = server.spec, server.metadata.name
        for each in spec.volume_claims:
            claim = names.claim(each.name, name)
            if not self.has(Resource.CLAIMS, claim):
                labels = names.claim_labels(spec.application, spec.component, name)
                metadata = {"name": claim, "namespace": NAMESPACE, "labels": labels}
                self._create(
                    Resource.CLAIMS, {"kind": "PersistentVolumeClaim", "metadata": metadata}
                )

    def _is_ready(self, name: str) -> bool:
        running = self.running.get(name)
        server = self.store[Resource.SERVERS, name]
        return (
            running is not None
            and not server["metadata"].get("deletionTimestamp")
            and self.now >= running.ready_at
            and not running.ill
            and "broken" not in running.image
            and "fatal" not in running.image
        )

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

    # What the API server does.

    def _create(self, resource: Resource, body: Body) -> None:
        self._serial += 1
        body["metadata"] |= {
            "uid": f"uid-{self._serial}",
            "generation": 1,
            "resourceVersion": str(self._serial),
            "creationTimestamp": clock.stamp(self.now),
        }
        self.store[resource, body["metadata"]["name"]] = body
        self.writes += 1

    def _merge(self, found: Body, body: Body) -> None:
        merged = merge_patch.merge(found, copy.deepcopy(body))
        changed = merged.get("spec") != found.get("spec")
        if merged == found:
            return
        found.clear()
        found.update(merged)
        self._bump(found, generation=changed)
        resource = next(each for each, place in PLACES.items() if place.kind == found["kind"])
        self._finalize(resource, found["metadata"]["name"])

    def _bump(self, found: Body, *, generation: bool = False) -> None:
        self._serial += 1
        found["metadata"]["resourceVersion"] = str(self._serial)
        found["metadata"]["generation"] += generation
        self.writes += 1

    def _delete(self, resource: Resource, name: str, uid: str) -> None:
        found = self.store.get((resource, name))
        if found is None or found["metadata"]["uid"] != uid:
            return
        if not found["metadata"].get("deletionTimestamp"):
            found["metadata"]["deletionTimestamp"] = clock.stamp(self.now)
            self._bump(found, generation=True)
        self._finalize(resource, name)

    def _finalize(self, resource: Resource, name: str) -> None:
        meta = self.store[resource, name]["metadata"]
        if meta.get("deletionTimestamp") and not meta.get("finalizers"):
            del self.store[resource, name]
            self.writes += 1

    def _collect_garbage(self) -> None:
        uids = {body["metadata"]["uid"] for body in self.store.values()}
        for (resource, name), body in list(self.store.items()):
            owners = body["metadata"].get("ownerReferences", [])
            if owners and not any(each["uid"] in uids for each in owners):
                self._delete(resource, name, body["metadata"]["uid"])

    def _names(self, resource: Resource) -> list[str]:
        return [name for each, name in self.store if each is resource]

    def _owned(self, resource: Resource, uid: str) -> Iterator[Any]:
        for name in self._names(resource):
            found = self._view(resource, name)
            owner = found.metadata.controller
            if owner is not None and owner.uid == uid:
                yield found

    def _view(self, resource: Resource, name: str) -> Any:
        view = PLACES[resource].view
        assert view is not None
        return msgspec.json.decode(msgspec.json.encode(self.store[resource, name]), type=view)


Scene = Callable[[Rehearsal], None]
