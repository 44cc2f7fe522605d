"""Jobs of Builds that the cluster does not take: whose word that is, and for how long they wait."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest

from controller.api.resources import Resource
from fakes.api_server import chaos
from fakes.api_server.refusal import refuse
from fakes.forge import Forge
from fakes.universe import Universe, application
from tests.simulation import answers
from tests.simulation.test_builds import ONE, TWO, ask, built, ended, image, images, up, web
from tests.simulation.test_outcomes import events

pytestmark = pytest.mark.looptime

NAME = "shop-web-b1"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cause:
    """Who refuses Jobs: the answer, and how people are told."""

    code: int
    words: str
    object: str
    reason: str
    remedy: str


HOOKS = "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations -o yaml"
CAUSES = {
    "webhook": Cause(
        code=403,
        words='admission webhook "keep.example.com" denied the request: no builds here',
        object="Webhook/keep.example.com",
        reason="Denied",
        remedy=HOOKS,
    ),
    "no webhook": Cause(
        code=500,
        words=answers.WEBHOOK,
        object="Webhook/gone.example.com",
        reason="WebhookFailed",
        remedy=HOOKS,
    ),
    "quota": Cause(
        code=403,
        words='jobs.batch "argosy-1" is forbidden: exceeded quota: few, requested: '
        "count/jobs.batch=1, used: count/jobs.batch=0, limited: count/jobs.batch=0",
        object="ResourceQuota/few",
        reason="QuotaExceeded",
        remedy="kubectl describe resourcequota few -n default",
    ),
    "no right": Cause(
        code=403,
        words='jobs.batch is forbidden: User "argosy" cannot create resource "jobs" in API group'
        ' "batch" in the namespace "default"',
        # The Job was never made, so it is not named.
        object="Namespace/default",
        reason="Forbidden",
        remedy="kubectl auth can-i create jobs.batch -n default --as argosy",
    ),
}


def refuses(universe: Universe, cause: Cause, *, after: int = 0) -> answers.Answer:
    """Refuse all Jobs but the first ones."""
    code = {403: "Forbidden", 500: "InternalError"}[cause.code]
    made: set[str] = set()

    def error(request: chaos.Request) -> Any:
        if request.name in made or len(made) < after:
            made.add(request.name)
            return None
        return refuse(cause.code, code, cause.words)

    return answers.Answer(universe, "create", Resource.JOBS, error)


def status(universe: Universe, name: str = NAME) -> dict[str, Any]:
    """Return the status of a Build."""
    found = universe.server.objects[Resource.BUILDS].get(("default", name), {})
    return dict(found.get("status", {}))


@pytest.mark.parametrize("cause", CAUSES.values(), ids=CAUSES)
async def test_a_job_that_is_refused_is_told_and_asked_for_until_it_is_taken(cause: Cause) -> None:
    """By the Build and its application, in the words of whoever refuses; then all goes on.

    While nothing changes nothing is written, and the one attempt goes on.
    """
    async with Universe() as universe:
        forge = Forge(universe.server)
        guard = refuses(universe, cause)
        await universe.apply(application("shop", web()))
        await asyncio.sleep(60)
        (blocked,) = status(universe)["blockedBy"]
        assert blocked["object"].startswith(cause.object)
        assert (blocked["reason"], blocked["message"]) == (cause.reason, cause.words)
        assert blocked["remedy"].startswith(cause.remedy)
        told = universe.condition(Resource.BUILDS, NAME, "Succeeded")
        assert (told["status"], told["reason"]) == ("Unknown", "Resolving")
        assert f"The Job cannot be made. {cause.reason}: {cause.words}" in told["message"]
        above = universe.condition(Resource.APPLICATIONS, "shop", "Built")
        assert (above["status"], above["reason"]) == ("Unknown", "WaitingForImage")
        assert cause.words in above["message"]
        (why,) = universe.get(Resource.APPLICATIONS, "shop")["status"]["blockedBy"]
        assert why["object"] == f"Build/{NAME}"
        assert cause.words in why["message"]
        (event,) = events(universe, "FailedCreate")
        assert event["regarding"]["name"] == NAME
        assert cause.words in event["note"]
        before, asked = len(universe.server.writes), guard.count
        await asyncio.sleep(180)
        assert len(universe.server.writes) == before
        assert guard.count > asked
        guard.over()
        await asyncio.sleep(75)
        assert built(universe) == ("True", "True")
        assert images(universe) == {image(forge.head)}
        assert forge.phases() == ["resolve", "build"]
        assert [each["attempts"] for each in status(universe)["phases"]] == [1, 1]
        assert not status(universe).get("blockedBy")
        assert "cannot" not in universe.condition(Resource.BUILDS, NAME, "Succeeded")["message"]


async def test_a_counter_in_the_words_of_a_quota_costs_no_writes() -> None:
    """How much of a quota is used moves all the time, and is told again every ten minutes."""
    async with Universe() as universe:
        Forge(universe.server)
        used = iter(range(10**6))

        def error(_: chaos.Request) -> Any:
            words = f'jobs.batch "x" is forbidden: exceeded quota: few, used: {next(used)}'
            return refuse(403, "Forbidden", words)

        answers.Answer(universe, "create", Resource.JOBS, error)
        await universe.apply(application("shop", web()))
        await asyncio.sleep(30)
        before = len(universe.server.writes)
        await asyncio.sleep(240)
        assert len(universe.server.writes) == before


async def test_the_time_of_a_phase_is_over_although_its_job_was_never_made() -> None:
    """A ref is looked for as often as attempts allow; then the Build has failed, and says why.

    What ran runs on, and once Jobs are taken the next Build is as good as any.
    """
    async with Universe() as universe:
        forge = Forge(universe.server)
        await up(universe, forge)
        guard = refuses(universe, CAUSES["quota"])
        forge.push(TWO)
        await ask(universe, "two")
        await asyncio.sleep(290)
        assert not ended(universe, "shop-web-b2")
        assert [each["attempts"] for each in status(universe, "shop-web-b2")["phases"]] == [1]
        await asyncio.sleep(160)
        assert not ended(universe, "shop-web-b2")
        assert [each["attempts"] for each in status(universe, "shop-web-b2")["phases"]] == [2]
        await asyncio.sleep(200)
        assert ended(universe, "shop-web-b2") == "TimedOut"
        (phase,) = status(universe, "shop-web-b2")["phases"]
        assert (phase["attempts"], phase["lastError"]["class"]) == (2, "Transient")
        for kind, name, what in (
            (Resource.BUILDS, "shop-web-b2", "Succeeded"),
            (Resource.APPLICATIONS, "shop", "Built"),
        ):
            message = universe.condition(kind, name, what)["message"]
            assert "The Job of the phase resolve could not be made in time" in message
            assert "exceeded quota: few" in message
        assert built(universe) == ("False", "True")
        assert images(universe) == {image(ONE)}
        # Nothing has printed anything.
        (above,) = universe.get(Resource.APPLICATIONS, "shop")["status"]["blockedBy"]
        assert above["remedy"] == "kubectl argosy build shop -n default"
        guard.over()
        await ask(universe, "two again")
        await universe.settle(quiet=30)
        assert images(universe) == {image(TWO)}


async def test_the_deadline_of_a_refused_build_outlives_the_operator() -> None:
    """Whoever takes over counts from when the phase began; what a build takes is tried once."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        refuses(universe, CAUSES["webhook"], after=1)
        await universe.apply(application("shop", web(timeoutSeconds=600)))
        await universe.until(lambda: bool(status(universe).get("commit")))
        await asyncio.sleep(400)
        await universe.crash()
        await asyncio.sleep(100)
        assert not ended(universe, NAME)
        assert "no builds here" in universe.condition(Resource.BUILDS, NAME, "Succeeded")["message"]
        await asyncio.sleep(170)
        assert ended(universe, NAME) == "TimedOut"
        assert [each["attempts"] for each in status(universe)["phases"]] == [1, 1]
        assert forge.phases() == ["resolve"]


async def test_an_api_server_that_is_away_refuses_nothing() -> None:
    """Busy for longer than a phase may take, it costs no attempt: the Job is made afterwards."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        busy = answers.Answer(universe, "create", Resource.JOBS, lambda _: chaos.busy("full"))
        await universe.apply(application("shop", web()))
        await asyncio.sleep(1000)
        assert not ended(universe, NAME)
        busy.over()
        await asyncio.sleep(120)
        assert built(universe) == ("True", "True")
        assert forge.phases() == ["resolve", "build"]
        assert [each["attempts"] for each in status(universe)["phases"]] == [1, 1]


async def test_a_job_that_may_not_be_ended_is_told_by_the_build_that_has_ended() -> None:
    """Cancelled, the Build is over; who keeps its Job is told until the Job goes, too."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        forge.stands_still = True
        await universe.apply(application("shop", web()))
        await universe.until(lambda: len(forge.ran) == 1)
        cause = CAUSES["webhook"]
        error = refuse(cause.code, "Forbidden", cause.words)
        guard = answers.Answer(universe, "delete", Resource.JOBS, lambda _: error)
        await universe.merge(Resource.BUILDS, NAME, {"spec": {"cancelled": True}})
        await asyncio.sleep(30)
        assert ended(universe, NAME) == "Cancelled"
        (blocked,) = status(universe)["blockedBy"]
        assert (blocked["object"], blocked["message"]) == (cause.object, cause.words)
        (event,) = events(universe, "FailedDelete")
        assert event["regarding"]["name"] == NAME
        before = len(universe.server.writes)
        await asyncio.sleep(120)
        assert len(universe.server.writes) == before
        guard.over()
        await asyncio.sleep(75)
        assert not universe.names(Resource.JOBS)
        assert not status(universe).get("blockedBy")
        assert not universe.get(Resource.BUILDS, NAME)["metadata"].get("finalizers")
