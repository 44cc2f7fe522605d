"""Fixtures for the tests of devcluster itself."""

from devcluster.fixtures import new_cluster
from devcluster.openstack.fixtures import own_cloud, tenant

__all__ = ["new_cluster", "own_cloud", "tenant"]
