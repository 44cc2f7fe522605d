"""Who belongs to whom among cached objects: the indexes that kinds share, and what they find.

A kind lists the indexes that it reads in its descriptor; gatherers, wakes and the command line all
look things up here.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator

import msgspec

from controller.api import names, objects, tags
from controller.api.builtin_choices import EvictionConditionType, NamespacePhase
from controller.api.resources import PLACES, Resource
from controller.planning import keys, verdict
from controller.planning.caches import Caches, Index, Path
from controller.planning.keys import Key


def _owner(item: objects.Object) -> Hashable | None:
    owner = item.metadata.controller
    return owner.uid if owner else None


def _server_application(item: objects.Server) -> Hashable:
    return item.metadata.namespace, item.spec.application


def _server_fleet(item: objects.Server) -> Hashable:
    return item.spec.fleet


def _server_revision(item: objects.Server) -> Hashable:
    return revision_path(item)


def _operation_application(item: objects.Operation) -> Hashable:
    return item.metadata.namespace, item.spec.application


def _open_operation(item: objects.Operation) -> Hashable | None:
    return None if verdict.finished(item) else _operation_application(item)


def _ended_operation(item: objects.Operation) -> Hashable | None:
    return _operation_application(item) if verdict.finished(item) else None


def _build_application(item: objects.Build) -> Hashable:
    return item.metadata.namespace, item.spec.application


def _build_job(item: objects.Pod) -> Hashable | None:
    return _owner(item) if names.BUILD_LABEL in item.metadata.labels else None


def _labelled_component(item: objects.Object) -> Hashable:
    labels = item.metadata.labels
    return (
        item.metadata.namespace,
        labels.get(names.APPLICATION_LABEL),
        labels.get(names.COMPONENT_LABEL),
    )


def _labelled_application(item: objects.Object) -> Hashable | None:
    name = item.metadata.labels.get(names.APPLICATION_LABEL)
    return (item.metadata.namespace, name) if name else None


def _namespace(item: objects.Object) -> Hashable:
    return item.metadata.namespace


def _leaving(item: objects.Pod) -> Hashable | None:
    return _labelled_component(item) if item.metadata.deletion_timestamp is not None else None


def _asked(item: objects.EvictionRequest) -> Hashable | None:
    over = any(
        told.type in (EvictionConditionType.TARGET_EVICTED, EvictionConditionType.FAILED)
        and told.status == "True"
        for told in item.status.conditions
    )
    stands = item.spec.intent == "Eviction" and item.metadata.deletion_timestamp is None
    return item.metadata.namespace if stands and not over else None


def _node(item: objects.Pod) -> Hashable | None:
    return item.spec.node_name or None


def _let_go(item: objects.Object) -> Hashable | None:
    return _labelled_component(item) if item.metadata.controller is None else None


# By namespace, application and component, as labelled: those that nothing controls.
SERVERS_LET_GO = Index(objects.Server, _let_go)
REVISIONS_LET_GO = Index(objects.ControllerRevision, _let_go)
# By the UID of the controller.
SETS_BY_OWNER = Index(objects.ServerSet, _owner)
SERVERS_BY_OWNER = Index(objects.Server, _owner)
REVISIONS_BY_OWNER = Index(objects.ControllerRevision, _owner)
JOBS_BY_OWNER = Index(objects.Job, _owner)
# By namespace and application, as labelled.
JOBS_BY_APPLICATION = Index(objects.Job, _labelled_application)
# Pods of Builds, by the UID of the Job.
BUILD_PODS_BY_JOB = Index(objects.Pod, _build_job)
# By namespace and application.
SERVERS_BY_APPLICATION = Index(objects.Server, _server_application)
OPERATIONS_BY_APPLICATION = Index(objects.Operation, _operation_application)
# Of these there are a hundred at most, and of those that ended as many as people do not delete:
# whoever is planned beside the others must not look at thousands that are over.
OPEN_OPERATIONS = Index(objects.Operation, _open_operation)
ENDED_OPERATIONS = Index(objects.Operation, _ended_operation)
BUILDS_BY_APPLICATION = Index(objects.Build, _build_application)
# By namespace, application and component.
CLAIMS_BY_COMPONENT = Index(objects.Claim, _labelled_component)
# By namespace: whichever of them select a set's pods.
DISRUPTION_BUDGETS_BY_NAMESPACE = Index(objects.DisruptionBudget, _namespace)
SETS_BY_NAMESPACE = Index(objects.ServerSet, _namespace)
# By the namespace and name of the ControllerRevision that they refer to.
SERVERS_BY_REVISION = Index(objects.Server, _server_revision)
# By namespace, application and component: those on their way out.
PODS_LEAVING = Index(objects.Pod, _leaving)
# By namespace: those that somebody still wants.
EVICTIONS_ASKED = Index(objects.EvictionRequest, _asked)
# By the name of the node that they are on.
PODS_BY_NODE = Index(objects.Pod, _node)
# By the fleet's name.
SERVERS_BY_FLEET = Index(objects.Server, _server_fleet)


def application_of(caches: Caches, namespace: str, name: str) -> objects.Application | None:
    """Return the application of that name."""
    return caches.of(objects.Application).objects.get((namespace, name))


def controlling_application(
    caches: Caches, server_set: objects.ServerSet
) -> objects.Application | None:
    """Return the application that controls the set; one of the same name made later does not."""
    found = application_of(caches, server_set.metadata.namespace, server_set.spec.application)
    owner = server_set.metadata.controller
    if found is None or owner is None or owner.uid != found.metadata.uid:
        return None
    return found


def sets_of(
    caches: Caches, application: objects.Application | None
) -> dict[str, objects.ServerSet]:
    """Return the ServerSets that an application controls, by component."""
    if application is None:
        return {}
    found = dict(caches.by(SETS_BY_OWNER, application.metadata.uid))
    malformed = caches.of(objects.ServerSet).malformed
    for path in found.keys() & malformed.keys():
        # Deleting a set takes its latest version, even where the rest of it cannot be read.
        found[path] = msgspec.structs.replace(found[path], metadata=malformed[path].metadata)
    return {each.spec.component: each for each in found.values()}


def open_operations(
    caches: Caches, namespace: str, application: str
) -> tuple[objects.Operation, ...]:
    """Return the operations on an application that are not over, oldest first."""
    found = caches.by(OPEN_OPERATIONS, (namespace, application))
    return tuple(
        sorted(
            found.values(),
            key=lambda each: (each.metadata.creation_timestamp or "", each.metadata.name),
        )
    )


def builds_of(caches: Caches, namespace: str, application: str) -> tuple[objects.Build, ...]:
    """Return all Builds that name an application, whoever made them."""
    return tuple(caches.by(BUILDS_BY_APPLICATION, (namespace, application)).values())


def jobs_of(caches: Caches, application: objects.Application) -> tuple[objects.Job, ...]:
    """Return the Jobs that bear the application's name, whoever made them."""
    meta = application.metadata
    return tuple(caches.by(JOBS_BY_APPLICATION, (meta.namespace, meta.name)).values())


def revisions_of(
    caches: Caches, application: objects.Application | None
) -> tuple[objects.ControllerRevision, ...]:
    """Return the ControllerRevisions that an application controls."""
    if application is None:
        return ()
    return tuple(caches.by(REVISIONS_BY_OWNER, application.metadata.uid).values())


def revisions_let_go(
    caches: Caches, application: objects.Application
) -> tuple[objects.ControllerRevision, ...]:
    """Return the records of the application's components that nothing controls any more."""
    meta = application.metadata
    return tuple(
        found
        for each in application.spec.components
        for found in caches.by(REVISIONS_LET_GO, (meta.namespace, meta.name, each.name)).values()
        if found.metadata.deletion_timestamp is None
    )


def servers_let_go(caches: Caches, server_set: objects.ServerSet) -> tuple[objects.Server, ...]:
    """Return the servers of the set's component that nothing controls any more."""
    spec = server_set.spec
    place = (server_set.metadata.namespace, spec.application, spec.component)
    found = caches.by(SERVERS_LET_GO, place).values()
    return tuple(each for each in found if each.metadata.deletion_timestamp is None)


def on_cordoned_nodes(caches: Caches, server_set: objects.ServerSet) -> dict[int, str]:
    """Return the nodes that take no new pods and have servers of the set, by the ordinals."""
    nodes = caches.of(objects.Node).objects
    if not nodes:
        return {}
    namespace = server_set.metadata.namespace
    found: dict[int, str] = {}
    for _, node in sorted(nodes):
        for space, name in caches.by(PODS_BY_NODE, node):
            number = ordinal(server_set, name)
            if space == namespace and number is not None:
                found[number] = node
    return found


def asked_to_leave(
    caches: Caches, server_set: objects.ServerSet
) -> dict[int, objects.EvictionRequest]:
    """Return the requests that pods of the set leave their places, by the ordinals.

    Not those that were withdrawn, are over, or are about a pod that is no more.
    """
    pods = caches.of(objects.Pod).objects
    namespace = server_set.metadata.namespace
    found: dict[int, objects.EvictionRequest] = {}
    for _, each in sorted(caches.by(EVICTIONS_ASKED, namespace).items()):
        asked = each.spec.target.pod
        number, pod = ordinal(server_set, asked.name), pods.get((namespace, asked.name))
        if number is not None and pod is not None and pod.metadata.uid == asked.uid:
            found.setdefault(number, each)
    return found


def servers_left_by(caches: Caches, application: objects.Application) -> tuple[objects.Server, ...]:
    """Return the servers that stay when the last set of the application is gone.

    Such servers are nobody's, or a stranger's; those of a set that is gone the cluster collects.
    """
    meta = application.metadata
    found = caches.by(SERVERS_BY_APPLICATION, (meta.namespace, meta.name)).values()
    return tuple(
        sorted(
            (each for each in found if _stays(caches, each)), key=lambda each: each.metadata.name
        )
    )


def _stays(caches: Caches, server: objects.Server) -> bool:
    if server.metadata.deletion_timestamp is not None:
        return False
    owner = server.metadata.controller
    gone = owner is not None and owner.kind == PLACES[Resource.SERVERSETS].kind
    return not gone or set_above(caches, server) is not None


def disruption_budgets(caches: Caches, namespace: str) -> tuple[objects.DisruptionBudget, ...]:
    """Return everybody's PodDisruptionBudgets in a namespace."""
    return tuple(caches.by(DISRUPTION_BUDGETS_BY_NAMESPACE, namespace).values())


def ordinal(server_set: objects.ServerSet, pod: str) -> int | None:
    """Return the ordinal of the set's server that a pod of this name is; None for a stranger's."""
    spec = server_set.spec
    prefix = f"{names.server_set(spec.application, spec.component)}-"
    return tags.number(pod.removeprefix(prefix)) if pod.startswith(prefix) else None


def revision_path(server: objects.Server) -> Path:
    """Return the namespace and name of the ControllerRevision that the server refers to."""
    spec = server.spec
    name = names.controller_revision(spec.application, spec.component, spec.revision)
    return server.metadata.namespace, name


def named_by_servers(
    caches: Caches, revisions: Iterable[objects.ControllerRevision]
) -> frozenset[str]:
    """Return the names of those revisions that servers refer to, of whom there are many."""
    found = (each.metadata for each in revisions)
    return frozenset(
        each.name for each in found if caches.by(SERVERS_BY_REVISION, (each.namespace, each.name))
    )


def set_above(caches: Caches, server: objects.Server) -> objects.ServerSet | None:
    """Return the set that controls the server; one of the same name made later does not."""
    owner = server.metadata.controller
    if owner is None:
        return None
    found = caches.of(objects.ServerSet).objects.get((server.metadata.namespace, owner.name))
    return found if found is not None and found.metadata.uid == owner.uid else None


def namespace_terminating(caches: Caches, namespace: str) -> bool:
    """Return whether the namespace itself is on its way out, as far as is known."""
    found = caches.of(objects.Namespace).objects.get(("", namespace))
    return found is not None and (
        found.status.phase == NamespacePhase.TERMINATING
        or found.metadata.deletion_timestamp is not None
    )


def namespace_labels(caches: Caches, namespace: str) -> dict[str, str] | None:
    """Return the labels of a namespace; None where they cannot be known."""
    found = caches.of(objects.Namespace).objects.get(("", namespace))
    return found.metadata.labels if found is not None else None


# --- Keys, for wakes ------------------------------------------------------------------------------


def set_keys(caches: Caches, application: objects.Application) -> Iterator[Key]:
    """Yield the keys of the sets that an application controls."""
    for each in caches.by(SETS_BY_OWNER, application.metadata.uid).values():
        yield keys.of(Resource.SERVERSETS, each)


def server_keys(caches: Caches, owner: str) -> Iterator[Key]:
    """Yield the keys of the servers that the set of that UID controls."""
    for each in caches.by(SERVERS_BY_OWNER, owner).values():
        yield keys.of(Resource.SERVERS, each)


def all_server_keys(caches: Caches, application: objects.Application) -> Iterator[Key]:
    """Yield the keys of the servers of all sets that an application controls."""
    for each in caches.by(SETS_BY_OWNER, application.metadata.uid).values():
        yield from server_keys(caches, each.metadata.uid)


def revision_server_keys(caches: Caches, revision: objects.ControllerRevision) -> Iterator[Key]:
    """Yield the keys of the servers that refer to a ControllerRevision."""
    path = revision.metadata.namespace, revision.metadata.name
    for each in caches.by(SERVERS_BY_REVISION, path).values():
        yield keys.of(Resource.SERVERS, each)


def node_set_keys(caches: Caches, node: str) -> Iterator[Key]:
    """Yield the keys of the sets that have servers on the node."""
    places = {
        (each.metadata.namespace, names.labelled_set(each.metadata.labels))
        for each in caches.by(PODS_BY_NODE, node).values()
    }
    for namespace, name in sorted(places):
        yield Key(Resource.SERVERSETS, namespace, name)


def asked_set_keys(caches: Caches, request: objects.EvictionRequest) -> Iterator[Key]:
    """Yield the key of the set of whose pod it is asked that it leaves its place."""
    namespace = request.metadata.namespace
    pod = caches.of(objects.Pod).objects.get((namespace, request.spec.target.pod.name))
    if pod is not None:
        yield Key(Resource.SERVERSETS, namespace, names.labelled_set(pod.metadata.labels))


def begun_operation_keys(caches: Caches, namespace: str, application: str) -> Iterator[Key]:
    """Yield the keys of an application's operations that have servers to work on.

    One that waits for its turn has taken nothing down, and is left alone.
    """
    for each in caches.by(OPEN_OPERATIONS, (namespace, application)).values():
        if each.status.targets:
            yield keys.of(Resource.OPERATIONS, each)


def open_operation_keys(caches: Caches, namespace: str, application: str) -> Iterator[Key]:
    """Yield the keys of an application's operations that have not ended."""
    for each in caches.by(OPEN_OPERATIONS, (namespace, application)).values():
        yield keys.of(Resource.OPERATIONS, each)
