"""Names from the cluster for the shell's completion; silent and quick whatever happens.

`arguments` calls this when a shell asks.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

import msgspec

from controller import errors
from controller.api import nesting
from controller.api.resources import PLACES, Resource
from controller.kube import client, connection

# Somebody waits with a finger on the Tab key.
SECONDS = 2.0
MOST = 500

_json = msgspec.json.Decoder()


def names(ctx: Any, plurals: Sequence[str], incomplete: str, *, prefixed: bool) -> list[str]:
    """Return the names that begin with `incomplete`; with `prefixed`, as KIND/NAME."""
    chosen = [Resource(each) for each in plurals]
    if prefixed and "/" not in incomplete:
        kinds = [f"{PLACES[each].kind.lower()}/" for each in chosen]
        return [each for each in kinds if each.startswith(incomplete.lower())]
    if prefixed:
        kind, _, incomplete = incomplete.partition("/")
        chosen = [each for each in chosen if PLACES[each].kind.lower() == kind.lower()]
    with contextlib.suppress(errors.ArgosyError, TimeoutError, OSError, KeyboardInterrupt):
        found = asyncio.run(_list(ctx.params, chosen))
        lead = f"{kind}/" if prefixed else ""
        return [lead + each for each in found if each.startswith(incomplete)]
    return []


async def _list(params: dict[str, Any], chosen: Sequence[Resource]) -> list[str]:
    where = connection.load(
        kubeconfig=params.get("kubeconfig") or "", context=params.get("context") or ""
    )
    namespace = params.get("namespace") or where.namespace
    found: list[str] = []
    async with asyncio.timeout(SECONDS), client.Client(where) as api:
        for each in chosen:
            answer = nesting.decode(_json, await api.list(each, namespace, limit=MOST))
            found += [item["metadata"]["name"] for item in answer.get("items") or ()]
    return found
