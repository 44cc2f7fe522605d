"""The requests of people to applications, as bodies to be written: the same from every front end.

Pure: a front end reads what it concerns, and writes what comes of it.
"""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from controller.api import clock, conditions, names, nulls, objects, resources, tags
from controller.api.choices import Action
from controller.api.conditions import ConditionType
from controller.api.resources import PLACES
from controller.planning import rendering
from controller.presentation.problems import Refusal, UsageError

# The field manager of what people ask for through a front end of ours.
MANAGER = "kubectl-argosy"
NAME_BYTES = 3
HOLD: dict[str, Any] = {"held": True, "hold": None}
RELEASE: dict[str, Any] = {"held": False, "hold": None}
PAUSE, RESUME = {"paused": True}, {"paused": False}
CANCEL = {"cancelled": True}


def operation(
    application: objects.Application, action: Action, spec: Mapping[str, Any], name: str = ""
) -> dict[str, Any]:
    """Return an operation on an application; raises UsageError for components it does not have."""
    meta = application.metadata
    known = [each.name for each in application.spec.components]
    for each in spec.get("components") or ():
        if each not in known:
            raise UsageError(
                f"application {meta.name} has no component {each!r}, but {', '.join(known)}"
            )
    # The rest is the schema's to fill in. A body may be shown as YAML, which takes plain texts.
    said = {key: value for key, value in spec.items() if value not in (None, "", (), [], {})}
    return {
        "apiVersion": names.API_VERSION,
        "kind": "Operation",
        "metadata": {"name": name or _name(meta.name, action), "namespace": meta.namespace},
        "spec": {"application": meta.name, "action": action.value, **said},
    }


def hold(owner: str, reason: str, until: float | None) -> dict[str, Any]:
    """Return the change of the spec by which somebody holds a server, for a while or until told."""
    if not (owner or reason or until):
        return HOLD
    said = {"owner": owner, "reason": reason, "until": clock.stamp(until) if until else None}
    return {**HOLD, "hold": {key: value or None for key, value in said.items()}}


def cancel(before: objects.Operation | objects.Build) -> dict[str, Any]:
    """Return the change of the spec that cancels work under way; raises Refusal if it has ended."""
    if before.status.completion_time:
        ended = conditions.find(before.status.conditions, ConditionType.SUCCEEDED)
        how = ended.reason if ended is not None else "ended"
        kind = PLACES[resources.of(type(before))].kind.lower()
        raise Refusal(f"{kind}/{before.metadata.name} has ended already: {how}")
    return CANCEL


def build(
    application: objects.Application, component: str, commit: str, now: float
) -> dict[str, Any]:
    """Return the change of an application that asks for a Build of it.

    Raises UsageError for a component that has no source, and for what is no whole commit.
    """
    meta = application.metadata
    known = [each.name for each in application.spec.components if each.source is not None]
    if not known or component not in {"", *known}:
        which = f"component {component!r} of {meta.name} has" if component else f"{meta.name} has"
        told = f", but {', '.join(known)}" if known else ""
        raise UsageError(f"{which} no source to build from{told}")
    if commit and not tags.is_commit(commit):
        raise UsageError(
            f"a commit must be given whole, in 40 or 64 hexadecimal digits: {commit!r}"
        )
    words = [f"component:{component}"] * bool(component) + [f"sha:{commit}"] * bool(commit)
    value = " ".join((*words, clock.precise(now)))
    return {"metadata": {"annotations": {names.BUILD_REQUESTED_ANNOTATION: value}}}


def activate(
    earlier: objects.Build, application: objects.Application, beside: Iterable[objects.Build]
) -> dict[str, Any]:
    """Return the Build by which the image of an `earlier` one is used again.

    Raises Refusal where that has none, or the component has no source any more.
    """
    spec, name = earlier.spec, earlier.metadata.name
    component = next((x for x in application.spec.components if x.name == spec.component), None)
    if component is None or component.source is None:
        raise Refusal(f"{spec.component} of {spec.application} has no source any more")
    if not conditions.is_true(earlier.status.conditions, ConditionType.SUCCEEDED):
        raise Refusal(f"build/{name} has no image: only one that succeeded can be activated")
    numbers = [each.spec.number for each in beside if each.spec.component == spec.component]
    told = next((x.image for x in application.status.components if x.name == spec.component), None)
    number = 1 + max([*numbers, told.number if told is not None else 0])
    return {
        "apiVersion": names.API_VERSION,
        "kind": "Build",
        "metadata": {
            "name": names.build(spec.application, spec.component, number),
            "namespace": earlier.metadata.namespace,
        },
        "spec": {
            "application": spec.application,
            "component": spec.component,
            "number": number,
            "source": nulls.without_nulls(rendering.full(component.source)),
            "activates": name,
        },
    }


def retry(before: objects.Operation, step: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return the change of the spec that lets an ended operation go on with what is unfinished.

    Raises Refusal where its end leaves nothing to take up, UsageError for a step it does not have.
    """
    # All that plans operations comes with it, and no other request needs that.
    from controller.kinds.operation import completion  # noqa: PLC0415 - see above

    meant = f"operation/{before.metadata.name}"
    if not completion.can_be_retried(before):
        ended = conditions.find(before.status.conditions, ConditionType.SUCCEEDED)
        how = f" as {ended.reason}" if ended is not None else ""
        raise Refusal(
            f"{meant} has ended{how}, which leaves nothing to take up:"
            f" only {', '.join(sorted(completion.RETRIED))} ones can be retried; start a new one"
        )
    known = [each.name for each in before.spec.steps]
    if step and step not in known:
        raise UsageError(f"{meant} has no step {step!r}, but {', '.join(known) or 'none'}")
    used = {each.id for each in before.status.retries} | {before.status.run}
    used |= {before.spec.retry.id} if before.spec.retry else set()
    number = next(each for each in range(2, len(used) + 3) if str(each) not in used)
    wanted = {"id": str(number), "from": step or None, "parameters": dict(parameters) or None}
    spec: dict[str, Any] = {"retry": wanted}
    if before.spec.cancelled:
        spec["cancelled"] = False
    return spec


def on_their_way_out(servers: Iterable[objects.Server]) -> list[objects.Server]:
    """Return the servers whose instances are there and are to go: deleted, or replaced."""
    return [
        each
        for each in servers
        if each.status.provider.id
        and (
            each.metadata.deletion_timestamp is not None
            or each.status.incarnation != each.spec.incarnation
        )
    ]


def force(server: objects.Server) -> dict[str, Any]:
    """Return the change that gives a server's instance no more time to end; Refusal without one."""
    instance = server.status.provider.id
    if not instance:
        raise Refusal(f"server/{server.metadata.name} is made of nothing now")
    return {"metadata": {"annotations": {names.FORCE_ANNOTATION: instance}}}


def retry_now(now: float) -> dict[str, Any]:
    """Return the change of an object that has what failed tried again, whatever is waited for."""
    return {"metadata": {"annotations": {names.RETRY_NOW_ANNOTATION: f"{now:.3f}"}}}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ScalingRequest:
    """A new number of servers, where it is owned: in the Application, or else in the ServerSet.

    `before` is None where the Application leaves it to the set, whose subresource is then patched.
    """

    component: str
    before: int | None
    body: dict[str, Any]


def scale(application: Mapping[str, Any], component: str, replicas: int) -> ScalingRequest:
    """Return the change that gives a component (the only one if none is named) so many servers.

    `application` is as it is on the wire: a merge patch replaces the list of components, so that it
    must be the one that was read.
    """
    known: list[dict[str, Any]] = application["spec"]["components"]
    chosen = _component(application, known, component)
    version = {"resourceVersion": application["metadata"].get("resourceVersion", "")}
    if (whole := application["spec"].get("replicas")) is not None:
        body = {"metadata": version, "spec": {"replicas": replicas}}
        return ScalingRequest(component=chosen["name"], before=whole, body=body)
    if "replicas" not in chosen:
        return ScalingRequest(
            component=chosen["name"], before=None, body={"spec": {"replicas": replicas}}
        )
    changed = [{**each, "replicas": replicas} if each is chosen else each for each in known]
    body = {"metadata": version, "spec": {"components": changed}}
    return ScalingRequest(component=chosen["name"], before=chosen["replicas"], body=body)


def _component(
    application: Mapping[str, Any], known: Sequence[dict[str, Any]], wanted: str
) -> dict[str, Any]:
    if not wanted and len(known) == 1:
        return known[0]
    for each in known:
        if each["name"] == wanted:
            return each
    listed = ", ".join(each["name"] for each in known)
    said = f"has no component {wanted!r}, but" if wanted else "has several: name one with -c:"
    raise UsageError(f"application {application['metadata']['name']} {said} {listed}")


def steps(document: Any, source: str) -> dict[str, Any]:
    """Return the spec of the operation in a document, which may be a list of its steps alone."""
    if isinstance(document, list):
        return {"steps": document}
    if isinstance(document, dict) and document.get("kind") == "Operation":
        spec = dict(document.get("spec") or {})
        spec.pop("application", None)
        spec.pop("action", None)
        return spec
    raise UsageError(f"{source} must hold an Operation, or a list of steps")


def one_step(command: Sequence[str], container: str) -> dict[str, Any]:
    """Return the spec of an operation whose only step runs a command."""
    act: dict[str, Any] = {"command": list(command)}
    if container:
        act["container"] = container
    return {"steps": [{"name": "run", "exec": act}]}


def _name(application: str, action: Action) -> str:
    # Ours, not the API server's: a request that is sent twice must not become two operations.
    return f"{application}-{action.lower()}-{secrets.token_hex(NAME_BYTES)}"
