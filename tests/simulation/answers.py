"""How a test answers requests in the API server's stead: a quota, a webhook, a policy.

Tests of outcomes and of cases ask it; `over` ends what it began.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from controller import errors
from controller.api.resources import Resource
from fakes.api_server import chaos
from fakes.api_server.refusal import refuse
from fakes.universe import Universe

QUOTA = 'pods "{name}" is forbidden: exceeded quota: two, requested: pods=1, used: pods={used}'
WEBHOOK = (
    'Internal error occurred: failed calling webhook "gone.example.com": failed to call webhook:'
    ' Post "https://gone.default.svc:443/?timeout=1s": service "gone" not found'
)


class Answer:
    """Answers requests that fit with an error, and counts them; `over` ends it."""

    def __init__(
        self,
        universe: Universe,
        verb: str,
        resource: Resource,
        error: Callable[[chaos.Request], errors.ArgosyError | None],
        *,
        subresource: str = "",
    ) -> None:
        self._universe = universe
        self._error = error
        self._asked = (verb, resource, subresource)
        self.count = 0
        self._verdict = chaos.FINE
        universe.faults.rules.insert(0, _Rule(self))

    def matches(self, request: chaos.Request) -> bool:
        """Return whether the request is answered by this."""
        if (request.verb, request.resource, request.subresource) != self._asked:
            return False
        self.count += 1
        found = self._error(request)
        self._verdict = chaos.Verdict(before=found)
        return found is not None

    def over(self) -> None:
        """Answer no more."""
        self._universe.faults.rules[:] = [
            each
            for each in self._universe.faults.rules
            if getattr(each, "answer", None) is not self
        ]


class _Rule(chaos.Rule):
    """A rule that decides anew for each request."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(matches=answer.matches, verdict=chaos.FINE, times=None)
        self.answer = answer

    def __getattribute__(self, name: str) -> Any:
        if name == "verdict":
            return super().__getattribute__("answer")._verdict
        return super().__getattribute__(name)


def quota(universe: Universe, most: int) -> tuple[Answer, Callable[[int], None]]:
    """Let at most so many pods be; return the guard, and what raises the bound."""
    bound, granted = [most], [0]

    def error(request: chaos.Request) -> errors.ArgosyError | None:
        if granted[0] < bound[0]:
            granted[0] += 1
            return None
        return refuse(403, "Forbidden", QUOTA.format(name=request.name, used=granted[0]))

    def raise_to(most: int) -> None:
        bound[0] = most

    return Answer(universe, "create", Resource.PODS, error), raise_to


def blocked(universe: Universe, resource: Resource, name: str) -> list[tuple[str, str]]:
    """Return what the object says is in its way, and why."""
    status = universe.get(resource, name).get("status", {})
    return [(each["object"], each["reason"]) for each in status.get("blockedBy", [])]
