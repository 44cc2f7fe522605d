"""The addresses of the site, and what stands around every page.

`server` runs it; tests run it without a port of their own choice.
"""

from __future__ import annotations

import mimetypes

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from controller import errors
from controller.dashboard import gate as gates
from controller.dashboard.acting import Acting
from controller.dashboard.gate import Gate
from controller.dashboard.live import Live
from controller.dashboard.pages import MOST_BYTES, Pages
from controller.dashboard.rendering import HERE, Renderer
from controller.kube import faults
from controller.presentation.problems import Refusal, UsageError

_log = structlog.get_logger(__name__)
_STATUS: dict[type[errors.ArgosyError], int] = {
    UsageError: 400,
    Refusal: 409,
    gates.ShutError: 403,
    faults.Conflict: 409,
    faults.Refused: 422,
    faults.Denied: 422,
    faults.NotFound: 404,
    faults.Forbidden: 403,
    faults.Unauthorized: 401,
    faults.Unreachable: 502,
    faults.Overloaded: 503,
    faults.ServerFailed: 502,
}
_ADVICE = {
    400: "Change what was asked for, and try again.",
    401: "Sign in to the cluster again, then start the dashboard anew.",
    403: "If a right is named here, ask whoever runs the cluster for it.",
    404: "The object may have been deleted. Go back to the list of applications.",
    409: "Go back, and see how things stand now.",
    422: "Change what was asked for, and try again.",
    500: "This is a fault of the dashboard: its terminal says more. Other pages may work.",
}


def application(pages: Pages, gate: Gate) -> web.Application:
    """Return the site; nothing of it is shown to whom the gate does not know."""
    door = _Door(gate, pages.renderer)
    made = web.Application(
        middlewares=[gates.guard(gate, door.show), _telling(pages), gates.own_forms(gate)],
        client_max_size=MOST_BYTES,
    )
    mine = "/applications/{namespace}/{name}"
    made.add_routes(
        [
            web.get("/", pages.applications),
            web.get(mine, pages.application),
            web.get(mine + "/revisions", pages.revisions),
            web.get(mine + "/timeline", pages.timeline),
            web.get(mine + "/events", pages.events),
            web.get(mine + "/logs", pages.logs),
            web.get("/operations/{namespace}/{name}", pages.operation),
            web.get("/why/{namespace}/{kind}/{name}", pages.why),
            web.get("/fleets", pages.fleets),
            web.get("/preview", pages.preview),
            web.post("/preview", pages.preview),
            web.get("/live", Live(pages.board).tell),
            web.post("/sign-in", door.sign_in),
            web.get("/static/{name}", _Static().show),
        ]
    )
    acting = Acting(pages, pages.rights) if pages.rights is not None else None
    act = "/acts/{act}/{namespace}/{kind}/{name}"
    made.router.add_get(act, acting.show if acting else _refuse)
    made.router.add_post(act, acting.carry_out if acting else _refuse)
    return made


async def _refuse(_request: web.Request) -> web.StreamResponse:
    """Refuse what a dashboard that only reads is asked to do, however it was asked."""
    raise gates.ShutError("The dashboard was started without --writes, so it only shows.")


class _Static:
    """Styles, scripts and pictures: few and small, so that they are read once.

    A page that is left while it loads then leaves no file open.
    """

    def __init__(self) -> None:
        self._known = {each.name: each.read_bytes() for each in (HERE / "static").iterdir()}

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Return one of them."""
        name = request.match_info["name"]
        if name not in self._known:
            raise web.HTTPNotFound
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        return web.Response(body=self._known[name], content_type=kind, charset="utf-8")


class _Door:
    """The page that lets in."""

    def __init__(self, gate: Gate, renderer: Renderer) -> None:
        self._gate = gate
        self._renderer = renderer

    async def show(self, _request: web.Request, *, failed: bool = False) -> web.StreamResponse:
        """Return the page that takes the token: from the address by itself, or pasted."""
        return self._renderer.page(
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


def _telling(pages: Pages) -> Middleware:
    """Return what makes a page of whatever goes wrong."""

    @web.middleware
    async def tell(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except errors.ArgosyError as error:
            status, message = _STATUS.get(type(error), 502), str(error)
        except web.HTTPException as error:
            if error.status < web.HTTPBadRequest.status_code:
                # aiohttp would otherwise warn of a response that is raised.
                return web.Response(status=error.status, headers=error.headers)
            status, message = error.status, error.reason
        except Exception as error:  # noqa: BLE001 - one page's fault is not the next one's
            _log.exception("a page crashed", path=request.path)
            status, message = 500, f"The dashboard failed to make this page: {error!r}"
        advice = _ADVICE.get(status, "The trouble may pass: load the page again.")
        return pages.renderer.page(
            "problem.html", status=status, code=status, message=message, advice=advice, live=None
        )

    return tell
