"""What is heard of an object that does not get on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from controller import errors
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.execution import hearing
from controller.kube import faults
from controller.planning import plan

ASKED = plan.Hear(
    resource=Resource.JOBS,
    namespace="default",
    name="one",
    uid="u-1",
    otherwise="Nobody knows.",
    why="it does not start",
)


class Api:
    """Answers one list of Events, or refuses it."""

    def __init__(self, *found: dict[str, Any], refuses: bool = False) -> None:
        self.asked: dict[str, Any] = {}
        self._found = found
        self._refuses = refuses

    async def list(self, resource: Resource, namespace: str, **asked: Any) -> bytes:
        """Return the Events."""
        self.asked = {"resource": resource, "namespace": namespace, **asked}
        if self._refuses:
            raise faults.Forbidden("events is forbidden", reason=Reason.FORBIDDEN)
        return json.dumps({"items": list(self._found)}).encode()


async def heard(api: Api) -> errors.Warned:
    """Return what is raised."""
    with pytest.raises(errors.Warned) as raised:
        await hearing.hear(api, ASKED)  # type: ignore[arg-type]  # all that is asked of it
    return raised.value


async def test_the_latest_warning_counts_whoever_wrote_it_in_which_way() -> None:
    """Old writers of Events tell the last time of a series, new ones the first of each."""
    api = Api(
        {
            "reason": "FailedCreate",
            "note": "old",
            "deprecatedLastTimestamp": "2026-01-01T00:01Z",
        },
        {"reason": "FailedMount", "note": "new", "eventTime": "2026-01-01T00:02Z"},
        {"reason": "Odd", "note": "none", "eventTime": None},
    )
    found = await heard(api)
    assert (found.reason, str(found), found.blocker) == ("FailedMount", "new", "Job/one")
    assert api.asked["field_selector"] == "regarding.uid=u-1,type=Warning"
    # Anybody in the namespace may write a million of them.
    assert 0 < api.asked["limit"] <= 100


@pytest.mark.parametrize("api", [Api(), Api(refuses=True), Api({"reason": "Odd", "note": ""})])
async def test_where_nothing_is_said_or_may_be_read_the_planners_words_stand(api: Api) -> None:
    """An operator of narrower roles tells less, and goes on."""
    found = await heard(api)
    assert (found.reason, str(found)) == ("NotStarted", "Nobody knows.")
