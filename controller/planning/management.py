"""How far an application may be acted for: not while it is paused, and not where it is observed.

Planners ask `rest` why nothing is to begin, and say so. The engine gives every plan to `restrict`,
which takes out whatever would be written outside Argosy's own kinds for an application that is only
observed: so that holds whatever a planner forgets.
"""

from __future__ import annotations

import dataclasses

from controller import contract
from controller.api import clock, names, objects, resources
from controller.api.choices import Management
from controller.api.conditions import Blocked
from controller.api.reasons import Reason
from controller.api.resources import PLACES, Resource
from controller.planning import plan as plans
from controller.planning import remedies
from controller.planning.caches import Caches


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """Why nothing may begin for an application, and the command by which it may again."""

    application: str
    reason: Reason
    message: str
    remedy: str

    def blocked(self, now: float) -> Blocked:
        """Return the same as `blockedBy` tells it."""
        return Blocked(
            object=resources.thing(Resource.APPLICATIONS, self.application),
            reason=self.reason,
            message=self.message,
            since=clock.stamp(now),
            remedy=self.remedy,
        )


def rest(application: objects.Application | None) -> Rest | None:
    """Return why nothing may begin for an application; None where it may."""
    if application is None:
        return None
    meta, spec = application.metadata, application.spec
    if spec.management == Management.OBSERVE:
        return Rest(
            application=meta.name,
            reason=Reason.OBSERVED,
            message="The application is only observed (spec.management: Observe).",
            remedy=remedies.edit_application(meta.name, meta.namespace),
        )
    if spec.paused:
        return Rest(
            application=meta.name,
            reason=Reason.PAUSED,
            message="The application is paused.",
            remedy=remedies.resume(application),
        )
    return None


def is_observed(application: objects.Application | None) -> bool:
    """Return whether nothing outside Argosy's own kinds is to be written for an application.

    Whoever deletes it wants it taken down, with all that Argosy made for it.
    """
    return (
        application is not None
        and application.spec.management == Management.OBSERVE
        and application.metadata.deletion_timestamp is None
    )


def may_label(caches: Caches, meta: objects.Meta, application: str | None) -> bool:
    """Return whether a label alone may be written on what is an application's, known or as it says.

    Not while that is at rest; but what goes, goes while it is paused, too.
    """
    name = application or meta.labels.get(names.APPLICATION_LABEL, "")
    found = caches.of(objects.Application).objects.get((meta.namespace, name))
    if is_observed(found):
        return False
    goes = meta.deletion_timestamp or (found is not None and found.metadata.deletion_timestamp)
    return bool(goes) or rest(found) is None


def restrict(made: plans.Plan, snapshot: object) -> plans.Plan:
    """Return the plan without what would be written for an application that is only observed."""
    application = getattr(snapshot, "application", None)
    if not isinstance(application, objects.Application) or not is_observed(application):
        return made
    return dataclasses.replace(made, actions=tuple(filter(_is_own, made.actions)))


def _is_own(action: plans.Action) -> bool:
    """Return whether an action writes an object of Argosy's own kinds, and nothing else."""
    others = contract.Call | plans.DeleteOrphan | plans.DeleteClaim | plans.RecordEvent
    if isinstance(action, others):
        return False
    return PLACES[action.resource].api_version == names.API_VERSION
