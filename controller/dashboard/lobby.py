"""The way in for many people, in a cluster: everybody comes with a token of their own.

Either a proxy in front puts it into the Authorization header of each request, or a person pastes it
once and gets a session. Tokens stay in this process's memory: they are in no page, address or log.
Everything that is read or written for a person, beyond the lists that are followed, is asked of the
API server with their token, so that nobody gets more than `kubectl` would give them. `server` puts
this before the pages.
"""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import secrets
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog
from aiohttp import web

from controller import errors
from controller.dashboard import origins
from controller.dashboard.board import Board
from controller.dashboard.entrance import Guest
from controller.dashboard.pages import Pages
from controller.dashboard.part import Part, PartBoard, Sight
from controller.dashboard.rendering import Renderer
from controller.dashboard.rights import Rights
from controller.kube import faults
from controller.presentation import reading
from controller.presentation.applications import Followed

_log = structlog.get_logger(__name__)
# `__Host-` has browsers take it over TLS alone (or from this machine), for this host alone.
COOKIE = "__Host-argosy-dashboard"
TOKEN_BYTES = 32
# A longer text is no token: an API server takes headers of a few kilobytes.
MOST_TOKEN_BYTES = 16_384
# A person who does nothing for so long is forgotten, and everybody after so long.
IDLE_SECONDS, LONGEST_SECONDS = 1800.0, 12 * 3600.0
PRUNE_SECONDS = 60.0
# With more, somebody is forgotten: of those with the most tokens whoever was away the longest.
MOST_VIEWERS = 500
# Browsers of one person that stay signed in; with more, the first of them is signed out.
MOST_SESSIONS = 20
# Tokens that are tried at once: each costs the API server a review.
MOST_SIGNING_IN = 4
_REFUSED = "The API server does not take this token."
_BEARER = "bearer "


class Connected(reading.Cluster, Protocol):
    """An API server that is asked as one person."""

    async def whoami(self) -> str:
        """Return the name of that person."""
        ...


@dataclasses.dataclass(slots=True, kw_only=True)
class Viewer:
    """One person who is known; what they see, and when they were last here."""

    api: Connected
    sight: Sight
    guest: Guest
    born: float
    here: float
    # A person may have many tokens.
    user: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """The parts that all viewers share; `writes` offers acts to whoever has the rights to them."""

    followed: Followed
    board: Board
    renderer: Renderer
    clock: Callable[[], float]
    connect: Callable[[str], Connected]
    hosts: Sequence[str]
    writes: bool


class Lobby:
    """An `entrance.Entrance`."""

    def __init__(self, shared: Shared) -> None:
        self.renderer = shared.renderer
        self._shared = shared
        # By a digest of the token: who comes twice with one is the same person.
        self._viewers: dict[str, Viewer] = {}
        # By a digest of the session, whose person is named by that of the token.
        self._sessions: dict[str, str] = {}
        # Forms carry what nobody can compute who does not know this.
        self._secret = secrets.token_urlsafe(TOKEN_BYTES)
        self._turns = asyncio.Semaphore(MOST_SIGNING_IN)

    def refusal(self, request: web.Request) -> str:
        """Return why a request comes from no page of this site; empty if it does."""
        return origins.refusal(
            request.method,
            request.host,
            request.headers,
            self._is_ours,
            schemes=("https://", "http://"),
        )

    async def guest(self, request: web.Request) -> Guest | None:
        """Return whom a request comes from; None where that is not known, or not any more."""
        key = await self._key(request)
        viewer = self._viewers.get(key)
        if viewer is None:
            return None
        now = self._shared.clock()
        if self._is_over(viewer, now):
            await self._forget(key)
            return None
        viewer.here = now
        space = request.match_info.get("namespace", "")
        try:
            await viewer.sight.look(set(self._shared.followed.spaces), at=space)
        except faults.Unauthorized:
            # The token has expired, or was taken back.
            await self._forget(key)
            return None
        return viewer.guest

    async def show(self, _request: web.Request, *, failed: str = "") -> web.StreamResponse:
        """Return the page that takes a token."""
        return self.renderer.page("sign_in_token.html", status=401, failed=failed, live=None)

    async def sign_in(self, request: web.Request) -> web.StreamResponse:
        """Exchange a token for a session that no script can read."""
        token = str((await request.post()).get("token", "")).strip()
        try:
            key = await self._known(token)
        except errors.ArgosyError as error:
            return await self.show(request, failed=f"The API server cannot be asked: {error}")
        if not key:
            return await self.show(request, failed=_REFUSED)
        session = secrets.token_urlsafe(TOKEN_BYTES)
        own = [each for each, of in self._sessions.items() if of == key]
        for each in own[: max(0, len(own) + 1 - MOST_SESSIONS)]:
            del self._sessions[each]
        self._sessions[origins.digest(session)] = key
        response = web.Response(status=web.HTTPSeeOther.status_code, headers={"Location": "/"})
        response.set_cookie(
            COOKIE, session, httponly=True, secure=True, samesite="Strict", path="/"
        )
        return response

    async def sign_out(self, request: web.Request) -> web.StreamResponse:
        """End the session, and forget the token where no other session has it."""
        key = self._sessions.pop(origins.digest(request.cookies.get(COOKIE, "")), "")
        if key and key not in self._sessions.values():
            await self._forget(key)
        response = web.Response(status=web.HTTPSeeOther.status_code, headers={"Location": "/"})
        response.del_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Strict")
        return response

    async def run(self) -> None:
        """Forget those who are away, until cancelled; then everybody."""
        try:
            while True:
                await asyncio.sleep(PRUNE_SECONDS)
                now = self._shared.clock()
                over = [key for key, each in self._viewers.items() if self._is_over(each, now)]
                for key in over:
                    await self._forget(key)
        finally:
            for key in list(self._viewers):
                await self._forget(key)

    async def _key(self, request: web.Request) -> str:
        said = request.headers.get("Authorization", "")
        if said[: len(_BEARER)].lower() == _BEARER:
            return await self._known(said[len(_BEARER) :].strip())
        return self._sessions.get(origins.digest(request.cookies.get(COOKIE, "")), "")

    async def _known(self, token: str) -> str:
        """Return the key of whoever has a token; empty where the API server does not take it."""
        if not token or len(token) > MOST_TOKEN_BYTES or not token.isascii() or " " in token:
            return ""
        key = origins.digest(token)
        if key in self._viewers:
            return key
        async with self._turns:
            viewer = self._viewer(key, token)
            try:
                await viewer.sight.look()
                viewer.user = await _user(viewer.api) or key
            except faults.Unauthorized:
                await viewer.api.close()
                return ""
            except errors.ArgosyError:
                await viewer.api.close()
                raise
        if key in self._viewers:
            # Two requests of one page came at once.
            await viewer.api.close()
            return key
        self._viewers[key] = viewer
        if len(self._viewers) > MOST_VIEWERS:
            await self._forget(self._one_too_many())
        return key

    def _one_too_many(self) -> str:
        """Return who is forgotten; somebody with five hundred tokens signs out nobody else."""
        tokens = collections.Counter(each.user for each in self._viewers.values())
        most = max(tokens.values())
        crowd = {key: each for key, each in self._viewers.items() if tokens[each.user] == most}
        return min(crowd, key=lambda each: crowd[each].here)

    def _viewer(self, key: str, token: str) -> Viewer:
        shared = self._shared
        api = shared.connect(token)
        sight = Sight(api, shared.clock)
        form_token = origins.form_token(self._secret + key)
        pages = Pages(
            api=api,
            followed=Part(shared.followed, sight),
            board=PartBoard(shared.board, shared.followed, sight),
            renderer=shared.renderer.but(form_token=lambda: form_token, signs_out=True),
            clock=shared.clock,
            namespace="",
            rights=Rights(api, shared.clock) if shared.writes else None,
        )
        now = shared.clock()
        guest = Guest(pages=pages, form_token=form_token)
        return Viewer(api=api, sight=sight, guest=guest, born=now, here=now)

    async def _forget(self, key: str) -> None:
        self._sessions = {each: of for each, of in self._sessions.items() if of != key}
        viewer = self._viewers.pop(key, None)
        if viewer is not None:
            viewer.sight.end()
            await viewer.api.close()
            _log.info("a viewer was forgotten", viewers=len(self._viewers))

    def _is_over(self, viewer: Viewer, now: float) -> bool:
        return now - viewer.here > IDLE_SECONDS or now - viewer.born > LONGEST_SECONDS

    def _is_ours(self, host: str) -> bool:
        """Return whether a host is the site's own, or this machine with whatever port.

        A forwarded port is reached so; a name that somebody points at an address of ours is not.
        """
        return host in self._shared.hosts or origins.is_local(host)


async def _user(api: Connected) -> str:
    """Return whose a token is; empty where its owner may not even ask that."""
    try:
        return await api.whoami()
    except (faults.Forbidden, faults.NotFound):
        return ""
