"""A pytest fixture that judges the history of every end-to-end test when it ends.

A conftest.py imports it by name, beside those of `devcluster.fixtures`, whose `namespace` tells
which part of the audit log is the test's own.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.api import resources
from controller.api.names import GROUP
from devcluster import client, fixtures, processes
from proof.history import journal, judgement

# The collector rests while it begins to follow kinds that are new to it, such as those of a chart
# that was just installed: up to half a minute at a time, and again where it did not get through.
PATIENCE_SECONDS = 300.0


@dataclasses.dataclass(slots=True, kw_only=True)
class Checked:
    """What a test may say of its own history; judged when the test has ended."""

    expectations: judgement.Expectations = dataclasses.field(default_factory=judgement.Expectations)
    processes: judgement.Process = dataclasses.field(default_factory=judgement.Process)


@pytest.fixture
def checked_history(request: pytest.FixtureRequest, namespace: str) -> Iterator[Checked]:
    """Hold what the test wrote to all invariants, before its namespace goes.

    Against a cluster that is not ours there is no audit log, and nothing is judged.
    """
    checked = Checked()
    yield checked
    if fixtures.GIVEN in os.environ:
        return
    log: Path = request.getfixturevalue("cluster").audit_log
    api: client.Client = request.getfixturevalue("api")
    expected = checked.expectations
    if expected.remaining is None:
        expected = dataclasses.replace(expected, remaining=remaining(api, namespace))
    judgement.check(
        log, namespaces=[namespace], expectations=expected, processes=checked.processes
    ).require()


def remaining(api: client.Client, namespace: str) -> frozenset[str]:
    """Return the UIDs of all that is in a namespace and that invariants speak of.

    What is left of an owner that has gone is the garbage collector's to take, which it does a
    moment later, and is waited for.
    """
    found: frozenset[str] = frozenset()

    def collected() -> bool:
        nonlocal found
        found, owners, owned = _listed(api, namespace)
        return owned <= owners

    processes.wait_until(collected, PATIENCE_SECONDS)
    return found


def _listed(
    api: client.Client, namespace: str
) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Return the UIDs of what invariants speak of, of our objects, and of those that own it.

    A Build is one of ours that owns a Job, though no invariant speaks of it.
    """
    found, ours, owners = set(), set(), set()
    for resource, place in resources.PLACES.items():
        judged = resource.value in journal.CHECKED
        if not place.namespaced or not (judged or resource in resources.OURS):
            continue
        for each in api.get(resources.path(resource, namespace))["items"]:
            metadata = each["metadata"]
            if resource in resources.OURS:
                ours.add(metadata["uid"])
            if judged:
                found.add(metadata["uid"])
                owners |= {
                    one["uid"]
                    for one in metadata.get("ownerReferences", [])
                    if one["apiVersion"].startswith(GROUP)
                }
    return frozenset(found), frozenset(ours), frozenset(owners)
