"""What holds for all tests: no property depends on how fast the machine is."""

import hypothesis

hypothesis.settings.register_profile(
    "argosy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("argosy")
