"""`make demo`: an application lives its life on a real Kubernetes, and one watches.

A cluster of its own in `.devcluster/demo` is started, the chart installed, two operators run; then
the shop of `examples/` comes up, is scaled, loses a pod and an operator, rolls out an update, and
is deleted. Everything is ended afterwards, also when interrupted; run twice it starts afresh. With
`make demo CLUSTER=kind` the cluster is one that kind makes, and deletes; with CLUSTER=given the one
that $KUBECONFIG names, from which all is taken away again that came with the demo.
"""

import argparse
import copy
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import rich.console
import rich.live
import yaml

from devcluster import client, cluster, controlplane, errors, given, kind, operator, picture

EXAMPLE = operator.CHECKOUT / "examples" / "shop.yaml"
FOLDER = operator.CHECKOUT / ".devcluster" / "demo"
NAMESPACE = "default"
APPLICATIONS = f"/apis/argosy.dev/v1alpha1/namespaces/{NAMESPACE}/applications"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
# A real node pulls images first.
STEP_SECONDS, PULL_SECONDS = 120, 600
# The update: an image that nobody has to have, where nodes are simulated.
FAKE_UPDATE, REAL_UPDATE = "python:3.11-slim-bookworm-slim", "python:3.12-slim-bookworm"
FRAME_SECONDS = 0.2
# How long what has been reached stays in view before the next thing happens.
LOOK_SECONDS = 2.0
AGAIN_SECONDS = 1.0
CLUSTERS: dict[str, type[cluster.Cluster]] = {
    "own": cluster.Cluster,
    "kind": kind.Kind,
    "given": given.Given,
}
# Whoever ends it by another way than Ctrl-C gets the same clean-up.
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)


class Demo:
    """The shop on one cluster: what is done to it, and the picture of it meanwhile."""

    def __init__(
        self,
        owner: cluster.Cluster,
        operators: Sequence[operator.Operator],
        live: rich.live.Live,
    ) -> None:
        self._owner = owner
        self._operators = operators
        self._api = owner.client
        self._live = live
        self._is_real = isinstance(owner, kind.Kind | given.Given)
        self._manifest: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text())
        self._path = f"{APPLICATIONS}/{self._manifest['metadata']['name']}"
        self._picture = picture.Picture(self._api, NAMESPACE, self._manifest["metadata"]["name"])

    def come_up(self) -> None:
        """Apply the example as it is."""
        self._step("kubectl apply -f examples/shop.yaml", "web waits for db, then comes up at once")
        self._apply()
        self._wait(self._ready)

    def scale(self, replicas: int) -> None:
        """Change how many web servers there are."""
        self._step(f"web: replicas {replicas}", "new servers take the next free ordinals")
        self._web["replicas"] = replicas
        self._apply()
        self._wait(self._ready)

    def heal(self) -> None:
        """Delete a pod behind the operator's back."""
        pod = f"{PODS}/shop-web-3"
        before = self._api.get(pod)["metadata"]["uid"]
        self._step("kubectl delete pod shop-web-3", "the server stays and gets a new pod")
        self._api.delete(pod)
        self._wait(lambda: self._uid(pod) not in {None, before} and self._ready())

    def roll(self) -> None:
        """Change the image, and kill the operator that leads while it is rolled out."""
        pods = {each["metadata"]["name"]: each["metadata"]["uid"] for each in self._pods()}
        self._step(
            "web: a new image, a fifth of the servers at a time; then kill -9 the operator",
            "in place: pods keep their UIDs; the standby takes over when the Lease runs out",
        )
        container = self._web["template"]["spec"]["containers"][0]
        container["image"] = REAL_UPDATE if self._is_real else FAKE_UPDATE
        self._apply()
        self._wait(lambda: self._updated() > 0)
        for each in self._operators:
            if each.name == self._leader():
                each.kill()
        self._wait(self._ready)
        now = {each["metadata"]["name"]: each["metadata"]["uid"] for each in self._pods()}
        same = len(pods.items() & now.items())
        self._say(f"{same} of {len(pods)} pods are still the same pods")

    def delete(self) -> None:
        """Delete the application, and wait until nothing is left of it."""
        self._step("kubectl delete argapp shop", "web goes first, then db")
        self._api.delete(self._path)
        self._wait(lambda: self._uid(self._path) is None and not self._pods())

    def _step(self, done: str, why: str) -> None:
        self._live.console.print(f"\n[bold cyan]$ {done}[/]\n  [dim]{why}[/]")
        self._picture.begin()

    def _say(self, line: str) -> None:
        self._live.console.print(f"  [dim]{line}[/]")

    def _wait(self, reached: Callable[[], bool]) -> None:
        began = time.monotonic()
        most = PULL_SECONDS if self._is_real else STEP_SECONDS
        while not reached():
            if not any(each.alive for each in self._operators):
                raise errors.DevclusterError(
                    f"no operator runs any more; their logs are in {self._owner.dir}/logs"
                )
            if time.monotonic() - began > most:
                raise errors.DevclusterError(
                    f"not reached in {most} s; logs are in {self._owner.dir}/logs"
                )
            self._live.update(self._picture.draw())
            time.sleep(FRAME_SECONDS)
        took = time.monotonic() - began
        self._live.console.print(f"  [green]done in {took:.1f} s[/]")
        if not self._live.console.is_terminal:
            self._live.console.print(self._picture.draw())
            return
        until = time.monotonic() + LOOK_SECONDS
        while time.monotonic() < until:
            self._live.update(self._picture.draw())
            time.sleep(FRAME_SECONDS)

    @property
    def _web(self) -> dict[str, Any]:
        components: list[dict[str, Any]] = self._manifest["spec"]["components"]
        return next(each for each in components if each["name"] == "web")

    def _apply(self) -> None:
        self._api.apply(self._path, copy.deepcopy(self._manifest), manager="demo")

    def _ready(self) -> bool:
        found = self._api.get(self._path)
        status = found.get("status", {})
        if status.get("observedGeneration") != found["metadata"]["generation"]:
            return False
        return any(
            each["type"] == "Ready" and each["status"] == "True"
            for each in status.get("conditions", [])
        )

    def _updated(self) -> int:
        components = self._api.get(self._path).get("status", {}).get("components", [])
        return sum(each.get("updated", 0) for each in components if each["name"] == "web")

    def _pods(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._api.get(
            f"{PODS}?labelSelector=argosy.dev/application=shop"
        )["items"]
        return found

    def _uid(self, path: str) -> str | None:
        try:
            return str(self._api.get(path)["metadata"]["uid"])
        except client.ApiError as error:
            if error.status == client.NOT_FOUND:
                return None
            raise

    def _leader(self) -> str:
        lease = self._api.get(
            f"/apis/coordination.k8s.io/v1/namespaces/{operator.NAMESPACE}/leases/argosy-leader"
        )
        return str(lease["spec"].get("holderIdentity", ""))


def interrupt(*_: object) -> None:
    """End the demo: again and again until the clean-up begins, as finalizers swallow what they get.

    Called for the signals in ENDS.
    """
    signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS)
    raise KeyboardInterrupt


def insist() -> None:
    """Let nobody who is impatient and interrupts again leave half of it behind."""
    for each in ENDS:
        signal.signal(each, signal.SIG_IGN)


def main() -> int:
    """Show the demo; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m devcluster.demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the cluster running afterwards")
    parser.add_argument("--dir", type=Path, default=FOLDER, metavar="D", help="the demo's folder")
    parser.add_argument("--nodes", type=int, default=5, help="fake nodes (default 5)")
    parser.add_argument("--cluster", choices=CLUSTERS, default="own", help="whose Kubernetes (own)")
    options = parser.parse_args()
    for each in ENDS:
        signal.signal(each, interrupt)
    console = rich.console.Console(highlight=False)
    owner = CLUSTERS[options.cluster](options.dir, lambda line: console.print(f"  [dim]{line}[/]"))
    try:
        owner.stop()  # what an earlier run was not let to end
        show(owner, console, options.nodes)
    except errors.DevclusterError as error:
        console.print(f"[red]demo: {error}[/]")
        return 1
    except KeyboardInterrupt:
        insist()
        console.print("\n[yellow]interrupted[/]")
        return 130
    finally:
        insist()
        if options.keep:
            console.print(f"\nexport KUBECONFIG={owner.kubeconfig}")
        else:
            what = "Tidying up" if isinstance(owner, given.Given) else "Ending the cluster"
            console.print(f"\n[bold]{what}[/]")
            owner.stop()
    return 0


def show(owner: cluster.Cluster, console: rich.console.Console, nodes: int) -> None:
    """Start everything, then let the shop live its life."""
    if isinstance(owner, kind.Kind):
        console.print("[bold]A Kubernetes that kind makes[/]: a real node, in a container")
    elif isinstance(owner, given.Given):
        console.print(f"[bold]A Kubernetes that is given[/]: {owner.kubeconfig}")
    else:
        console.print("[bold]A Kubernetes of its own[/]: etcd, API server, controllers, fake nodes")
    owner.start(controlplane.Settings(nodes=nodes))
    console.print("[bold]Argosy[/]: the chart, and two operators under its ServiceAccount")
    operators = operator.run(owner, replicas=2)
    with rich.live.Live(console=console, auto_refresh=console.is_terminal, transient=True) as live:
        demo = Demo(owner, operators, live)
        demo.come_up()
        demo.scale(15)
        demo.heal()
        demo.roll()
        demo.delete()
    console.print("\n[bold green]That was an application's life.[/] docs/README.md says more.")


if __name__ == "__main__":
    sys.exit(main())
