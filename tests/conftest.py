"""What holds for all tests: speed does not matter, what is slow stands apart, no task is left."""

import hypothesis

from tests.suite.apart import pytest_collection_modifyitems
from tests.suite.leaks import pytest_runtest_teardown, pytest_sessionfinish

__all__ = ["pytest_collection_modifyitems", "pytest_runtest_teardown", "pytest_sessionfinish"]

hypothesis.settings.register_profile(
    "argosy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("argosy")
