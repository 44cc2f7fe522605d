"""Bare paged GETs of everything that the operator caches: the least that a restart must wait for.

`python -m bench.arms.pages` is a process of its own. It says how long the reads took, how many
objects that were and of how many bytes; nothing is decoded but the way to the next page.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import uvloop

from controller.api import names
from controller.api.resources import Resource
from controller.kube.client import Client

LIMIT = 500
# As the operator reads them: pods only where they carry its label.
READ = {
    Resource.APPLICATIONS: "",
    Resource.SERVERSETS: "",
    Resource.SERVERS: "",
    Resource.PODS: names.APPLICATION_LABEL,
}


class _Meta(msgspec.Struct, frozen=True):
    token: str = msgspec.field(name="continue", default="")


class _Page(msgspec.Struct, frozen=True):
    metadata: _Meta = _Meta()
    items: tuple[msgspec.Raw, ...] = ()


_decode = msgspec.json.Decoder(_Page).decode


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """What reading everything once came to."""

    seconds: float
    objects: int
    size: int

    @property
    def each(self) -> float:
        """The bytes of one object, as JSON."""
        return self.size / self.objects


def read(kubeconfig: Path) -> Pages:
    """Read everything in a process of its own."""
    command = [sys.executable, "-m", "bench.arms.pages", str(kubeconfig)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Pages(**json.loads(done.stdout))


async def _read(kubeconfig: Path) -> Pages:
    objects = size = 0
    async with Client.connect(kubeconfig=str(kubeconfig)) as client:
        await client.raw("/version")
        began = time.monotonic()
        for resource, selector in READ.items():
            token: str | None = None
            while token != "":
                answer = await client.list(
                    resource, limit=LIMIT, continue_token=token or "", label_selector=selector
                )
                page = _decode(answer)
                objects += len(page.items)
                size += sum(map(len, map(bytes, page.items)))
                token = page.metadata.token
        return Pages(seconds=time.monotonic() - began, objects=objects, size=size)


def main() -> None:
    """Read, and say what that came to."""
    parser = argparse.ArgumentParser(prog="python -m bench.arms.pages", description=__doc__)
    parser.add_argument("kubeconfig", type=Path)
    print(json.dumps(dataclasses.asdict(uvloop.run(_read(parser.parse_args().kubeconfig)))))


if __name__ == "__main__":
    main()
