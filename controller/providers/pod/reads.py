"""One object as the API server has it now, where what a cache shows does not say enough."""

from __future__ import annotations

from controller import errors
from controller.api.resources import Resource
from controller.contract.reasons import ProviderReason
from controller.kube import api as kube
from controller.kube import faults


async def whole(api: kube.Api, resource: Resource, namespace: str, name: str) -> bytes:
    """Return an object that was there a moment ago; raise Waiting where it went meanwhile."""
    try:
        return await api.get(resource, namespace, name)
    except faults.NotFound as error:
        message = f"{resource}/{name} went while it was looked at"
        raise errors.Waiting(message, reason=ProviderReason.INSTANCE_CHANGED) from error


async def left(api: kube.Api, resource: Resource, namespace: str, name: str) -> bytes:
    """Return an object that may be there, and nothing where it is not."""
    try:
        return await api.get(resource, namespace, name)
    except faults.NotFound:
        return b""
