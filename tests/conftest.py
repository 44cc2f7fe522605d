"""What holds for all tests: no property depends on how fast the machine is; flakes stand apart."""

import hypothesis

from tests.suite.quarantine import pytest_collection_modifyitems

__all__ = ["pytest_collection_modifyitems"]

hypothesis.settings.register_profile(
    "argosy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("argosy")
