"""The manifests of what a pod server is made of: its pod, its claims, its in-place changes.

`pod.py` sends what is made here. Thousands of servers share one template, so whatever depends on
the template alone is decoded and encoded once, and a server costs little more than its names.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from controller import contract, errors
from controller.api import names, objects, quantities, remembered, tags
from controller.api.resources import Resource
from controller.contract import alternatives
from controller.contract.reasons import ProviderReason
from controller.planning import ownership, rendering, volumes
from controller.providers.pod import placement
from controller.providers.pod.changes import CONTAINERS, INIT_CONTAINERS

_ENCODER = msgspec.json.Encoder()
_Decoded = TypeVar("_Decoded")

# The fields of a pod by which DNS knows it; empty or null they say nothing.
_NAMES = ("hostname", "subdomain")

_PREFIX = b'{"apiVersion":"v1","kind":"Pod","metadata":'


class _TemplateMeta(msgspec.Struct, frozen=True):
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class _Template(msgspec.Struct, frozen=True):
    metadata: _TemplateMeta = _TemplateMeta()
    spec: dict[str, Any] = {}


class _Image(msgspec.Struct, frozen=True):
    name: str = ""
    image: str = ""


class _ImagesSpec(msgspec.Struct, frozen=True, rename="camel"):
    containers: tuple[_Image, ...] = ()
    init_containers: tuple[_Image, ...] = ()
    active_deadline_seconds: int | None = None


class _Images(msgspec.Struct, frozen=True):
    metadata: _TemplateMeta = _TemplateMeta()
    spec: _ImagesSpec = _ImagesSpec()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """The parts that all pods of one template have in common, encoded."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    # The spec without its closing brace, its names and its volumes; ends ready for a member.
    spec: bytes
    # The zone that the template names itself.
    zone: str
    # The fields of `_NAMES` that the template has.
    named: Mapping[str, Any]
    # The volumes that are no claims, encoded, without brackets.
    volumes: bytes


@remembered.by_content(512)
def _parts(
    template: bytes,
    claims: tuple[str, ...],
    placed: contract.Placement,
    labels: tuple[tuple[str, str], ...],
) -> _Parts:
    decoded = _decode(template, _Template)
    spec = {
        key: value for key, value in decoded.spec.items() if key not in _NAMES and key != "volumes"
    }
    spec = placement.into(spec, placed, dict(labels))
    given = decoded.spec.get("volumes")
    volumes = [
        each
        for each in (given if isinstance(given, list) else [])
        if not (isinstance(each, dict) and each.get("name") in claims)
    ]
    head = _ENCODER.encode(spec)[:-1]
    return _Parts(
        labels=decoded.metadata.labels,
        annotations=_users(decoded.metadata.annotations),
        spec=head if head == b"{" else head + b",",
        zone=placement.zone_of(decoded.spec),
        named={each: decoded.spec[each] for each in _NAMES if decoded.spec.get(each)},
        volumes=_ENCODER.encode(volumes)[1:-1],
    )


def _users(annotations: Mapping[str, str]) -> dict[str, str]:
    """Return a template's annotations but for those that Argosy alone may put on a pod."""
    own = (
        names.ALTERNATIVE_ANNOTATION,
        names.ALTERNATIVE_NAME_ANNOTATION,
        names.CHANGED_FROM_ANNOTATION,
        names.DOMAIN_ANNOTATION,
        names.GENERATION_ANNOTATION,
        names.MENDED_ANNOTATION,
        names.RESIZED_FROM_ANNOTATION,
    )
    return {key: value for key, value in annotations.items() if key not in own}


def _decode(template: bytes, kind: type[_Decoded]) -> _Decoded:
    """Read a template as Kubernetes does: a member that is null is not there.

    Helm renders null for an empty block, and server-side apply keeps it.
    """
    try:
        return msgspec.json.decode(rendering.canonical(msgspec.Raw(template)), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = f"the template is not a pod template: {error}"
        raise errors.TemplateRefused(message, reason=ProviderReason.TEMPLATE_REFUSED) from error


def labels(server: objects.Server, *, incarnation: int, revision: str) -> dict[str, str]:
    """Return the labels that Argosy itself keeps on a pod of `server`; others are anybody's."""
    spec = server.spec
    wanted = names.identity(spec.application, spec.component, server.metadata.name)
    wanted[names.INCARNATION_LABEL] = str(incarnation)
    wanted[names.REVISION_LABEL] = revision
    return wanted


def pod(
    server: objects.Server,
    template: bytes,
    alternative: int,
    claims: Sequence[objects.VolumeClaim] = (),
    placed: contract.Placement = contract.ANYWHERE,
    *,
    subdomain: str = "",
) -> bytes:
    """Return the manifest of the pod of `server` at its incarnation, encoded.

    The template's own labels, annotations and volumes are kept, but for labels of Argosy's own
    domain; names, and volumes called like one of `claims`, are the server's. `placed` says where it
    is to be; it is no part of the revision, so that it changes for what is made anew alone. The
    server's name, and `subdomain` or the usual one, are its names in DNS where the template says
    none.
    """
    spec, name = server.spec, server.metadata.name
    alike = tuple(names.identity(spec.application, spec.component).items())
    parts = _parts(template, tuple(each.name for each in claims), placed, alike)
    own = labels(server, incarnation=spec.incarnation, revision=spec.revision)
    own |= _bucket(server)
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": server.metadata.namespace,
        "labels": {
            **names.recommended(spec.application, spec.component),
            names.POD_INDEX_LABEL: str(spec.ordinal),
            **parts.labels,
            **own,
        },
        "ownerReferences": [ownership.owner_reference(Resource.SERVERS, server)],
    }
    annotations = dict(parts.annotations)
    if way := alternatives.name_of(server, alternative):
        annotations[names.ALTERNATIVE_NAME_ANNOTATION] = way
    elif alternative:
        annotations[names.ALTERNATIVE_ANNOTATION] = str(alternative)
    if zone := parts.zone or placed.domain:
        annotations[names.DOMAIN_ANNOTATION] = zone
    if annotations:
        metadata["annotations"] = annotations
    pieces = [
        _PREFIX,
        _ENCODER.encode(metadata),
        b',"spec":',
        parts.spec,
        _ENCODER.encode(
            {
                "hostname": name,
                "subdomain": subdomain or names.server_set(spec.application, spec.component),
                **parts.named,
            }
        )[1:-1],
    ]
    volumes = [parts.volumes] if parts.volumes else []
    volumes += [_volume(each.name, name) for each in claims]
    if volumes:
        pieces += [b',"volumes":[', b",".join(volumes), b"]"]
    pieces.append(b"}}")
    return b"".join(pieces)


def _volume(claim: str, server_name: str) -> bytes:
    name = names.claim(claim, server_name)
    return f'{{"name":"{claim}","persistentVolumeClaim":{{"claimName":"{name}"}}}}'.encode()


def claim(
    server: objects.Server,
    wanted: objects.VolumeClaim,
    placed: contract.Placement = contract.ANYWHERE,
) -> dict[str, Any]:
    """Return the manifest of one claim of `server`, which remembers the domain that is meant.

    The claim has no owner: it may outlive its server, and a later server of that name takes it up.
    """
    asked = wanted.metadata or objects.AskedMetadata()
    own = {names.DOMAIN_ANNOTATION: placed.domain} if placed.domain else {}
    annotations = {**_theirs(asked.annotations), **own}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": names.claim(wanted.name, server.metadata.name),
            "namespace": server.metadata.namespace,
            "labels": {**_theirs(asked.labels), **claim_labels(server), **_bucket(server)},
            **({"annotations": annotations} if annotations else {}),
        },
        "spec": wanted.spec,
    }


def _bucket(server: objects.Server) -> dict[str, str]:
    return names.bucket_label(server.metadata.namespace, server.spec.application)


def _theirs(given: Mapping[str, str]) -> dict[str, str]:
    """Return what people put on a claim, but for what Argosy knows it by."""
    return {key: each for key, each in given.items() if not key.startswith(f"{names.GROUP}/")}


def growth(found: objects.Claim, wanted: objects.VolumeClaim) -> dict[str, Any]:
    """Return the merge patch by which a claim asks for as much as is wanted; {} where it does."""
    storage = volumes.storage(wanted)
    if not quantities.is_less(found.asked, storage):
        return {}
    return {
        "metadata": {"uid": found.metadata.uid},
        "spec": {"resources": {"requests": {"storage": storage}}},
    }


def claim_labels(server: objects.Server) -> dict[str, str]:
    """Return the labels by which the claims of `server` are known as its own."""
    spec = server.spec
    return names.claim_labels(spec.application, spec.component, server.metadata.name)


def change(
    server: objects.Server,
    pod: objects.Pod,
    template: bytes,
    leave: Callable[[str], bool] = lambda _field: False,
    *,
    whole: bool = True,
    resized: bool = False,
) -> dict[str, Any]:
    """Return the strategic merge patch that brings `pod` to `template`, or {} if it is there.

    Fields that are to `leave` stay as they are; unless the pod is then `whole`, somebody else's
    hand is in it still. Resources were changed before, where it is `resized`. The patch notes which
    containers it must see replaced, and holds only for the version of the pod that it was made
    from: a container that restarted in between would be noted by an id that is gone already.
    """
    wanted = _images(template)
    images = _but(_new_images(wanted.spec.containers, pod), CONTAINERS, leave)
    starting = _but(_new_init_images(wanted.spec.init_containers, pod), INIT_CONTAINERS, leave)
    own = labels(server, incarnation=server.spec.incarnation, revision=server.spec.revision)
    metadata: dict[str, Any] = {}
    if moved := names.missing_or_changed(pod.metadata.labels, {**wanted.metadata.labels, **own}):
        metadata["labels"] = moved
    annotations: dict[str, str | None] = dict(
        names.missing_or_changed(pod.metadata.annotations, _users(wanted.metadata.annotations))
    )
    if names.RESIZED_FROM_ANNOTATION in pod.metadata.annotations:
        annotations[names.RESIZED_FROM_ANNOTATION] = None
    if images:
        annotations[names.CHANGED_FROM_ANNOTATION] = ",".join(_container_ids(pod, images))
    if images or starting:
        if pod.metadata.generation:
            annotations[names.GENERATION_ANNOTATION] = _generation(pod, whole=whole)
        metadata["resourceVersion"] = pod.metadata.resource_version
    elif resized:
        # The kubelet must see the generation that the resize made, which is Argosy's own.
        annotations[names.CHANGED_FROM_ANNOTATION] = ""
        annotations[names.GENERATION_ANNOTATION] = str(pod.metadata.generation)
        metadata["resourceVersion"] = pod.metadata.resource_version
    if annotations:
        metadata["annotations"] = annotations
    if not metadata:
        return {}
    metadata["uid"] = pod.metadata.uid
    body: dict[str, Any] = {"metadata": metadata}
    if images or starting:
        body["spec"] = {
            place: [{"name": name, "image": image} for name, image in found.items()]
            for place, found in ((CONTAINERS, images), (INIT_CONTAINERS, starting))
            if found
        }
    return body


def settle(pod: objects.Pod) -> dict[str, Any]:
    """Return the patch that takes the pod's spec, as it is by now, for what was asked for."""
    meta = pod.metadata
    generation = {names.GENERATION_ANNOTATION: str(meta.generation)}
    return {
        "metadata": {
            "uid": meta.uid,
            "resourceVersion": meta.resource_version,
            "annotations": generation,
        }
    }


def mend(pod: objects.Pod, wanted: Mapping[str, str]) -> dict[str, Any]:
    """Return the merge patch that gives `pod` back the labels `wanted`, or {} if it has them."""
    moved = names.missing_or_changed(pod.metadata.labels, wanted)
    return {"metadata": {"uid": pod.metadata.uid, "labels": moved}} if moved else {}


def at(pod: objects.Pod) -> dict[str, Any]:
    """Return the merge patch of `pod` that changes nothing yet."""
    return {"metadata": {"uid": pod.metadata.uid}}


def mounted(whole: bytes, uid: str) -> frozenset[str]:
    """Return the claims that a pod mounts, as the API server holds it; none of another pod."""
    try:
        body = msgspec.json.decode(whole)
        found = body["spec"].get("volumes") or () if body["metadata"]["uid"] == uid else ()
        return frozenset(
            each["persistentVolumeClaim"]["claimName"]
            for each in found
            if "persistentVolumeClaim" in each
        )
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError, RecursionError):
        return frozenset()


def take_up(pod: objects.Pod, server: objects.Server) -> dict[str, Any]:
    """Return the merge patch by which `server` controls a pod that an earlier one let go of.

    A pod of the revision that is wanted counts as the incarnation that is wanted, whichever it was
    of the earlier server: so it runs on. Any other is none of this server's, and is replaced.
    """
    spec, meta = server.spec, pod.metadata
    same = meta.labels.get(names.REVISION_LABEL) == spec.revision
    owner = ownership.owner_reference(Resource.SERVERS, server)
    labels = {names.INCARNATION_LABEL: str(spec.incarnation if same else 0)}
    moved = names.missing_or_changed(meta.labels, labels)
    return {
        "metadata": {
            **ownership.taken_up(meta, owner),
            **({"labels": moved} if moved else {}),
        }
    }


def images(template: bytes) -> dict[str, str]:
    """Return the images that a template gives its containers, by their fields."""
    spec = _images(template).spec
    return {
        image_field(place, each.name): each.image
        for place, found in ((CONTAINERS, spec.containers), (INIT_CONTAINERS, spec.init_containers))
        for each in found
        if each.image
    }


def image_field(place: str, name: str) -> str:
    """Return how the image of a container is called."""
    return f"{place}[{name}].image"


def deadline(template: bytes) -> int | None:
    """Return how long a template lets its pods run."""
    return _images(template).spec.active_deadline_seconds


def _new_images(wanted: tuple[_Image, ...], pod: objects.Pod) -> dict[str, str]:
    # Containers that the template does not name may have been put in by an admission webhook.
    current = {each.name: each.image for each in pod.spec.containers}
    if added := sorted(each.name for each in wanted if each.name not in current):
        message = f"a living pod cannot get the container {added[0]}: it must be replaced"
        raise errors.Stalled(message, reason=ProviderReason.NOT_SUPPORTED)
    return {each.name: each.image for each in wanted if current[each.name] != each.image}


def _new_init_images(wanted: tuple[_Image, ...], pod: objects.Pod) -> dict[str, str]:
    """Return what only somebody else can have changed: a template's change makes a new pod."""
    current = {each.name: each.image for each in pod.spec.init_containers}
    return {
        each.name: each.image
        for each in wanted
        if each.image and current.get(each.name, each.image) != each.image
    }


def _but(found: dict[str, str], place: str, leave: Callable[[str], bool]) -> dict[str, str]:
    return {name: image for name, image in found.items() if not leave(image_field(place, name))}


def _generation(pod: objects.Pod, *, whole: bool) -> str:
    return str(pod.metadata.generation + 1 if whole else max(1, tags.own_generation(pod.metadata)))


def _container_ids(pod: objects.Pod, images: Mapping[str, str]) -> list[str]:
    """Return the containers that must be replaced: not those that run the image already.

    An image that is put back before the kubelet acted on the change replaces no container.
    """
    statuses = pod.status.container_statuses
    return sorted(
        each.container_id
        for each in statuses
        if each.name in images and not _runs(each.image, images[each.name])
    )


def _runs(found: str, wanted: str) -> bool:
    # A runtime names an image in full: docker.io/library/app:1 is app:1.
    return found == wanted or found.endswith(f"/{wanted}")


@remembered.by_content(512)
def _images(template: bytes) -> _Images:
    return _decode(template, _Images)
