"""Whatever a message quotes, the status goes on telling: texts are cut to what the schema takes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from structlog import testing

from controller import errors
from controller.api import texts
from controller.api.names import RETRY_NOW_ANNOTATION
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.kube.api import ExecResult
from controller.telemetry import metrics
from fakes.api_server import Faults
from fakes.api_server.chaos import Verdict
from fakes.api_server.refusal import refuse
from fakes.universe import Universe, application, component, operation

pytestmark = pytest.mark.looptime

ENDLESS = "x" * 50_000


def is_current(universe: Universe, resource: Resource, name: str) -> bool:
    """Return whether the status speaks of the object's present generation."""
    body = universe.get(resource, name)
    seen = body.get("status", {}).get("observedGeneration")
    return bool(seen == body["metadata"]["generation"])


async def test_a_refused_value_that_is_quoted_at_length_is_told() -> None:
    """The server, its set and the application say that the pod was refused, and are not Ready."""
    faults = Faults()
    async with Universe(faults=faults) as universe:
        await universe.apply(application("shop", component("web", 1)))
        await universe.settle()
        refused = Verdict(before=refuse(422, "Invalid", f'Invalid value: "{ENDLESS}"'))
        faults.on("create", Resource.PODS, verdict=refused, times=None)
        await universe.apply(
            application("shop", component("web", 1, image="app:2", rollout={"inPlace": "Never"}))
        )
        await universe.until(
            lambda: (
                universe.condition(Resource.APPLICATIONS, "shop").get("status") == "False"
                and "Invalid value" in str(universe.get(Resource.APPLICATIONS, "shop")["status"])
            )
        )
        await universe.settle()
        assert "Invalid value" in str(universe.get(Resource.SERVERS, "shop-web-0")["status"])
        assert is_current(universe, Resource.APPLICATIONS, "shop")
        # At rest nothing is written, though the whole message never equals the one that was cut.
        before = len(universe.server.writes)
        await asyncio.sleep(300)
        ours = [each for each in universe.server.writes[before:] if each.cause.actor == "argosy"]
        assert [each for each in ours if each.cause.subresource == "status"] == []


async def test_a_word_to_retry_that_is_long_is_followed() -> None:
    """It is told as handled, cut, and what comes after it is told as well."""
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 1)))
        await universe.settle()
        for resource, name in (
            (Resource.APPLICATIONS, "shop"), (Resource.SERVERSETS, "shop-web"),
            (Resource.SERVERS, "shop-web-0"),
        ):  # fmt: skip
            note = {"metadata": {"annotations": {RETRY_NOW_ANNOTATION: "a" * 300}}}
            await universe.merge(resource, name, note)
        await universe.settle()
        await universe.apply(application("shop", component("web", 2)))
        await universe.settle()
        for resource, name in ((Resource.APPLICATIONS, "shop"), (Resource.SERVERSETS, "shop-web")):
            assert universe.get(resource, name)["status"]["lastHandledRetry"] == "a" * 253
            assert is_current(universe, resource, name)
            assert universe.condition(resource, name)["status"] == "True"


async def test_the_endless_last_words_of_an_act_are_told() -> None:
    """An act whose error has no end fails, and its operation ends."""
    async with Universe() as universe:

        async def run(*_: Any) -> ExecResult:
            raise errors.Stalled(ENDLESS, reason=Reason.EXEC_FAILED)

        universe.server.on_exec = run
        await universe.apply(application("shop", component("web", 1)))
        await universe.settle()
        step = {"name": "run", "exec": {"command": ["work"]}}
        await universe.apply(operation("act", "shop", "Steps", steps=[step]))
        await universe.until(
            lambda: universe.condition(Resource.OPERATIONS, "act", "Succeeded")["status"] == "False"
        )
        told = universe.get(Resource.SERVERS, "shop-web-0")["status"]["task"]
        assert told["state"] == "Failed"
        assert told["message"].startswith("xxx")


async def test_a_status_that_is_refused_is_told_in_a_smaller_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ready does not stay True: the object says why its status is short; so do log and metric."""
    whole = texts.fit
    faults = Faults()
    async with Universe(faults=faults) as universe:
        await universe.apply(application("shop", component("web", 1)))
        await universe.settle()

        def fit(resource: Resource, status: Any) -> dict[str, Any]:
            found = whole(resource, status)
            if resource is Resource.APPLICATIONS and "StatusRefused" not in str(status):
                # As if the operator knew of no bound on it.
                found["lastHandledRetry"] = ENDLESS
            return found

        monkeypatch.setattr(texts, "fit", fit)
        with testing.capture_logs() as logs:
            await universe.apply(application("shop", component("web", 2)))
            await universe.until(
                lambda: (
                    universe.condition(Resource.APPLICATIONS, "shop", "Stalled").get("reason")
                    == "StatusRefused"
                )
            )
            await universe.settle()
        said = universe.condition(Resource.APPLICATIONS, "shop")
        assert said["status"] == "False"
        assert "Too long" in said["message"]
        assert is_current(universe, Resource.APPLICATIONS, "shop")
        assert [each["key"] for each in logs if each["event"] == "status refused"]
        assert b'argosy_status_refused_total{controller="applications"}' in metrics.render()
        # It passes: everything is told again.
        monkeypatch.setattr(texts, "fit", whole)
        await universe.until(
            lambda: universe.condition(Resource.APPLICATIONS, "shop")["status"] == "True"
        )
        assert not universe.condition(Resource.APPLICATIONS, "shop", "Stalled")
