"""What a watch shows of pods, version by version.

An audit log does not tell when an eviction took effect: no answer holds the version that it made.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e import driving
from tests.e2e.driving import Object


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A pod at one of its versions: None where it is gone."""

    name: str
    version: int
    pod: Object | None


@contextlib.contextmanager
def pods(kubeconfig: Path, namespace: str, into: Path) -> Iterator[Callable[[], list[Seen]]]:
    """Watch the pods of a namespace as `kubectl get --watch` does; give what was seen until now."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("there is no kubectl")
    with into.open("wb") as out:
        watch = subprocess.Popen(
            [kubectl, "get", "pods", "-n", namespace, "-w", "--output-watch-events", "-o", "json"],
            env={**os.environ, "KUBECONFIG": str(kubeconfig)},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            yield lambda: list(_seen(into.read_text()))
            assert watch.poll() is None, into.read_text()[-2000:]
        finally:
            watch.kill()
            watch.wait()


def _seen(text: str) -> Iterator[Seen]:
    """Yield what each whole document says."""
    decoder, place = json.JSONDecoder(), 0
    while True:
        while text[place : place + 1].isspace():
            place += 1
        try:
            event, place = decoder.raw_decode(text, place)
        except json.JSONDecodeError:
            return  # the end, or a document that is being written
        meta = event["object"]["metadata"]
        pod = None if event["type"] == "DELETED" else event["object"]
        yield Seen(name=meta["name"], version=int(meta["resourceVersion"]), pod=pod)


def down(seen: list[Seen], count: int, zone: Callable[[str], str]) -> list[frozenset[str]]:
    """Return in which zones pods were down at each version, once `count` of them have been up.

    A pod's zone is that of the node on which it was last up, as `zone` tells by the node's name.
    """
    zones: dict[str, str] = {}
    up: set[str] = set()
    found: list[frozenset[str]] = []
    for each in seen:
        if each.pod is not None and driving.is_ready(each.pod):
            up.add(each.name)
            zones[each.name] = zone(each.pod["spec"]["nodeName"])
        else:
            up.discard(each.name)
        if found or len(up) == count:
            found.append(frozenset(zones[name] for name in zones.keys() - up))
    return found
