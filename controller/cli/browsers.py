"""The browser, which shows a page of `open` or of the dashboard and has no hand in their end.

Python's `webbrowser` waits for some browsers, tries the next where one ends badly, and leaves them
in the terminal's foreground, where Ctrl-C is theirs, too. So it runs in a process and a session of
its own: a Ctrl-C ends the command alone, and the browser's window stays.
"""

from __future__ import annotations

import asyncio
import asyncio.subprocess
import contextlib
import os
import sys
from collections.abc import AsyncIterator

from controller.cli import screen

# Isolated: nothing that lies in the folder where one happens to be is imported.
STARTER = ("-I", "-c", "import sys, webbrowser; sys.exit(not webbrowser.open(sys.argv[1]))")
NOTHING = asyncio.subprocess.DEVNULL


@contextlib.asynccontextmanager
async def showing(url: str) -> AsyncIterator[None]:
    """Have the browser show a page while something else goes on; that there is none is told.

    One that lives in a terminal cannot be used, as it would get none: nor is it looked for.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *STARTER,
        url,
        stdin=NOTHING,
        stdout=NOTHING,
        stderr=NOTHING,
        env={name: value for name, value in os.environ.items() if name != "TERM"},
        start_new_session=True,
    )
    telling = asyncio.ensure_future(_tell(process))
    try:
        yield
    finally:
        telling.cancel()
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _tell(process: asyncio.subprocess.Process) -> None:
    if await process.wait():
        screen.note("no browser could be started: open the address yourself")
