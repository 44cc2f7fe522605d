"""The fate of a server whose revision is not on record: nobody can make it again.

Somebody deleted its ControllerRevision, and neither its set nor its application says the same any
more. A server that runs, runs on, and says so. Nothing is torn down, as it could not come back.
Called by `rules` with whatever they decided.
"""

from __future__ import annotations

import dataclasses

from controller import contract
from controller.api import names
from controller.api.choices import Power
from controller.api.conditions import Blocked
from controller.kinds.server.assessment import Situation
from controller.kinds.server.reasons import ServerReason
from controller.kinds.server.summary import ServerVerdict
from controller.planning import plan, remedies


def keep(situation: Situation, verdict: ServerVerdict) -> ServerVerdict:
    """Return the verdict without what cannot be undone while the revision is missing."""
    if situation.snapshot.recorded:
        return verdict
    allowed = tuple(each for each in verdict.actions if _is_harmless(situation, each))
    goes_down = situation.spec.power == Power.STOPPED and len(allowed) == len(verdict.actions)
    if goes_down or situation.seen.adopted:
        # One that was taken up at a StatefulSet's revision is as well as it can be.
        return dataclasses.replace(verdict, actions=allowed)
    blocked = _blocked(situation)
    return dataclasses.replace(
        verdict,
        actions=allowed,
        reason=ServerReason.REVISION_MISSING,
        message=blocked.message,
        stalled=True,
        trouble=True,
        blocked=(blocked, *verdict.blocked),
    )


def _is_harmless(situation: Situation, action: plan.Action) -> bool:
    """Return whether the server is no worse off: it stays what it is, or was to go anyway."""
    if not isinstance(action, contract.Call):
        return True
    if action.verb is contract.Verb.CHANGE:
        return not action.template
    if action.verb is contract.Verb.DELETE:
        gone = situation.seen.phase is contract.Phase.TERMINATING
        return situation.spec.power == Power.STOPPED and (gone or not stops_in_place(situation))
    return action.verb is not contract.Verb.CREATE


def stops_in_place(situation: Situation) -> bool:
    """Return whether the server is to go down, and its instance stays there meanwhile.

    A Start brings that very instance up again, also where no other could be made.
    """
    able = contract.Capability.STOP in situation.snapshot.fleet.capabilities
    return able and situation.spec.power == Power.STOPPED


def _blocked(situation: Situation) -> Blocked:
    spec, server = situation.spec, situation.snapshot.server
    gone = f"Revision {spec.revision} is no longer on record"
    name = names.controller_revision(spec.application, spec.component, spec.revision)
    absent = situation.seen.phase is contract.Phase.ABSENT
    return Blocked(
        object=f"ControllerRevision/{name}",
        reason=ServerReason.REVISION_MISSING,
        message=f"{gone}, so the server cannot be made."
        if absent
        else f"{gone}. The instance is left as it is: it could not be made again.",
        # A Server of which nothing runs comes back at a revision that there is.
        remedy=remedies.delete("argsrv", server) if absent else remedies.edit(server),
    )
