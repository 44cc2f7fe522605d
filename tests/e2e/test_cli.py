"""`kubectl argosy` acting, as people type it: in a terminal, on a real API server."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
import yaml

from controller.api import names
from controller.api.resources import Resource
from devcluster import client
from tests.e2e.driving import HOOK, MADE, App, Kube, Place, component, is_ready
from tests.e2e.terminals import Terminal, end, kube, place, pods, shop, terminal, verdict

__all__ = ["kube", "place", "shop", "terminal"]

pytestmark = pytest.mark.e2e


GATED = "shop-web-0"
BY_ONE = ("shop", "--concurrency", "1")


@pytest.fixture
def gated_shop(kube: Kube) -> App:
    """A shop whose first server comes up only once it is let to: until then people can step in."""
    hooks = {"outcome": "hang", "only": GATED}
    app = kube.app(component("web", replicas=4, hooks=hooks), name="shop")
    app.apply()
    kube.wait_until("the first server is let through", lambda: _let_through(kube) and app.ready())
    app.wait_ready()
    return app


def _let_through(kube: Kube) -> bool:
    """Let the first server come up, if it is on its way."""
    found = kube.get(Resource.PODS, GATED)
    if found is not None and not is_ready(found):
        # It may go at this moment, and another come.
        with contextlib.suppress(client.ApiError):
            kube.annotate(Resource.PODS, GATED, outcome="ready")
    return True


def _ends(kube: Kube, name: str, reason: str) -> None:
    """Let the first server come up, however often it is made, until an operation ends so."""
    kube.wait_until(
        f"{name} is {reason}", lambda: _let_through(kube) and verdict(kube, name) == reason
    )


def test_an_operation_is_followed_to_its_end(terminal: Terminal, shop: App, kube: Kube) -> None:
    """`restart` makes an Operation, shows a bar, and ends as it ends."""
    del shop
    before = pods(kube)
    code, screen = end(terminal.spawn("restart", "shop", "--component", "web", "--name", "again"))
    assert code == 0
    assert "━" in screen
    assert "Completed" in screen
    assert verdict(kube, "again") == "Completed"
    after = pods(kube)
    changed = {name for name, uid in after.items() if before.get(name) != uid}
    assert changed == {f"shop-web-{each}" for each in range(6)}


def test_ctrl_c_leaves_an_operation_or_cancels_it(
    terminal: Terminal, gated_shop: App, kube: Kube
) -> None:
    """Ctrl-C asks; to leave is the default, `c` cancels; the cancelled one can be retried."""
    del gated_shop
    slow = ("restart", *BY_ONE, "--component", "web")
    child = terminal.spawn(*slow, "--name", "left")
    child.expect("Running")
    child.sendintr()
    child.expect(r"Leave left running, or cancel it\?")
    child.sendline("")
    assert end(child)[0] == 130
    _ends(kube, "left", "Completed")

    child = terminal.spawn(*slow, "--name", "twice")
    child.expect("Running")
    child.sendintr()
    child.expect(r"Leave twice running, or cancel it\?")
    child.sendintr()
    assert end(child)[0] == 130
    _ends(kube, "twice", "Completed")

    child = terminal.spawn(*slow, "--name", "cut")
    child.expect("Running")
    child.sendintr()
    child.expect(r"Leave cut running, or cancel it\?")
    child.sendline("c")
    assert end(child)[0] == 130
    _ends(kube, "cut", "Cancelled")
    child = terminal.spawn("retry", "cut")
    _ends(kube, "cut", "Completed")
    code, screen = end(child)
    assert code == 0
    assert "Completed" in screen
    assert "has ended already" in terminal.run("cancel", "cut", code=1)


def test_operations_are_paused_resumed_and_cancelled_by_name(
    terminal: Terminal, gated_shop: App, kube: Kube
) -> None:
    """pause, resume and cancel act on an operation that was left running."""
    del gated_shop
    terminal.run("replace", *BY_ONE, "--detach", "--name", "slow")
    terminal.run("pause", "operation/slow")
    kube.wait_until("it is paused", lambda: verdict(kube, "slow") == "Paused")
    assert "Paused" in terminal.run("why", "operation/slow")
    terminal.run("resume", "operation/slow")
    child = terminal.spawn("wait", "operation/slow")
    _ends(kube, "slow", "Completed")
    assert end(child)[0] == 0
    terminal.run("replace", *BY_ONE, "--detach", "--name", "stopped")
    terminal.run("pause", "operation/stopped")
    terminal.run("cancel", "stopped")
    child = terminal.spawn("wait", "operation/stopped")
    _ends(kube, "stopped", "Cancelled")
    code, screen = end(child)
    assert code == 1
    assert "Cancelled" in screen


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
    kube.wait_until("two more", lambda: len(pods(kube)) == 10)
    terminal.run("retry-now", "application/shop")
    changed = kube.get(Resource.APPLICATIONS, "shop")
    assert changed is not None
    assert names.RETRY_NOW_ANNOTATION in changed["metadata"]["annotations"]
    assert "no component 'nope', but db, web" in terminal.run(
        "restart", "shop", "--component", "nope", code=2
    )


def test_commands_run_in_servers(terminal: Terminal, shop: App, kube: Kube) -> None:
    """`exec` runs a command in one server, `run` in many as an operation that can be retried."""
    del shop
    child = terminal.spawn("exec", "shop-web-1", columns=93)
    child.expect("[#$] ")
    # The size goes its own way: nothing says that a shell has it before it reads its first line.
    asked = 'until [ "$(stty size)" = "{}" ]; do :; done; echo it is {}'
    child.sendline(asked.format("50 93", "wi''de"))
    child.expect("it is wide")
    child.setwinsize(40, 71)
    child.sendline(asked.format("40 71", "nar''row"))
    child.expect("it is narrow")
    child.sendline("exit")
    assert end(child)[0] == 0
    assert terminal.run("exec", "shop-web-1", "--", "echo", "hello") == "hello\n"
    told = terminal.run("run", "shop", "--component", "web", "--name", "steps", "--", "true")
    assert "Completed" in told
    failed = terminal.run(
        "run", "shop", "--component", "web", "--name", "bad", "--", "false", code=1
    )
    assert "kubectl argosy retry bad" in failed
    assert verdict(kube, "bad") == "Failed"
    assert "has no step 'nope', but run" in terminal.run("retry", "bad", "--from", "nope", code=2)


def test_an_operation_is_left_to_itself(terminal: Terminal, shop: App, kube: Kube) -> None:
    """--detach prints the operation's name, which `wait` and kubectl take, and does not follow."""
    del shop
    before = pods(kube)
    said = terminal.run("replace", "shop", "-c", "web", "--servers", "2", "--detach").split()
    assert said[1:] == ["created"]
    name = said[0].removeprefix("operation.argosy.dev/")
    assert name.startswith("shop-replace-")
    assert "Succeeded=True" in terminal.run("wait", f"operation/{name}")
    assert verdict(kube, name) == "Completed"
    after = pods(kube)
    assert {each for each in after if after[each] != before.get(each)} == {"shop-web-2"}


def test_a_snapshot_is_refused_where_it_cannot_be_taken(
    terminal: Terminal, shop: App, kube: Kube
) -> None:
    """Pods have none to take: the operation fails at once, says so, and touches no server."""
    del shop
    before = pods(kube)
    said = terminal.run("snapshot", "shop", "--component", "db", "--name", "never", code=1)
    assert "fleet pods cannot do Snapshot" in said
    assert f"kubectl argosy why operation/never -n {kube.namespace}" in said
    assert verdict(kube, "never") == "Failed"
    assert pods(kube) == before


def test_a_snapshot_is_taken_where_it_can_be(terminal: Terminal, kube: Kube, place: Place) -> None:
    """Servers of a fleet that can, in memory here, are taken a snapshot of, each of them once."""
    fleet = f"memory-{kube.namespace}"
    body = {"metadata": {"name": fleet}, "spec": {"provider": "memory"}}
    made = {"apiVersion": names.API_VERSION, "kind": "Fleet", **body}
    place.api.create("/apis/argosy.dev/v1alpha1/fleets", made)
    app = kube.app(component("vm", replicas=2), name="machines", fleet=fleet)
    app.apply()
    app.wait_ready()
    assert "Completed" in terminal.run("snapshot", "machines", "--name", "kept")
    found = kube.get(Resource.OPERATIONS, "kept")
    assert found is not None
    assert found["status"]["progress"] == "2/2"
    assert "leaves nothing to take up" in terminal.run("retry", "kept", code=1)
    terminal.run("delete", "machines", "--yes")
    kube.remove_fleet(fleet)


def test_a_rollout_is_taken_back(terminal: Terminal, shop: App, kube: Kube) -> None:
    """Rollback leaves a revision that never became ready: what ran before runs again, and stays."""
    before = shop.counts()["revision"]
    shop.component()["template"]["metadata"] = {"annotations": {HOOK + "outcome": "fail"}}
    shop.apply()
    kube.wait_until("one is down", lambda: shop.counts().get("available") == 5)
    assert "Completed" in terminal.run("rollback", "shop", "--component", "web", "--name", "back")
    kube.wait_until("all are back", lambda: shop.counts().get("available") == 6)
    assert shop.counts()["revision"] == before
    assert "rejected: RollBack" in terminal.run("history", "shop", "--component", "web")
    told = terminal.run("why", "application/shop")
    assert "RolledBack" in told
    assert f"kubectl argosy retry-now application/shop -n {kube.namespace}" in told


def test_steps_are_read_from_a_file(terminal: Terminal, shop: App, tmp_path: Path) -> None:
    """Run -f takes a list of steps; the failure of one names the server, and a retry goes on."""
    del shop
    steps = "- {name: first, exec: {command: ['true']}}\n- {name: second, exec: {command: [sh, -c, "
    file = tmp_path / "steps.yaml"
    file.write_text(steps + "'test $(WORD) = good']}}\n")
    words = ("run", "shop", "-c", "web", "--servers", "0-1", "-f", str(file), "--name", "two")
    failed = terminal.run(*words, "-p", "WORD=bad", code=1)
    assert "shop-web-0 second" in failed
    assert "Completed" in terminal.run("retry", "two", "--from", "second", "-p", "WORD=good")


def test_what_does_not_go_is_forced(terminal: Terminal, shop: App, kube: Kube) -> None:
    """Force ends the wait for a server's instance; where nothing is to go nothing changes."""
    del shop
    terminal.run("force", "server/shop-web-0")
    one = kube.get(Resource.SERVERS, "shop-web-0") or {}
    pod = kube.get(Resource.PODS, "shop-web-0") or {}
    assert one["metadata"]["annotations"]["argosy.dev/force"] == pod["metadata"]["uid"]
    before = kube.get(Resource.APPLICATIONS, "shop") or {}
    terminal.run("force", "application/shop", code=1)
    after = kube.get(Resource.APPLICATIONS, "shop") or {}
    assert after["spec"] == before["spec"]


def test_exit_codes_tell_ends_apart(terminal: Terminal, shop: App, kube: Kube) -> None:
    """What a script must know: not there, too late, the opposite, a wrong command line."""
    del shop
    assert "does not exist" in terminal.run("why", "server/shop-web-9", code=4)
    late = terminal.run("wait", "server/shop-web-0", "--for", "Stalled", "--timeout", "1", code=5)
    assert f"kubectl argosy why server/shop-web-0 -n {kube.namespace}" in late
    assert "must be one of" in terminal.run("pause", "server/shop-web-0", code=2)
    terminal.run("logs", "nope", "-f", code=4)
    kube.app(component("web", replicas=1), name="lost", fleet="nowhere").apply()
    assert "UnknownFleet" in terminal.run("wait", "application/lost", code=1)
    assert "has several: name one with -c" in terminal.run(
        "scale", "shop", "--replicas", "3", code=2
    )


def test_plan_says_what_a_rename_leaves_behind(
    terminal: Terminal, kube: Kube, tmp_path: Path
) -> None:
    """The claims of the component of old are named as kept, and they are; nothing goes unnamed."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    data = {"name": "data", "spec": spec, "whenDeleted": "Delete"}
    cache = {"name": "cache", "spec": spec, "whenDeleted": "Delete", "whenScaled": "Delete"}
    app = kube.app(component("db", volumeClaims=[data, cache]), name="ledger")
    app.apply()
    app.wait_ready()
    app.component("db")["name"] = "store"
    file = tmp_path / "ledger.yaml"
    head = {"apiVersion": names.API_VERSION, "kind": "Application"}
    body = {**head, "metadata": {"name": "ledger"}, "spec": app.spec}
    file.write_text(yaml.safe_dump(body))
    told = terminal.run("plan", "-f", str(file))
    assert "Claims deleted with their data: cache-ledger-db-0, cache-ledger-db-1" in told
    assert "Claims kept, with their data: data-ledger-db-0, data-ledger-db-1" in told
    app.apply()
    app.wait_ready()
    kept = {"data-ledger-db-0", "data-ledger-db-1"}
    kube.wait_until(
        "nothing is left of the old one but what was said to stay",
        lambda: {name for each in MADE for name in kube.list(each, component="db")} == kept,
    )


def test_delete_shows_what_goes_and_asks(terminal: Terminal, shop: App, kube: Kube) -> None:
    """Delete tells the order and asks; no leaves all as it is; yes sees it gone."""
    del shop
    child = terminal.spawn("delete", "shop")
    child.expect("1. web: delete shop-web-0, shop-web-1")
    child.expect("2. db: delete shop-db-0, shop-db-1")
    child.expect(r"Delete shop\? \[y/N\]")
    child.sendline("n")
    assert end(child)[0] == 1
    child = terminal.spawn("delete", "shop")
    child.expect(r"Delete shop\? \[y/N\]")
    child.sendintr()
    assert end(child)[0] == 130
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
    assert not pods(kube)
    assert "does not exist" in terminal.run("status", "shop", code=4)
