"""`kubectl argosy` showing and telling why, in a terminal, on a real API server."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import subprocess
import sys
import tarfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pexpect
import pytest
import yaml

from controller.api.resources import Resource
from controller.cli import app as declared
from devcluster import accounts, kwok, operator
from tests.e2e import terminals
from tests.e2e.driving import App, Kube, Place, component
from tests.e2e.terminals import Terminal, end, kube, place, pods, shop, terminal

__all__ = ["kube", "place", "shop", "terminal"]

pytestmark = pytest.mark.e2e

GOLDEN = Path(__file__).parent / "golden"


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
        assert "web-5  ready" in terminal.screen("status", "shop", "-o", "wide", columns=columns)
        assert "8/8" in terminal.screen("top", columns=columns)


@pytest.mark.parametrize("columns", [80, 120])
def test_screens_in_a_terminal_are_as_agreed(
    terminal: Terminal, shop: App, tmp_path: Path, columns: int
) -> None:
    """What a real terminal of a real cluster shows is what somebody has read and agreed to.

    GOLDEN_UPDATE=1 writes the golden screens anew.
    """
    shop.component()["replicas"] = 7
    shop.component()["template"]["spec"]["containers"][0]["image"] = "app:2"
    file = terminals.manifest(shop, tmp_path)
    asked = (
        ("status", "shop"),
        ("top",),
        ("why", "application/shop"),
        ("why", "server/shop-web-3"),
        ("history", "shop"),
        ("plan", "-f", str(file)),
    )
    shown = "".join(
        f"$ {' '.join(words)}\n{terminal.screen(*words, columns=columns)}\n" for words in asked
    ).replace(str(file), "shop.json")
    golden = GOLDEN / f"cli-{columns}.txt"
    if os.environ.get("GOLDEN_UPDATE"):
        golden.write_text(_masked(shown, terminal.namespace))
    assert _masked(shown, terminal.namespace) == golden.read_text()


def _masked(shown: str, namespace: str) -> str:
    """Return a screen without what differs from run to run: the namespace, ages, hashes, zones."""
    text = shown.replace(namespace, "N" * len(namespace))
    text = re.sub(
        r"\b\d+[smhd](?:\d+[smh])?\b( *)", lambda found: "AGE" + " " * bool(found[1]), text
    )
    # The column is as wide as its widest age.
    text = re.sub("AGE +", "AGE ", text)
    text = re.sub(r"\b[0-9a-f]{10}\b", "H" * 10, text)
    text = re.sub(r"\bzone-[abc]\b", "zone-Z", text)
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


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
    # Through a pipe, pictures come one below the other, as things change.
    piped = terminal.start("bash", ["-c", f"{shlex.join(terminal.argv('status', '-w'))} | cat"])
    piped.expect_exact(f"{kube.namespace}/shop")
    kube.patch(Resource.APPLICATIONS, "shop", {"spec": {"paused": False}})
    piped.expect_exact(f"{kube.namespace}/shop  Ready")
    assert "\x1b" not in (piped.before or "")
    piped.close(force=True)


def test_a_plan_changes_nothing_and_comes_true(
    terminal: Terminal, shop: App, kube: Kube, tmp_path: Path
) -> None:
    """What `plan -f` says of servers is what applying then does; planning itself writes nothing."""
    shop.component("db")["replicas"] = 1
    web = shop.component("web")
    web["replicas"] = 7
    web["template"]["spec"]["containers"][0]["image"] = "app:2"
    file = terminals.manifest(shop, tmp_path)
    everything = (Resource.APPLICATIONS, Resource.SERVERSETS, Resource.SERVERS)

    def versions() -> dict[str, Any]:
        return {
            f"{each}/{name}": found["metadata"]["resourceVersion"]
            for each in everything
            for name, found in kube.list(each).items()
        }

    before, uids = versions(), pods(kube)
    text = terminal.run("plan", "-f", str(file))
    assert "at most 1 of 7 may be down" in text
    told = json.loads(terminal.run("plan", "-f", str(file), "-o", "json"))
    assert versions() == before
    shop.apply()
    shop.wait_ready()
    kube.wait_until("seven web servers", lambda: len(pods(kube)) == 8)
    after = pods(kube)
    assert set(told["created"]) == set(after) - set(uids) == {"shop-web-6"}
    assert set(told["deleted"]) == set(uids) - set(after) == {"shop-db-1"}
    assert set(told["replaced"]) == {
        each for each in after if uids.get(each, after[each]) != after[each]
    }
    assert {f"shop-web-{each}" for each in range(6)} <= set(told["changedInPlace"])
    assert "of 1 may be down" not in terminal.run("plan", "-f", str(file))
    assert "none would change" in terminal.run("plan", "-f", str(file))
    _compare(terminal, shop)


def _compare(terminal: Terminal, shop: App) -> None:
    """Look at the revisions that the change above has left behind."""
    told = json.loads(terminal.run("history", "shop", "--component", "web", "-o", "json"))
    assert [each["images"] for each in told] == [["app:2"], ["app:1"]]
    assert [each["target"] for each in told] == [True, False]
    assert told[0]["servers"] == 7
    assert told[0]["revision"] == shop.counts()["revision"]
    shown = terminal.screen("history", "shop", columns=80)
    assert "target, proven" in shown
    change = terminal.run("diff", "shop", "--component", "web")
    assert "-    - image: app:1" in change
    assert "+    - image: app:2" in change
    older = told[1]["revision"]
    assert terminal.run("diff", "shop", "--revision", older) == change
    unknown = terminal.run("diff", "shop", "--revision", "nope", code=2)
    assert older in unknown


def test_why_works_with_read_only_rights_and_no_operator(
    terminal: Terminal, shop: App, kube: Kube, place: Place, tmp_path: Path
) -> None:
    """A reader gets the plan's reasons, operator or not; a verb that is refused names the right."""
    del shop
    reader = terminals.viewer(place, kube, tmp_path, "reader")
    assert "servers are available" in reader.run("why", "application/shop")
    refused = reader.run("restart", "shop", code=3)
    assert "you lack a permission: create operations.argosy.dev" in refused
    assert "can-i create operations.argosy.dev" in refused
    running = operator.running(terminals.owner(place))
    for each in running:
        each.terminate()
    try:
        kube.patch(Resource.APPLICATIONS, "shop", {"metadata": {"labels": {"x": "y"}}})
        pod = "shop-web-2"
        kube.delete(Resource.PODS, pod)
        kube.wait_until("the pod is gone", lambda: kube.get(Resource.PODS, pod) is None)
        told = reader.run("why", f"server/{pod}")
        assert "ask the provider to create" in told
        # One that was killed before it let go of its Lease is believed in until that runs out.
        kube.wait_until(
            "its absence is told",
            lambda: "No operator is at work" in terminal.run("why", f"server/{pod}"),
        )
    finally:
        for each in running:
            each.start()
    kube.wait_until("the pod is back", lambda: kube.get(Resource.PODS, pod))
    terminal.run("wait", "application/shop")


def test_what_happened_can_be_read_and_handed_on(
    terminal: Terminal, shop: App, tmp_path: Path
) -> None:
    """Events lists what happened; report writes a bundle with neither values nor commands in it."""
    secrets = ("hunter2", "swordfish", "opensesame")
    container = shop.component()["template"]["spec"]["containers"][0]
    container["env"] = [{"name": "PASSWORD", "value": secrets[0]}]
    container["args"] = ["--password", secrets[1]]
    body = {"metadata": {"name": "door"}, "stringData": {"word": secrets[2]}}
    path = f"/api/v1/namespaces/{terminal.namespace}/secrets"
    shop.kube.api.create(path, {"apiVersion": "v1", "kind": "Secret", **body})
    container["envFrom"] = [{"secretRef": {"name": "door"}}]
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
    for secret in (*secrets, base64.b64encode(secrets[2].encode()).decode()):
        assert not [name for name, text in texts.items() if secret in text]
    # What there is is told, so that a helper can ask for it.
    assert "PASSWORD" in texts["argosy-report/applications.yaml"]
    assert "door" in texts["argosy-report/applications.yaml"]


def test_the_shell_completes_names_from_the_cluster(
    terminal: Terminal, shop: App, kube: Kube
) -> None:
    """Tab after a command offers the applications that there are; of kinds, then of names."""
    del shop

    def complete(*words: str, program: str = "complete", **asked: str) -> list[str]:
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                f"from controller.__main__ import {program}; {program}()",
                *words,
            ],
            env={**terminal.environment, **asked},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.split()

    line = f"argosy status -n {kube.namespace} sh"
    bash = {"COMP_WORDS": line, "COMP_CWORD": "4", "_ARGOSY_COMPLETE": "complete_bash"}
    here = ("-n", kube.namespace)
    offers: dict[tuple[str, ...], list[str]] = {
        ("status", *here, "sh"): ["shop", ":4"],
        ("why", *here, "server/shop-db"): ["server/shop-db-0", "server/shop-db-1", ":4"],
        ("hold", *here, "shop-web-5"): ["shop-web-5", ":4"],
        ("cancel", *here, ""): ["operation/", "build/", ":4"],
    }

    def offered() -> bool:
        # Whom the API server keeps waiting is offered nothing, and presses Tab once more.
        found = {words: complete(*words) for words in offers}
        return complete(program="main", **bash) == ["shop"] and found == offers

    kube.wait_until("all that fits is offered", offered)
    assert "server/" in complete("why", *here, "se")


def test_logs_of_many_servers_come_as_one(
    terminal: Terminal, shop: App, kube: Kube, place: Place
) -> None:
    """Each line is under its server's name; -f goes on, with servers that come later too."""
    log = kwok.log_file(terminals.owner(place).dir)
    log.write_text("2026-01-01T00:00:00.000000001Z stdout F hello [there]\n")
    said = terminal.run("logs", "shop", "--component", "web")
    assert sorted(said.splitlines()) == [f"web-{each} hello [there]" for each in range(6)]
    assert terminal.run("logs", "shop", "--server", "shop-db-1") == "db-1 hello [there]\n"
    child = terminal.spawn("logs", "shop", "--component", "web", "-f", "--tail", "0")
    kube.wait_until("a line comes", lambda: _printed(child, log, "web-5.* again"))
    shop.component()["replicas"] = 7
    shop.apply()
    kube.wait_until("the new one's comes", lambda: _printed(child, log, "web-6.* again"))
    child.sendintr()
    code, shown = end(child)
    assert code == 130
    assert "Traceback" not in shown


def _printed(child: pexpect.spawn[str], log: Path, expected: str) -> bool:
    """Let the servers print a line, and return whether it was seen."""
    with log.open("a") as file:
        file.write("2026-01-01T00:00:01.000000001Z stdout F again\n")
    return child.expect([expected, pexpect.TIMEOUT], timeout=1) == 0


def test_all_namespaces_labels_and_contexts_choose_what_is_shown(
    terminal: Terminal, kube: Kube, place: Place
) -> None:
    """-A, -l and --context mean what they mean to kubectl."""
    for name, tier in (("one", "front"), ("two", "back")):
        kube.app(component("web", replicas=1), name=name).apply()
        kube.patch(Resource.APPLICATIONS, name, {"metadata": {"labels": {"tier": tier}}})
    for verb in ("status", "top"):
        chosen = terminal.run(verb, "-l", "tier=front", "-o", "name")
        assert chosen == "application.argosy.dev/one\n"
    assert terminal.run("top", "-l", "tier in (back)", "-o", "name").strip().endswith("/two")
    elsewhere = Terminal(terminals.owner(place).kubeconfig, "default")
    assert "No applications in namespace default" in elsewhere.run("top")
    assert kube.namespace in elsewhere.run("top", "-A")
    config = yaml.safe_load(terminals.owner(place).kubeconfig.read_text())
    context = config["current-context"]
    assert "one" in terminal.run("top", "--context", context)
    assert "nowhere" in terminal.run("top", "--context", "nowhere", code=6)
    child = terminal.spawn("top", "-l", "tier=back", "-w", columns=80)
    child.expect("two")
    child.sendintr()
    assert end(child)[0] == 130


READING = {
    "status": ("status", "shop"),
    "top": ("top",),
    "why": ("why", "server/shop-web-0"),
    "explain": ("explain", "application", "shop"),
    "history": ("history", "shop"),
    "diff": ("diff", "shop"),
    "events": ("events", "shop"),
    "logs": ("logs", "shop", "--component", "db"),
    "wait": ("wait", "application/shop"),
    "report": ("report", "shop", "-f", "/dev/null"),
    "plan": ("plan", "-f", "MANIFEST"),
}
ACTING = {
    "restart": ("restart", "shop", "--component", "db", "--servers", "0"),
    "pause": ("pause", "application/shop"),
    "resume": ("resume", "application/shop"),
    "hold": ("hold", "shop-web-1"),
    "release": ("release", "shop-web-1"),
    "retry-now": ("retry-now", "serverset/shop-web"),
    "force": ("force", "server/shop-web-1"),
    "scale": ("scale", "shop", "--component", "web", "--replicas", "5"),
    "run-steps": ("run-steps", "shop", "--component", "db", "--", "true"),
    "exec": ("exec", "shop-db-0", "--", "true"),
    "delete": ("delete", "shop", "--yes"),
}


def test_the_documented_rights_are_enough(
    terminal: Terminal, shop: App, kube: Kube, place: Place, tmp_path: Path
) -> None:
    """Each command works for somebody who may do what the reference says it needs, and no more.

    What reads works with less, too: with what only refines its answer left out, it says so.
    """
    del terminal
    file = terminals.manifest(shop, tmp_path)
    kwok.log_file(terminals.owner(place).dir).write_text(
        "2026-01-01T00:00:00.000000001Z stdout F hello\n"
    )
    for name, words in (READING | ACTING).items():
        rights = declared.declared(name).rights
        needed = [each for each in rights if not each.why]
        given = [str(file) if each == "MANIFEST" else each for each in words]
        if name in READING:
            bare = _somebody(place, kube, tmp_path, f"{name}-bare", needed)
            bare.run(*given)
        somebody = _somebody(place, kube, tmp_path, name, rights)
        assert "you may not" not in somebody.run(*given), name
    shop.wait_gone()


def _somebody(
    place: Place, kube: Kube, folder: Path, name: str, rights: Sequence[declared.CommandRight]
) -> Terminal:
    """Return a terminal of somebody who may do this and nothing else."""
    here, everywhere = (
        [rule for each in rights if each.everywhere is wide for rule in each.rules()]
        for wide in (False, True)
    )
    one = terminals.owner(place)
    config = accounts.account(
        one, kube.namespace, name, *here, everywhere=everywhere, folder=folder
    )
    return Terminal(config, kube.namespace)


def test_a_dashboard_shows_a_viewer_what_they_may_read(
    kube: Kube, shop: App, place: Place, tmp_path: Path
) -> None:
    """With the rights of whoever starts it: their namespace, and no other; until Ctrl-C."""
    del shop
    viewer = terminals.viewer(place, kube, tmp_path, "viewer")
    child = viewer.spawn("dashboard", "--no-browser", columns=200)
    child.expect(r"(http://127\.0\.0\.1:\d+)/#token=([\w-]+)")
    assert isinstance(child.match, re.Match)
    url, token = child.match.groups()
    jar = urllib.request.HTTPCookieProcessor()
    browser = urllib.request.build_opener(jar)
    with pytest.raises(urllib.error.HTTPError, match="401"):
        browser.open(f"{url}/applications/{kube.namespace}/shop")
    with browser.open(f"{url}/sign-in", urllib.parse.urlencode({"token": token}).encode()) as first:
        assert "1 of 1 application." in first.read().decode()
    mine = f"{url}/applications/{kube.namespace}/shop"
    for page, told in (
        (mine, "6/6 available"),
        (f"{mine}/revisions", "target"),
        (f"{mine}/logs?server=shop-web-0", "shop-web-0"),
        (f"{url}/why/{kube.namespace}/application/shop", "nothing: all is as asked for"),
        (f"{url}/preview?application={kube.namespace}/shop", "kind: Application"),
    ):
        with browser.open(page) as answer:
            assert told in answer.read().decode(), page
    for page, code in ((f"{url}/applications/default/shop", "404"), (f"{url}/fleets", "403")):
        with pytest.raises(urllib.error.HTTPError, match=code):
            browser.open(page)
    child.sendintr()
    assert end(child)[0] == 130
