"""Whether there is anything for an operation to act on: none ends well that touched nothing.

Called by the Operation planner before a run begins. An application that was just created has no
servers yet, so the operation waits for them; one that names what is not there says so.
"""

from __future__ import annotations

from controller.api import names, objects
from controller.api.choices import Action
from controller.api.conditions import Blocked
from controller.api.reasons import Reason
from controller.kinds.operation import targets
from controller.kinds.operation.snapshot import OperationSnapshot
from controller.planning import remedies, words


def awaited(snapshot: OperationSnapshot) -> tuple[Blocked, ...]:
    """Return the sets whose servers are still to be created, among those that are targeted.

    A set that is blocked (by a quota, say) is not waited for: its servers may never come, and to
    restart the others may be the cure.
    """
    return tuple(
        _awaited(snapshot, component)
        for component in _components(snapshot)
        if _is_on_its_way(snapshot, component)
    )


def nothing_targeted(snapshot: OperationSnapshot) -> str:
    """Return why the operation has nothing to act on; empty where it has something."""
    spec, namespace = snapshot.operation.spec, snapshot.operation.metadata.namespace
    known = _known(snapshot)
    unknown = [each for each in spec.components if each not in known]
    if unknown:
        has = words.several(sorted(known)) or "none"
        return f"Application {spec.application} has no component {words.several(unknown)}: {has}."
    if spec.action == Action.ROLL_BACK and not snapshot.sets.keys() & set(_components(snapshot)):
        return f"No targeted component of application {spec.application} has a ServerSet yet."
    if targets.choose(snapshot.operation, snapshot.application, snapshot.servers):
        return ""
    there = [each for key, each in snapshot.servers.items() if targets.includes(spec, key)]
    if not there:
        named = f" with ordinals {spec.servers}" if spec.servers else ""
        return f"Application {spec.application} in {namespace} has no server{named}."
    return f"{words.be(len(there), 'targeted server')} held by a person or being deleted."


def _known(snapshot: OperationSnapshot) -> frozenset[str]:
    application = snapshot.application
    declared = application.spec.components if application is not None else ()
    return frozenset({each.name for each in declared} | snapshot.sets.keys())


def _components(snapshot: OperationSnapshot) -> tuple[str, ...]:
    known = _known(snapshot)
    wanted = snapshot.operation.spec.components or sorted(known)
    return tuple(each for each in wanted if each in known)


def _is_on_its_way(snapshot: OperationSnapshot, component: str) -> bool:
    there = sum(1 for named, _ in snapshot.servers if named == component)
    found = snapshot.sets.get(component)
    if found is None:
        return not there
    return there < found.spec.replicas and not found.status.blocked_by


def _awaited(snapshot: OperationSnapshot, component: str) -> Blocked:
    operation: objects.Operation = snapshot.operation
    name = names.server_set(operation.spec.application, component)
    made = component in snapshot.sets
    thing = ("serverset", name) if made else ("application", operation.spec.application)
    return Blocked(
        object=f"ServerSet/{name}" if made else f"Application/{operation.spec.application}",
        reason=Reason.SCALING,
        message=f"The servers of component {component} are being created.",
        remedy=remedies.why(*thing, operation.metadata.namespace),
    )
