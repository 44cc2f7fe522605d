"""A cluster, the chart, and one operator behind a proxy: what every fault run needs.

`matrix` and `mix` share one rig for all their runs; it starts the operator again whenever it has
ended, as a kubelet would.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from devcluster import client, cluster, controlplane, operator, processes
from proof.faults import chance, crash, proxy, serving

NODES = 10
POLL_SECONDS = 0.1
LEASE = "/apis/coordination.k8s.io/v1/namespaces/argosy/leases/argosy-leader"
_OFF = chance.Faults()


class Rig:
    """A running rig; made by `running`."""

    def __init__(
        self, owner: cluster.Cluster, process: operator.Operator, handle: serving.Handle
    ) -> None:
        self.cluster = owner
        self.operator = process
        self.proxy = handle.proxy
        self._handle = handle
        self._ended = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)
        self._keeper.start()

    @property
    def client(self) -> client.Client:
        """A client with the administrator's rights."""
        return self.cluster.client

    @property
    def written(self) -> int:
        """How many writes the operator has sent so far."""
        return len(self.proxy.writes)

    def crash_at(self, number: int, moment: crash.Moment) -> crash.Crash:
        """Have the operator killed at the write of this number, counted from now."""
        planned = crash.Crash(
            number=self.written + number, moment=moment, strike=self.operator.kill
        )
        self._handle.do(lambda: setattr(self.proxy, "crash_at", planned))
        return planned

    def suffer(self, faults: chance.Decider) -> None:
        """Let requests go wrong in this way from now on."""

        def apply() -> None:
            self.proxy.faults = faults
            self.proxy.crash_at = None

        self._handle.do(apply)

    def recover(self) -> None:
        """Let nothing go wrong any more."""
        self.suffer(_OFF)

    def hold_watches(self) -> None:
        """Hold back all events of all watches."""
        self._handle.do(self.proxy.hold_watches)

    def release_watches(self) -> None:
        """Let held events flow."""
        self._handle.do(self.proxy.release_watches)

    def close(self) -> None:
        """Leave the operator alone."""
        self._ended.set()
        self._keeper.join()

    def _keep(self) -> None:
        """Start the operator when it has ended. The Lease of a dead process guards nothing."""
        while not self._ended.wait(POLL_SECONDS):
            if not self.operator.alive:
                with contextlib.suppress(client.ApiError):
                    self.client.delete(LEASE)
                self.operator.start()


@contextlib.contextmanager
def running(folder: Path, say: Callable[[str], None], *, log: Path | None = None) -> Iterator[Rig]:
    """Start a cluster with a full audit log and an operator behind a proxy; end all of it."""
    owner = cluster.Cluster(folder, say)
    try:
        owner.start(controlplane.Settings(nodes=NODES, audit="full"))
        with in_front_of(owner, log=log) as rig:
            yield rig
    finally:
        owner.stop()


@contextlib.contextmanager
def in_front_of(owner: cluster.Cluster, *, log: Path | None = None) -> Iterator[Rig]:
    """Run an operator behind a proxy on a cluster that is there; end both."""
    with contextlib.ExitStack() as stack:
        handles: list[serving.Handle] = []

        def reroute(name: str, config: Path) -> Path:
            handle = stack.enter_context(
                serving.serving(lambda: proxy.Proxy(config, name=name, log=log))
            )
            handles.append(handle)
            return handle.proxy.kubeconfig_path

        (process,) = operator.run(owner, reroute=reroute)
        stack.callback(operator.stop, owner)
        rig = Rig(owner, process, handles[0])
        stack.callback(rig.close)
        yield rig


def wait(what: str, condition: Callable[[], bool], seconds: float) -> None:
    """Wait until a condition holds; raise TimeoutError that says what has not come about."""
    began = time.monotonic()
    if not processes.wait_until(condition, seconds):
        raise TimeoutError(f"{what}: not so after {time.monotonic() - began:.0f} s")
