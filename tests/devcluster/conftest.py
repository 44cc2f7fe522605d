"""Fixtures for the tests of devcluster itself."""

from devcluster.fixtures import new_cluster

__all__ = ["new_cluster"]
