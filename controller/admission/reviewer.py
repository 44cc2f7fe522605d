"""Reviews what users apply: sends what would be created as dry runs, and says what came of it.

`wiring` calls it for each request of the webhook. The reviewer remembers what has passed, and asks
only for what a change brings, so that a large application that is applied again costs nothing.
"""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import hashlib
import random
import string
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, TypeVar

import msgspec

from controller import errors
from controller.admission import probes, shrinking
from controller.admission.answers import PASSED, ReviewAnswer, judge
from controller.admission.probes import Probe
from controller.api import names, objects, texts
from controller.kube import api as kube

# The API server waits for as long as the chart says, five seconds; what is late is not checked.
SECONDS = 3.0
# How many dry runs are under way at a time, for all who apply.
AT_ONCE = 16
# How many answers are remembered, at 32 bytes each.
REMEMBERED = 4096
# How much is said: the API server quotes values, however long, and cuts warnings itself.
MOST_ERRORS, LONGEST_ERROR = 8, 1024
MOST_WARNINGS, LONGEST_WARNING = 8, 256

_View = TypeVar("_View", bound=objects.Object)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FleetAnswer:
    """The problem of a fleet for a namespace, if there is one, and whether the fleet can be tried.

    Of some fleets the API server says by a dry run what is wrong with a template.
    """

    problem: str = ""
    dry_runs: bool = True


# Says so of a namespace and the name of a fleet.
AskFleet = Callable[[str, str], Awaitable[FleetAnswer]]
# Says why a namespace has no room for an application, as it was and is to be; empty where it has.
AskRoom = Callable[[objects.Application | None, objects.Application], Awaitable[str]]


class Reviewer:
    """Says what is wrong with what is applied. All of it runs in one loop."""

    def __init__(self, api: kube.Api, ask_fleet: AskFleet, ask_room: AskRoom) -> None:
        self._api = api
        self._ask_fleet = ask_fleet
        self._ask_room = ask_room
        self._places = asyncio.Semaphore(AT_ONCE)
        self._passed: collections.OrderedDict[bytes, None] = collections.OrderedDict()

    async def application(self, before: Any, after: Any) -> ReviewAnswer:
        """Return what is wrong with the Application `after`, which was `before` until now."""
        try:
            application = _view(after, objects.Application)
        except (msgspec.MsgspecError, ValueError) as error:
            return _unreadable(error)
        full = await self._ask_room(_former(before), application)
        if full:
            return ReviewAnswer(errors=(full,))
        namespace, fleet_name = application.metadata.namespace, application.spec.fleet
        fleet = await self._ask_fleet(namespace, fleet_name)
        warnings = (f"spec.fleet: {fleet.problem}",) if fleet.problem else ()
        # The templates of servers in other fleets are known to their providers.
        wanted = list(probes.of_application(application)) if fleet.dry_runs else []
        known = _known(before, objects.Application, probes.of_application)
        found = await self._try(namespace, wanted, known)
        less = await self._shrinking(_former(before), application)
        return ReviewAnswer(
            errors=(*less.errors, *found.errors), warnings=(*warnings, *found.warnings)
        )

    async def _shrinking(
        self, former: objects.Application | None, after: objects.Application
    ) -> ReviewAnswer:
        try:
            async with asyncio.timeout(SECONDS):
                return await shrinking.review(self._api, former, after)
        except TimeoutError:
            return PASSED

    async def operation(self, before: Any, after: Any) -> ReviewAnswer:
        """Return what is wrong with the Operation `after`, which was `before` until now."""
        try:
            operation = _view(after, objects.Operation)
            wanted = list(probes.of_operation(operation))
        except (msgspec.MsgspecError, ValueError) as error:
            return _unreadable(error)
        known = _known(before, objects.Operation, probes.of_operation)
        return await self._try(operation.metadata.namespace, wanted, known)

    async def _try(self, namespace: str, wanted: list[Probe], known: set[bytes]) -> ReviewAnswer:
        """Send what is new of `wanted`, all at once, and put the answers together in its order."""
        new = [each for each in wanted if _digest("", each) not in known]
        asked = [asyncio.create_task(self._ask(namespace, each)) for each in new]
        if asked:
            await asyncio.wait(asked, timeout=SECONDS)
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        answers = [PASSED if each.cancelled() else each.result() for each in asked]
        late = sum(each.cancelled() for each in asked)
        verdict = _together(new, answers)
        if late:
            words = f"{late} of {len(new)} templates could not be checked in time"
            verdict = dataclasses.replace(verdict, warnings=(*verdict.warnings, words))
        return verdict

    async def _ask(self, namespace: str, probe: Probe) -> ReviewAnswer:
        digest = _digest(namespace, probe)
        if digest in self._passed:
            self._passed.move_to_end(digest)
            return PASSED
        try:
            body = probe.build(_token())
            async with self._places:
                await self._api.create(probe.resource, namespace, body, dry_run=True, strict=True)
        except errors.ArgosyError as error:
            verdict = judge(probe, error)
        else:
            verdict = PASSED
        strays = tuple(f"{probe.path(each)}: unknown field" for each in probe.strays)
        verdict = dataclasses.replace(verdict, errors=(*strays, *verdict.errors))
        if verdict == PASSED:
            self._passed[digest] = None
            while len(self._passed) > REMEMBERED:
                self._passed.popitem(last=False)
        return verdict


def _together(asked: list[Probe], answers: list[ReviewAnswer]) -> ReviewAnswer:
    refused = {probe.place for probe, answer in zip(asked, answers, strict=True) if answer.errors}
    heard = [
        answer for probe, answer in zip(asked, answers, strict=True) if probe.base not in refused
    ]
    return ReviewAnswer(
        errors=tuple(dict.fromkeys(text for each in heard for text in each.errors)),
        warnings=tuple(dict.fromkeys(text for each in heard for text in each.warnings)),
    )


def error_text(verdict: ReviewAnswer) -> str:
    """Return what the user is refused for, in one text; empty where nothing is wrong."""
    told = [texts.cut(text, LONGEST_ERROR) for text in verdict.errors[:MOST_ERRORS]]
    left = len(verdict.errors) - len(told)
    return "; ".join([*told, *([f"and {left} more"] if left else [])])


def warning_texts(verdict: ReviewAnswer) -> list[str]:
    """Return what the user is warned of, cut to what is shown."""
    return [texts.cut(text, LONGEST_WARNING) for text in verdict.warnings[:MOST_WARNINGS]]


def _view(document: Any, kind: type[_View]) -> _View:
    """Return the object as the operator's own caches would have it; raises where they could not."""
    meta = document.get("metadata", {})
    if not meta.get("name"):
        # The API server has yet to complete it.
        named = {**meta, "name": f"{meta.get('generateName', '')}{_token()}"}
        document = {**document, "metadata": named}
    return msgspec.json.decode(msgspec.json.encode(document), type=kind)


def _former(before: Any) -> objects.Application | None:
    """Return the application as it was; None where there was none, or none that can be read."""
    try:
        return _view(before, objects.Application) if before else None
    except (msgspec.MsgspecError, ValueError):
        return None


def _known(before: Any, kind: type[_View], of: Callable[[_View], Iterable[Probe]]) -> set[bytes]:
    """Return what was stored already: nobody is refused for what an update leaves alone."""
    if not before:
        return set()
    try:
        return {_digest("", each) for each in of(_view(before, kind))}
    except (msgspec.MsgspecError, ValueError):
        return set()


def _digest(namespace: str, probe: Probe) -> bytes:
    parts: Iterator[bytes] = iter((namespace.encode(), str(probe.resource).encode(), probe.content))
    return hashlib.sha256(b"\0".join(parts)).digest()


def _token() -> str:
    """Return the end of a name that nobody has: no ordinal begins with a letter."""
    letters = string.ascii_lowercase
    return "".join(random.choices(letters, k=names.MAX_ORDINAL_DIGITS))  # noqa: S311 - no secret


def _unreadable(error: Exception) -> ReviewAnswer:
    return ReviewAnswer(errors=(f"the operator could not read it: {error}",))
