"""`status` and `top`: read, draw, and with `-w` draw again whenever something changed."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Sequence
from typing import Self

import rich.console
import rich.live

from controller.api import names
from controller.api.reasons import Reason
from controller.cli import screen
from controller.cli.drawing import status
from controller.cli.session import Session
from controller.kube import faults
from controller.presentation import applications, documents
from controller.presentation.pictures import ApplicationPicture
from controller.presentation.problems import UsageError

# How long a burst of changes is gathered before the screen is drawn again.
FRAME_SECONDS = 0.25


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WantedScreen:
    """The applications to be shown, and how; `compact` as a table."""

    application: str = ""
    everywhere: bool = False
    selector: str = ""
    form: str = ""
    compact: bool

    def chosen(self, session: Session) -> applications.Chosen:
        """Return which applications are meant."""
        return applications.Chosen(
            namespace="" if self.everywhere else session.namespace,
            application=self.application,
            selector=self.selector,
        )


async def show(session: Session, wanted: WantedScreen) -> int:
    """Show one application, or all that are chosen."""
    chosen = wanted.chosen(session)
    found = await applications.read(session.api, chosen, screen.now())
    if wanted.application and not found:
        raise faults.NotFound(
            f"application {wanted.application!r} does not exist in namespace"
            f" {chosen.namespace!r}: see `kubectl argosy top -A`",
            reason=Reason.NOT_FOUND,
        )
    if wanted.form in documents.FORMS:
        one = found[0] if wanted.application else {"applications": found}
        screen.data(one, wanted.form)
    elif not found:
        where = f"namespace {chosen.namespace}" if chosen.namespace else "any namespace"
        screen.note(f"No applications in {where}.")
    elif wanted.form == "name":
        for each in found:
            screen.say(f"application.{names.GROUP}/{each.name}")
    else:
        screen.output().print(_render(found, wanted))
    return 0


async def follow(session: Session, wanted: WantedScreen) -> int:
    """Draw until interrupted; on a pipe, print a new picture for each change."""
    if wanted.form in (*documents.FORMS, "name"):
        raise UsageError(f"-w cannot be combined with -o {wanted.form}; kubectl get -w can")
    async with applications.follow(session.api, wanted.chosen(session)) as followed:
        with _Canvas() as canvas:
            while True:
                canvas.show(_render(followed.pictures(screen.now()), wanted))
                followed.changed.clear()
                # Ages move even when nothing else does, and are no news on a pipe.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(1.0 if canvas.live else None):
                        await followed.changed.wait()
                await asyncio.sleep(FRAME_SECONDS)


def _render(
    found: Sequence[ApplicationPicture], wanted: WantedScreen
) -> rich.console.RenderableType:
    if wanted.compact:
        return status.top(found)
    now = screen.now()
    parts: list[rich.console.RenderableType] = []
    for number, each in enumerate(found):
        drawn = status.draw(each, now, wide=wanted.form == "wide")
        parts += ["", drawn] if number else [drawn]
    return rich.console.Group(*parts)


class _Canvas:
    """Where pictures are drawn over each other; on a pipe one stands below the other."""

    def __init__(self) -> None:
        console = screen.output()
        self.live = console.is_terminal
        self._live = rich.live.Live(console=console, auto_refresh=False) if self.live else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.__exit__(None, None, None)

    def show(self, drawn: rich.console.RenderableType) -> None:
        """Draw a picture."""
        if self._live is not None:
            self._live.update(drawn, refresh=True)
        else:
            screen.output().print(drawn)
            screen.output().file.flush()
