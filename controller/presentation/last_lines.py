"""The last lines that a few servers have printed, side by side.

The dashboard comes here, and `why` for what crashed; `logs` follows whole streams.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import dataclasses
from collections.abc import Sequence

from controller import errors
from controller.api import objects, texts
from controller.kube import api as kube
from controller.kube import faults
from controller.presentation import reading

MOST_SERVERS, LINES = 5, 50
# Of what a container printed before it ended: a cause stands at its end.
LAST_WORDS = 3
# Characters of one line; nobody reads more of it in a page.
LONGEST = 16_384


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """The lines that one container of a server has printed last, or why they are not known."""

    server: str
    container: str
    lines: tuple[str, ...] = ()
    trouble: str = ""


async def read(api: kube.Api, namespace: str, servers: Sequence[str]) -> list[Printed]:
    """Return the last lines of the servers, of five at most, container by container."""
    chosen = tuple(dict.fromkeys(servers))[:MOST_SERVERS]
    found = await asyncio.gather(*(_server(api, namespace, each) for each in chosen))
    return [each for printed in found for each in printed]


async def _server(api: kube.Api, namespace: str, server: str) -> list[Printed]:
    try:
        pod = await reading.one(api, objects.Pod, namespace, server)
    except faults.NotFound:
        return [Printed(server=server, container="", trouble="There is no pod now.")]
    except errors.ArgosyError as error:
        return [Printed(server=server, container="", trouble=str(error))]
    return await of_pod(api, namespace, pod)


async def of_pod(api: kube.Api, namespace: str, pod: objects.Pod) -> list[Printed]:
    """Return the last lines of a pod, container by container."""
    name = pod.metadata.name
    named = [each.name for each in pod.spec.containers]
    return list(await asyncio.gather(*(_last(api, namespace, name, each) for each in named)))


async def of_crashed(api: kube.Api, namespace: str, pod: objects.Pod) -> list[Printed]:
    """Return the last words of the containers of a pod that ended; those that run again as well."""
    status = pod.status
    ended = [
        each
        for each in (*status.init_container_statuses, *status.container_statuses)
        if not each.ready and any(map(_is_crash, (each.state, each.last_state)))
    ]
    found = await asyncio.gather(
        *(
            _last(
                api,
                namespace,
                pod.metadata.name,
                each.name,
                most=LAST_WORDS,
                previous=each.state.running is not None,
            )
            for each in ended
        )
    )
    return [each for each in found if each.lines]


def _is_crash(state: objects.ContainerState) -> bool:
    return state.terminated is not None and state.terminated.exit_code != 0


async def _last(
    api: kube.Api,
    namespace: str,
    pod: str,
    container: str,
    *,
    most: int = LINES,
    previous: bool = False,
) -> Printed:
    # A line without an end comes in pieces, each of which counts as one.
    told = collections.deque[str](maxlen=most)
    lines = api.logs(namespace, pod, container=container, tail_lines=most, previous=previous)
    try:
        async with contextlib.aclosing(lines):
            async for each in lines:
                told.append(texts.cut(each.decode(errors="replace").rstrip("\r\n"), LONGEST))
    except errors.ArgosyError as error:
        return Printed(server=pod, container=container, trouble=str(error))
    return Printed(server=pod, container=container, lines=tuple(told))
