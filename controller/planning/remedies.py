"""The remedies for whatever blocks an object: commands that one can type as they are.

Planners take every remedy from here. A verb of `kubectl argosy` is named where there is one; tests
give each command to the parser that it is meant for.
"""

from __future__ import annotations

from controller import contract
from controller.api import names, objects, resources, rights
from controller.api.reasons import Reason
from controller.api.resources import PLACES


def why(kind: str, name: str, namespace: str) -> str:
    """Return the command that says what something else waits for."""
    return f"kubectl argosy why {kind}/{name} -n {namespace}"


def retry_now(thing: objects.Application | objects.Server) -> str:
    """Return the command that makes Argosy try again at once."""
    return _verb("retry-now", thing)


def release(server: objects.Server) -> str:
    """Return the command that lets go of a server that a person holds."""
    return _verb("release", server)


def force(server: objects.Server) -> str:
    """Return the command that ends the wait for an instance that does not go."""
    return _verb("force", server)


def resume(thing: objects.Application | objects.Operation) -> str:
    """Return the command that lets a paused application or operation go on."""
    return _verb("resume", thing)


def cancel(work: objects.Operation | objects.Build) -> str:
    """Return the command that cancels an operation or a Build."""
    return _verb("cancel", work)


def logs(build: objects.Build) -> str:
    """Return the command that prints what a Build's Jobs printed."""
    return _verb("logs", build)


def build(application: str, namespace: str) -> str:
    """Return the command that asks for a Build of an application."""
    return f"kubectl argosy build {application} -n {namespace}"


def start(application: str, component: str, namespace: str) -> str:
    """Return the command that starts what was stopped of a component."""
    return f"kubectl argosy start {application} --component {component} -n {namespace}"


def applications(namespace: str) -> str:
    """Return the command that lists the applications that there are."""
    return f"kubectl argosy top -n {namespace}"


def fleet(found: contract.FleetFacts) -> str:
    """Return the command that shows the fleet, or those that there are where it does not exist."""
    if found.problem == Reason.UNKNOWN_FLEET:
        return "kubectl get argfleet"
    return f"kubectl get argfleet {found.name} -o yaml"


def nodes() -> str:
    """Return the command that shows which nodes answer."""
    return "kubectl get nodes"


def edit(server: objects.Server) -> str:
    """Return the command that opens what the server is made from."""
    return edit_application(server.spec.application, server.metadata.namespace)


def edit_application(name: str, namespace: str) -> str:
    """Return the command that opens an application."""
    return f"kubectl edit argapp {name} -n {namespace}"


def edit_above(item: objects.Object) -> str:
    """Return the command that opens the application that an object is, or is of."""
    meta = item.metadata
    # Fleets alone are of none.
    above = getattr(getattr(item, "spec", None), "application", meta.name)
    return edit_application(above, meta.namespace) if meta.namespace else ""


def show(resource: str, name: str, namespace: str) -> str:
    """Return the command that shows an object which is not ours, or which was refused."""
    return f"kubectl get {resource} {name} -n {namespace} -o yaml"


def describe(thing: str, namespace: str) -> str:
    """Return the command that shows an object, named as Kind/name, with its Events."""
    kind, name = resources.parts(thing)
    return f"kubectl describe {kind.lower()} {name} -n {namespace}"


# The commands that show things of which Argosy has no view.
_SHOWN = {
    "ResourceQuota": "kubectl describe resourcequota {name} -n {namespace}",
    "ValidatingAdmissionPolicy": "kubectl get validatingadmissionpolicy {name} -o yaml",
    # One that lacks cannot be shown.
    "ServiceAccount": "kubectl get serviceaccounts -n {namespace}",
}


def unblock(
    thing: str, namespace: str, told: str = "", *, by: contract.Display = contract.PLAIN
) -> str:
    """Return the command that shows what is in the way, which is named as Kind/name.

    The message `told` of it may say more: of a namespace, that the operator lacks a right in it.
    `by` is how things are shown of the fleet that met it.
    """
    lack = rights.lacking(told)
    if lack is not None:
        return lack.check
    kind, name = resources.parts(thing)
    if kind in ("Webhook", "Namespace"):
        return webhooks()
    shown = by.commands.get(kind) or _SHOWN.get(kind)
    if shown is not None:
        return shown.format(name=name, namespace=namespace)
    return _show_known(kind, name, namespace)


def _show_known(kind: str, name: str, namespace: str) -> str:
    found = next(((each, place) for each, place in PLACES.items() if place.kind == kind), None)
    if found is None:
        return ""
    resource, place = found
    if not place.namespaced:
        return f"kubectl get {next(iter(place.short_names), resource)} {name} -o yaml"
    return show(resource, name, namespace)


def of_fault(reason: Reason, item: objects.Object) -> str:
    """Return the command for an object that Argosy cannot read, plan for, or tell of."""
    meta = item.metadata
    resource = resources.of(type(item))
    if reason == Reason.MALFORMED:
        return f"kubectl edit {PLACES[resource].short_names[0]} {meta.name} -n {meta.namespace}"
    if reason == Reason.STATUS_REFUSED:
        return f"kubectl get crd {resource}.{names.GROUP} -o yaml"
    return f"kubectl argosy report -n {meta.namespace}"


def webhooks() -> str:
    """Return the command that shows which webhooks are asked, and where."""
    return "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations -o yaml"


def delete(resource: str, thing: objects.Object) -> str:
    """Return the command that deletes an object of ours."""
    return f"kubectl delete {resource} {thing.metadata.name} -n {thing.metadata.namespace}"


def _verb(verb: str, thing: objects.Object) -> str:
    meta, kind = thing.metadata, PLACES[resources.of(type(thing))].kind.lower()
    return f"kubectl argosy {verb} {kind}/{meta.name} -n {meta.namespace}"
