"""What others wrote into the cluster is seen on a terminal, and does nothing to it."""

from __future__ import annotations

import contextlib
import io
import json
import pathlib
import tarfile
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, cast

import pytest
import yaml

from controller import errors
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.cli import failures, logs, screen, table
from controller.cli.drawing import bundle
from controller.cli.session import Session
from controller.kube import client, faults
from controller.presentation import control_characters
from controller.presentation.problems import Refusal
from controller.reasons import ForeignReason
from fakes.api_server import Behaviour, Kubelet
from fakes.api_server.storage import Json
from fakes.universe import Universe, application, component, operation
from tests.cli import typing_in

pytestmark = pytest.mark.looptime

# A title that is set, a screen that is cleared, the same in C1, a line that is overwritten, and a
# text that is turned around; and what rich would take for its own markup.
EVIL = "\x1b]0;gotcha\x07\x1b[2J\x9b2J\x85\x7f\r[/nope]all is well\u202elive"
ENDED = [
    {
        "type": "Succeeded",
        "status": "False",
        "reason": "Failed",
        "message": EVIL,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
        "observedGeneration": 1,
    }
]
# Each command that asks a cluster, as it may be typed, and whether it has something of it to tell.
LINES = {
    "status": ("status shop -o wide", True),
    "top": ("top -A", False),
    "version": ("version", True),
    "history": ("history shop", True),
    "diff": ("diff shop", True),
    "events": ("events shop", True),
    "report": ("report shop -f REPORT", False),
    "why": ("why server/shop-web-0", True),
    "explain": ("explain operation ended", True),
    "plan": ("plan -f MANIFEST", True),
    "wait": ("wait operation/ended", True),
    "restart": ("restart shop --detach --name one", False),
    "start": ("start shop --detach --name two", False),
    "stop": ("stop shop --detach --name three", False),
    "replace": ("replace shop --detach --name four", False),
    "snapshot": ("snapshot shop --detach --name five", False),
    "rollback": ("rollback shop --detach --name six", False),
    "run-steps": ("run shop --detach --name seven -- true", False),
    "pause": ("pause application/shop", False),
    "resume": ("resume application/shop", False),
    "cancel": ("cancel ended", False),
    "retry": ("retry ended --detach", False),
    "hold": ("hold shop-web-0", False),
    "release": ("release shop-web-0", False),
    "force": ("force server/shop-web-0", False),
    "retry-now": ("retry-now server/shop-web-0", False),
    "scale": ("scale shop -c web --replicas 3", False),
    "import": ("import statefulset/evil-db", True),
    "export": ("export shop", True),
    # One that asks for what has no source, and one for what has no image: each says so.
    "build": ("build shop", False),
    "activate": ("activate build/evil", False),
    "delete": ("delete shop --yes --detach", False),
}
# They hand on what is said in a server, to the byte where nobody looks at it, as kubectl does.
RAW = {"exec", "logs"}


class Cluster:
    """The API server in memory, with what only a real one has."""

    def __init__(self, universe: Universe) -> None:
        self._server = universe.server

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)

    async def raw(self, _path: str, _query: str = "") -> bytes:
        """Return no Leases, and a version that is no version."""
        return json.dumps({"items": [], "gitVersion": EVIL}).encode()

    async def logs(self, *_: Any, **__: Any) -> AsyncGenerator[bytes, None]:
        """Yield one line."""
        yield EVIL.encode()


def behave(pod: Json) -> Behaviour:
    """Let the image of one server be missing."""
    return Behaviour(
        fate="ImagePullBackOff" if pod["metadata"]["name"] == "shop-web-0" else "Ready"
    )


@contextlib.asynccontextmanager
async def cluster() -> AsyncIterator[Cluster]:
    """Lend a shop whose images, pods, Events and ended operation say evil things."""
    async with Universe(kubelet=Kubelet(behave)) as universe:
        await universe.apply(application("shop", component("web", 2)))
        await universe.settle()
        await universe.apply(application("shop", component("web", 2, image=EVIL)))
        await universe.apply(operation("ended", "shop", "Restart"))
        await universe.settle()
        await universe.process.kill()
        await say(universe, Resource.OPERATIONS, "ended", *ENDED)
        for resource, name in (
            (Resource.APPLICATIONS, "shop"),
            (Resource.SERVERSETS, "shop-web"),
            (Resource.SERVERS, "shop-web-0"),
        ):
            told = universe.get(resource, name)["status"]["conditions"]
            await say(universe, resource, name, *({**each, "message": EVIL} for each in told))
        waiting = {"reason": "ImagePullBackOff", "message": EVIL}
        body = {"status": {"containerStatuses": [{"name": "main", "state": {"waiting": waiting}}]}}
        await universe.merge(Resource.PODS, "shop-web-0", body, subresource="status")
        await universe.server.create(Resource.EVENTS, "default", event())
        await universe.server.create(Resource.STATEFULSETS, "default", stateful_set())
        await universe.server.create(Resource.DEPLOYMENTS, "default", operator())
        await universe.server.create(Resource.BUILDS, "default", build())
        await say(universe, Resource.BUILDS, "evil", *ENDED)
        yield Cluster(universe)


async def say(universe: Universe, resource: Resource, name: str, *conditions: Json) -> None:
    """Have an object's status say something."""
    body: Json = {"status": {"conditions": list(conditions)}}
    if resource in {Resource.OPERATIONS, Resource.BUILDS}:
        body["status"]["completionTime"] = "2026-01-01T00:00:00Z"
    await universe.merge(resource, name, body, subresource="status")


def stateful_set() -> Json:
    """Return a StatefulSet whose image is evil."""
    (container,) = component("db", 1, image=EVIL)["template"]["spec"]["containers"]
    labels = {"app": "db"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return {"metadata": {"name": "evil-db"}, "spec": spec}


def operator() -> Json:
    """Return an operator of an evil image, of no version that is known."""
    labels = {"app.kubernetes.io/part-of": "argosy", "app.kubernetes.io/component": "operator"}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "operator", "image": EVIL}]},
    }
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
    return {"metadata": {"name": "argosy", "labels": labels}, "spec": spec}


def build() -> Json:
    """Return a Build that has ended badly."""
    source = {"git": {"url": "https://git.example.com/x"}, "image": "registry.example.com/x"}
    spec = {"application": "shop", "component": "web", "number": 1, "source": source}
    return {"metadata": {"name": "evil"}, "spec": spec}


def event() -> dict[str, Any]:
    """Return an Event about the shop that says something evil everywhere it may."""
    about = {"apiVersion": "argosy.dev/v1alpha1", "kind": "Application", "name": "shop"}
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "evil", "namespace": "default"},
        "regarding": about,
        "type": EVIL,
        "reason": EVIL,
        "note": EVIL,
        "eventTime": "2026-01-01T00:00:00Z",
    }


def test_every_command_is_walked() -> None:
    """A new command is tried here, too, or said to hand on what it gets."""
    # Of what others wrote these print nothing; pages and tools have tests of their own.
    own = {*table.OWN_PROGRAM, "browse", "dashboard", "mcp", "port-forward", "open"}
    assert {*LINES, *RAW} == set(table.COMMANDS) - own


async def test_no_command_prints_what_steers_a_terminal(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever it says, and also where it fails, controls in it are seen and do nothing."""
    manifest, report = tmp_path / "shop.yaml", tmp_path / "report.tar.gz"
    manifest.write_text(yaml.safe_dump(application("shop", component("web", 1, image=EVIL + "2"))))
    capsys.readouterr()
    async with cluster() as api:
        capsys.readouterr()
        for name, (line, tells) in LINES.items():
            await type_in(
                api, line.replace("MANIFEST", str(manifest)).replace("REPORT", str(report))
            )
            said = "".join(capsys.readouterr())
            assert not tells or "gotcha" in said, f"{name}: {said}"
            assert not control_characters.are_in(said), f"{name}: {said!r}"
    with tarfile.open(report) as found:
        texts = [cast("io.BytesIO", found.extractfile(each)).read().decode() for each in found]
    assert any("gotcha" in each for each in texts)
    assert not any(map(control_characters.are_in, texts))


async def type_in(api: Cluster, line: str) -> None:
    """Do what `line` says; where it fails, that is told as the program tells it."""
    work, target = typing_in.work(f"kubectl argosy {line}")
    here = Session(api=cast("client.Client", api), namespace="default", target=target, server="")
    try:
        await work(here)
    except errors.ArgosyError as error:
        failures.tell(error, target, server="")


@pytest.mark.parametrize("line", ["status shop", "events shop", "why server/shop-web-0"])
@pytest.mark.parametrize("form", ["json", "yaml"])
async def test_documents_are_escaped_and_mean_what_was_there(
    line: str, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a terminal a document does nothing; a program that reads it gets each character."""
    async with cluster() as api:
        capsys.readouterr()
        await type_in(api, f"{line} -o {form}")
    said = capsys.readouterr().out
    assert not control_characters.are_in(said)
    read = json.loads(said) if form == "json" else yaml.safe_load(said)
    assert any(EVIL in each for each in texts_in(read))


async def test_remedies_are_never_broken_into_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However narrow the terminal is, a command can be copied as a whole."""
    monkeypatch.setattr(screen, "output", lambda: screen.SafeConsole(width=40, markup=False))
    async with cluster() as api:
        capsys.readouterr()
        await type_in(api, "why server/shop-web-0")
    said = capsys.readouterr().out.splitlines()
    remedy = "→ kubectl edit argapp shop -n default"
    assert any(each.endswith(remedy) for each in said), said


def texts_in(found: Any) -> list[str]:
    """Return all texts at any depth."""
    if isinstance(found, dict):
        found = list(found.values())
    if isinstance(found, list):
        return [text for each in found for text in texts_in(each)]
    return [found] if isinstance(found, str) else []


@pytest.mark.parametrize(
    "error",
    [
        Refusal(EVIL),
        faults.Refused(EVIL, reason=Reason.REFUSED),
        faults.Forbidden(EVIL, reason=ForeignReason("F")),
    ],
)
def test_what_a_webhook_answers_is_no_exception(
    error: errors.ArgosyError, capsys: pytest.CaptureFixture[str]
) -> None:
    """Messages of errors come from others, too."""
    failures.tell(error, typing_in.work("kubectl argosy status -n prod")[1], server="")
    said = capsys.readouterr().err
    assert "gotcha" in said
    assert not control_characters.are_in(said)


async def test_logs_through_a_pipe_are_what_the_server_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As with kubectl: who reads them may want each byte."""
    async with cluster() as api:
        await type_in(api, "logs shop --server shop-web-1")
    assert EVIL in capsys.readouterr().out


def test_logs_on_a_terminal_keep_their_colours_alone() -> None:
    """Lines of other servers stand beside them: nothing of one reaches those of another."""
    console = screen.SafeConsole(
        file=io.StringIO(), force_terminal=True, width=200, color_system="standard"
    )
    with console.capture() as captured:
        console.print(logs.drawn("web-0", "cyan", f"\x1b[31mred\x1b[0m {EVIL}"))
    said = captured.get()
    assert "\x1b[31mred" in said
    assert "^[]0;gotcha^G^[[2J" in said
    plain = said.replace("\x1b[31m", "").replace("\x1b[36m", "").replace("\x1b[0m", "")
    assert not control_characters.are_in(plain), repr(plain)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a\tb\nc", "a\tb\nc"),
        ("\x1b[31m", "^[[31m"),
        ("\x00\x7f", "^@^?"),
        ("\x9b", "\\x9b"),
        ("\u202e", "\\u202e"),
        ("grün 日本 é", "grün 日本 é"),
    ],
)
def test_controls_are_seen_as_people_write_them(text: str, seen: str) -> None:
    """In caret notation where there is one; what people write in any language stays."""
    assert control_characters.visible(text) == seen


def test_parts_of_a_bundle_are_read_on_a_terminal_too() -> None:
    """What is drawn for a file is drawn as safely."""
    assert not control_characters.are_in(bundle.text(EVIL, 0.0))
