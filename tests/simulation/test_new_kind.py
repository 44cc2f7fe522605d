"""A kind that nobody has thought of: its descriptor is all that the operator needs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import pytest

from controller.api import names, objects
from controller.api.permissions import read
from controller.api.resources import Resource
from controller.kinds.kind import Kind
from controller.kinds.registry import KINDS
from controller.planning import bare_teardown
from controller.planning.caches import Caches, Index, Moment, Sources
from controller.planning.keys import Key
from controller.planning.plan import Plan, RecordEvent
from controller.planning.wakes import Change, Wake
from controller.reasons import ForeignReason
from fakes.universe import Universe, application, component

pytestmark = pytest.mark.looptime

LABEL = "example.com/service"


def _service(job: objects.Job) -> tuple[str, str]:
    return job.metadata.namespace, job.metadata.labels.get(LABEL, "")


JOBS_BY_SERVICE = Index(objects.Job, _service)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A Service and the Jobs that it publishes."""

    item: objects.Service
    jobs: list[str]


def _gather(sources: Sources, service: objects.Service, moment: Moment) -> Published:
    del moment
    place = (service.metadata.namespace, service.metadata.name)
    jobs = sorted(name for _, name in sources.caches.by(JOBS_BY_SERVICE, place))
    return Published(item=service, jobs=jobs)


def _plan(snapshot: Published) -> Plan:
    message = f"Jobs: {', '.join(snapshot.jobs)}."
    return Plan(
        actions=(RecordEvent(reason=ForeignReason("Built"), message=message),)
        if snapshot.jobs
        else ()
    )


def _by_job(caches: Caches, change: Change[objects.Job]) -> Iterable[Wake]:
    del caches
    yield Wake(Key(Resource.SERVICES, *_service(change.item)))


def _flow(service: objects.Service) -> str:
    return service.metadata.name


PUBLISHER: Kind[objects.Service, Published] = Kind(
    view=objects.Service,
    gather=_gather,
    plan=_plan,
    follows={objects.Job: _by_job},
    bare_teardown=bare_teardown.after(None, objects.Service),
    flow=_flow,
    rights=(read(Resource.JOBS, why="see what it publishes"),),
    indexes=(JOBS_BY_SERVICE,),
)


async def test_a_new_kind_follows_what_others_make_and_plans_from_it() -> None:
    """A Job that it follows wakes it, its own index finds the Job, and its plan is carried out."""
    async with Universe(kinds=(*KINDS, PUBLISHER)) as universe:
        await universe.apply(application("shop", component("web", 1)))
        await universe.settle()
        labels = {names.APPLICATION_LABEL: "shop", LABEL: "shop-web"}
        job = {"metadata": {"name": "build", "namespace": "default", "labels": labels}, "spec": {}}
        universe.server.registry.create(Resource.JOBS, "default", job, actor="user")
        await universe.settle()
        told = [
            (each["regarding"]["kind"], each["regarding"]["name"], each["note"])
            for each in universe.server.objects[Resource.EVENTS].values()
            if each["reason"] == "Built"
        ]
        assert told == [("Service", "shop-web", "Jobs: build.")]
        assert universe.condition(Resource.APPLICATIONS, "shop")["status"] == "True"
