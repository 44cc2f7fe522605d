"""Chance in tests: the same in every run, so that what fails fails again, for everybody.

Hypothesis plays the same examples each time, and `random` begins each test at the same place.
EXPLORE=1 has hypothesis draw other examples, as `make test-lives` does.
"""

from __future__ import annotations

import hashlib
import os
import random

import hypothesis
import pytest
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

# Of hypothesis 6.170; where another version has no such function, test_draws tells.
_LOCAL_CONSTANTS = "_get_local_constants"


def settle() -> None:
    """Have hypothesis draw the same examples in every run, or others where these are asked for."""
    quiet = [hypothesis.HealthCheck.too_slow]
    # Speed does not matter.
    usual = hypothesis.settings(deadline=None, suppress_health_check=quiet, database=None)
    hypothesis.settings.register_profile("argosy", usual, derandomize=True)
    # What is found is played again by what is printed with it.
    hypothesis.settings.register_profile("explore", usual, print_blob=True)
    hypothesis.settings.load_profile("explore" if os.environ.get("EXPLORE") == "1" else "argosy")
    # Of what it draws hypothesis takes a part from the constants in our modules, of those that are
    # loaded by then: which these are is another worker's choice each time, even for a given seed.
    if hasattr(providers, _LOCAL_CONSTANTS):
        none = Constants()
        setattr(providers, _LOCAL_CONSTANTS, lambda: none)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Have `random` begin where it begins for this test, whatever ran before it."""
    random.seed(hashlib.sha256(item.nodeid.encode()).digest())
