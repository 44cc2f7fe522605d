"""Events that follow from conditions: one when an object comes to a halt, none while it works.

Called by the Application and ServerSet planners. An Event's reason is the condition's.
"""

from __future__ import annotations

from controller.api import conditions
from controller.api.conditions import Conditions, ConditionType
from controller.planning.plan import RecordEvent
from controller.reasons import ForeignReason


def alarm(
    before: Conditions, after: Conditions, *, condition_type: str = ConditionType.STALLED
) -> tuple[RecordEvent, ...]:
    """Return a warning if a condition is true now, and was not for this reason before."""
    now = conditions.find(after, condition_type)
    earlier = conditions.find(before, condition_type)
    if now is None or (earlier is not None and earlier.reason == now.reason):
        return ()
    return (RecordEvent(reason=ForeignReason(now.reason), message=now.message, warning=True),)
