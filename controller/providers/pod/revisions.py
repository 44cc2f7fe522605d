"""Which template a pod was brought to last: read only where that makes a difference.

The provider asks it before it changes a pod: what the revision before says like the next one is
not Argosy's to touch, as a webhook or an autoscaler may have made another thing of it.
"""

from __future__ import annotations

import msgspec

from controller import contract
from controller.api import names, objects
from controller.api.resources import Resource
from controller.kube import api as kube
from controller.kube import faults
from controller.planning import merge_patch
from controller.providers.pod import changes, drift


class _Held(msgspec.Struct, frozen=True):
    template: msgspec.Raw


class _Stored(msgspec.Struct, frozen=True):
    data: _Held


async def before(
    api: kube.Api, pod: objects.Pod, server: objects.Server, call: contract.Call
) -> bytes | None:
    """Return the template of the revision that the pod is at; None where nobody needs or has it.

    One image that differs, and no resources, must be what the revisions differ in: no read then.
    """
    images, resources = drift.differing(pod, call.template), changes.differing(pod, call.template)
    revision = pod.metadata.labels.get(names.REVISION_LABEL, "")
    if not revision or (len(images) <= 1 and not resources):
        return None
    spec = server.spec
    name = names.controller_revision(spec.application, spec.component, revision)
    try:
        answer = await api.get(Resource.REVISIONS, server.metadata.namespace, name)
        template = bytes(msgspec.json.decode(answer, type=_Stored).data.template)
        others = spec.recovery.alternatives
        if 0 <= call.alternative < len(others):
            template = merge_patch.merge_json(template, bytes(others[call.alternative].patch))
    except (faults.NotFound, msgspec.MsgspecError, ValueError):
        return None
    return template
