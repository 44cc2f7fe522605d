"""What the person may do: asked of the API server, and remembered for a moment."""

from __future__ import annotations

from typing import Any

from controller.api.resources import Resource
from controller.dashboard.rights import REMEMBERED_SECONDS, Rights
from controller.kube import api as kube
from controller.presentation.acts import Right, WriteVerb

PAUSE = Right(verb=WriteVerb.PATCH, resource=Resource.APPLICATIONS)
SCALE = Right(verb=WriteVerb.PATCH, resource=Resource.SERVERSETS, subresource="scale")


class Reviews:
    """An API server that is asked for reviews alone, and a clock that stands still."""

    def __init__(self) -> None:
        self.now = 0.0
        self.allowed = True
        self.asked: list[tuple[str, str, str, str]] = []

    async def review_access(
        self, verb: str, resource: Resource, namespace: str = "", *, name: str, subresource: str
    ) -> kube.Access:
        """Answer as the test says."""
        self.asked.append((verb, f"{resource}/{subresource}".rstrip("/"), namespace, name))
        return kube.Access(allowed=self.allowed, reason="" if self.allowed else "no role says so")


def rights(reviews: Reviews) -> Rights:
    """Return what asks these."""
    api: Any = reviews
    return Rights(api, lambda: reviews.now)


async def test_an_answer_is_remembered_for_a_moment_and_no_longer() -> None:
    """Open pages ask next to nothing, and whoever got or lost a right sees that soon."""
    reviews = Reviews()
    asking = rights(reviews)
    for moment in (0.0, 1.0, REMEMBERED_SECONDS - 0.1):
        reviews.now = moment
        assert await asking.missing(PAUSE, "default", "shop") == ""
    assert len(reviews.asked) == 1
    reviews.allowed = False
    reviews.now = REMEMBERED_SECONDS
    said = await asking.missing(PAUSE, "default", "shop")
    assert said == "you may not patch applications in namespace default: no role says so"
    assert len(reviews.asked) == 2


async def test_each_right_on_each_object_is_a_question_of_its_own() -> None:
    """What is allowed of one object or in one namespace says nothing of another."""
    reviews = Reviews()
    asking = rights(reviews)
    await asking.missing(PAUSE, "default", "shop")
    await asking.missing(PAUSE, "default", "bank")
    await asking.missing(PAUSE, "other", "shop")
    await asking.missing(SCALE, "default", "shop-web")
    assert reviews.asked == [
        ("patch", "applications", "default", "shop"),
        ("patch", "applications", "default", "bank"),
        ("patch", "applications", "other", "shop"),
        ("patch", "serversets/scale", "default", "shop-web"),
    ]


async def test_before_a_write_nothing_is_remembered() -> None:
    """The answer is of now, however lately the same was asked."""
    reviews = Reviews()
    asking = rights(reviews)
    assert await asking.missing(PAUSE, "default", "shop") == ""
    reviews.allowed = False
    assert await asking.missing(PAUSE, "default", "shop", fresh=True) != ""
