"""A cluster that somebody has, for `demo` where that is asked for: what was there stays as it was.

$KUBECONFIG names it, with a client certificate or a token in its current context. Only Helm is
built. The chart, its CRDs and the namespace argosy come and go with the demo, so a cluster that has
one of them already is refused before anything is changed.
"""

import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from devcluster import client, cluster, controlplane, errors, operator

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
HOME = f"/api/v1/namespaces/{operator.NAMESPACE}"
SUFFIX = ".argosy.dev"


class Given(cluster.Cluster):
    """A cluster of somebody's: `start` and `stop` are what a demo may do to it."""

    def __init__(self, folder: Path, say: Callable[[str], None] = cluster.quiet) -> None:
        super().__init__(folder, say)
        named = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
        self.kubeconfig = Path(named).resolve() if named else Path.home() / ".kube" / "config"
        # That this demo has begun, and what is Argosy's there is its own.
        self._begun = self.dir / "begun"

    def start(self, settings: controlplane.Settings | None = None) -> None:
        """See that nobody's Argosy is there; raises DevclusterError where it is."""
        del settings
        if not self.kubeconfig.is_file():
            raise errors.DevclusterError(
                f"no kubeconfig in {self.kubeconfig}: make demo CLUSTER=given KUBECONFIG=…"
            )
        there = [*self._crds(), *self._home()]
        if there:
            raise errors.DevclusterError(
                f"the cluster has {', '.join(there)} already: the demo installs Argosy and takes it"
                " away again, so it runs where there is none"
            )
        (self.dir / "pki").mkdir(parents=True, exist_ok=True)
        (self.dir / "pki" / "ca.crt").write_bytes(self._authority())
        self._begun.touch()

    def stop(self) -> None:
        """Take away what the demo has brought, while an operator is there to tidy up; then that."""
        if self._begun.exists():
            self._delete_applications()
            operator.stop(self)
            operator.helm(self, ["uninstall", operator.RELEASE, "--no-hooks", "--ignore-not-found"])
            for name in self._crds():
                self.client.delete(f"{CRDS}/{name}")
            if self._home():
                self.client.delete(HOME)
            self.wait("what the demo brought to be gone", lambda: not self._crds() + self._home())
        super().stop()

    def _delete_applications(self) -> None:
        """Have applications go that an interrupted demo left, by operators that still run."""
        if not self._crds():
            return
        for each in self._applications():
            self.client.delete(f"{operator.APPLICATIONS}/{each['metadata']['name']}")
        for each in operator.running(self):
            if not each.alive:
                each.start()
        self.wait("applications to be gone", lambda: not self._applications())

    def _applications(self) -> list[Any]:
        return list(self.client.get(operator.APPLICATIONS)["items"])

    def _crds(self) -> list[str]:
        found = [each["metadata"]["name"] for each in self.client.get(CRDS)["items"]]
        return [each for each in found if each.endswith(SUFFIX)]

    def _home(self) -> list[str]:
        try:
            self.client.get(HOME)
        except client.ApiError as error:
            if error.status != client.NOT_FOUND:
                raise
            return []
        return [f"namespace/{operator.NAMESPACE}"]

    def _authority(self) -> bytes:
        config = yaml.safe_load(self.kubeconfig.read_text())
        chosen = {each["name"]: each["context"] for each in config["contexts"]}
        name = chosen[config["current-context"]]["cluster"]
        found = next(each["cluster"] for each in config["clusters"] if each["name"] == name)
        if "certificate-authority" in found:
            path = self.kubeconfig.parent / str(found["certificate-authority"])
            return path.read_bytes()
        return base64.b64decode(found.get("certificate-authority-data", ""))
