"""`kubectl argosy` as people type it: in a terminal, on a real API server, with an operator."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pexpect
import pytest

from controller.api import names
from controller.api.resources import Resource
from devcluster import client, cluster, controlplane, fixtures, operator
from tests.e2e.driving import App, Kube, Place, component

pytestmark = pytest.mark.e2e

CHECKOUT = Path(__file__).parents[2]
SETTINGS = controlplane.Settings(nodes=10, audit="full", local_exec=True)
SECONDS = 120
# Colours and movements of the cursor.
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
MANY = 1000


class Terminal:
    """Somebody at a terminal of a size, in a namespace, with a kubeconfig."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self._environment = {
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "TERM": "xterm-256color",
            "PYTHONPATH": str(CHECKOUT),
        }
        self._namespace = namespace

    def run(self, *words: str, code: int = 0) -> str:
        """Run a command with its output piped; return what it said on both channels."""
        done = subprocess.run(
            self._argv(words),
            env=self._environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        )
        said = done.stdout + done.stderr
        assert done.returncode == code, f"{words}: exit {done.returncode}\n{said}"
        assert "Traceback" not in said, said
        assert "\x1b" not in said, f"colours in a pipe: {said!r}"
        return said

    def spawn(self, *words: str, columns: int = 100) -> pexpect.spawn[str]:
        """Start a command in a terminal."""
        program, *arguments = self._argv(words)
        return pexpect.spawn(
            program,
            arguments,
            env=self._environment,
            dimensions=(50, columns),
            encoding="utf-8",
            timeout=SECONDS,
        )

    def _argv(self, words: Sequence[str]) -> list[str]:
        verb, *rest = words
        where = ["-n", self._namespace]
        return [sys.executable, "-m", "controller", verb, *where, *rest]


def end(child: pexpect.spawn[str]) -> tuple[int, str]:
    """Return the exit code of a command that ends by itself, and what was on the screen."""
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus is not None, f"ended by signal {child.signalstatus}"
    return child.exitstatus, CONTROL.sub("", child.before or "")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A cluster whose fake pods run commands, with an operator."""
    if os.environ.get(fixtures.GIVEN):
        pytest.skip(f"{fixtures.GIVEN} is set: this needs a cluster of our own")
    one = cluster.Cluster(tmp_path_factory.mktemp("cli"))
    try:
        one.start(SETTINGS)
        operator.run(one)
        yield Place(api=one.client, cluster=one)
    finally:
        operator.stop(one)
        one.stop()


@pytest.fixture
def kube(place: Place) -> Iterator[Kube]:
    """A namespace of the test's own."""
    yield from _namespace(place)


def _namespace(place: Place) -> Iterator[Kube]:
    from tests.e2e.conftest import namespace_of  # noqa: PLC0415 - not a package

    yield from namespace_of(place)


@pytest.fixture
def terminal(place: Place, kube: Kube) -> Terminal:
    """An administrator at a terminal."""
    assert place.cluster is not None
    return Terminal(place.cluster.kubeconfig, kube.namespace)


@pytest.fixture
def shop(kube: Kube) -> App:
    """A shop of two databases and six web servers, at work."""
    app = kube.app(
        component("db", replicas=2), component("web", replicas=6, dependsOn=["db"]), name="shop"
    )
    app.apply()
    app.wait_ready()
    return app


@pytest.fixture
def slow_shop(kube: Kube) -> App:
    """A shop whose servers take long enough to come up that people can step in."""
    app = kube.app(component("web", replicas=4, hooks={"delay": "3s"}), name="shop")
    app.apply()
    app.wait_ready()
    return app


def _pods(kube: Kube) -> dict[str, str]:
    """Return the UIDs of the shop's pods, by name."""
    found = kube.list(Resource.PODS, application="shop")
    return {name: each["metadata"]["uid"] for name, each in found.items()}


def _verdict(kube: Kube, name: str) -> str:
    found = kube.get(Resource.OPERATIONS, name)
    conditions = found["status"]["conditions"] if found else []
    return next((each["reason"] for each in conditions if each["type"] == "Succeeded"), "")


def test_one_screen_tells_how_an_application_stands(terminal: Terminal, shop: App) -> None:
    """Text, JSON, YAML and names tell the same, in pipes and in terminals of 80 and 120 columns."""
    del shop
    assert "application/shop Ready=True" in terminal.run("wait", "application/shop")
    told = terminal.run("status", "shop")
    assert "6/6 available" in told
    data = json.loads(terminal.run("status", "shop", "-o", "json"))
    assert [each["states"] for each in data["components"]] == [{"ready": 2}, {"ready": 6}]
    assert "ready: 'True'" in terminal.run("status", "shop", "-o", "yaml")
    assert terminal.run("status", "-o", "name").strip() == "application.argosy.dev/shop"
    assert "8/8" in terminal.run("top")
    for columns in (80, 120):
        code, screen = end(terminal.spawn("status", "shop", "-o", "wide", columns=columns))
        assert code == 0
        assert "web-5  ready" in screen
        assert max(map(len, screen.splitlines())) <= columns


def test_a_live_screen_shows_changes_until_interrupted(
    terminal: Terminal, shop: App, kube: Kube
) -> None:
    """-w draws anew what changes, and Ctrl-C ends it without a complaint."""
    del shop
    child = terminal.spawn("status", "shop", "-w")
    child.expect("6/6 available")
    kube.patch(Resource.APPLICATIONS, "shop", {"spec": {"paused": True}})
    child.expect("Paused")
    child.sendintr()
    code, screen = end(child)
    assert code == 130
    assert "Traceback" not in screen


def test_an_operation_is_followed_to_its_end(terminal: Terminal, shop: App, kube: Kube) -> None:
    """`restart` makes an Operation, shows a bar, and ends as it ends."""
    del shop
    before = _pods(kube)
    code, screen = end(terminal.spawn("restart", "shop", "--component", "web", "--name", "again"))
    assert code == 0
    assert "━" in screen
    assert "Completed" in screen
    assert _verdict(kube, "again") == "Completed"
    after = _pods(kube)
    changed = {name for name, uid in after.items() if before.get(name) != uid}
    assert changed == {f"shop-web-{each}" for each in range(6)}


def test_ctrl_c_leaves_an_operation_or_cancels_it(
    terminal: Terminal, slow_shop: App, kube: Kube
) -> None:
    """Ctrl-C asks; to leave is the default, `c` cancels; the cancelled one can be retried."""
    del slow_shop
    slow = ("restart", "shop", "--concurrency", "1", "--component", "web")
    child = terminal.spawn(*slow, "--name", "left")
    child.expect("Running")
    child.sendintr()
    child.expect(r"Leave left running, or cancel it\?")
    child.sendline("")
    assert end(child)[0] == 130
    kube.wait_until("it went on by itself", lambda: _verdict(kube, "left") == "Completed")

    child = terminal.spawn(*slow, "--name", "cut")
    child.expect("Running")
    child.sendintr()
    child.expect(r"Leave cut running, or cancel it\?")
    child.sendline("c")
    assert end(child)[0] == 130
    kube.wait_until("it was cancelled", lambda: _verdict(kube, "cut") == "Cancelled")
    assert "Completed" in terminal.run("retry", "cut")
    assert "has ended already" in terminal.run("cancel", "cut", code=1)


def test_operations_are_paused_resumed_and_cancelled_by_name(
    terminal: Terminal, slow_shop: App, kube: Kube
) -> None:
    """pause, resume and cancel act on an operation that was left running."""
    del slow_shop
    terminal.run("replace", "shop", "--concurrency", "1", "--detach", "--name", "slow")
    terminal.run("pause", "operation/slow")
    kube.wait_until("it is paused", lambda: _verdict(kube, "slow") == "Paused")
    assert "Paused" in terminal.run("why", "operation/slow")
    terminal.run("resume", "operation/slow")
    terminal.run("wait", "operation/slow")
    assert _verdict(kube, "slow") == "Completed"
    terminal.run("replace", "shop", "--concurrency", "1", "--detach", "--name", "stopped")
    terminal.run("pause", "operation/stopped")
    terminal.run("cancel", "stopped")
    assert "Cancelled" in terminal.run("wait", "operation/stopped", code=1)


def test_stop_start_hold_and_scale(terminal: Terminal, shop: App, kube: Kube) -> None:
    """The other verbs do to servers what they say."""
    del shop
    terminal.run("stop", "shop", "--component", "web", "--servers", "5")
    assert "1 stopped" in terminal.run("status", "shop")
    terminal.run("start", "shop", "--component", "web", "--servers", "5")
    terminal.run("wait", "server/shop-web-5")
    terminal.run("hold", "shop-web-3")
    assert "held" in terminal.run("status", "shop")
    terminal.run("release", "server", "shop-web-3")
    found = kube.get(Resource.SERVERS, "shop-web-3")
    assert found is not None
    assert not found["spec"].get("held")
    assert "6 → 8" in terminal.run("scale", "shop", "--component", "web", "--replicas", "8")
    kube.wait_until("two more", lambda: len(_pods(kube)) == 10)
    terminal.run("retry-now", "application/shop")
    changed = kube.get(Resource.APPLICATIONS, "shop")
    assert changed is not None
    assert names.RETRY_NOW_ANNOTATION in changed["metadata"]["annotations"]
    assert "no component 'nope', but db, web" in terminal.run(
        "restart", "shop", "--component", "nope", code=2
    )


def test_a_plan_changes_nothing_and_comes_true(
    terminal: Terminal, shop: App, kube: Kube, tmp_path: Path
) -> None:
    """What `plan -f` says of servers is what applying then does; planning itself writes nothing."""
    shop.component("db")["replicas"] = 1
    web = shop.component("web")
    web["replicas"] = 7
    web["template"]["spec"]["containers"][0]["image"] = "app:2"
    file = tmp_path / "shop.json"
    body = {"apiVersion": names.API_VERSION, "kind": "Application", "metadata": {"name": "shop"}}
    file.write_text(json.dumps({**body, "spec": shop.spec}))
    everything = (Resource.APPLICATIONS, Resource.SERVERSETS, Resource.SERVERS)

    def versions() -> dict[str, Any]:
        return {
            f"{each}/{name}": found["metadata"]["resourceVersion"]
            for each in everything
            for name, found in kube.list(each).items()
        }

    before, uids = versions(), _pods(kube)
    text = terminal.run("plan", "-f", str(file))
    assert "at most 1 of 7 may be down" in text
    told = json.loads(terminal.run("plan", "-f", str(file), "-o", "json"))
    assert versions() == before
    shop.apply()
    shop.wait_ready()
    kube.wait_until("seven web servers", lambda: len(_pods(kube)) == 8)
    after = _pods(kube)
    assert set(told["created"]) == set(after) - set(uids) == {"shop-web-6"}
    assert set(told["deleted"]) == set(uids) - set(after) == {"shop-db-1"}
    assert set(told["replaced"]) == {
        each for each in after if uids.get(each, after[each]) != after[each]
    }
    assert {f"shop-web-{each}" for each in range(6)} <= set(told["changedInPlace"])
    assert "of 1 may be down" not in terminal.run("plan", "-f", str(file))
    assert "none would change" in terminal.run("plan", "-f", str(file))
    history = terminal.run("history", "shop")
    assert "app:2" in history
    assert "+" in terminal.run("diff", "shop", "--component", "web")


def test_why_works_with_read_only_rights_and_no_operator(
    terminal: Terminal, shop: App, kube: Kube, place: Place, tmp_path: Path
) -> None:
    """A reader gets the plan's reasons, operator or not; a verb that is refused names the right."""
    del shop
    reader = Terminal(_reader(place, kube, tmp_path), kube.namespace)
    assert "Available as asked for" in reader.run("why", "application/shop")
    refused = reader.run("restart", "shop", code=3)
    assert "you lack a permission: create operations.argosy.dev" in refused
    assert "can-i create operations.argosy.dev" in refused
    assert place.cluster is not None
    running = operator.running(place.cluster)
    for each in running:
        each.terminate()
    try:
        kube.patch(Resource.APPLICATIONS, "shop", {"metadata": {"labels": {"x": "y"}}})
        pod = "shop-web-2"
        kube.delete(Resource.PODS, pod)
        kube.wait_until("the pod is gone", lambda: kube.get(Resource.PODS, pod) is None)
        told = reader.run("why", f"server/{pod}")
        assert "ask the provider to create" in told
        assert "No operator is at work" in terminal.run("why", f"server/{pod}")
    finally:
        for each in running:
            each.start()
    kube.wait_until("the pod is back", lambda: kube.get(Resource.PODS, pod))
    terminal.run("wait", "application/shop")


def _reader(place: Place, kube: Kube, folder: Path) -> Path:
    """Return a kubeconfig of somebody with the role `view` in the namespace, and no more."""
    space, account = kube.namespace, "reader"
    place.api.create(
        f"/api/v1/namespaces/{space}/serviceaccounts",
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account}},
    )
    place.api.create(
        f"/apis/rbac.authorization.k8s.io/v1/namespaces/{space}/rolebindings",
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": account},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "view",
            },
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": space}],
        },
    )
    token = place.api.create(
        f"/api/v1/namespaces/{space}/serviceaccounts/{account}/token",
        {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": 3600},
        },
    )
    assert place.cluster is not None
    return client.kubeconfig(
        folder / "reader",
        server=place.api.server,
        authority=place.cluster.dir / "pki" / "ca.crt",
        user={"token": token["status"]["token"]},
    )


def test_commands_run_in_servers(terminal: Terminal, shop: App, kube: Kube) -> None:
    """`exec` runs a command in one server, `run` in many as an operation that can be retried."""
    del shop
    child = terminal.spawn("exec", "shop-web-1", columns=93)
    child.expect("[#$] ")
    child.sendline("stty size")
    child.expect("50 93")
    child.sendline("exit")
    assert end(child)[0] == 0
    assert terminal.run("exec", "shop-web-1", "--", "echo", "hello") == "hello\n"
    told = terminal.run("run", "shop", "--component", "web", "--name", "steps", "--", "true")
    assert "Completed" in told
    failed = terminal.run(
        "run", "shop", "--component", "web", "--name", "bad", "--", "false", code=1
    )
    assert "kubectl argosy retry bad" in failed
    assert _verdict(kube, "bad") == "Failed"
    assert "has no step 'nope', but run" in terminal.run("retry", "bad", "--from", "nope", code=2)


def test_what_happened_can_be_read_and_handed_on(
    terminal: Terminal, shop: App, tmp_path: Path
) -> None:
    """Events lists what happened; report writes a bundle with neither values nor commands in it."""
    shop.component()["template"]["spec"]["containers"][0]["env"] = [
        {"name": "PASSWORD", "value": "hunter2"}
    ]
    shop.apply()
    shop.wait_ready()
    assert "shop-web-0" in terminal.run("events", "shop")
    file = tmp_path / "report.tar.gz"
    terminal.run("report", "shop", "-f", str(file))
    with tarfile.open(file) as bundle:
        parts = {each.name: bundle.extractfile(each) for each in bundle.getmembers()}
        texts = {name: part.read().decode() for name, part in parts.items() if part}
    assert "argosy-report/servers.yaml" in texts
    assert "8" in texts["argosy-report/status/shop.txt"]
    assert not any("hunter2" in text for text in texts.values())
    assert "PASSWORD" in texts["argosy-report/applications.yaml"]


def test_delete_shows_what_goes_and_asks(terminal: Terminal, shop: App, kube: Kube) -> None:
    """Delete tells the order and asks; no leaves all as it is; yes sees it gone."""
    del shop
    child = terminal.spawn("delete", "shop")
    child.expect("1. web: delete shop-web-0, shop-web-1")
    child.expect("2. db: delete shop-db-0, shop-db-1")
    child.expect(r"Delete shop\? \[y/N\]")
    child.sendline("n")
    assert end(child)[0] == 1
    found = kube.get(Resource.APPLICATIONS, "shop")
    assert found is not None
    assert "deletionTimestamp" not in found["metadata"]
    assert "with --yes" in terminal.run("delete", "shop", code=2)
    child = terminal.spawn("delete", "shop")
    child.expect(r"Delete shop\? \[y/N\]")
    child.sendline("y")
    code, screen = end(child)
    assert code == 0
    assert "shop is gone" in screen
    assert not _pods(kube)
    assert "does not exist" in terminal.run("status", "shop", code=4)


def test_the_shell_completes_names_from_the_cluster(
    terminal: Terminal, shop: App, kube: Kube, place: Place
) -> None:
    """Tab after a command offers the applications that there are; of kinds, then of names."""
    del shop, terminal
    assert place.cluster is not None

    def complete(line: str) -> list[str]:
        environment = {
            **os.environ,
            "KUBECONFIG": str(place.cluster.kubeconfig) if place.cluster else "",
            "_ARGOSY_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(line.split()) - 1),
            "PYTHONPATH": str(CHECKOUT),
        }
        done = subprocess.run(
            [sys.executable, "-m", "controller"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.split()

    assert complete(f"argosy status -n {kube.namespace} sh") == ["shop"]
    assert "server/" in complete(f"argosy why -n {kube.namespace} se")


@pytest.mark.parametrize("columns", [80])
def test_a_thousand_servers_stay_one_screen(terminal: Terminal, kube: Kube, columns: int) -> None:
    """However many servers there are, status stays one screen, and every question an answer."""
    app = kube.app(component("web", replicas=MANY), name="large")
    app.apply()
    kube.wait_until(
        "all are ready",
        lambda: f"{MANY}/{MANY} available" in terminal.run("status", "large"),
        600,
    )
    code, screen = end(terminal.spawn("status", "large", columns=columns))
    assert code == 0
    assert f"{MANY} ready" in screen
    assert len(screen.splitlines()) < 15
    assert "Available" in terminal.run("why", "serverset/large-web")
    assert "web-999" in terminal.run("status", "large", "-o", "wide")
    terminal.run("delete", "large", "--yes", "--timeout", "300")
