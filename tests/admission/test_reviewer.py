"""Reviews: what is asked of the API server, what is remembered, and what is said in the end."""

from __future__ import annotations

import asyncio
import copy
import json
from typing import Any

import pytest

from controller.admission import reviewer
from controller.admission.answers import PASSED, ReviewAnswer
from controller.admission.reviewer import FleetAnswer, Reviewer
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.kube import faults

pytestmark = pytest.mark.looptime


class DryRuns:
    """An API server that only tries: a pod with a field `imgae` is refused, `slow` never ends."""

    def __init__(self) -> None:
        self.tried: list[tuple[Resource, str, dict[str, Any]]] = []
        self.most = self._now = 0

    async def create(
        self, resource: Resource, namespace: str, body: bytes, *, dry_run: bool, strict: bool
    ) -> bytes:
        """Answer a dry run."""
        assert dry_run
        assert strict
        self.tried.append((resource, namespace, json.loads(body)))
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            await asyncio.sleep(0.01)
            if b'"slow"' in body:
                await asyncio.Event().wait()
        finally:
            self._now -= 1
        if b'"imgae"' in body:
            within = "spec.template." if resource is Resource.JOBS else ""
            field = f"{within}spec.containers[0].imgae"
            message = f'cannot be handled as a {resource}: unknown field "{field}"'
            raise faults.Refused(message, reason=Reason.REFUSED)
        return b"{}"


class Stored(DryRuns):
    """The same, and claims that there are."""

    def __init__(self, **sizes: str) -> None:
        super().__init__()
        self.sizes = sizes
        self.asked: list[tuple[Resource, str, str]] = []

    async def list(
        self, resource: Resource, namespace: str, *, label_selector: str, limit: int
    ) -> bytes:
        """Return the claims, which are a component's own."""
        assert limit
        self.asked.append((resource, namespace, label_selector))
        labels = {"argosy.dev/server": "shop-web-0"}
        items = [
            {
                "metadata": {"name": f"{name}-shop-web-0", "labels": labels},
                "spec": {"resources": {"requests": {"storage": size}}},
            }
            for name, size in self.sizes.items()
        ]
        return json.dumps({"items": items}).encode()


def with_claim(storage: str) -> dict[str, Any]:
    """Return an application whose servers have a claim of that size."""
    web = component()
    spec = {"resources": {"requests": {"storage": storage}}}
    web["volumeClaims"] = [{"name": "data", "spec": spec}]
    return application(web)


async def any_room(_before: object, _after: object) -> str:
    """Say that the namespace has room for everything."""
    return ""


async def test_what_a_namespace_has_no_room_for_is_refused_and_not_tried() -> None:
    """The bound is asked with what was before; nothing else is looked at once it is exceeded."""
    api: Any = DryRuns()
    asked: list[tuple[int, int]] = []

    async def no_room(before: Any, after: Any) -> str:
        found = (len(before.spec.components) if before else 0, len(after.spec.components))
        asked.append(found)
        return "full"

    async def ask_fleet(_namespace: str, _name: str) -> FleetAnswer:
        return FleetAnswer()

    reviews = Reviewer(api, ask_fleet, no_room)
    assert (await reviews.application(None, with_claim("1Gi"))).errors == ("full",)
    assert (await reviews.application(with_claim("1Gi"), with_claim("2Gi"))).errors == ("full",)
    assert asked == [(0, 1), (1, 1)]
    assert not api.tried


@pytest.mark.parametrize(
    ("before", "after", "size", "refused"),
    [
        ("2Gi", "1Gi", "2Gi", True),
        ("2Gi", "1Gi", "1Gi", False),
        ("2Gi", "1500Mi", "1.8Gi", True),
        ("1Gi", "2Gi", "1Gi", False),
        ("1Gi", "1024Mi", "1Gi", False),
        ("2Gi", "nonsense", "2Gi", False),
    ],
)
async def test_claims_are_not_asked_to_shrink(
    before: str, after: str, size: str, *, refused: bool
) -> None:
    """Less than a claim has is refused by its path; what never was made may be taken back."""
    api: Any = Stored(data=size)

    async def ask_fleet(_namespace: str, _name: str) -> FleetAnswer:
        return FleetAnswer()

    verdict = await Reviewer(api, ask_fleet, any_room).application(
        with_claim(before), with_claim(after)
    )
    found = [each for each in verdict.errors if "claims never shrink" in each]
    assert bool(found) is refused
    for each in found:
        assert each.startswith("spec.components[web].volumeClaims[data].spec.resources.requests")
        assert f"{size} of the claim data-shop-web-0" in each
    assert all(namespace == "shops" for _, namespace, _ in api.asked)


def made(fleet: FleetAnswer | None = None) -> tuple[Reviewer, DryRuns]:
    """Return a reviewer, and what it asks."""
    api: Any = DryRuns()

    async def ask_fleet(_namespace: str, _name: str) -> FleetAnswer:
        return fleet or FleetAnswer()

    return Reviewer(api, ask_fleet, any_room), api


def component(name: str = "web", **container: Any) -> dict[str, Any]:
    """Return a component of one container."""
    template = {"spec": {"containers": [{"name": "a", "image": "a", **container}]}}
    return {"name": name, "template": template}


def application(*components: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """Return an application as a review has it."""
    return {
        "metadata": {"name": "shop", "namespace": "shops", **metadata},
        "spec": {"components": list(components or [component()])},
    }


async def test_pods_are_tried_as_they_would_be_made() -> None:
    """Name, labels, owner and claims are those of a server, whose ordinal nobody has."""
    reviews, api = made()
    web = component()
    web["template"]["metadata"] = {"labels": {"team": "a"}}
    web["volumeClaims"] = [{"name": "data", "spec": {"storageClassName": "fast"}}]
    assert await reviews.application(None, application(web)) == PASSED
    (_, _, pod), (_, namespace, claim) = api.tried
    assert namespace == "shops"
    assert pod["metadata"]["name"].startswith("shop-web-")
    assert pod["metadata"]["name"].removeprefix("shop-web-").isalpha()
    assert pod["metadata"]["labels"]["team"] == "a"
    assert pod["metadata"]["labels"]["argosy.dev/application"] == "shop"
    assert [each["name"] for each in pod["spec"]["volumes"]] == ["data"]
    assert claim["spec"] == {"storageClassName": "fast"}


async def test_each_component_with_a_mistake_is_named() -> None:
    """All mistakes are told at once, in the order of the manifest."""
    reviews, _ = made()
    verdict = await reviews.application(
        None, application(component("db", imgae="a"), component("api"), component("web", imgae="b"))
    )
    assert verdict.errors == tuple(
        f"spec.components[{name}].template.spec.containers[0].imgae: unknown field"
        for name in ("db", "web")
    )


async def test_what_passed_is_not_asked_again() -> None:
    """Neither when it is applied again, nor when another object says the same of it."""
    reviews, api = made()
    for _ in range(3):
        await reviews.application(None, application())
    assert len(api.tried) == 1
    await reviews.application(None, application(namespace="others"))
    assert len(api.tried) == 2


async def test_what_was_refused_is_asked_again() -> None:
    """A refusal is not remembered: a newer API server may know the field."""
    reviews, api = made()
    for _ in range(2):
        assert (await reviews.application(None, application(component(imgae="a")))).errors
    assert len(api.tried) == 2


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest answers are forgotten, the latest used are kept."""
    monkeypatch.setattr(reviewer, "REMEMBERED", 2)
    reviews, api = made()
    for name in ("a", "b", "a", "c", "a", "b"):
        await reviews.application(None, application(component(name)))
    assert len(reviews._passed) == 2
    assert len(api.tried) == 4


async def test_only_what_an_update_changes_is_looked_at() -> None:
    """Nobody is refused for what was stored before there was a webhook."""
    reviews, api = made()
    before = application(component("old", imgae="a"), component("web"))
    after = copy.deepcopy(before)
    after["spec"]["components"][1] = component("web", tty=True)
    assert await reviews.application(before, after) == PASSED
    assert len(api.tried) == 1
    after["spec"]["components"][0] = component("old", imgae="b")
    assert (await reviews.application(before, after)).errors


async def test_what_was_stored_and_cannot_be_read_hides_nothing() -> None:
    """An update that mends an object is looked at as a whole."""
    reviews, _ = made()
    before = application({"name": "web", "template": _deep(500)})
    assert await reviews.application(before, application()) == PASSED
    assert (await reviews.application(before, application(component(imgae="a")))).errors


def _deep(levels: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(levels):
        found = {"a": found}
    return found


async def test_what_the_operator_cannot_read_is_refused() -> None:
    """A sentence says why; nothing is asked of it."""
    reviews, api = made()
    verdict = await reviews.application(None, application({"name": "web", "template": _deep(150)}))
    assert "nested more than 100 levels deep" in verdict.errors[0]
    assert not api.tried


async def test_fields_that_would_be_dropped_are_told() -> None:
    """What a template has beside metadata and spec, or in metadata, would never reach a pod."""
    reviews, _ = made()
    web = component()
    web["template"] |= {"spce": {}, "kind": None, "metadata": {"lables": {}, "name": "a"}}
    verdict = await reviews.application(None, application(web))
    assert verdict.errors == (
        "spec.components[web].template.spce: unknown field",
        "spec.components[web].template.metadata.lables: unknown field",
    )


async def test_alternatives_do_not_repeat_what_the_template_says() -> None:
    """A mistake of the template is told once, one of a patch is told of the patch."""
    reviews, _ = made()
    patch = {"spec": {"containers": [{"name": "a", "imgae": "a"}]}}
    bad, good = component(imgae="a"), component()
    bad["recovery"] = {"alternatives": [{"name": "b", "patch": {"spec": {"nodeName": "b"}}}]}
    good["recovery"] = {"alternatives": [{"name": "b", "patch": patch}]}
    (said,) = (await reviews.application(None, application(bad))).errors
    assert said.startswith("spec.components[web].template.")
    (said,) = (await reviews.application(None, application(good))).errors
    assert said.startswith("spec.components[web].recovery.alternatives[b].patch.")


async def test_other_fleets_are_warned_of_and_not_tried() -> None:
    """What a provider makes of a template, the API server does not know."""
    reviews, api = made(FleetAnswer(problem="Fleet x does not exist.", dry_runs=False))
    verdict = await reviews.application(None, application(component(imgae="a")))
    assert verdict.warnings == ("spec.fleet: Fleet x does not exist.",)
    assert not verdict.errors
    assert not api.tried


async def test_a_slow_api_server_is_not_waited_for() -> None:
    """What is not answered in time is said not to be checked; the rest is told as ever."""
    reviews, _ = made()
    loop = asyncio.get_running_loop()
    began = loop.time()
    slow = component("slow", slow=True)
    verdict = await reviews.application(None, application(slow, component("web", imgae="a")))
    assert loop.time() - began < 4
    assert len(verdict.errors) == 1
    assert verdict.warnings == ("1 of 2 templates could not be checked in time",)
    # And the places of those that never ended are free again.
    assert reviews._places._value == reviewer.AT_ONCE


async def test_dry_runs_are_bounded() -> None:
    """However large an application is, and however many are applied at a time."""
    reviews, api = made()
    many = [
        application(*(component(f"c{number}") for number in range(64)), name=f"app-{which}")
        for which in range(4)
    ]
    verdicts = await asyncio.gather(*(reviews.application(None, each) for each in many))
    assert all(each == PASSED for each in verdicts)
    assert len(api.tried) == 256
    assert api.most == reviewer.AT_ONCE


async def test_a_name_that_the_api_server_completes() -> None:
    """With generateName there is no name yet: the pods are tried all the same."""
    reviews, api = made()
    body = application()
    body["metadata"] = {"generateName": "shop-", "namespace": "shops"}
    assert await reviews.application(None, body) == PASSED
    assert api.tried[0][2]["metadata"]["name"].startswith("shop-")


async def test_jobs_of_operations_are_tried() -> None:
    """Those of steps and those that undo them; a step without a Job asks nothing."""
    reviews, api = made()
    job = {"template": {"spec": {"containers": [{"name": "a", "imgae": "a"}]}}}
    steps = [
        {"name": "a", "exec": {"command": ["x"]}, "compensate": {"job": job}},
        {"name": "b", "job": job},
        {"name": "c", "action": "Restart"},
    ]
    body = {
        "metadata": {"name": "run", "namespace": "shops"},
        "spec": {"application": "shop", "action": "Steps", "steps": steps},
    }
    verdict = await reviews.operation(None, body)
    assert [each.partition(".template.")[0] for each in verdict.errors] == [
        "spec.steps[a].compensate.job",
        "spec.steps[b].job",
    ]
    assert {resource for resource, _, _ in api.tried} == {Resource.JOBS}


def test_texts_are_bounded() -> None:
    """A refusal tells eight mistakes and counts the rest; a warning is cut to what is shown."""
    verdict = ReviewAnswer(
        errors=tuple(f"e{number}" for number in range(20)), warnings=("w" * 1000,) * 20
    )
    assert reviewer.error_text(verdict).endswith("e7; and 12 more")
    quoted = ReviewAnswer(errors=("v" * 20_000,) * 20)
    assert len(reviewer.error_text(quoted)) < 9 * reviewer.LONGEST_ERROR
    texts = reviewer.warning_texts(verdict)
    assert len(texts) == reviewer.MOST_WARNINGS
    assert {len(each) for each in texts} == {reviewer.LONGEST_WARNING}


def test_errors_are_told_in_one_text() -> None:
    """Where nothing is wrong the text is empty, and nobody is refused."""
    assert reviewer.error_text(PASSED) == ""
    assert reviewer.error_text(ReviewAnswer(errors=("a", "b"))) == "a; b"
