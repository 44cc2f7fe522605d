"""A command in a container with somebody in front of it: input, output as it comes, its window.

`Client.open_exec` lends one to `kubectl argosy exec`; steps of operations, with nobody in front of
them, go through `streams.execute`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import msgspec

from controller.kube import faults, streams

PROTOCOL = "v5.channel.k8s.io"
STDIN, STDOUT, STDERR, _ERROR, _RESIZE, _CLOSE = 0, 1, 2, 3, 4, 255


class Terminal:
    """One command that runs; `exit_code` is known once `output` has ended."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, what: str) -> None:
        self._socket = socket
        self._what = what
        self._end = b""

    async def write(self, data: bytes) -> None:
        """Send input."""
        await self._socket.send_bytes(bytes([STDIN]) + data)

    async def close_input(self) -> None:
        """Say that no more input comes."""
        await self._socket.send_bytes(bytes([_CLOSE, STDIN]))

    async def resize(self, columns: int, rows: int) -> None:
        """Tell the size of the window."""
        size = msgspec.json.encode({"Width": columns, "Height": rows})
        await self._socket.send_bytes(bytes([_RESIZE]) + size)

    async def output(self) -> AsyncIterator[tuple[int, bytes]]:
        """Yield what the command prints, with the channel (STDOUT or STDERR), until its end."""
        async for message in self._socket:
            if message.type is not aiohttp.WSMsgType.BINARY or not message.data:
                continue
            channel, data = message.data[0], message.data[1:]
            if channel == _ERROR:
                self._end += data
            elif channel in (STDOUT, STDERR):
                yield channel, data

    @property
    def exit_code(self) -> int:
        """How the command ended; raises UnknownOutcome where that was not seen."""
        if not self._end:
            raise streams.cut(self._what)
        return streams.exit_code(faults.read_status(self._end), self._what)
