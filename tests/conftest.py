"""What holds for all tests: what is slow stands apart, no task is left, chance is always the same.

And a run has one cloud, whichever folders its tests are in.
"""

from devcluster.openstack.fixtures import own_cloud, tenant
from tests.suite.apart import pytest_collection_modifyitems
from tests.suite.draws import pytest_runtest_setup, settle
from tests.suite.leaks import pytest_runtest_teardown, pytest_sessionfinish

__all__ = [
    "own_cloud",
    "pytest_collection_modifyitems",
    "pytest_runtest_setup",
    "pytest_runtest_teardown",
    "pytest_sessionfinish",
    "tenant",
]

settle()
