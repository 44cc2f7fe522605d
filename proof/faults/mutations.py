"""People who do anything: specs made from the schema, hand edits, deletes, names used again.

Each run draws its acts by a seed, does them to a living application, then asks for an ordinary one:
it must come to be, as if nothing had been, and go without leaving anything.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import yaml

from controller.api import crds, resources
from controller.api.resources import Resource
from controller.providers import models
from devcluster import client, fixtures
from proof import history
from proof.faults import outcome, rig, scenario, specs

ACTS = 12
# People may have made anything of what the operator is behind of.
SLACK = 120.0
LONGEST_PAUSE = 1.5
SERVER_ERROR = 500
CHILDREN = (
    Resource.SERVERSETS,
    Resource.SERVERS,
    Resource.PODS,
    Resource.SERVICES,
    Resource.CLAIMS,
    Resource.REVISIONS,
)
SERVER_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*-\d+")
# What the ordinary application's own claims are called.
KNOWN_CLAIMS = f"data-{scenario.APPLICATION}-db-"
LABELS: Mapping[str, Any] = {"argosy.dev/server": None, "argosy.dev/component": "lie"}
# What a person could do to a child with `kubectl edit`.
EDITS: Mapping[Resource, Sequence[Mapping[str, Any]]] = {
    Resource.SERVERSETS: (
        {"spec": {"replicas": 3}},
        {"spec": {"replicas": 0}},
        {"spec": {"revision": "lie", "template": {"spec": {"containers": []}}}},
        {"metadata": {"finalizers": []}},
    ),
    Resource.SERVERS: (
        {"spec": {"incarnation": 7}},
        {"spec": {"held": True}},
        {"spec": {"power": "Stopped"}},
        {"spec": {"revision": "lie"}},
        {"spec": {"task": {"id": "t", "operation": "none", "action": "Restart"}}},
        {"metadata": {"finalizers": []}},
    ),
    Resource.PODS: (
        {"spec": {"containers": [{"name": "main", "image": "lie:1"}]}},
        {"metadata": {"finalizers": ["example.com/kept"]}},
    ),
    Resource.SERVICES: ({"spec": {"selector": {"a": "lie"}}},),
}
# A claim may outlive its server and is known by its labels alone: without them it is a stranger's.
LABELLED = frozenset(CHILDREN) - {Resource.CLAIMS}

Act = Callable[["_Meddler"], str]


class _Meddler:
    """Somebody with an administrator's rights, and dice."""

    def __init__(self, api: client.Client, namespace: str, seed: int) -> None:
        self.api = api
        self.namespace = namespace
        self.chance = random.Random(seed)  # noqa: S311 - no secret
        # What the API server answered that it never may.
        self.wrong: list[str] = []

    def tried(self, verb: str, path: str, body: Any) -> str:
        """Ask for something that may be refused, and say what became of it."""
        kind = client.MERGE_PATCH if verb == "PATCH" else "application/json"
        try:
            self.api.call(verb, path, body, content_type=kind)
        except client.ApiError as error:
            if error.status >= SERVER_ERROR:
                self.wrong.append(f"{verb} {path}: {error}")
            return f"{verb} {path}: {error.status} {error.reason}"
        return f"{verb} {path}: done"

    def path(self, resource: Resource, name: str = "") -> str:
        """Return where an object is."""
        return resources.path(resource, self.namespace, name)

    def paths(self, resource: Resource) -> list[str]:
        """Return where all objects of a resource are."""
        items = self.api.get(self.path(resource))["items"]
        return [self.path(resource, each["metadata"]["name"]) for each in items]

    def child(self) -> tuple[Resource, dict[str, Any]] | None:
        """Choose an object that the operator made."""
        resource = self.chance.choice(CHILDREN)
        items = self.api.get(self.path(resource))["items"]
        return (resource, self.chance.choice(items)) if items else None


def live(place: rig.Rig, known: outcome.Reference, seed: int) -> outcome.Outcome:
    """Do what a seed draws to an application, ask for an ordinary one, judge what came of it."""
    place.recover()
    records, began = outcome.Records(place), time.monotonic()
    namespace = scenario.open_namespace(place.client)
    meddler = _Meddler(place.client, namespace, seed)
    told: list[str] = []
    wrong: list[str] = []
    left = None
    try:
        for act in meddler.chance.choices(list(_ACTS), list(_ACTS.values()), k=ACTS):
            told.append(act(meddler))
            time.sleep(meddler.chance.uniform(0, LONGEST_PAUSE))
        _repair(meddler)
        wrong += outcome.differences(_shape(known.life.world), _settled(meddler, known))
        wrong += _crashes(meddler)
        _forget_claims(meddler)
        scenario.delete(place.client, namespace)
        left = frozenset(
            each["metadata"]["uid"] for each in scenario.listed(place.client, namespace)
        )
    except TimeoutError as error:
        wrong.append(f"{namespace}: {error}")
        wrong += _crashes(meddler)
    verdict = history.check(
        records.audit(),
        namespaces=[namespace],
        expectations=history.Expectations(slack=SLACK, remaining=left),
    )
    wrong += [*meddler.wrong, *([str(verdict)] if not verdict else []), *records.tracebacks()]
    if wrong:
        wrong = [*told, *wrong]
    return outcome.Outcome(
        name=f"mutations {seed}", seconds=time.monotonic() - began, wrong=tuple(wrong)
    )


def schema(kind: str) -> Mapping[str, Any]:
    """Return the schema of a kind's spec, as its CRD has it."""
    for text in crds.render(models.MODELS).values():
        crd = yaml.safe_load(text)
        if crd["spec"]["names"]["kind"] == kind:
            found: Mapping[str, Any] = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
            spec: Mapping[str, Any] = found["properties"]["spec"]
            return spec
    raise LookupError(kind)


def _apply(meddler: _Meddler) -> str:
    """Apply an application with a spec that nobody thought of."""
    base = scenario.application(replicas=meddler.chance.randint(0, 3))
    spec = specs.mutated(meddler.chance, schema("Application"), base["spec"])
    return f"{_replace(meddler, {**base, 'spec': spec})} {json.dumps(spec)}"


def _replace(meddler: _Meddler, body: dict[str, Any]) -> str:
    path = meddler.path(Resource.APPLICATIONS, scenario.APPLICATION)
    try:
        version = meddler.api.get(path)["metadata"]["resourceVersion"]
    except client.ApiError:
        return meddler.tried("POST", meddler.path(Resource.APPLICATIONS), body)
    changed = {**body, "metadata": {**body["metadata"], "resourceVersion": version}}
    finalizer = {"finalizers": ["argosy.dev/finalizer"]}
    changed["metadata"] |= finalizer
    return meddler.tried("PUT", path, changed)


def _operate(meddler: _Meddler) -> str:
    """Ask for an operation that nobody thought of."""
    base = {"application": scenario.APPLICATION, "action": "Restart"}
    spec = specs.mutated(meddler.chance, schema("Operation"), base)
    body = {
        "apiVersion": "argosy.dev/v1alpha1",
        "kind": "Operation",
        "metadata": {"name": f"op-{meddler.chance.randint(0, 99)}"},
        "spec": spec,
    }
    return f"{meddler.tried('POST', meddler.path(Resource.OPERATIONS), body)} {json.dumps(spec)}"


def _edit(meddler: _Meddler) -> str:
    """Edit an object that the operator made."""
    found = meddler.child()
    if found is None:
        return "nothing to edit"
    resource, body = found
    labels = LABELS if resource in LABELLED else {"example.com/mine": "yes"}
    patch = meddler.chance.choice((*EDITS.get(resource, ()), {"metadata": {"labels": labels}}))
    path = meddler.path(resource, body["metadata"]["name"])
    if resource is Resource.PODS and "spec" in patch:
        return f"{_strategic(meddler, path, patch)} {json.dumps(patch)}"
    return f"{meddler.tried('PATCH', path, patch)} {json.dumps(patch)}"


def _strategic(meddler: _Meddler, path: str, patch: Mapping[str, Any]) -> str:
    with contextlib.suppress(client.ApiError):
        meddler.api.strategic(path, patch)
    return f"PATCH {path}"


def _remove(meddler: _Meddler) -> str:
    """Delete an object that the operator made."""
    found = meddler.child()
    if found is None:
        return "nothing to delete"
    resource, body = found
    return meddler.tried("DELETE", meddler.path(resource, body["metadata"]["name"]), None)


def _again(meddler: _Meddler) -> str:
    """Delete the application, and use its name again at once, or as soon as it is free."""
    path = meddler.path(Resource.APPLICATIONS, scenario.APPLICATION)
    # Nothing goes while somebody else holds on to it.
    _let_go(meddler)
    policy = meddler.chance.choice(("Background", "Foreground"))
    told = meddler.tried("DELETE", path, {"propagationPolicy": policy})
    if meddler.chance.random() < 1 / 2:
        rig.wait("the name", lambda: not fixtures.exists(meddler.api, path), scenario.STEP_SECONDS)
    return f"{told} {_replace(meddler, scenario.application())}"


# What is done, and how often.
_ACTS: Mapping[Act, int] = {_apply: 5, _operate: 2, _edit: 4, _remove: 3, _again: 1}


def _repair(meddler: _Meddler) -> None:
    """Take back what only people can take back, and ask for the ordinary application."""
    api, namespace = meddler.api, meddler.namespace
    path = meddler.path(Resource.APPLICATIONS, scenario.APPLICATION)
    for each in meddler.paths(Resource.OPERATIONS):
        meddler.tried("DELETE", each, None)
    for each in meddler.paths(Resource.SERVERS):
        meddler.tried("PATCH", each, {"spec": {"held": False, "power": "Running"}})
    _let_go(meddler)
    wanted = scenario.application(version=2)

    def asked() -> bool:
        return _replace(meddler, wanted).endswith("done")

    if not asked():
        # Some of what it was cannot be changed: it goes, and comes again.
        meddler.tried("DELETE", path, None)
        rig.wait("no application", lambda: not fixtures.exists(api, path), scenario.STEP_SECONDS)
        rig.wait("the ordinary application", asked, scenario.STEP_SECONDS)
    scenario.converged(api, namespace)


def _let_go(meddler: _Meddler) -> None:
    """Lift the finalizers that were put on pods."""
    for each in meddler.paths(Resource.PODS):
        meddler.tried("PATCH", each, {"metadata": {"finalizers": None}})


def _forget_claims(meddler: _Meddler) -> None:
    """Delete claims that the ordinary application knows nothing of: Argosy keeps them."""
    for each in meddler.paths(Resource.CLAIMS):
        if not each.rpartition("/")[2].startswith(KNOWN_CLAIMS):
            meddler.tried("DELETE", each, None)


def _settled(meddler: _Meddler, known: outcome.Reference) -> scenario.World:
    wanted = _shape(known.life.world)
    worlds: list[scenario.World] = []

    def same() -> bool:
        worlds.append(_shape(scenario.seen(meddler.api, meddler.namespace)))
        return worlds[-1] == wanted

    with contextlib.suppress(TimeoutError):
        rig.wait("the world", same, scenario.SETTLE_SECONDS)
    return worlds[-1]


def _shape(world: scenario.World) -> scenario.World:
    """Return what is so however an application came to be: no history, no retained volumes.

    Who deletes a server while fewer are wanted leaves another one: ordinals are told by their rank.
    """
    ranks = _ranks(name.partition("/")[2] for name in world if name.startswith("servers/"))

    def ranked(text: str) -> str:
        return SERVER_NAME.sub(lambda found: ranks.get(found[0], found[0]), text)

    return {
        ranked(name): ranked(json.dumps(_lasting(json.loads(text)), sort_keys=True))
        for name, text in world.items()
        if name.partition("/")[0] in ("applications", "serversets", "servers", "pods", "services")
    }


def _ranks(servers: Iterable[str]) -> dict[str, str]:
    """Return each server's name with its rank in its set in place of its ordinal."""
    ranks: dict[str, str] = {}
    seen: Counter[str] = Counter()
    for name in sorted(servers, key=lambda each: int(each.rpartition("-")[2])):
        of = name.rpartition("-")[0]
        ranks[name] = f"{of}-{seen[of]}"
        seen[of] += 1
    return ranks


def _lasting(essence: dict[str, Any]) -> dict[str, Any]:
    kept = ("finalizers", "owners", "conditions", "images", "phase", "selector")
    lasting = {key: value for key, value in essence.items() if key in kept}
    labels = essence["labels"].items()
    lasting["labels"] = {key: value for key, value in labels if key != "argosy.dev/incarnation"}
    return lasting


def _crashes(meddler: _Meddler) -> Iterator[str]:
    """Yield objects whose planner failed on them."""
    for each in scenario.listed(meddler.api, meddler.namespace):
        for condition in each.get("status", {}).get("conditions", []):
            if condition.get("reason") == "InternalError":
                yield f"{each['resource']}/{each['metadata']['name']}: {condition['message']}"
