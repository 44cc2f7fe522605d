"""The pages: each reads what its address names, with the rights of whoever sits in front of it.

`site` lists their addresses.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from aiohttp import web

from controller.api import objects
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.dashboard import lists
from controller.dashboard.board import states
from controller.dashboard.rendering import Renderer
from controller.dashboard.rights import ActOffer, Rights
from controller.kube import faults
from controller.presentation import (
    acts,
    answers,
    aside,
    builds,
    events,
    fleets,
    last_lines,
    manifests,
    pictures,
    preview,
    reading,
    references,
    revisions,
    timeline,
)
from controller.presentation.applications import Place
from controller.presentation.builds import BuildPicture
from controller.presentation.pictures import ApplicationPicture, ComponentPicture
from controller.presentation.problems import UsageError

# A manifest that is looked at before it is applied; what is larger the API server refuses, too.
MOST_BYTES = 1 << 20
MOST_EVENTS = 200
# Failure domains and lost instances of a fleet that are named; the others are counted.
MOST_DOMAINS = 10
# The mark that no board ever gives: a page that is behind from the start is loaded again.
BEHIND = "behind"
# Of one application, so many operations are listed on its own page; its timeline has them all.
MOST_OPERATIONS = 20


class Known(Protocol):
    """The objects that are followed, as far as whoever looks may see them."""

    def keys(self, selector: str = "") -> set[tuple[str, str]]:
        """Return the applications by namespace and name; of them those with these labels."""

    def application(self, namespace: str, name: str) -> objects.Application | None:
        """Return one application as it was read; None where there is none."""

    def operation(self, namespace: str, name: str) -> objects.Operation | None:
        """Return one operation; None where there is none."""

    def operations(self) -> list[objects.Operation]:
        """Return all operations."""

    def places(self) -> Mapping[Place, int]:
        """Return how many servers of each namespace are in each failure domain of each fleet."""

    async def reach(self, resource: Resource, key: tuple[str, str], generation: int) -> None:
        """Return once an object is seen as it was written, or not at all."""


class Drawn(Protocol):
    """The pictures of that."""

    @property
    def trouble(self) -> str:
        """Why the pages may be behind; empty where everything is followed."""

    @property
    def is_over(self) -> bool:
        """Whether whoever looks has left, or is known no more."""

    def shelf(self, found: ApplicationPicture) -> lists.Shelf:
        """Return what has the pages of a picture's servers."""

    def mark(self, of: str) -> str:
        """Return what is another whenever what a page follows is: "namespace/name", "" for all."""

    async def look(self, of: str) -> None:
        """Find out again what whoever looks may see, where that is due."""

    def one(self, key: tuple[str, str], *, newest: bool = False) -> ApplicationPicture | None:
        """Return the picture of an application; None where there is none."""

    def is_behind(self, found: Iterable[ApplicationPicture]) -> bool:
        """Return whether one of these pictures stands for a newer one, which is yet to be drawn."""

    def all(self) -> list[ApplicationPicture]:
        """Return all pictures, those in trouble first."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """The parts of every page; `namespace` is the one that is looked at, "" for all."""

    api: reading.Cluster
    followed: Known
    board: Drawn
    renderer: Renderer
    clock: Callable[[], float]
    namespace: str
    # None where nothing may be changed.
    rights: Rights | None = None

    async def applications(self, request: web.Request) -> web.Response:
        """All applications, those in trouble first."""
        wanted = lists.Filter.of(request.query)
        everything = self.board.all()
        labelled = self.followed.keys(wanted.label)
        found = [
            each
            for each in everything
            if wanted.holds(each) and (each.namespace, each.name) in labelled
        ]
        return self.page(
            "applications.html",
            live="",
            pictured=everything,
            found=lists.page(found, lists.number(request.query.get("page", ""))),
            query=request.query,
            wanted=wanted,
            total=len(everything),
            states=states(found),
            verdict=lists.verdict,
            verdicts=tuple(lists.VERDICTS.values()),
            namespaces=sorted({each.namespace for each in everything}),
        )

    async def application(self, request: web.Request) -> web.Response:
        """One application: its components, their servers, its operations, what it waits for."""
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        # Before the picture: between that and its mark nothing may pass unseen.
        offers = await self._offers(
            Resource.APPLICATIONS, self.followed.application(namespace, name)
        )
        found = self._application(request)
        query = request.query
        chosen = query.get("component", "")
        shown = [each for each in found.components if chosen in ("", each.name)]
        if chosen and not shown:
            raise _missing(f"application {found.name} has no component {chosen!r}")
        wanted = lists.WantedServers(
            state=query.get("state", ""),
            zone=query.get("zone", ""),
            page=lists.number(query.get("page", "")),
            rows=lists.rows(shown),
        )
        few = len(shown) <= lists.MOST_SECTIONS
        return self.page(
            "application.html",
            live=_live(found),
            pictured=[found],
            found=found,
            offers=offers,
            did=_did(request, Resource.APPLICATIONS),
            components=() if few else shown,
            sections=self._sections(found, shown, wanted) if few else (),
            chosen=chosen,
            summary=pictures.summary,
            most_operations=MOST_OPERATIONS,
        )

    async def why(self, request: web.Request) -> web.Response:
        """Why an object is as it is, down to the leaf."""
        namespace, kind, name = (request.match_info[each] for each in ("namespace", "kind", "name"))
        meant = references.parse([f"{kind}/{name}"])
        space = "" if namespace == "-" else namespace
        found = await answers.read(self.api, meant, space, self.clock())
        offers: list[ActOffer] = []
        if meant.resource is Resource.SERVERS and self.rights is not None:
            server = await reading.one(self.api, objects.Server, space, meant.name)
            offers = await self._offers(meant.resource, server)
        did = _did(request, meant.resource)
        return self.page("why.html", found=found, meant=meant, offers=offers, did=did)

    async def revisions(self, request: web.Request) -> web.Response:
        """The revisions of an application, and what sets two of them apart."""
        found = self._application(request)
        known = await revisions.read(self.api, found.namespace, found.name, "", self.clock())
        wanted = request.query.get("compare", "")
        built, hidden = await self._builds(found)
        # Templates of any size, written by anybody: whoever compares them waits alone.
        compared = await aside.run(
            lambda _: [
                (each.now.component, each.other.revision, tuple(each.lines()))
                for each in (revisions.compare(known, wanted) if known else ())
                if each.other is not None
            ]
        )
        return self.page(
            "revisions.html",
            found=found,
            builds=built,
            builds_hidden=hidden,
            may_act=self.rights is not None,
            revisions=lists.page(known, lists.number(request.query.get("page", ""))),
            compare=wanted,
            compared=compared,
        )

    async def build(self, request: web.Request) -> web.Response:
        """One Build: its phases, how it ended, and the last lines that each phase printed."""
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        found = await builds.one(self.api, namespace, name, self.clock())
        printed = await builds.printed(self.api, namespace, name)
        return self.page("build.html", found=found, printed=printed, lines=last_lines.LINES)

    async def timeline(self, request: web.Request) -> web.Response:
        """The operations of an application in time: who asked for what, when it began and ended."""
        found = self._application(request)
        seen = self.followed.application(found.namespace, found.name)
        if seen is None:
            raise _missing(f"application {found.name!r} is gone")
        told = timeline.timeline(seen, self.followed.operations(), self.clock())
        entries = lists.page(told.entries, lists.number(request.query.get("page", "")))
        return self.page(
            "timeline.html", live=_live(found), found=found, told=told, entries=entries
        )

    async def events(self, request: web.Request) -> web.Response:
        """The Events of an application, the latest first."""
        found = self._application(request)
        told = await events.read(self.api, found.namespace, found.name)
        latest = [events.happening(each) for each in reversed(told.found[-MOST_EVENTS:])]
        return self.page("events.html", found=found, events=latest, total=len(told.found))

    async def logs(self, request: web.Request) -> web.Response:
        """The last lines of up to five servers of an application."""
        found = self._application(request)
        own = [each for part in found.components for each in part.servers]
        asked = [*request.query.getall("server", [])][: last_lines.MOST_SERVERS]
        known = {each.name for each in own}
        unknown = next((each for each in asked if each not in known), None)
        if unknown is not None:
            raise _missing(f"application {found.name} has no server {unknown!r}")
        printed = await last_lines.read(self.api, found.namespace, asked)
        return self.page(
            "logs.html",
            found=found,
            asked=asked,
            printed=printed,
            servers=own,
            most=last_lines.MOST_SERVERS,
            lines=last_lines.LINES,
        )

    async def operation(self, request: web.Request) -> web.Response:
        """One operation: its steps, how far the servers are with each, what failed."""
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        found = self.followed.operation(namespace, name)
        if found is None:
            # The watch may be behind somebody who has just made it.
            found = await reading.one(self.api, objects.Operation, namespace, name)
        offers = await self._offers(Resource.OPERATIONS, found)
        found = self.followed.operation(namespace, name) or found
        return self.page(
            "operation.html",
            live=f"{namespace}/{found.spec.application}",
            found=found,
            offers=offers,
            did=_did(request, Resource.OPERATIONS, Resource.APPLICATIONS),
            picture=pictures.operation(found, self.clock()),
        )

    async def fleets(self, _request: web.Request) -> web.Response:
        """The fleets: what they are, how they are called, what no Server stands for."""
        found = await fleets.read(self.api)
        counted: collections.Counter[tuple[str, str]] = collections.Counter()
        for (_, fleet, domain), count in self.followed.places().items():
            counted[fleet, domain] += count
        return self.page("fleets.html", found=found, counted=counted, most=MOST_DOMAINS)

    async def preview(self, request: web.Request) -> web.Response:
        """The effects of applying a manifest; nothing is changed by asking."""
        text, found = "", []
        if request.method == "POST":
            sent = await request.post()
            # Browsers end the lines of a form in their own way.
            text = str(sent.get("manifest", "")).replace("\r\n", "\n")
            for manifest in await aside.run(lambda _: manifests.read(text, "the text")):
                space = manifest["metadata"].get("namespace") or self.namespace
                if not space:
                    raise UsageError("metadata.namespace must say where the application is to be")
                found.append(await preview.read(self.api, space, manifest, self.clock()))
        elif "application" in request.query:
            text = await self._manifest(request.query["application"])
        return self.page("preview.html", text=text, found=found, runs=preview.runs)

    def _sections(
        self,
        found: ApplicationPicture,
        shown: Sequence[ComponentPicture],
        wanted: lists.WantedServers,
    ) -> list[str]:
        """Return what is shown of components; nothing in it depends on who looks."""
        shelf, now = self.board.shelf(found), self.clock()

        def drawn(each: ComponentPicture) -> str:
            def draw(servers: lists.ShownServers) -> str:
                return self.renderer.part(
                    "component.html",
                    found=found,
                    each=each,
                    page=servers,
                    wanted=wanted,
                    alone=wanted.rows >= lists.PAGE,
                    now=now,
                    summary=pictures.summary,
                    trouble=pictures.TROUBLE,
                )

            return shelf.drawn(each, wanted, draw)

        return [drawn(each) for each in shown]

    async def _builds(self, found: ApplicationPicture) -> tuple[list[BuildPicture], str]:
        """Return the Builds of an application, and why they cannot be seen."""
        try:
            return await builds.read(self.api, found.namespace, found.name, self.clock()), ""
        except faults.Forbidden as error:
            # Whoever may not list Builds still sees the revisions.
            return [], str(error)

    async def _manifest(self, named: str) -> str:
        namespace, _, name = named.partition("/")
        raw = await reading.raw(self.api, Resource.APPLICATIONS, namespace, name)
        return await aside.run(lambda _: preview.editable(raw))

    async def _offers(self, resource: Resource, found: Any) -> list[ActOffer]:
        """Return what this person may ask of an object; nothing where nothing may be changed."""
        if self.rights is None or found is None:
            return []
        return await self.rights.offers(resource, found)

    def _application(self, request: web.Request) -> ApplicationPicture:
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        # Whoever has just changed it sees what came of it.
        found = self.board.one((namespace, name), newest="did" in request.query)
        if found is None:
            raise _missing(f"application {name!r} does not exist in namespace {namespace!r}")
        return found

    def page(
        self,
        template: str,
        *,
        live: str | None = None,
        pictured: Iterable[ApplicationPicture] = (),
        **values: Any,
    ) -> web.Response:
        """Return a page of ours; `live` names what it follows, of which are the `pictured`."""
        now = self.clock()
        # A change between this page and its stream is told on the stream at once.
        since = "" if live is None else self.board.mark(live)
        if self.board.is_behind(pictured):
            since = BEHIND
        return self.renderer.page(
            template,
            now=now,
            live=live,
            since=since,
            trouble_following=self.board.trouble,
            **values,
        )


def _did(request: web.Request, *kinds: Resource) -> str:
    """Return what has just been asked for, where the address says so; the words are ours."""
    name = request.query.get("did", "")
    known = (each for kind in kinds for each in acts.of(kind) if each.name == name)
    return next((each.title for each in known), "")


def _live(found: ApplicationPicture) -> str:
    return f"{found.namespace}/{found.name}"


def _missing(message: str) -> faults.NotFound:
    return faults.NotFound(message, reason=Reason.NOT_FOUND)
