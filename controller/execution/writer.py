"""The writer: carries out one action and says what the caches must see of it.

Called from the pool; every answer of the API server that is not success becomes one of the three
errors, an adoption, or nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import msgspec

from controller import errors
from controller.api import names, nesting, objects, texts
from controller.api.reasons import Reason
from controller.api.resources import PLACES, Resource
from controller.execution import hearing
from controller.kube import api as kube
from controller.kube import faults, slots, wire
from controller.kube.reasons import KubeReason
from controller.kube.receipts import WriteReceipt
from controller.planning import ownership, plan


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The fields read of an object that the API server returned; a Status has no uid."""

    kind: str = ""
    metadata: objects.Meta | None = None


_answer = msgspec.json.Decoder(_Answer)
# The kinds of owners that are looked for: Argosy's own.
_KINDS = {
    place.kind: each for each, place in PLACES.items() if place.api_version == names.API_VERSION
}


class Writer:
    """Creates, patches and deletes, each guarded by the name or UID that it was planned for."""

    def __init__(
        self,
        api: kube.Api,
        *,
        may_write: Callable[[], bool] = lambda: True,
        made: Callable[[Resource, bytes], None] = lambda _resource, _answer: None,
    ) -> None:
        self._api = api
        # Told each object that was made, as the API server answered it.
        self._made = made
        # Asked before each write: whoever slept past its Lease must not write any more.
        self._may_write = may_write

    async def write(self, action: plan.Request) -> tuple[WriteReceipt, ...]:
        """Carry out `action`; return what was written.

        Raises Stalled for what retrying cannot help, Transient for what may pass, UnknownOutcome
        when the answer was lost.
        """
        if not self._may_write():
            raise faults.lease_lost()
        if isinstance(action, plan.Create):
            return (await self._create(action),)
        if isinstance(action, plan.Patch):
            put = self._replace if action.replaces else self._patch
            return (await put(action),)
        if isinstance(action, plan.Hear):
            await hearing.hear(self._api, action)
        return await self._delete(action)

    async def look(self, resource: Resource, namespace: str, name: str) -> WriteReceipt | None:
        """Return the object as it is now, for the caches to reach; None where it is not there."""
        try:
            answer = await self._api.get(resource, namespace, name)
        except faults.NotFound:
            return None
        return written(resource, answer)

    async def is_claimed(self, action: plan.DeleteOrphan | plan.DeleteClaim) -> bool:
        """Return whether the object is there for whose absence something is to be collected."""
        whose = action.claimant if isinstance(action, plan.DeleteOrphan) else None
        if whose is None:
            return False
        found = await self.look(whose.resource, whose.namespace, whose.name)
        return found is not None and found.uid == whose.uid

    async def _create(self, action: plan.Create) -> WriteReceipt:
        meta = action.body["metadata"]
        namespace, name = meta.get("namespace", ""), meta["name"]
        try:
            answer = await self._api.create(action.resource, namespace, action.body)
        except faults.AlreadyExists:
            return await self._adopt(action, namespace, name)
        receipt = written(action.resource, answer)
        self._made(action.resource, answer)
        return receipt

    async def _adopt(self, action: plan.Create, namespace: str, name: str) -> WriteReceipt:
        """Accept an object of that name if our owner controls it; mend its labels if they went."""
        try:
            answer = await self._api.get(action.resource, namespace, name)
        except faults.NotFound as gone:
            raise faults.Conflict(
                f"{action.resource}/{name} was there a moment ago and is gone",
                reason=Reason.CONFLICT,
            ) from gone
        meta = nesting.decode(_answer, answer).metadata
        if (why := _misread(action.resource, answer)) and meta is not None:
            raise errors.NameTaken(
                f"{action.resource}/{name} exists and cannot be read: {why}",
                reason=Reason.NAME_TAKEN,
            )
        wanted = _controller_uid(action.body)
        labels = action.body["metadata"].get("labels", {})
        if meta is not None and ownership.is_let_go(meta, labels):
            return await self._take_up(action, meta)
        owner = meta.controller if meta else None
        if meta is None or owner is None or owner.uid != wanted:
            await self._blame(action.resource, name, meta)
        if meta.deletion_timestamp:
            raise errors.Waiting(
                f"{action.resource}/{name} of before is still going", reason=Reason.DELETING
            )
        if not labels.items() <= meta.labels.items():
            answer = await self._api.patch(
                action.resource,
                namespace,
                name,
                {"metadata": {"uid": meta.uid, "labels": labels}},
            )
        return written(action.resource, answer)

    async def _take_up(self, action: plan.Create, meta: objects.Meta) -> WriteReceipt:
        """Make our owner the controller of what Argosy made and let go of; the rest stays as is."""
        owners = action.body["metadata"]["ownerReferences"]
        reference = next(each for each in owners if each.get("controller"))
        answer = await self._api.patch(
            action.resource,
            meta.namespace,
            meta.name,
            {"metadata": ownership.taken_up(meta, reference)},
        )
        return written(action.resource, answer)

    async def _blame(self, resource: Resource, name: str, meta: objects.Meta | None) -> NoReturn:
        """Raise NameTaken; Waiting where the owner is gone: the cluster will collect what it left.

        Owners whose kind Argosy does not read are taken to be there.
        """
        owner = meta.controller if meta else None
        kept = _KINDS.get(owner.kind) if owner is not None else None
        if meta is not None and owner is not None and kept is not None:
            there = await self.look(kept, meta.namespace, owner.name)
            if there is None or there.uid != owner.uid:
                raise errors.OwnerGone(
                    f"{resource}/{name} was left by {owner.kind}/{owner.name}, which is gone, and"
                    " waits to be collected",
                    reason=Reason.OWNER_GONE,
                )
        raise errors.NameTaken(
            f"{resource}/{name} exists and belongs to something else", reason=Reason.NAME_TAKEN
        )

    async def _patch(self, action: plan.Patch) -> WriteReceipt:
        guard: dict[str, Any] = {"uid": action.uid}
        if action.resource_version:
            guard["resourceVersion"] = action.resource_version
        body = {**action.body, "metadata": {**action.body.get("metadata", {}), **guard}}
        if action.subresource == "status":
            body["status"] = texts.fit(action.resource, body["status"])
        answer = await self._api.patch(
            action.resource,
            action.namespace,
            action.name,
            body,
            subresource=action.subresource,
            field_manager=action.field_manager,
        )
        return written(action.resource, answer, patched=True)

    async def _replace(self, action: plan.Patch) -> WriteReceipt:
        place = PLACES[action.resource]
        metadata = {
            "name": action.name,
            "namespace": action.namespace,
            "uid": action.uid,
            "resourceVersion": action.resource_version,
        }
        answer = await self._api.replace(
            action.resource,
            action.namespace,
            action.name,
            {
                "apiVersion": place.api_version,
                "kind": place.kind,
                "metadata": metadata,
                **action.body,
            },
            subresource=action.subresource,
            field_manager=action.field_manager,
        )
        return written(action.resource, answer)

    async def _delete(self, action: plan.Delete) -> tuple[WriteReceipt, ...]:
        try:
            answer = await self._api.delete(
                action.resource,
                action.namespace,
                action.name,
                uid=action.uid,
                resource_version=action.resource_version,
                grace_seconds=action.grace_seconds,
            )
        except (faults.NotFound, faults.Conflict) as refused:
            if action.resource_version and isinstance(refused, faults.Conflict):
                raise  # it is not what it was when this was planned
            # Gone, or another object has taken the name: either way this one is no more.
            answer = b""
        # The final delete of some kinds is answered with a Status, whose metadata has no name.
        if b'"deletionTimestamp"' in answer:
            return (written(action.resource, answer),)
        return (
            WriteReceipt(
                resource=action.resource,
                namespace=action.namespace,
                name=action.name,
                uid=action.uid,
                resource_version=0,
                gone=True,
            ),
        )


def _misread(resource: Resource, answer: bytes) -> str:
    """Return why nothing can be made of an object that was found; empty where it can be read.

    The watch shows such an object to nobody, so whoever took it up would wait for it for ever.
    """
    view = PLACES[resource].view
    found = wire.Decoder(view, f"read {resource}").one(answer) if view is not None else None
    if isinstance(found, wire.Malformed) and found.remains is None:
        return found.message
    return ""


def written(resource: Resource, answer: bytes, *, patched: bool = False) -> WriteReceipt:
    """Return what the answer to a create or a patch says of the object.

    One that lost its last finalizer on its way out went with that patch, whose answer has the
    version before it.
    """
    meta = nesting.decode(_answer, answer).metadata
    if meta is None:
        raise errors.UnknownOutcome(
            f"the API server's answer about {resource} has no metadata", reason=KubeReason.GARBLED
        )
    return WriteReceipt(
        resource=resource,
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        resource_version=int(meta.resource_version or 0),
        slot=slots.labelled(meta.labels),
        ended=patched and meta.deletion_timestamp is not None and not meta.finalizers,
    )


def _controller_uid(body: Mapping[str, Any]) -> str:
    owners = body["metadata"].get("ownerReferences", ())
    return next((str(each["uid"]) for each in owners if each.get("controller")), "")
