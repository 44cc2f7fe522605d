"""A cluster, the chart, and operators behind a proxy each: what every fault run needs.

Each lane of a campaign has one rig for all its runs; it starts an operator again whenever that has
ended, as a kubelet would.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from devcluster import client, cluster, controlplane, errors, operator
from proof.faults import crash, proxy, random_faults, serving

NODES = 4
# Looking more often would load the API server with our own questions.
POLL_SECONDS = 0.1
LEASE = "/apis/coordination.k8s.io/v1/namespaces/argosy/leases/argosy-leader"
OFF = random_faults.Faults()


class Replica:
    """One operator and its way to the API server."""

    def __init__(self, process: operator.Operator, handle: serving.Handle[proxy.Proxy]) -> None:
        self.process = process
        self.proxy = handle.proxy
        self.do = handle.do

    def part(self) -> None:
        """Cut it off from the API server."""
        self.do(self.proxy.part)

    def heal(self) -> None:
        """Let it through again."""
        self.do(self.proxy.heal)


class Rig:
    """A running rig; made by `running`. Where nothing else is said, its first operator is meant."""

    def __init__(self, owner: cluster.Cluster, replicas: list[Replica]) -> None:
        self.cluster = owner
        self.replicas = replicas
        self._ended = threading.Event()
        self._keeping = threading.Lock()
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)
        self._keeper.start()

    @property
    def client(self) -> client.Client:
        """A client with the administrator's rights."""
        return self.cluster.client

    @property
    def operator(self) -> operator.Operator:
        """The first operator."""
        return self.replicas[0].process

    @property
    def proxy(self) -> proxy.Proxy:
        """Its proxy."""
        return self.replicas[0].proxy

    def crash_at(
        self,
        key: str,
        moment: crash.Moment,
        *,
        victim: Replica | None = None,
        strike: Callable[[], None] | None = None,
    ) -> crash.Crash:
        """Have an operator struck at its write of this key, counted from now; killed if not said.

        `strike` is called on the loop of the victim's proxy.
        """
        struck = victim or self.replicas[0]
        planned = crash.Crash(key=key, moment=moment, strike=strike or struck.process.kill)
        name = f"crash {moment} of {key}"
        for each in self.replicas:
            self._begin(each, name, OFF, crash_at=planned if each is struck else None)
        return planned

    def crash_at_every_write(self) -> crash.EveryWrite:
        """Have the first operator killed at all that it writes, from now on."""
        one = self.replicas[0]
        planned = crash.EveryWrite(strike=one.process.kill)
        self._begin(one, "crash at every write", OFF, crash_at=planned)
        return planned

    def suffer(self, name: str, faults: random_faults.Decider, *, page: int = 0) -> None:
        """Let requests go wrong in this way from now on."""
        for each in self.replicas:
            self._begin(each, name, faults, page=page)

    def suffer_afresh(self, name: str, faults: random_faults.Decider, *, page: int = 0) -> None:
        """Let requests go wrong in this way, from the first of a new process on."""
        with self._keeping:
            for each in self.replicas:
                each.process.kill()
            self.suffer(name, faults, page=page)

    def recover(self) -> None:
        """Let nothing go wrong any more."""
        self.suffer("calm", OFF)

    def hold_watches(self) -> None:
        """Hold back all events of all watches."""
        for each in self.replicas:
            each.do(each.proxy.hold_watches)

    def release_watches(self) -> None:
        """Let held events flow."""
        for each in self.replicas:
            each.do(each.proxy.release_watches)

    def close(self) -> None:
        """Leave the operators alone."""
        self._ended.set()
        self._keeper.join()

    @staticmethod
    def _begin(
        replica: Replica,
        name: str,
        faults: random_faults.Decider,
        *,
        crash_at: crash.Crash | None = None,
        page: int = 0,
    ) -> None:
        replica.do(lambda: replica.proxy.begin(name, faults, crash_at=crash_at, page=page))

    def _keep(self) -> None:
        """Start operators that have ended. The Lease of a lone dead process guards nothing."""
        while not self._ended.wait(POLL_SECONDS):
            with self._keeping:
                dead = [each.process for each in self.replicas if not each.process.alive]
                if dead and len(self.replicas) == 1:
                    with contextlib.suppress(client.ApiError):
                        self.client.delete(LEASE)
                for each in dead:
                    # Whoever is cut off may take longer than one start.
                    with contextlib.suppress(errors.DevclusterError):
                        each.start()


@contextlib.contextmanager
def running(folder: Path, say: Callable[[str], None], *, replicas: int = 1) -> Iterator[Rig]:
    """Start a cluster with a full audit log and operators behind proxies; end all of it.

    What goes wrong is logged in `logs/faults-NAME.jsonl` of the cluster's folder.
    """
    owner = cluster.Cluster(folder, say)
    try:
        owner.start(controlplane.Settings(nodes=NODES, audit="full"))
        with in_front_of(owner, replicas=replicas) as rig:
            yield rig
    finally:
        owner.stop()


@contextlib.contextmanager
def in_front_of(
    owner: cluster.Cluster,
    *,
    replicas: int = 1,
    values: Sequence[str] = (),
    files: Sequence[Path] = (),
) -> Iterator[Rig]:
    """Run operators behind proxies on a cluster that is there; end both.

    `values` and `files` are what the chart is told, as in `operator.run`.
    """
    with contextlib.ExitStack() as stack:
        handles: list[serving.Handle[proxy.Proxy]] = []

        def reroute(name: str, config: Path) -> Path:
            log = owner.dir / "logs" / f"faults-{name}.jsonl"
            handle = stack.enter_context(
                serving.serving(lambda: proxy.Proxy(config, rival=owner.kubeconfig, log=log))
            )
            handles.append(handle)
            return handle.proxy.kubeconfig_path

        processes = operator.run(
            owner, replicas=replicas, values=values, files=files, reroute=reroute
        )
        stack.callback(operator.stop, owner)
        rig = Rig(owner, [Replica(*each) for each in zip(processes, handles, strict=True)])
        stack.callback(rig.close)
        yield rig


def wait(what: str, condition: Callable[[], bool], seconds: float) -> None:
    """Wait until a condition holds; raise TimeoutError that says what has not come about."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"{what}: not so after {seconds:.0f} s")
        time.sleep(POLL_SECONDS)
