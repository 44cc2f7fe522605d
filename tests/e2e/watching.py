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
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controller.api import resources
from controller.api.resources import Resource
from tests.e2e import driving
from tests.e2e.driving import Kube, Object


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A pod at one of its versions: None where it is gone."""

    name: str
    pod: Object | None


class Watch:
    """A watch of a namespace's pods that goes on where the API server ended it."""

    def __init__(self, kube: Kube, kubeconfig: Path) -> None:
        kubectl = shutil.which("kubectl")
        if kubectl is None:
            pytest.skip("there is no kubectl")
        self._command = [kubectl, "get", "--raw"]
        self._environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
        self._path = resources.path(Resource.PODS, kube.namespace)
        self._version = str(kube.api.get(self._path)["metadata"]["resourceVersion"])
        self._over = False
        self._process: subprocess.Popen[str] | None = None
        self.seen: list[Seen] = []
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._over = True
        if self._process is not None:
            self._process.kill()
        self._thread.join()

    def _follow(self) -> None:
        """Watch from the last version that was seen, again and again: nothing is left out."""
        while not self._over:
            asked = f"{self._path}?watch=1&resourceVersion={self._version}"
            with subprocess.Popen(
                [*self._command, asked], env=self._environment, stdout=subprocess.PIPE, text=True
            ) as self._process:
                assert self._process.stdout is not None
                for line in self._process.stdout:
                    if line.endswith("\n"):
                        self._see(json.loads(line))

    def _see(self, event: Object) -> None:
        meta = event["object"]["metadata"]
        # Where versions were left out, there is an ERROR, whose Status has no name.
        name, self._version = meta.get("name", ""), meta.get("resourceVersion", self._version)
        pod = None if event["type"] == "DELETED" else event["object"]
        self.seen.append(Seen(name=name, pod=pod))


@contextlib.contextmanager
def pods(kube: Kube, kubeconfig: Path) -> Iterator[list[Seen]]:
    """Watch the pods of a namespace; the list that is given grows by what is seen."""
    watch = Watch(kube, kubeconfig)
    try:
        yield watch.seen
    finally:
        watch.close()
    assert all(each.name for each in watch.seen), "versions were left out"


def down(seen: list[Seen], count: int, zone: Callable[[str], str]) -> list[frozenset[str]]:
    """Return in which zones pods were down at each version, once `count` of them have been up.

    Those above that many are spare, and missed by nobody. A pod's zone is that of the node on which
    it was last up, as `zone` tells by the node's name.
    """
    zones: dict[str, str] = {}
    up: set[str] = set()
    found: list[frozenset[str]] = []
    for each in seen:
        if int(each.name.rpartition("-")[2]) >= count:
            continue
        if each.pod is not None and driving.is_ready(each.pod):
            up.add(each.name)
            zones[each.name] = zone(each.pod["spec"]["nodeName"])
        else:
            up.discard(each.name)
        if found or len(up) == count:
            found.append(frozenset(zones[name] for name in zones.keys() - up))
    return found
