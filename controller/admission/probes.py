"""The objects that would be created of an Application or an Operation, tried without being made.

`reviewer` sends each probe as a dry run. A probe is built by what builds the real object, so that
nothing passes here which is refused later, nor the other way round.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import msgspec

from controller.api import names, objects
from controller.api.resources import Resource
from controller.contract import tasks
from controller.planning import merge_patch
from controller.providers.pod import manifest
from controller.providers.steps import job_step

_TEMPLATE_FIELDS = frozenset({"metadata", "spec"})
# The fields that Kubernetes knows in any object's metadata; of a template's, Argosy takes two.
_META_FIELDS = frozenset(
    {
        "annotations", "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp",
        "finalizers", "generateName", "generation", "labels", "managedFields", "name", "namespace",
        "ownerReferences", "resourceVersion", "selfLink", "uid",
    }
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One object that would be created, and where in the user's manifest it comes from.

    The part of the object at `within` stands in the manifest at `place`. `content` is all that the
    answer depends on. `build` makes the body with a name that ends in its argument; it raises
    Stalled where the content is none that can be sent. `strays` are fields that nobody knows and
    that the body does not have. Where the probe at `base` is refused, a refusal of this one says
    nothing new.
    """

    place: str
    within: str = ""
    base: str = ""
    resource: Resource
    content: bytes
    build: Callable[[str], bytes]
    strays: tuple[str, ...] = ()

    def path(self, field: str) -> str:
        """Return the path in the manifest of a field of the object."""
        inner = field.removeprefix(self.within).lstrip(".")
        return f"{self.place}.{inner}" if inner else self.place


def of_application(application: objects.Application) -> Iterator[Probe]:
    """Yield the pod of each component, also as its alternatives make it, and its claims."""
    for component in application.spec.components:
        place = f"spec.components[{component.name}]"
        template = bytes(component.template)
        yield _pod(application, component, f"{place}.template", template)
        for each in component.recovery.alternatives:
            merged = _merged(template, bytes(each.patch))
            where = f"{place}.recovery.alternatives[{each.name}].patch"
            yield _pod(application, component, where, merged, base=f"{place}.template")
        for claim in component.volume_claims:
            yield _claim(application, component, f"{place}.volumeClaims[{claim.name}]", claim)


def of_operation(operation: objects.Operation) -> Iterator[Probe]:
    """Yield the Job of each step that has one, and of each that undoes a step."""
    for step in operation.spec.steps:
        place = f"spec.steps[{step.name}]"
        if step.job != objects.NULL:
            yield _job(operation, f"{place}.job", bytes(step.job), step.timeout_seconds)
        undo = _job_of(bytes(step.compensate))
        if undo:
            yield _job(operation, f"{place}.compensate.job", undo, step.timeout_seconds)


def _pod(
    application: objects.Application,
    component: objects.Component,
    place: str,
    template: bytes,
    base: str = "",
) -> Probe:
    def build(token: str) -> bytes:
        server = _server(application, component, token)
        return manifest.pod(server, template, 0, component.volume_claims, subdomain=subdomain)

    subdomain = component.service.name if component.service is not None else ""
    shown = tuple(each.name for each in component.volume_claims)
    return Probe(
        place=place,
        base=base,
        resource=Resource.PODS,
        content=msgspec.json.encode([application.metadata.name, component.name, shown]) + template,
        build=build,
        strays=tuple(_strays(template)),
    )


def _strays(template: bytes) -> Iterator[str]:
    """Yield the fields of a pod template that stand where Kubernetes knows none of that name."""
    found = msgspec.json.decode(template)
    if not isinstance(found, dict):
        return
    yield from sorted(_named(found) - _TEMPLATE_FIELDS)
    meta = found.get("metadata")
    if isinstance(meta, dict):
        yield from (f"metadata.{each}" for each in sorted(_named(meta) - _META_FIELDS))


def _named(value: dict[str, object]) -> set[str]:
    return {key for key, each in value.items() if each is not None}


def _claim(
    application: objects.Application,
    component: objects.Component,
    place: str,
    claim: objects.VolumeClaim,
) -> Probe:
    def build(token: str) -> bytes:
        body = manifest.claim(_server(application, component, token), claim)
        return msgspec.json.encode(body)

    return Probe(place=place, resource=Resource.CLAIMS, content=bytes(claim.spec), build=build)


def _job(operation: objects.Operation, place: str, job: bytes, seconds: int) -> Probe:
    def build(token: str) -> bytes:
        server = objects.Server(
            metadata=_meta(operation.metadata.namespace, f"dry-{token}"),
            spec=objects.ServerSpec(
                application=operation.spec.application, component="dry", ordinal=0
            ),
        )
        orders = tasks.TaskParameters(job=objects.Json(job), timeout_seconds=seconds)
        return msgspec.json.encode(job_step.manifest(server, f"argosy-dry-{token}", orders))

    return Probe(place=place, within="spec", resource=Resource.JOBS, content=job, build=build)


def _server(
    application: objects.Application, component: objects.Component, token: str
) -> objects.Server:
    """Return a Server that there is not: where the others have an ordinal, it has `token`."""
    name = f"{names.server_set(application.metadata.name, component.name)}-{token}"
    return objects.Server(
        metadata=_meta(application.metadata.namespace, name),
        spec=objects.ServerSpec(
            application=application.metadata.name,
            component=component.name,
            ordinal=0,
        ),
    )


def _meta(namespace: str, name: str) -> objects.Meta:
    # An owner's uid must be there; that it exists is looked at later, by the garbage collector.
    return objects.Meta(name=name, namespace=namespace, uid="00000000-0000-0000-0000-000000000000")


def _merged(template: bytes, patch: bytes) -> bytes:
    try:
        return merge_patch.merge_json(template, patch)
    except msgspec.DecodeError:
        # Told of the template itself.
        return template


class _Undo(msgspec.Struct, frozen=True):
    job: msgspec.Raw = msgspec.Raw()


def _job_of(compensation: bytes) -> bytes:
    if compensation in (b"", b"null"):
        return b""
    return bytes(msgspec.json.decode(compensation, type=_Undo).job)
