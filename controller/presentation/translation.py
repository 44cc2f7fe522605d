"""A StatefulSet in the words of an Application, and the other way round.

Pure: `kubectl argosy import` and `export` read objects as they are on the wire, and write what
comes of this. Whatever one side says and the other cannot is told before anything is touched.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any

from controller.api import names
from controller.api.builtin_choices import DeploymentStrategy, StatefulSetStrategy
from controller.api.choices import ClaimRetention, Evictions, ServiceType, Start, UpdateStrategy
from controller.presentation import export_losses

# Bodies are printed as YAML, which writes no members of enums: hence the `value` of each word.
Json = dict[str, Any]
# Who makes a workload anew from what lies elsewhere, and how that is known.
_KEEPERS = {
    "meta.helm.sh/release-name": "Helm",
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "argocd.argoproj.io/instance": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
}
_COMPONENT = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")
_APPLICATION = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
# By these somebody knows what they keep, or kubectl what it applied: they stay behind. A copy
# would have Argo CD take the Application for a leftover, and delete it.
_MARKS = (
    *_KEEPERS,
    names.MANAGED_BY,
    "deployment.kubernetes.io/revision",
    "helm.toolkit.fluxcd.io/namespace",
    names.LAST_APPLIED,
    "kubectl.kubernetes.io/restartedAt",
    "kustomize.toolkit.fluxcd.io/namespace",
    "meta.helm.sh/release-namespace",
)
_MOST_REVISIONS = 100
# The fields of a StatefulSet's spec that are said in other words, or say nothing of their own.
_KNOWN = frozenset(
    {
        "replicas",
        "selector",
        "template",
        "volumeClaimTemplates",
        "serviceName",
        "podManagementPolicy",
        "updateStrategy",
        "revisionHistoryLimit",
        "minReadySeconds",
        "persistentVolumeClaimRetentionPolicy",
        "ordinals",
    }
)
_KNOWN_OF_DEPLOYMENTS = frozenset(
    {
        "replicas",
        "selector",
        "template",
        "strategy",
        "minReadySeconds",
        "progressDeadlineSeconds",
        "revisionHistoryLimit",
    }
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """The result: `problems` forbid it, `losses` want consent, `notes` are worth a word."""

    body: Json
    problems: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def split(name: str, application: str = "") -> tuple[str, str]:
    """Return the application and the component whose servers have the names of the set's pods."""
    if application:
        return application, name.removeprefix(f"{application}-")
    above, _, component = name.rpartition("-")
    return above, component


def application_of(found: Json, *, application: str = "", served: bool = False) -> Translation:
    """Return the Application that takes up what a StatefulSet runs; `served`: it has a Service."""
    meta, spec = found["metadata"], found["spec"]
    above, component = split(meta["name"], application)
    template, kept = _template(spec["template"]), spec.get("replicas", 1)
    part: Json = {
        "name": component,
        "replicas": kept,
        "template": template,
        "rollout": _rollout(spec),
        "adopt": {"kind": "StatefulSet", "name": meta["name"]},
    }
    if spec.get("podManagementPolicy", "OrderedReady") == "OrderedReady":
        part["start"] = Start.ORDERED.value
    if first := (spec.get("ordinals") or {}).get("start"):
        part["ordinals"] = {"start": first}
    if claims := [_claim(each, spec) for each in spec.get("volumeClaimTemplates", ())]:
        part["volumeClaims"] = claims
    service = spec.get("serviceName") or ""
    if service and (served or service != meta["name"]):
        # The Service stays its owner's; servers keep the names that it gives them.
        part["service"] = {"name": service, **({"type": ServiceType.NONE.value} if served else {})}
    body: Json = {
        "apiVersion": names.API_VERSION,
        "kind": "Application",
        "metadata": {"name": above, "namespace": meta.get("namespace", ""), **_described(meta)},
        "spec": {"paused": True, "components": [part], **_history(spec)},
    }
    return Translation(
        body=body,
        problems=(*_misnamed(meta["name"], above, component), *_problems(found)),
        losses=tuple(_losses(spec, _KNOWN)),
        notes=(*_kept_elsewhere(meta, "StatefulSet"), *_left_behind(meta)),
    )


def application_of_deployment(
    found: Json, *, application: str = "", served: bool = False
) -> Translation:
    """Return the Application, of no servers yet, that takes a Deployment's place."""
    meta, spec = found["metadata"], found["spec"]
    above, component = split(meta["name"], application)
    surge, lacking = bounds_of_deployment(spec)
    rollout: Json = {"maxUnavailable": lacking, "maxSurge": surge}
    if spec.get("strategy", {}).get("type") == DeploymentStrategy.RECREATE:
        rollout["strategy"] = UpdateStrategy.RECREATE.value
    if spec.get("minReadySeconds"):
        rollout["minReadySeconds"] = spec["minReadySeconds"]
    if spec.get("progressDeadlineSeconds"):
        rollout["progressDeadlineSeconds"] = spec["progressDeadlineSeconds"]
    part: Json = {
        "name": component,
        "replicas": 0,
        "template": _template(spec["template"]),
        "rollout": rollout,
        **({"service": {"type": ServiceType.NONE.value}} if served else {}),
    }
    body: Json = {
        "apiVersion": names.API_VERSION,
        "kind": "Application",
        "metadata": {"name": above, "namespace": meta.get("namespace", ""), **_described(meta)},
        "spec": {"components": [part], **_history(spec)},
    }
    return Translation(
        body=body,
        problems=(*_misnamed(meta["name"], above, component), *_problems(found)),
        losses=tuple(_losses(spec, _KNOWN_OF_DEPLOYMENTS)),
        notes=(
            *_kept_elsewhere(meta, "Deployment"),
            *_left_behind(meta),
            *_rounded(spec, surge, lacking),
        ),
    )


def _rounded(spec: Json, surge: int, lacking: int) -> Iterator[str]:
    """Tell of percentages, which become what they are of as many pods as there are now."""
    said = spec.get("strategy", {}).get("rollingUpdate") or {}
    for key, number in (("maxSurge", surge), ("maxUnavailable", lacking)):
        if isinstance(said.get(key), str):
            yield (
                f"spec.strategy.rollingUpdate.{key}: {said[key]} of {spec.get('replicas', 1)} is"
                f" written as {number}; another size may want another number"
            )


def bounds_of_deployment(spec: Json) -> tuple[int, int]:
    """Return how many more pods than asked for there may be at once, and how many may lack."""
    rolling = spec.get("strategy", {}).get("rollingUpdate") or {}
    count = spec.get("replicas", 1)
    if spec.get("strategy", {}).get("type") == DeploymentStrategy.RECREATE:
        return 0, max(count, 1)  # old and new ones never run beside each other
    surge = _amount(rolling.get("maxSurge", "25%"), count, up=True)
    lacking = _amount(rolling.get("maxUnavailable", "25%"), count, up=False)
    return (surge, lacking) if surge or lacking else (1, 0)


def _amount(said: int | str, count: int, *, up: bool) -> int:
    if isinstance(said, int):
        return said
    share = int(said.rstrip("%")) * count
    return -(-share // 100) if up else share // 100


def _misnamed(name: str, above: str, component: str) -> Iterator[str]:
    fits = name == f"{above}-{component}" and _COMPONENT.fullmatch(component)
    if not fits or not _APPLICATION.fullmatch(above):
        yield (
            f"the name {name} does not fit: pods become the servers that have their names, so it"
            " must be <application>-<component>, of lower-case letters, digits and dashes"
        )


def _problems(found: Json) -> Iterator[str]:
    meta = found["metadata"]
    name = meta["name"]
    for each in meta.get("ownerReferences", ()):
        yield f"{each['kind']}/{each['name']} owns {name}, and would make {name} again"
    held = [each for each in meta.get("finalizers", ()) if each != "orphan"]
    if held:
        yield f"finalizers keep {name} from going: {', '.join(held)}"


def _losses(spec: Json, known: frozenset[str]) -> Iterator[str]:
    for each in sorted(set(spec) - known):
        yield f"spec.{each}: an Application has no such field"
    if spec.get("revisionHistoryLimit", 0) > _MOST_REVISIONS:
        yield f"spec.revisionHistoryLimit: an Application keeps {_MOST_REVISIONS} at most"


def _history(spec: Json) -> Json:
    limit = spec.get("revisionHistoryLimit")
    return {} if limit is None else {"revisionHistoryLimit": min(limit, _MOST_REVISIONS)}


def _described(meta: Json) -> Json:
    """Return the labels and annotations that go along, which are those of people."""
    found = {
        key: {name: each for name, each in (meta.get(key) or {}).items() if not _is_mark(name)}
        for key in ("labels", "annotations")
    }
    return {key: each for key, each in found.items() if each}


def _is_mark(name: str) -> bool:
    return name in _MARKS or name.startswith(f"{names.GROUP}/")


def _left_behind(meta: Json) -> Iterator[str]:
    for key in ("labels", "annotations"):
        for name in sorted(filter(_is_mark, meta.get(key) or {})):
            yield f"metadata.{key}: {name} is somebody's mark of what they keep, and stays behind"


def _kept_elsewhere(meta: Json, kind: str) -> Iterator[str]:
    marks = {**(meta.get("labels") or {}), **(meta.get("annotations") or {})}
    for who in sorted({who for key, who in _KEEPERS.items() if key in marks}):
        yield f"{who} keeps this {kind}, and makes it again unless it is taken out there first"


def _template(template: Json) -> Json:
    """Return the template as a StatefulSet has it, without what only stands for nothing."""
    meta = {key: value for key, value in template.get("metadata", {}).items() if value}
    return {**({"metadata": meta} if meta else {}), "spec": template["spec"]}


def _rollout(spec: Json) -> Json:
    strategy = spec.get("updateStrategy", {})
    rolling = strategy.get("rollingUpdate") or {}
    told: Json = {"maxUnavailable": rolling.get("maxUnavailable", 1)}
    if strategy.get("type") == StatefulSetStrategy.ON_DELETE:
        told["strategy"] = UpdateStrategy.ON_DELETE.value
    if rolling.get("partition"):
        told["partition"] = rolling["partition"]
    if spec.get("minReadySeconds"):
        told["minReadySeconds"] = spec["minReadySeconds"]
        told["progressDeadlineSeconds"] = spec["minReadySeconds"] + 600
    return told


def _claim(found: Json, spec: Json) -> Json:
    policy = spec.get("persistentVolumeClaimRetentionPolicy", {})
    meta = {
        key: found["metadata"][key]
        for key in ("labels", "annotations")
        if found["metadata"].get(key)
    }
    return {
        "name": found["metadata"]["name"],
        "spec": found["spec"],
        "whenScaled": policy.get("whenScaled", ClaimRetention.RETAIN.value),
        "whenDeleted": policy.get("whenDeleted", ClaimRetention.RETAIN.value),
        **({"metadata": meta} if meta else {}),
    }


def stateful_sets_of(application: Json, replicas: Mapping[str, int]) -> Translation:
    """Return the StatefulSets that take up what an application runs, as a List.

    `replicas` are how many servers each component has.
    """
    meta, spec = application["metadata"], application["spec"]
    sets, problems, losses = [], [], [*export_losses.of_application(spec)]
    notes = []
    for part in spec["components"]:
        name = names.server_set(meta["name"], part["name"])
        sets.append(_stateful_set(meta, spec, part, replicas.get(part["name"], 0)))
        losses += export_losses.of_component(name, part, replicas.get(part["name"], 0))
        losses += [
            f"{name}: volumeClaims: a StatefulSet has one {key} for all claims"
            for key in ("whenDeleted", "whenScaled")
            if len(_fates(part, key)) > 1
        ]
        if not (part["template"].get("metadata", {}).get("labels") or {}):
            problems.append(f"{name}: a StatefulSet must select its pods by labels of the template")
        if part.get("source"):
            problems.append(
                f"{name}: its image is built from source, and the template may name another one:"
                " name the image that runs there, and take source out, first"
            )
        if (part.get("rollout") or {}).get("evictions", Evictions.BUDGET) == Evictions.BUDGET:
            notes.append(f"{name}: the PodDisruptionBudget that Argosy kept goes")
    if spec.get("fleet", names.BUILT_IN_FLEET) != names.BUILT_IN_FLEET:
        problems.append(f"the servers come from the fleet {spec['fleet']}")
    return Translation(
        body={"apiVersion": "v1", "kind": "List", "items": sets},
        problems=tuple(problems),
        losses=tuple(losses),
        notes=tuple(notes),
    )


def first_of(part: Json) -> int:
    """Return the lowest ordinal of a component, or of a StatefulSet's spec."""
    return int((part.get("ordinals") or {}).get("start", 0))


def _stateful_set(meta: Json, spec: Json, part: Json, replicas: int) -> Json:
    name = names.server_set(meta["name"], part["name"])
    rollout, template = part.get("rollout", {}), part["template"]
    rolling: Json = {"partition": rollout.get("partition", 0)}
    kept = rollout.get("strategy") == UpdateStrategy.ON_DELETE
    service = (part.get("service") or {}).get("name") or name
    ordered, first = part.get("start") == Start.ORDERED, first_of(part)
    claims = [
        {
            "metadata": {"name": each["name"], **(each.get("metadata") or {})},
            "spec": each["spec"],
        }
        for each in part.get("volumeClaims") or ()
    ]
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {
            "name": name,
            "namespace": meta.get("namespace", ""),
            **_described(meta),
        },
        "spec": {
            "replicas": replicas,
            "serviceName": service,
            "podManagementPolicy": "OrderedReady" if ordered else "Parallel",
            **({"ordinals": {"start": first}} if first else {}),
            "minReadySeconds": rollout.get("minReadySeconds", 0),
            "revisionHistoryLimit": spec.get("revisionHistoryLimit", 10),
            "updateStrategy": {"type": StatefulSetStrategy.ON_DELETE.value}
            if kept
            else {"type": StatefulSetStrategy.ROLLING_UPDATE.value, "rollingUpdate": rolling},
            "selector": {"matchLabels": template.get("metadata", {}).get("labels", {})},
            "template": template,
            **({"volumeClaimTemplates": claims} if claims else {}),
            **_retention(part),
        },
    }


def _retention(part: Json) -> Json:
    """Return when claims are deleted; what a claim of several says alone is lost, and told."""
    said = {key: _fates(part, key) for key in ("whenDeleted", "whenScaled")}
    policy = {key: fates.pop() for key, fates in said.items() if len(fates) == 1}
    if set(policy.values()) <= {ClaimRetention.RETAIN}:
        return {}
    return {"persistentVolumeClaimRetentionPolicy": policy}


def _fates(part: Json, key: str) -> set[str]:
    return {each.get(key, ClaimRetention.RETAIN.value) for each in part.get("volumeClaims") or ()}
