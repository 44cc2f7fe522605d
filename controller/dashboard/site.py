"""The addresses of the site, and what stands around every page.

`server` runs it; tests run it without a port of their own choice.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from controller import errors
from controller.dashboard import entrance as ways
from controller.dashboard import live
from controller.dashboard.acting import Acting
from controller.dashboard.entrance import GUEST, Entrance, ShutError
from controller.dashboard.pages import MOST_BYTES, Pages
from controller.dashboard.rendering import HERE
from controller.kube import faults
from controller.presentation.problems import Refusal, UsageError

_log = structlog.get_logger(__name__)
_STATUS: dict[type[errors.ArgosyError], int] = {
    UsageError: 400,
    Refusal: 409,
    ShutError: 403,
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


def application(entrance: Entrance) -> web.Application:
    """Return the site; nothing of it is shown to whom the entrance does not know."""
    made = web.Application(
        middlewares=[ways.guard(entrance), _telling(entrance), ways.own_forms()],
        client_max_size=MOST_BYTES,
    )
    mine = "/applications/{namespace}/{name}"
    made.add_routes(
        [
            web.get("/", _page("applications")),
            web.get(mine, _page("application")),
            web.get(mine + "/revisions", _page("revisions")),
            web.get(mine + "/timeline", _page("timeline")),
            web.get(mine + "/events", _page("events")),
            web.get(mine + "/logs", _page("logs")),
            web.get("/operations/{namespace}/{name}", _page("operation")),
            web.get("/builds/{namespace}/{name}", _page("build")),
            web.get("/why/{namespace}/{kind}/{name}", _page("why")),
            web.get("/fleets", _page("fleets")),
            web.get("/preview", _page("preview")),
            web.post("/preview", _page("preview")),
            web.get("/live", _shown(live.tell)),
            web.post(ways.SIGN_IN, entrance.sign_in),
            web.post(ways.SIGN_OUT, entrance.sign_out),
            web.get(ways.HEALTH, _well),
            web.get("/static/{name}", _Static().show),
        ]
    )
    act = "/acts/{act}/{namespace}/{kind}/{name}"
    made.router.add_get(act, _shown(_act))
    made.router.add_post(act, _shown(_act))
    return made


def _page(name: str) -> Handler:
    """Return what shows one of the pages."""

    async def show(pages: Pages, request: web.Request) -> web.StreamResponse:
        found: web.StreamResponse = await getattr(pages, name)(request)
        return found

    return _shown(show)


def _shown(page: Callable[[Pages, web.Request], Awaitable[web.StreamResponse]]) -> Handler:
    """Return what shows a page as whoever asks for it may see it."""

    async def show(request: web.Request) -> web.StreamResponse:
        return await page(request[GUEST].pages, request)

    return show


async def _act(pages: Pages, request: web.Request) -> web.StreamResponse:
    """Show what would come of an act, or carry it out; a dashboard that only reads refuses."""
    if pages.rights is None:
        raise ShutError("The dashboard was started without --writes, so it only shows.")
    acting = Acting(pages, pages.rights)
    return await (acting.show if request.method in {"GET", "HEAD"} else acting.carry_out)(request)


async def _well(_request: web.Request) -> web.StreamResponse:
    """Say that the process answers."""
    return web.Response(text="ok")


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


def _telling(entrance: Entrance) -> Middleware:
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
        guest = request.get(GUEST)
        renderer = entrance.renderer if guest is None else guest.pages.renderer
        return renderer.page(
            "problem.html", status=status, code=status, message=message, advice=advice, live=None
        )

    return tell
