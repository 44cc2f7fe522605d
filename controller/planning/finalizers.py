"""Our finalizer, put on before anything below an object is made, taken off when nothing is left.

Called by every planner of an object that has it, and by the bare teardown. Others' finalizers are
told here, too, whatever object has them.

Whoever puts it on asks `with_ours`: the manifest of an object that Argosy makes has it from the
first moment, and `add` patches it into one that a person made. Whoever lifts it asks
`without_ours`. So its name stands nowhere else, but in the chart: there an admission policy puts it
on as a person creates an object, which saves the patch.
"""

from __future__ import annotations

from collections.abc import Iterable

from controller.api import names, objects, resources
from controller.api.conditions import Blocked
from controller.api.reasons import Reason
from controller.api.resources import PLACES, Resource
from controller.planning import remedies, writes
from controller.planning.plan import Patch

# Kubernetes' own, which a delete with propagation "Orphan" puts on.
ORPHAN = "orphan"
# Kubernetes' own, too: the garbage collector takes it off by itself.
FOREGROUND = "foregroundDeletion"
# Kubernetes' own, on every claim: it goes once no pod uses the claim.
CLAIM_IN_USE = "kubernetes.io/pvc-protection"


def is_on(meta: objects.Meta) -> bool:
    """Return whether our finalizer keeps the object of that `meta`."""
    return names.FINALIZER in meta.finalizers


def with_ours(present: Iterable[str] = ()) -> list[str]:
    """Return the finalizers of an object with ours behind those `present`: none on a new one."""
    return [*present, names.FINALIZER]


def without_ours(present: Iterable[str]) -> list[str]:
    """Return the finalizers of an object without ours: every other one, in its place."""
    return [each for each in present if each != names.FINALIZER]


def is_orphaning(meta: objects.Meta) -> bool:
    """Return whether the garbage collector is about to cut loose all that is below the object."""
    return ORPHAN in meta.finalizers


def keepers(meta: objects.Meta) -> str:
    """Return what keeps an object that goes and is no longer ours; empty where nothing does."""
    found = others(meta)
    if meta.deletion_timestamp is None or is_on(meta) or not found:
        return ""
    return f"kept by finalizers: {', '.join(found)}"


def others(meta: objects.Meta) -> list[str]:
    """Return the finalizers that somebody else put there, and alone takes off."""
    return sorted(set(meta.finalizers) - {names.FINALIZER, ORPHAN, FOREGROUND, CLAIM_IN_USE})


def held(resource: Resource, name: str, namespace: str, *, kept: str, since: str) -> Blocked:
    """Return what to tell of something that goes and that only others keep."""
    return Blocked(
        object=f"{PLACES[resource].kind}/{name}",
        reason=Reason.KEPT_BY_OTHERS,
        message=kept,
        since=since,
        remedy=remedies.show(resource, name, namespace),
    )


def add(owner: objects.Object) -> Patch:
    """Return the patch that adds our finalizer."""
    meta = owner.metadata
    wanted = with_ours(meta.finalizers)
    resource = resources.of(type(owner))
    return _patch(resource, meta, wanted, "the finalizer comes before anything below it")


def remove(owner: objects.Object) -> Patch:
    """Return the patch that removes our finalizer and no other."""
    return release(resources.of(type(owner)), owner.metadata)


def release(resource: Resource, meta: objects.Meta) -> Patch:
    """Return the patch that removes our finalizer, and no other, from the object of that `meta`."""
    wanted = without_ours(meta.finalizers)
    return _patch(resource, meta, wanted, "nothing that it guards is left")


def _patch(resource: Resource, meta: objects.Meta, wanted: list[str], why: str) -> Patch:
    # A list replaces a list: guarded by the version, lest another's finalizer get lost.
    return writes.patch(
        writes.HasMetadata(resource, meta),
        body={"metadata": {"finalizers": wanted}},
        why=why,
        guarded=True,
    )
