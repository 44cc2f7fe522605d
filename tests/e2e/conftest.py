"""The fixtures of tests against a real API server."""

from devcluster.fixtures import api, kubeconfig, namespace, new_cluster, shared_cluster

__all__ = ["api", "kubeconfig", "namespace", "new_cluster", "shared_cluster"]
