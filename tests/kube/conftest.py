"""The fixtures of tests that can also run against a real API server."""

from devcluster.fixtures import api, kubeconfig, namespace, shared_cluster

__all__ = ["api", "kubeconfig", "namespace", "shared_cluster"]
