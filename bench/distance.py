"""A road to the API server that takes a while: what is sent arrives later, in its order, unread.

`python -m bench.distance` is a process of its own, so that it slows nobody down whom it lies
between. TLS goes through it as it is.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import uvloop

from bench import arena as arenas
from devcluster import controlplane, operator, ports

START_SECONDS = 10.0


@contextlib.contextmanager
def between(arena: arenas.Arena, seconds: float) -> Iterator[operator.Operator]:
    """Lend the arena's operator, `seconds` away from its API server each way; not started."""
    near = arena.operator
    if not seconds:
        yield near
        return
    port = arena.cluster.plan().ports[controlplane.APISERVER]
    (here,) = ports.free(1)
    command = [sys.executable, "-m", "bench.distance"]
    command += ["--listen", str(here), "--to", str(port), "--seconds", str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as road:
        try:
            assert road.stdout is not None  # noqa: S101  it is a pipe
            road.stdout.readline()  # it listens
            yield near.by_way_of(_kubeconfig(Path(near.kubeconfig), port, here))
        finally:
            road.kill()


@contextlib.contextmanager
def kept(arena: arenas.Arena, seconds: float) -> Iterator[None]:
    """Have the arena's operator be that far away whoever starts it."""
    with between(arena, seconds) as far:
        arena.operate_by(far)
        yield


def _kubeconfig(near: Path, port: int, here: int) -> Path:
    far = near.with_name(f"{near.name}-far")
    far.write_text(near.read_text().replace(f":{port}", f":{here}"))
    return far


class _Road:
    """One direction of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._on_the_road: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def run(self, seconds: float) -> None:
        """Let arrive what is sent, until there is no more."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._arrive())
            while True:
                data = await self._reader.read(2**18)
                self._on_the_road.put_nowait((time.monotonic() + seconds, data))
                if not data:
                    return

    async def _arrive(self) -> None:
        while True:
            due, data = await self._on_the_road.get()
            await asyncio.sleep(due - time.monotonic())
            if not data:
                break
            self._writer.write(data)
        self._writer.write_eof()


async def listen(port: int, to: int, seconds: float) -> asyncio.Server:
    """Take connections on a port, 0 for any, and lead them to another, each way in `seconds`."""

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Whoever breaks a connection breaks it for both.
        with contextlib.suppress(OSError, ExceptionGroup), contextlib.closing(writer):
            there, back = await asyncio.open_connection("127.0.0.1", to)
            with contextlib.closing(back):
                async with asyncio.TaskGroup() as group:
                    group.create_task(_Road(reader, back).run(seconds))
                    group.create_task(_Road(there, writer).run(seconds))

    return await asyncio.start_server(connect, "127.0.0.1", port)


async def _serve(port: int, to: int, seconds: float) -> None:
    server = await listen(port, to, seconds)
    print("listening", flush=True)
    await server.serve_forever()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(prog="python -m bench.distance", description=__doc__)
    parser.add_argument("--listen", type=int, required=True)
    parser.add_argument("--to", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True, help="each way")
    options = parser.parse_args()
    uvloop.run(_serve(options.listen, options.to, options.seconds))


if __name__ == "__main__":
    main()
