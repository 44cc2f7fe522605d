"""A cluster that kind makes, for `demo` where that is asked for: a real node, in a container.

Nothing is built but Helm. The cluster has a name of its own, so another one of kind's is never
touched, and is deleted whole afterwards; its kubeconfig is not merged into anybody's.
"""

import base64
import shutil
import subprocess

import yaml

from devcluster import cluster, controlplane, errors, progress

NAME = "argosy-demo"
INSTALL = "install it with Docker (https://kind.sigs.k8s.io), or leave CLUSTER=kind out"
CREATE_SECONDS = 300


class Kind(cluster.Cluster):
    """A cluster in a container of this machine: `start` and `stop` are all that it knows."""

    def start(self, settings: controlplane.Settings | None = None) -> None:
        """Create the cluster, with the nodes that kind gives it, and wait until it can run pods."""
        del settings
        if shutil.which("kind") is None:
            raise errors.MissingToolError("kind", INSTALL)
        (self.dir / "logs").mkdir(parents=True, exist_ok=True)
        argv = ["kind", "create", "cluster", "--name", NAME, "--kubeconfig", str(self.kubeconfig)]
        progress.run(
            [*argv, "--wait", f"{CREATE_SECONDS}s"],
            self.dir / "logs" / "kind.log",
            "kind create cluster",
            self.say,
        )
        (found,) = yaml.safe_load(self.kubeconfig.read_text())["clusters"]
        authority = base64.b64decode(found["cluster"]["certificate-authority-data"])
        (self.dir / "pki").mkdir(exist_ok=True)
        (self.dir / "pki" / "ca.crt").write_bytes(authority)
        self.wait("the namespace default", self._namespace_usable)

    def stop(self) -> None:
        """End the operators and delete the cluster, if there is one of that name."""
        super().stop()
        if shutil.which("kind") is None:
            return
        argv = ["kind", "delete", "cluster", "--name", NAME, "--kubeconfig", str(self.kubeconfig)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            raise errors.DevclusterError(f"kind delete cluster failed:\n{done.stderr.strip()}")
