"""The way in for one person on their own machine: by the token that was printed, once.

`server` puts this before the pages of `kubectl argosy dashboard`.
"""

from __future__ import annotations

from aiohttp import web

from controller.dashboard.entrance import SIGN_IN, Guest, ShutError
from controller.dashboard.gate import TokenGate
from controller.dashboard.pages import Pages


class Alone:
    """An `entrance.Entrance`."""

    def __init__(self, gate: TokenGate, pages: Pages) -> None:
        self.renderer = pages.renderer
        self._gate = gate
        self._pages = pages

    def refusal(self, request: web.Request) -> str:
        """Return why a request is none of a browser's on this machine that shows this site."""
        return self._gate.refusal(request.method, request.host, request.headers)

    async def guest(self, request: web.Request) -> Guest | None:
        """Return the one person, where the request has their session."""
        if not self._gate.knows(request.cookies.get(self._gate.cookie, "")):
            return None
        return Guest(pages=self._pages, form_token=self._gate.form_token())

    async def show(self, _request: web.Request, *, failed: bool = False) -> web.StreamResponse:
        """Return the page that takes the token: from the address by itself, or pasted."""
        return self.renderer.page(
            "sign_in.html", status=401, failed=failed, used=self._gate.used, live=None
        )

    async def sign_in(self, request: web.Request) -> web.StreamResponse:
        """Exchange the token for a session."""
        sent = await request.post()
        session = self._gate.sign_in(str(sent.get("token", "")).strip())
        if not session:
            return await self.show(request, failed=True)
        response = web.Response(status=web.HTTPSeeOther.status_code, headers={"Location": "/"})
        # Not "secure": there is no TLS on the way from a browser to its own machine.
        response.set_cookie(self._gate.cookie, session, httponly=True, samesite="Strict", path="/")
        return response

    async def sign_out(self, _request: web.Request) -> web.StreamResponse:
        """Refuse: the session ends with the command that was started."""
        raise ShutError(f"End the dashboard with Ctrl-C; {SIGN_IN} lets in once.")
