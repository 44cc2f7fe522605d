"""`status` and `top`: read, draw, and with `-w` draw again whenever something changed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Self

import rich.console
import rich.live

from controller.api import names, objects
from controller.api.resources import Resource
from controller.cli import failures, pictures, reading, screen, status_text
from controller.cli.pictures import ApplicationPicture
from controller.cli.session import Session
from controller.kube import faults, informer

# How long a burst of changes is gathered before the screen is drawn again.
FRAME_SECONDS = 0.25


async def show(  # noqa: PLR0917 - as the command line has them
    session: Session,
    application: str,
    everywhere: bool,
    selector: str,
    watch: bool,
    form: str,
    compact: bool,
) -> int:
    """Show one application, or all that are chosen; `compact` as a table."""
    space = "" if everywhere else session.namespace
    wanted = _Wanted(session, space, application, selector)
    if watch:
        return await _live(wanted, form, compact=compact)
    found = await wanted.read()
    if application and not found:
        raise faults.NotFound(
            f"application {application!r} does not exist in namespace {space!r}: see"
            " `kubectl argosy top -A`",
            reason="NotFound",
        )
    if not found and form not in ("json", "yaml"):
        where = "any namespace" if everywhere else f"namespace {space}"
        screen.note(f"No applications in {where}.")
        return 0
    _print(found, form, compact=compact, whole=not application)
    return 0


class _Wanted:
    """Which applications are shown."""

    def __init__(self, session: Session, space: str, application: str, selector: str) -> None:
        self.session = session
        self.space = space
        self.application = application
        self.selector = selector

    async def read(self) -> list[ApplicationPicture]:
        """Return the pictures of those that exist, by namespace and name."""
        api = self.session.api
        if self.application:
            with contextlib.suppress(faults.NotFound):
                found = await reading.one(api, objects.Application, self.space, self.application)
                sets, servers, acts = await reading.below(api, self.space, self.application)
                return [pictures.picture(found, sets, servers, acts, screen.now())]
            return []
        apps, (sets, servers, acts) = await asyncio.gather(
            reading.many(api, objects.Application, self.space, self.selector),
            reading.below(api, self.space),
        )
        return draw_all(apps, sets, servers, acts)


def draw_all(
    applications: Sequence[objects.Application],
    sets: Sequence[objects.ServerSet],
    servers: Sequence[objects.Server],
    operations: Sequence[objects.Operation],
) -> list[ApplicationPicture]:
    """Return the pictures of all applications, each with what is its own, in one pass."""

    def by_application(found: Sequence[Any]) -> dict[tuple[str, str], list[Any]]:
        grouped: dict[tuple[str, str], list[Any]] = {}
        for each in found:
            key = each.metadata.namespace, each.spec.application
            grouped.setdefault(key, []).append(each)
        return grouped

    parts = [by_application(each) for each in (sets, servers, operations)]
    now = screen.now()
    drawn = []
    for each in applications:
        key = each.metadata.namespace, each.metadata.name
        mine, below, acts = (part.get(key, []) for part in parts)
        drawn.append(pictures.picture(each, mine, below, acts, now))
    return sorted(drawn, key=lambda each: (each.namespace, each.name))


def _print(found: list[ApplicationPicture], form: str, *, compact: bool, whole: bool) -> None:
    if form in ("json", "yaml"):
        screen.data({"applications": found} if whole else found[0], form)
    elif form == "name":
        for each in found:
            screen.say(f"application.{names.GROUP}/{each.name}")
    else:
        screen.output().print(_render(found, compact=compact, wide=form == "wide"))


def _render(
    found: list[ApplicationPicture], *, compact: bool, wide: bool
) -> rich.console.RenderableType:
    if compact:
        return status_text.top(found)
    now = screen.now()
    parts: list[rich.console.RenderableType] = []
    for number, each in enumerate(found):
        parts += ([""] if number else []) + [status_text.draw(each, now, wide=wide)]
    return rich.console.Group(*parts)


async def _live(wanted: _Wanted, form: str, *, compact: bool) -> int:
    """Draw until interrupted; on a pipe, print a new picture for each change."""
    if form in ("json", "yaml", "name"):
        raise failures.UsageError(f"-w cannot be combined with -o {form}; kubectl get -w can")
    api, changed = wanted.session.api, asyncio.Event()
    caches = _Caches(api, wanted.space, changed.set)
    async with asyncio.TaskGroup() as group:
        followers = [group.create_task(each.run()) for each in caches.all]
        await asyncio.gather(*(each.wait() for each in caches.all))
        try:
            with _Canvas() as canvas:
                while True:
                    shown = caches.pictures(wanted)
                    canvas.show(_render(shown, compact=compact, wide=form == "wide"))
                    changed.clear()
                    # Ages move even when nothing else does, and are no news on a pipe.
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(1.0 if canvas.live else None):
                            await changed.wait()
                    await asyncio.sleep(FRAME_SECONDS)
        finally:
            for each in followers:
                each.cancel()


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


class _Caches:
    """What is followed while the screen is live."""

    def __init__(self, api: Any, space: str, changed: Callable[[], None]) -> None:
        def follow(resource: Resource) -> informer.Informer[Any]:
            made: informer.Informer[Any] = informer.Informer(api, resource, namespaces=(space,))
            made.subscribe(lambda _old, _new: changed())
            return made

        self.applications = follow(Resource.APPLICATIONS)
        self.sets = follow(Resource.SERVERSETS)
        self.servers = follow(Resource.SERVERS)
        self.operations = follow(Resource.OPERATIONS)
        self.all = (self.applications, self.sets, self.servers, self.operations)

    def pictures(self, wanted: _Wanted) -> list[ApplicationPicture]:
        """Return the pictures of what is wanted."""
        chosen = [
            each
            for each in self.applications.objects.values()
            if wanted.application in ("", each.metadata.name)
            and _matches(each.metadata.labels, wanted.selector)
        ]
        rest = ([*each.objects.values()] for each in (self.sets, self.servers, self.operations))
        return draw_all(chosen, *rest)


def _matches(labels: dict[str, str], selector: str) -> bool:
    """Return whether labels fit a selector of equalities, which is what -w knows."""
    for part in filter(None, selector.split(",")):
        key, sign, value = part.partition("!=") if "!=" in part else part.partition("=")
        value = value.removeprefix("=")
        has = labels.get(key.strip()) == value.strip() if sign else key.strip() in labels
        if has is (sign == "!="):
            return False
    return True
