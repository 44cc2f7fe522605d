"""The road to the API server: nothing gets lost on it, overtakes, or arrives too early."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bench import distance
from bench.arms import small
from bench.trials import beside
from devcluster import controlplane

SECONDS = 0.05


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(2**16):
        writer.write(data)
        await writer.drain()
    writer.close()


async def test_what_is_sent_arrives_later_and_in_its_order() -> None:
    """An answer comes no sooner than twice the road, whole, and the end of it arrives as well."""
    async with await asyncio.start_server(_echo, "127.0.0.1", 0) as server:
        to = server.sockets[0].getsockname()[1]
        async with await distance.listen(0, to, SECONDS) as road:
            port = road.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            sent = b"".join(b"%d," % number for number in range(50_000))
            began = time.monotonic()
            writer.write(sent)
            writer.write_eof()
            first = await reader.readexactly(1)
            took = time.monotonic() - began
            rest = await reader.read(-1)
            writer.close()
    assert took >= 2 * SECONDS
    assert first + rest == sent


async def test_who_cannot_be_reached_breaks_the_connection() -> None:
    """An API server that is down is down from afar, too."""
    async with await asyncio.start_server(_echo, "127.0.0.1", 0) as server:
        to = server.sockets[0].getsockname()[1]
    async with await distance.listen(0, to, SECONDS) as road:
        port = road.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()


@dataclasses.dataclass
class Operator:
    """A process that knows its cluster by a kubeconfig."""

    kubeconfig: Path

    def by_way_of(self, kubeconfig: Path) -> Operator:
        """Return the same one with another kubeconfig."""
        return Operator(kubeconfig)


def test_an_arena_keeps_its_operator_away_whoever_starts_it(tmp_path: Path) -> None:
    """All trials of a run with --away are run by an operator that goes by the road."""
    near = Operator(tmp_path / "kubeconfig")
    near.kubeconfig.write_text("server: https://127.0.0.1:6443")
    plan = SimpleNamespace(ports={controlplane.APISERVER: 6443})
    kept: list[Operator] = []
    arena = SimpleNamespace(
        operator=near, cluster=SimpleNamespace(plan=lambda: plan), operate_by=kept.append
    )
    with distance.kept(cast("Any", arena), SECONDS):
        (far,) = kept
        port = far.kubeconfig.read_text().rpartition(":")[2]
        assert port.isdigit()
        assert port != "6443"
    with distance.kept(cast("Any", arena), 0.0):
        assert kept[-1] is near


def test_a_write_to_compare_with_is_one_from_as_far_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the operator 20 ms away a plain client's write is 40 ms longer, as its own would be."""
    monkeypatch.setattr(beside, "_make", lambda *_: None)
    monkeypatch.setattr(small, "go", lambda *_: None)
    arena = SimpleNamespace(write_seconds=lambda *_: 0.01, calm=lambda: None, writes=lambda: 0)
    for away, seconds in ((0, 0.01), (20, 0.05)):
        stage = SimpleNamespace(timed=arena, sizes=SimpleNamespace(away=away, beside=10))
        idle = beside._idle(cast("Any", stage), cast("Any", None), "default")
        assert idle.write == pytest.approx(seconds)
