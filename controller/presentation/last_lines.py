"""The last lines that a few servers have printed, side by side.

The dashboard comes here; `logs` follows whole streams.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Sequence

from controller import errors
from controller.api import objects
from controller.kube import api as door
from controller.kube import faults
from controller.presentation import reading

MOST_SERVERS, LINES = 5, 50


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """What one container of a server has printed last, or why that is not known."""

    server: str
    container: str
    lines: tuple[str, ...] = ()
    trouble: str = ""


async def read(api: door.Api, namespace: str, servers: Sequence[str]) -> list[Printed]:
    """Return the last lines of the servers, of five at most, container by container."""
    chosen = tuple(dict.fromkeys(servers))[:MOST_SERVERS]
    found = await asyncio.gather(*(_server(api, namespace, each) for each in chosen))
    return [each for printed in found for each in printed]


async def _server(api: door.Api, namespace: str, server: str) -> list[Printed]:
    try:
        pod = await reading.one(api, objects.Pod, namespace, server)
    except faults.NotFound:
        return [Printed(server=server, container="", trouble="There is no pod now.")]
    except errors.ArgosyError as error:
        return [Printed(server=server, container="", trouble=str(error))]
    return await of_pod(api, namespace, pod)


async def of_pod(api: door.Api, namespace: str, pod: objects.Pod) -> list[Printed]:
    """Return the last lines of a pod, container by container."""
    name = pod.metadata.name
    named = [each.name for each in pod.spec.containers]
    return list(await asyncio.gather(*(_last(api, namespace, name, each) for each in named)))


async def _last(api: door.Api, namespace: str, pod: str, container: str) -> Printed:
    lines = api.logs(namespace, pod, container=container, tail_lines=LINES)
    try:
        async with contextlib.aclosing(lines):
            said = tuple([each.decode(errors="replace").rstrip("\r\n") async for each in lines])
    except errors.ArgosyError as error:
        return Printed(server=pod, container=container, trouble=str(error))
    return Printed(server=pod, container=container, lines=said)
