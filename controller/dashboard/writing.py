"""The only writes of the dashboard: each first as a dry run, then as it was confirmed.

`acting` comes here. Whoever sits in front of the pages writes, with their own rights.
"""

from __future__ import annotations

import json
from typing import Any

from controller.kube import api as kube
from controller.presentation import requests
from controller.presentation.acts import Request, WriteVerb


async def send(api: kube.Api, request: Request, *, dry_run: bool) -> dict[str, Any]:
    """Write what is asked for, or have the API server say what would come of it."""
    place = request.resource, request.namespace
    if request.verb is WriteVerb.CREATE:
        answer = await api.create(*place, request.body, dry_run=dry_run)
    elif request.verb is WriteVerb.PATCH:
        answer = await api.patch(
            *place,
            request.name,
            request.body,
            subresource=request.subresource,
            field_manager=requests.MANAGER,
            dry_run=dry_run,
        )
    else:
        answer = await api.delete(*place, request.name, uid=request.uid, dry_run=dry_run)
    found: dict[str, Any] = json.loads(answer)
    return found
