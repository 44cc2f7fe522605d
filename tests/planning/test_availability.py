"""What counts as a server's failure for good: a table."""

from __future__ import annotations

import pytest

from controller.api import conditions, objects
from controller.planning import availability

META = objects.Meta(name="shop-web-0", namespace="shop", generation=2)
SPEC = objects.ServerSpec(application="shop", component="web", ordinal=0)


def _server(reason: str, *, status: str = "True", observed: int = 2) -> objects.Server:
    stalled = conditions.Condition(
        type="Stalled", status=status, reason=reason, observed_generation=observed
    )
    return objects.Server(
        metadata=META,
        spec=SPEC,
        status=objects.ServerStatus(conditions=(stalled,)),
    )


@pytest.mark.parametrize(
    ("server", "failed"),
    [
        (_server("AttemptsExhausted"), True),
        (_server("NameTaken"), True),
        (_server("Held"), False),
        (_server("AttemptsExhausted", status="False"), False),
        (_server("AttemptsExhausted", observed=1), False),
        (objects.Server(metadata=META, spec=SPEC), False),
    ],
)
def test_failure_for_good_is_what_nobody_looks_into(server: objects.Server, failed: bool) -> None:
    """Only a verdict on the present spec counts, and none while a person holds the server."""
    assert availability.failed_for_good(server) is failed
