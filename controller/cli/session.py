"""One command's connection to its cluster, and how its end becomes an exit code.

`app` calls `perform` for every command that works on a cluster.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import sys
from collections.abc import Awaitable, Callable, Sequence

from controller import errors
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.cli import failures, interrupts, screen
from controller.cli.target import ClusterTarget
from controller.kube import client, connection, faults
from controller.presentation import problems, references

# How long the API server may take to say that it is there at all: as long as kubectl lets it take
# to be connected with. Somebody at a terminal sees for whom the command waits, and need not.
HELLO_SECONDS = 30.0
INTERRUPTED = 130
TOO_DEEP = "what was given, or read from the cluster, is nested too deep to be worked on"
CUT = 141  # what a shell shows for a program whose reader went away


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The cluster a command works with; `namespace` is the one it was told, or the context's."""

    api: client.Client
    namespace: str
    target: ClusterTarget
    server: str

    async def find(
        self, given: Sequence[str], *kinds: Resource, gone: bool = False
    ) -> references.Reference:
        """Return which object of the kinds (of all if none) is named; see `references.find`."""
        return await references.find(self.api, self.namespace, given, *kinds, gone=gone)


def perform(target: ClusterTarget, work: Callable[[Session], Awaitable[int]]) -> int:
    """Do the work and return its exit code; what goes wrong is told on standard error."""
    try:
        return asyncio.run(_connected(target, work))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return _cut()
    except BaseExceptionGroup as group:
        if group.split(BrokenPipeError)[1] is not None:
            raise
        return _cut()


def _cut() -> int:
    """`| head` has seen enough; what is still buffered must not fail once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return CUT


async def _connected(target: ClusterTarget, work: Callable[[Session], Awaitable[int]]) -> int:
    interrupts.hear()
    try:
        where = connection.load(kubeconfig=target.kubeconfig, context=target.context)
    except errors.ArgosyError as error:
        return failures.tell(error, target, server="")
    try:
        async with client.Client(where) as api:
            async with screen.working(f"waiting for {where.server}"):
                await _greet(api)
            namespace = target.namespace or where.namespace
            return await work(
                Session(api=api, namespace=namespace, target=target, server=where.server)
            )
    except errors.ArgosyError as error:
        return failures.tell(error, target, server=where.server)
    except RecursionError:
        # A manifest, or an object of which all is needed: what can do with less was read anyway.
        return failures.tell(problems.Refusal(TOO_DEEP), target, server=where.server)
    except BaseExceptionGroup as group:
        known = group.subgroup(errors.ArgosyError)
        if known is None:
            raise
        return failures.tell(_first(known), target, server=where.server)


async def _greet(api: client.Client) -> None:
    """Find out soon whether the cluster is there; raises Unreachable or Unauthorized.

    Reads may take a minute on a busy cluster, and a silent address must not.
    """
    try:
        async with asyncio.timeout(HELLO_SECONDS):
            with contextlib.suppress(faults.Forbidden, faults.Overloaded):
                await api.raw("/version")
    except TimeoutError as error:
        message = f"no answer within {HELLO_SECONDS:.0f} seconds"
        raise faults.Unreachable(message, reason=Reason.UNREACHABLE) from error


def _first(group: BaseExceptionGroup[errors.ArgosyError]) -> errors.ArgosyError:
    found = group.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found
