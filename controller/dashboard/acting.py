"""The pages that change something: what would come of it, then one button that does it.

Looking is a GET, whose address can be kept; doing is a POST, which carries the token of the site's
own forms and what it was that the person has seen. `site` leads here with `--writes` alone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.dashboard import writing
from controller.dashboard.pages import Pages
from controller.dashboard.rights import Rights
from controller.kube import faults
from controller.presentation import acts, consequences, preview, reading, references
from controller.presentation.acts import OfferedAct, Request, Subject, WriteVerb
from controller.presentation.problems import Refusal, UsageError

# A write is shown at once: so long the page that shows it waits for its watch.
SEEN_SECONDS = 3.0
CONFLICT = web.HTTPConflict.status_code
_OF = (Resource.APPLICATIONS, Resource.OPERATIONS, Resource.SERVERS)
_WRONG = (UsageError, Refusal, faults.Refused, faults.Denied, faults.Forbidden)


class Acting:
    """The page of an act, and the act itself."""

    def __init__(self, pages: Pages, rights: Rights) -> None:
        self._pages = pages
        self._rights = rights

    async def show(self, request: web.Request) -> web.Response:
        """The consequences of an act: the API server's dry run, and what planners make of it."""
        act, found = await self._named(request)
        return await self._told(act, found, dict(request.query))

    async def carry_out(self, request: web.Request) -> web.Response:
        """Do what was shown and confirmed; what is another meanwhile is shown again."""
        act, found = await self._named(request)
        sent = {key: str(value) for key, value in (await request.post()).items()}
        if sent.get("seen") != _seen(found):
            return await self._told(act, found, sent, changed=True)
        hindrance = act.hindrance(found.view)
        if hindrance:
            raise Refusal(f"{found}: {hindrance}")
        wanted = act.request(found, sent, self._pages.clock())
        await self._need(wanted)
        # Who presses twice has asked once: the operation's name was decided when it was shown.
        with contextlib.suppress(faults.AlreadyExists):
            after = await writing.send(self._pages.api, wanted, dry_run=False)
            await self._follow(wanted, after)
        return web.Response(
            status=web.HTTPSeeOther.status_code, headers={"Location": _target(found, wanted, act)}
        )

    async def _named(self, request: web.Request) -> tuple[OfferedAct, Subject]:
        namespace, kind, name = (request.match_info[each] for each in ("namespace", "kind", "name"))
        meant = references.parse([f"{kind}/{name}"], *_OF)
        act = acts.find(meant.resource, request.match_info["act"])
        raw = await reading.raw(self._pages.api, meant.resource, namespace, name)
        return act, acts.subject(meant.resource, raw)

    async def _told(
        self, act: OfferedAct, found: Subject, given: Mapping[str, str], *, changed: bool = False
    ) -> web.Response:
        wrong, wanted, told = act.hindrance(found.view), None, None
        if not wrong and act.is_told(given):
            try:
                wanted = act.request(found, given, self._pages.clock())
                await self._need(wanted, fresh=False)
                after = await writing.send(self._pages.api, wanted, dry_run=True)
                told = await consequences.of(
                    self._pages.api, found, wanted, after, self._pages.clock()
                )
            except _WRONG as error:
                wrong = str(error)
        status = CONFLICT if changed or act.hindrance(found.view) else 400 if wrong else 200
        return self._pages.page(
            "act.html",
            status=status,
            act=act,
            found=found,
            given=given,
            wanted=wanted,
            told=told,
            wrong=wrong,
            changed=changed,
            seen=_seen(found),
            back=_home(found),
            runs=preview.runs,
        )

    async def _need(self, wanted: Request, *, fresh: bool = True) -> None:
        """Raise Forbidden where the person may not do it, before anything is sent."""
        name = "" if wanted.verb is WriteVerb.CREATE else wanted.name
        missing = await self._rights.missing(wanted.right, wanted.namespace, name, fresh=fresh)
        if missing:
            raise faults.Forbidden(missing, reason=Reason.FORBIDDEN)

    async def _follow(self, wanted: Request, after: Mapping[str, Any]) -> None:
        """Wait a moment until the pages show what was written."""
        meta = after.get("metadata", {})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SEEN_SECONDS):
                await self._pages.followed.reach(
                    wanted.resource, (wanted.namespace, wanted.name), meta.get("generation", 0)
                )


def _seen(found: Subject) -> str:
    """Return what tells whether the object is still what was shown: its spec, not its status."""
    return f"{found.meta.uid}/{found.meta.generation}"


def _home(found: Subject) -> str:
    space, name = found.meta.namespace, found.meta.name
    if found.resource is Resource.SERVERS:
        return f"/why/{space}/server/{name}"
    return f"/{found.resource}/{space}/{name}"


def _target(found: Subject, wanted: Request, act: OfferedAct) -> str:
    if wanted.verb is WriteVerb.CREATE:
        return f"/operations/{wanted.namespace}/{wanted.name}?did={act.name}"
    return f"{_home(found)}?did={act.name}"
