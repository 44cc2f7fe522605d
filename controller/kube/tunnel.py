"""One connection to a port of a pod, through the API server: bytes there, bytes back.

`Client.open_port` lends one to `kubectl argosy port-forward` for each connection that it takes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp

from controller.kube import faults, streams
from controller.kube.reasons import KubeReason

PROTOCOL = "v4.channel.k8s.io"
_DATA, _ERROR = 0, 1
# Each channel begins with the number of the port.
_GREETING = 2


class Tunnel:
    """One connection that is open."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, what: str) -> None:
        self._socket = socket
        self._what = what

    async def write(self, data: bytes) -> None:
        """Send bytes to the pod."""
        await self._socket.send_bytes(bytes([_DATA]) + data)

    async def close(self) -> None:
        """End the connection; `output` ends with it."""
        await self._socket.close()

    async def output(self) -> AsyncIterator[bytes]:
        """Yield what the pod sends, until its end.

        Raises UnknownOutcome with a kubelet's words, and where the stream was cut before its end.
        """
        greetings: dict[int, bytes] = {}
        async for message in self._socket:
            if message.type is aiohttp.WSMsgType.ERROR:
                raise streams.cut(self._what)
            if message.type is not aiohttp.WSMsgType.BINARY or not message.data:
                continue
            channel, data = message.data[0], message.data[1:]
            if channel not in greetings or len(greetings[channel]) < _GREETING:
                so_far = greetings.get(channel, b"") + data
                greetings[channel], data = so_far[:_GREETING], so_far[_GREETING:]
            if not data:
                continue
            if channel == _ERROR:
                words = data.decode(errors="replace").strip()
                raise faults.UnknownOutcome(
                    f"{self._what}: {words}", reason=KubeReason.CONNECTION_LOST
                )
            if channel == _DATA:
                yield data
