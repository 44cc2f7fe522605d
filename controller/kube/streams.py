"""Answers that come piece by piece: lines of a watch or a log, and commands in containers.

Only `client` calls this.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import aiohttp
import yarl

from controller import errors
from controller.api import tags
from controller.api.reasons import Reason
from controller.kube import faults
from controller.kube.api import ExecResult
from controller.kube.reasons import KubeReason

# The last of what a command printed says how it ended; all of it would not fit a status.
TAIL = 4096
# How large one message of a websocket may be, and all that tells how a command ended: nothing of a
# larger one is read. Whoever copies by Go's io.Copy, as a kubelet does, has 32 KiB in hand at once.
LARGEST_MESSAGE = 2**20

# Of what is read line by line, as logs are, no more than this and one chunk is kept.
LONGEST_LINE = 2**20

_PROTOCOL = "v5.channel.k8s.io"
_STDOUT, _STDERR, _ERROR = 1, 2, 3


async def lines(response: aiohttp.ClientResponse, *, partial: bool) -> AsyncGenerator[bytes, None]:
    """Yield the lines of a response; what is cut off at its end only where `partial`.

    A line that is longer than LONGEST_LINE comes in pieces where `partial`: a container may print
    gigabytes without ending one.
    """
    rest = b""
    async for chunk in response.content.iter_any():
        found = (rest + chunk).split(b"\n")
        rest = found.pop()
        for line in found:
            if line or partial:
                yield line
        if partial and len(rest) > LONGEST_LINE:
            yield rest
            rest = b""
    if rest and partial:
        yield rest


class _Session:
    """The output of a command in a container so far."""

    def __init__(self) -> None:
        self.printed = {_STDOUT: b"", _STDERR: b""}
        self.end: bytes | None = None

    def take(self, frame: bytes) -> None:
        """Take in one message: its first byte is the channel."""
        channel, text = frame[0], frame[1:]
        if channel == _ERROR:
            self.end = ((self.end or b"") + text)[: LARGEST_MESSAGE + 1]
        elif channel in self.printed:
            self.printed[channel] = (self.printed[channel] + text)[-TAIL:]

    def result(self, what: str) -> ExecResult:
        """Return how it ended; raises what kept it from ending."""
        if self.end is None or len(self.end) > LARGEST_MESSAGE:
            raise cut(what)
        status = faults.read_status(self.end)
        return ExecResult(
            exit_code=exit_code(status, what),
            stdout=self.printed[_STDOUT],
            stderr=self.printed[_STDERR],
        )


async def execute(
    session: aiohttp.ClientSession,
    url: yarl.URL,
    *,
    headers: Mapping[str, str],
    options: Mapping[str, Any],
    what: str,
    seconds: float,
) -> ExecResult:
    """Run the command that `url` names and return how it ended.

    Raises UnknownOutcome where the end is not seen within `seconds`.
    """
    said = _Session()
    started = False
    try:
        async with (
            asyncio.timeout(seconds),
            session.ws_connect(
                url,
                protocols=(_PROTOCOL,),
                headers=headers,
                max_msg_size=LARGEST_MESSAGE,
                **options,
            ) as socket,
        ):
            started = True
            async for message in socket:
                if message.type is aiohttp.WSMsgType.BINARY and message.data:
                    said.take(message.data)
    except aiohttp.WSServerHandshakeError as error:
        raise faults.not_run(error.status, error.message, what=what) from error
    except TimeoutError as error:
        message = f"{what}: has not ended after {seconds:g} s"
        raise faults.UnknownOutcome(message, reason=KubeReason.EXEC_TIMEOUT) from error
    except aiohttp.ClientConnectorError as error:
        raise faults.Unreachable(f"{what}: {error}", reason=Reason.UNREACHABLE) from error
    except (aiohttp.ClientError, OSError) as error:
        message = f"{what}: {error}" + ("" if started else " (while connecting)")
        raise faults.UnknownOutcome(message, reason=KubeReason.CONNECTION_LOST) from error
    return said.result(what)


def cut(what: str) -> faults.UnknownOutcome:
    """Return what it means that a stream ended, and nothing told how what it was of ended."""
    return faults.UnknownOutcome(f"{what}: the stream was cut", reason=KubeReason.STREAM_CUT)


def exit_code(status: faults.ApiStatus, what: str) -> int:
    """Return the exit code that a command's Status tells; raises ExecFailed if it never ran."""
    if status.status == "Success":
        return 0
    causes = (status.details and status.details.causes) or []
    for each in causes:
        code = tags.number(each.message) if each.reason == "ExitCode" else None
        if code is not None:
            return code
    raise ExecFailed(f"{what}: {status.message}", reason=Reason.EXEC_FAILED)


class ExecFailed(errors.Transient):
    """The command could not be started."""
