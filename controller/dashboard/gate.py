"""Who gets in: whoever has the token that was printed, from a browser on this machine.

Other programs and people on the machine reach the same port, and so does any page that the browser
has open. So every request must name this address as its host (a name that somebody points at
127.0.0.1 is another), must come from this site where it says where it comes from, and must carry
the session that the token was exchanged for, once.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from controller.presentation import problems

TOKEN_BYTES = 32
# Guesses of the token that are answered; after so many nobody is let in any more.
MOST_GUESSES = 10
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
# What is shown before anybody has signed in.
OPEN_PATHS = frozenset({"/sign-in", "/static/icon.svg", "/static/sign-in.js", "/static/style.css"})


class ShutError(problems.Refusal):
    """The site does nothing of the kind, whoever asks."""


class Gate:
    """The token, which lets in once, and the session that it was exchanged for."""

    def __init__(self, *, port: int, token: str = "") -> None:
        self.token = token or secrets.token_urlsafe(TOKEN_BYTES)
        self._hosts = frozenset({f"127.0.0.1:{port}", f"localhost:{port}"})
        # Cookies know nothing of ports: two dashboards must not sign each other out.
        self.cookie = f"argosy-dashboard-{port}"
        self._session = ""
        self._guesses = 0

    def sign_in(self, token: str) -> str:
        """Return a new session for the token, and end the token; empty where it is not the one."""
        if self._session or self._guesses >= MOST_GUESSES:
            return ""
        self._guesses += 1
        if not hmac.compare_digest(token.encode(), self.token.encode()):
            return ""
        self._session = secrets.token_urlsafe(TOKEN_BYTES)
        return self._session

    def refusal(self, method: str, host: str, headers: Mapping[str, str]) -> str:
        """Return why a request is none of a browser's that shows this site; empty if it is.

        A link on another site may lead here: it brings no session, and so it shows nothing.
        """
        if host not in self._hosts:
            return "This address is not the one that the dashboard was opened at."
        origin = headers.get("Origin")
        if origin is not None and origin.removeprefix("http://") not in self._hosts:
            return "The request comes from another site."
        is_link = method == "GET" and headers.get("Sec-Fetch-Mode") == "navigate"
        if headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin") and not is_link:
            return "The request comes from another site."
        return ""

    def knows(self, session: str) -> bool:
        """Return whether a session is the one that the token was exchanged for."""
        return bool(self._session) and hmac.compare_digest(session.encode(), self._session.encode())

    def form_token(self) -> str:
        """Return what the forms of the site carry, and no other site can know."""
        key = self._session.encode()
        return hmac.new(key, b"forms", hashlib.sha256).hexdigest() if key else ""

    def is_own_form(self, token: str) -> bool:
        """Return whether a form that was sent is one of the site's own."""
        own = self.form_token()
        return bool(own) and hmac.compare_digest(token.encode(), own.encode())

    @property
    def used(self) -> bool:
        """Whether the token has been exchanged: it lets nobody in any more."""
        return bool(self._session)


def guard(gate: Gate, sign_in: Handler) -> Middleware:
    """Return what stands before every page; whoever has no session sees `sign_in` instead."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        refused = gate.refusal(request.method, request.host, request.headers)
        if refused:
            return _sealed(web.Response(status=403, text=refused))
        if request.path not in OPEN_PATHS and not gate.knows(request.cookies.get(gate.cookie, "")):
            wants_page = request.method == "GET" and request.path != "/live"
            told = await sign_in(request) if wants_page else web.Response(status=403)
            return _sealed(told)
        response = await handler(request)
        return response if response.prepared else _sealed(response)

    return check


def own_forms(gate: Gate) -> Middleware:
    """Return what refuses a form that is none of the site's own, whoever's browser sends it."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method == "POST" and request.path not in OPEN_PATHS:
            sent = (await request.post()).get("form", "")
            if not (isinstance(sent, str) and gate.is_own_form(sent)):
                raise ShutError("The request is no form of the dashboard.")
        return await handler(request)

    return check


def _sealed(response: web.StreamResponse) -> web.StreamResponse:
    response.headers.update(HEADERS)
    if "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store"
    return response
