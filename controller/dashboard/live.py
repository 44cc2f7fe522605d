"""Tells open pages that what they show has changed, as server-sent events.

`site` has the address; `live.js` listens, and loads the page again.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator

from aiohttp import web

from controller import errors
from controller.dashboard import entrance
from controller.dashboard.pages import Drawn, Pages

# How often a page that is open may be told that it is behind.
LIVE_SECONDS = 1.0
# A connection over which nothing is said is taken for dead by some; so much silence is allowed.
QUIET_SECONDS = 15.0


async def tell(pages: Pages, request: web.Request) -> web.StreamResponse:
    """Say so whenever it is so, once a second at most, until the page is left.

    No stream costs more than a look at two numbers a second.
    """
    response = web.StreamResponse(
        headers={
            "Content-Type": "text/event-stream",
            "Cache-Control": "no-store",
            **entrance.HEADERS,
        }
    )
    await response.prepare(request)
    query = request.query
    with contextlib.suppress(ConnectionError, errors.ArgosyError):
        # Else all whose streams began at once, as when the dashboard was restarted, come at once.
        share = random.random()  # noqa: S311 - no secret
        async for each in lines(pages.board, query.get("of", ""), query.get("since", ""), share):
            await response.write(each)
    return response


async def lines(board: Drawn, of: str, since: str = "", share: float = 0.0) -> AsyncIterator[bytes]:
    """Yield what is told of an application ("" for all), from what was `since` on.

    A page says what it was made of: what has changed before its stream began is told, too. `share`
    is the part of a second by which this stream comes after others that begin with it.
    """
    known, quiet, pause = since or board.mark(of), 0.0, (1 + share) * LIVE_SECONDS
    yield b"retry: 2000\n\n"
    while True:
        await asyncio.sleep(pause)
        pause = LIVE_SECONDS
        if board.is_over:
            # Else a page that stays open in another tab looks as if it were up to date.
            return
        quiet += LIVE_SECONDS
        mark = board.mark(of)
        if mark != known:
            # Who may see it no more hears nothing of it.
            await board.look(of)
            mark = board.mark(of)
        if mark != known:
            yield b"data: changed\n\n"
        elif quiet >= QUIET_SECONDS:
            yield b": still here\n\n"
        else:
            continue
        known, quiet = mark, 0.0
