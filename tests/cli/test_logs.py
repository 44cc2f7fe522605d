"""Logs of many servers, merged: whose line it is, which are wanted, and what cannot be read."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator
from typing import Any, cast

import msgspec
import pytest

from controller.api import names
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.cli import failures, logs
from controller.cli.session import Session
from controller.cli.target import ClusterTarget
from controller.kube import client, faults
from controller.kube.reasons import KubeReason
from controller.presentation import problems
from tests.cli import typing_in


class Pods:
    """An API server that knows pods and what their containers have printed."""

    def __init__(self, printed: dict[str, dict[str, list[bytes]]]) -> None:
        self._printed = printed

    async def list(self, resource: Resource, _namespace: str, **options: Any) -> bytes:
        """Return the pods whose labels fit the selector."""
        assert resource is Resource.PODS
        terms = [each.partition("=") for each in options["label_selector"].split(",")]
        wanted = {key: value for key, sign, value in terms if sign}
        there = {key for key, sign, _ in terms if not sign}
        items = [self._pod(name) for name in self._printed]
        return msgspec.json.encode(
            {
                "metadata": {"resourceVersion": "5"},
                "items": [
                    each
                    for each in items
                    if wanted.items() <= each["metadata"]["labels"].items()
                    and there <= each["metadata"]["labels"].keys()
                ],
            }
        )

    async def get(self, _resource: Resource, _namespace: str, name: str) -> bytes:
        """Return the application, if it is the shop."""
        if _resource is Resource.BUILDS:
            spec = {"application": "shop", "component": "web", "number": 1, "source": SOURCE}
            return msgspec.json.encode({"metadata": {"name": name}, "spec": spec})
        if name != "shop":
            raise faults.NotFound(f"applications {name} not found", reason=Reason.NOT_FOUND)
        return b"{}"

    async def logs(
        self, _namespace: str, pod: str, *, container: str, **_options: Any
    ) -> AsyncGenerator[bytes, None]:
        """Yield what a container printed; one that printed nothing at all cannot be read."""
        lines = self._printed[pod][container]
        if not lines:
            raise faults.ServerFailed("no logs found", reason=KubeReason.SERVER_FAILED)
        for each in lines:
            yield each

    def _pod(self, name: str) -> dict[str, Any]:
        _, component, _ = name.split("-")
        labels = {names.APPLICATION_LABEL: "shop"}
        if name.startswith("argosy"):
            labels[names.BUILD_LABEL] = f"shop-web-{component}"
        else:
            labels |= {names.COMPONENT_LABEL: component, names.SERVER_LABEL: name}
        containers = [{"name": each} for each in self._printed[name]]
        return {
            "metadata": {
                "name": name,
                "uid": name,
                "labels": labels,
                "creationTimestamp": f"2026-01-01T00:00:0{name[-1]}Z",
            },
            "spec": {"containers": containers},
            "status": {"phase": "Running"},
        }


SHOP = {
    "shop-web-0": {"web": [b"one", b"two"], "proxy": [b"three"]},
    "shop-web-1": {"web": [], "proxy": [b"four"]},
    "shop-db-0": {"db": [b"five"]},
    "argosy-b1-2": {"build": [b"RUN make", b"done"]},
    "argosy-b1-1": {"resolve": [b"found"]},
    "argosy-b2-0": {"build": [b"another"]},
}
SOURCE = {"git": {"url": "https://git.example.com/x.git"}, "image": "registry.example.com/x"}


async def _said(
    wanted: logs.WantedLines, capsys: pytest.CaptureFixture[str]
) -> tuple[int, list[str]]:
    api = cast("client.Client", Pods(SHOP))
    session = Session(api=api, namespace="prod", target=ClusterTarget(), server="")
    code = await logs.show(session, wanted)
    return code, sorted(capsys.readouterr().out.splitlines())


async def test_each_line_is_under_its_servers_name(capsys: pytest.CaptureFixture[str]) -> None:
    """All lines of all servers come, with the container's name where there are several."""
    code, lines = await _said(logs.WantedLines(application="shop"), capsys)
    assert code == 0
    assert lines == [
        "db-0 five",
        "web-0 proxy three",
        "web-0 web one",
        "web-0 web two",
        "web-1 proxy four",
    ]


async def test_a_build_prints_its_phases_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    """One phase after the other, as they ran; and no line of them among those of servers."""
    api = cast("client.Client", Pods(SHOP))
    session = Session(api=api, namespace="prod", target=ClusterTarget(), server="")
    assert await logs.show(session, logs.WantedLines(application="", build="shop-web-b1")) == 0
    told = capsys.readouterr().out.splitlines()
    assert told == ["resolve found", "build RUN make", "build done"]
    with pytest.raises(problems.Refusal, match="has no pods"):
        await logs.show(session, logs.WantedLines(application="", build="shop-web-b9"))


@pytest.mark.parametrize(
    ("wanted", "lines"),
    [
        (logs.WantedLines(application="shop", component="db"), ["db-0 five"]),
        (
            logs.WantedLines(application="shop", server="shop-web-0", container="web"),
            ["web-0 one", "web-0 two"],
        ),
    ],
)
async def test_only_what_is_wanted_is_read(
    wanted: logs.WantedLines, lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A component, a server or a container narrows it down."""
    assert await _said(wanted, capsys) == (0, lines)


async def test_nothing_to_be_read_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    """Where no line could be read the exit code says so; where there is no pod, the message."""
    wanted = logs.WantedLines(application="shop", server="shop-web-1", container="web")
    assert await _said(wanted, capsys) == (failures.FAILED, [])
    with pytest.raises(problems.Refusal, match="has no pods of cache"):
        await _said(logs.WantedLines(application="shop", component="cache"), capsys)


@pytest.mark.parametrize("follow", [False, True])
async def test_an_application_that_does_not_exist_is_not_waited_for(
    follow: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name that was mistyped is told at once; -f would wait for its pods for ever."""
    with pytest.raises(faults.NotFound):
        await _said(logs.WantedLines(application="shp", follow=follow), capsys)


def test_flags_are_those_of_kubectl() -> None:
    """Short ones as well; a span is given as kubectl reads it, and half a second is a whole one."""
    line = "logs shop -c web -p --tail 5 --since 1h30m --timestamps --no-prefix"
    wanted = _typed(line)
    assert (wanted.container, wanted.previous, wanted.tail) == ("web", True, 5)
    assert (wanted.since_seconds, wanted.timestamps, wanted.prefix) == (5400, True, False)
    assert _typed("logs shop --since 500ms").since_seconds == 1
    moment = "2026-06-01T12:00:00Z"
    assert _typed(f"logs shop --since-time {moment}").since_time == moment
    for wrong in ("--since soon", "--since 5", f"--since 5m --since-time {moment}"):
        with pytest.raises(problems.UsageError):
            _typed(f"logs shop {wrong}")


def _typed(line: str) -> logs.WantedLines:
    work, _ = typing_in.work(f"kubectl argosy {line}")
    assert isinstance(work, functools.partial)
    wanted = work.keywords["wanted"]
    assert isinstance(wanted, logs.WantedLines)
    return wanted


async def test_lines_without_a_prefix_are_the_containers_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """To the byte, for a program that reads them."""
    wanted = logs.WantedLines(application="shop", component="db", prefix=False)
    assert await _said(wanted, capsys) == (0, ["five"])
