"""The control plane's word on the nodes of pods that are to blame.

`answers` comes here. The operator watches no nodes but cordoned ones: a cluster has thousands, each
written again every few minutes. Whoever asks why has the few that matter read at that moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from controller import errors
from controller.api import objects
from controller.api.builtin_choices import NodeConditionType
from controller.api.resources import Resource
from controller.kube import api as kube


async def silent(api: kube.Api, pods: Sequence[objects.Pod]) -> tuple[str, ...]:
    """Return a sentence for each node of these pods that is not ready, in its cluster's words."""
    names = sorted({each.spec.node_name for each in pods if each.spec.node_name})
    told = await asyncio.gather(*(_told(api, each) for each in names))
    return tuple(each for each in told if each)


async def _told(api: kube.Api, name: str) -> str:
    """Return what is said of a node; nothing where it is ready, or may not be read."""
    try:
        # To list is what whoever asks why may do with nodes, if anything.
        found = msgspec.json.decode(await api.list(Resource.NODES, name=name))["items"]
    except errors.ArgosyError:
        return ""
    for each in found:
        for condition in each.get("status", {}).get("conditions") or ():
            if condition["type"] == NodeConditionType.READY and condition["status"] != "True":
                said = condition.get("message") or condition.get("reason") or "no reason is given"
                silent = "does not answer" if condition["status"] == "Unknown" else "is not ready"
                return f"the node {name} {silent}: {said}"
    return ""
