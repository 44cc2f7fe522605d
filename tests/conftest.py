"""What holds for all tests: speed does not matter, what is slow stands apart, no task is left.

And a run has one cloud, whichever folders its tests are in.
"""

import hypothesis

from devcluster.openstack.fixtures import own_cloud, tenant
from tests.suite.apart import pytest_collection_modifyitems
from tests.suite.leaks import pytest_runtest_teardown, pytest_sessionfinish

__all__ = [
    "own_cloud",
    "pytest_collection_modifyitems",
    "pytest_runtest_teardown",
    "pytest_sessionfinish",
    "tenant",
]

hypothesis.settings.register_profile(
    "argosy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("argosy")
