"""The Builds of an application: of which commit, how far, how they ended, what they printed.

The dashboard comes here; `history` has the Build of each revision.
"""

from __future__ import annotations

import dataclasses

from controller.api import clock, conditions, names, objects
from controller.api.conditions import ConditionType
from controller.api.reasons import Reason
from controller.kube import api as kube
from controller.presentation import last_lines, reading
from controller.presentation.last_lines import Printed


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PhasePicture:
    """One phase of a Build: how long it took or has taken, and how it failed if it did."""

    name: str
    seconds: int
    ended: bool
    attempts: int
    reason: str
    message: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BuildPicture:
    """One Build; `succeeded` is its condition, and `commit` is empty until it is known."""

    namespace: str
    name: str
    application: str
    component: str
    number: int
    commit: str
    image: str
    succeeded: str
    reason: str
    message: str
    age_seconds: int
    phases: tuple[PhasePicture, ...]


async def read(api: kube.Api, namespace: str, application: str, now: float) -> list[BuildPicture]:
    """Return the Builds of an application, the newest of each component first."""
    found = await reading.many(api, objects.Build, namespace)
    mine = [picture(each, now) for each in found if each.spec.application == application]
    return sorted(mine, key=lambda each: (each.component, -each.number))


async def one(api: kube.Api, namespace: str, name: str, now: float) -> BuildPicture:
    """Return one Build; raises NotFound."""
    return picture(await reading.one(api, objects.Build, namespace, name), now)


async def printed(api: kube.Api, namespace: str, name: str) -> list[Printed]:
    """Return the last lines of a Build, phase by phase as they ran.

    Nothing where its pods are gone, or have not come.
    """
    selector = f"{names.BUILD_LABEL}={name}"
    pods = await reading.many(api, objects.Pod, namespace, selector)
    pods.sort(key=lambda each: each.metadata.creation_timestamp or "")
    return [said for each in pods for said in await last_lines.of_pod(api, namespace, each)]


def picture(found: objects.Build, now: float) -> BuildPicture:
    """Return the picture of a Build."""
    meta, spec, status = found.metadata, found.spec, found.status
    told = conditions.find(status.conditions, ConditionType.SUCCEEDED)
    return BuildPicture(
        namespace=meta.namespace,
        name=meta.name,
        application=spec.application,
        component=spec.component,
        number=spec.number,
        commit=status.commit,
        image=status.image,
        succeeded=told.status if told else "Unknown",
        reason=told.reason if told else Reason.PENDING,
        message=told.message if told else "",
        age_seconds=int(now - clock.parse(meta.creation_timestamp)),
        phases=tuple(_phase(each, now) for each in status.phases),
    )


def _phase(found: objects.BuildPhase, now: float) -> PhasePicture:
    end = clock.parse(found.end_time) if found.end_time else now
    failed = found.last_error
    return PhasePicture(
        name=found.name,
        seconds=max(0, int(end - clock.parse(found.start_time))),
        ended=found.end_time is not None,
        attempts=found.attempts,
        reason=failed.reason if failed else "",
        message=failed.message if failed else "",
    )
