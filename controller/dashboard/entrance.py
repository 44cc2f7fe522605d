"""The questions before every page: does the request come from this site, and from whom?

There are two ways in: `alone` for one person on their own machine, `lobby` for many in a cluster.
`site` puts one of them before its pages.
"""

from __future__ import annotations

import dataclasses
from typing import Protocol

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from controller import errors
from controller.dashboard import origins
from controller.dashboard.pages import Pages
from controller.dashboard.rendering import Renderer
from controller.presentation import problems

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none';"
        " object-src 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Not "no-referrer": browsers then send "Origin: null" with our own forms.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
SIGN_IN, SIGN_OUT, HEALTH = "/sign-in", "/sign-out", "/healthz"
# The paths that are shown before anybody has signed in.
OPEN_PATHS = frozenset({SIGN_IN, "/static/icon.svg", "/static/sign-in.js", "/static/style.css"})
_BAD_GATEWAY = 502


class ShutError(problems.Refusal):
    """The site does nothing of the kind, whoever asks."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """Somebody who is known: the pages as they may see them, and what their forms carry."""

    pages: Pages
    form_token: str


GUEST = web.RequestKey("guest", Guest)


class Entrance(Protocol):
    """A way in."""

    renderer: Renderer
    """The renderer of the page for whoever is not known."""

    def refusal(self, request: web.Request) -> str:
        """Return why a request comes from no page of this site; empty if it does."""

    async def guest(self, request: web.Request) -> Guest | None:
        """Return whom a request comes from; None where that is not known."""

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Return the page that lets in."""

    async def sign_in(self, request: web.Request) -> web.StreamResponse:
        """Let in whoever brings what is asked for."""

    async def sign_out(self, request: web.Request) -> web.StreamResponse:
        """Forget whom the request comes from."""


def guard(entrance: Entrance) -> Middleware:
    """Return what stands before every page; whoever is not known sees the one that lets in."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == HEALTH:
            return await handler(request)
        refused = entrance.refusal(request)
        if refused:
            return _sealed(web.Response(status=403, text=refused))
        if request.path not in OPEN_PATHS:
            try:
                guest = await entrance.guest(request)
            except errors.ArgosyError as error:
                return _sealed(web.Response(status=_BAD_GATEWAY, text=str(error)))
            if guest is None:
                wants_page = request.method == "GET" and request.path != "/live"
                told = await entrance.show(request) if wants_page else web.Response(status=403)
                return _sealed(told)
            request[GUEST] = guest
        response = await handler(request)
        return response if response.prepared else _sealed(response)

    return check


def own_forms() -> Middleware:
    """Return what refuses a form that is none of the site's own, whoever's browser sends it."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method == "POST" and request.path not in OPEN_PATHS:
            own = request[GUEST].form_token
            sent = (await request.post()).get("form", "")
            if not (isinstance(sent, str) and origins.is_same(sent, own)):
                raise ShutError("The request is no form of the dashboard.")
        return await handler(request)

    return check


def _sealed(response: web.StreamResponse) -> web.StreamResponse:
    response.headers.update(HEADERS)
    if "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store"
    return response
