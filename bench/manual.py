"""A hand on the API server with connections that stay open: what is timed must not wait for TLS.

One loop in a thread of its own; `arena` lends it to whoever asks or watches.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent import futures
from pathlib import Path
from typing import Any, TypeVar

from controller.kube.client import Client

T = TypeVar("T")

START_SECONDS = 30.0


class Hand:
    """Runs coroutines from any thread, with a client of one cluster."""

    def __init__(self, kubeconfig: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="hand", daemon=True)
        self._thread.start()
        self.client = self.do(_connect(kubeconfig))

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what the coroutine returns, or raise what it raises."""
        return self.begin(work).result()

    def begin(self, work: Coroutine[Any, Any, T]) -> futures.Future[T]:
        """Have the coroutine run beside others; cancelling the future cancels it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self) -> None:
        """Let go of all connections and end the thread."""
        self.do(self.client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _connect(kubeconfig: Path) -> Client:
    return Client.connect(kubeconfig=str(kubeconfig))
