"""`logs`: what many servers print, merged, each line under its server's name."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import sys

import rich.text

from controller import errors
from controller.api import names, objects
from controller.api.builtin_choices import PodPhase
from controller.api.resources import Resource
from controller.cli import failures, screen
from controller.cli.session import Session
from controller.kube import faults
from controller.presentation import control_characters, reading
from controller.presentation.problems import Refusal

_COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "bright_cyan", "bright_green")
# While following, servers that come up later are found this often.
LOOK_SECONDS = 2.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WantedLines:
    """Whose lines are wanted."""

    application: str
    # A Build, whose Jobs' lines are wanted and no server's.
    build: str = ""
    component: str = ""
    server: str = ""
    container: str = ""
    follow: bool = False
    tail: int | None = None
    previous: bool = False
    since_seconds: int | None = None
    since_time: str = ""
    timestamps: bool = False
    prefix: bool = True


async def show(session: Session, wanted: WantedLines) -> int:
    """Print the lines of all servers that are wanted, as they come."""
    reader = _Reader(session, wanted)
    pods = await reader.pods()
    if not pods and wanted.build:
        raise Refusal(f"build/{wanted.build} has no pods: it has not begun, or they are gone")
    if not pods:
        # One that does not exist has nothing to wait for either.
        with contextlib.suppress(faults.Forbidden):
            await session.api.get(Resource.APPLICATIONS, session.namespace, wanted.application)
    if not pods and not wanted.follow:
        part = f" of {wanted.component}" if wanted.component else ""
        raise Refusal(
            f"{wanted.application} has no pods{part}:"
            f" {session.target.typed(f'status {wanted.application}')}"
        )
    if wanted.build and not wanted.follow:
        # One phase after the other, as they ran.
        for each in pods:
            async with asyncio.TaskGroup() as group:
                reader.begin(group, each)
        return reader.answer
    async with asyncio.TaskGroup() as group:
        while True:
            for each in pods:
                reader.begin(group, each)
            if not wanted.follow or (wanted.build and await reader.has_ended(wanted.build)):
                break
            await asyncio.sleep(LOOK_SECONDS)
            pods = await reader.pods()
    return reader.answer


class _Reader:
    """Reads many pods at once; each is begun once."""

    def __init__(self, session: Session, wanted: WantedLines) -> None:
        self.failed = 0
        self.printed = 0
        self._session = session
        self._wanted = wanted
        self._begun: set[str] = set()

    @property
    def answer(self) -> int:
        """The exit code: nothing could be read of what was wanted."""
        return failures.FAILED if self.failed and not self.printed else 0

    async def has_ended(self, build: str) -> bool:
        """Return whether no more pods of a Build are to come."""
        found = await reading.one(self._session.api, objects.Build, self._session.namespace, build)
        return found.status.completion_time is not None

    async def pods(self) -> list[objects.Pod]:
        """Return the pods of the servers that are wanted."""
        wanted = self._wanted
        if wanted.build:
            return await self._of_build(wanted.build)
        # Pods of Builds have no component.
        parts = [f"{names.APPLICATION_LABEL}={wanted.application}"]
        parts += [] if wanted.component else [names.COMPONENT_LABEL]
        parts += [f"{names.COMPONENT_LABEL}={wanted.component}"] if wanted.component else []
        parts += [f"{names.SERVER_LABEL}={wanted.server}"] if wanted.server else []
        found = await reading.many(
            self._session.api, objects.Pod, self._session.namespace, ",".join(parts)
        )
        return sorted(found, key=lambda each: each.metadata.name)

    async def _of_build(self, name: str) -> list[objects.Pod]:
        """Return the pods of a Build's Jobs, in the order in which they began."""
        selector = f"{names.BUILD_LABEL}={name}"
        found = await reading.many(
            self._session.api, objects.Pod, self._session.namespace, selector
        )
        return sorted(found, key=lambda each: each.metadata.creation_timestamp or "")

    def begin(self, group: asyncio.TaskGroup, pod: objects.Pod) -> None:
        """Read a pod's containers, unless that has begun."""
        if pod.metadata.uid in self._begun or pod.status.phase == PodPhase.PENDING:
            return
        self._begun.add(pod.metadata.uid)
        chosen = [
            each.name for each in pod.spec.containers if self._wanted.container in ("", each.name)
        ]
        for container in chosen:
            label = pod.metadata.name.removeprefix(f"{self._wanted.application}-")
            if self._wanted.build:
                label = container
            elif len(chosen) > 1:
                label += f" {container}"
            group.create_task(self._read(pod.metadata.name, container, label))

    async def _read(self, pod: str, container: str, label: str) -> None:
        colour = _COLOURS[sum(label.encode()) % len(_COLOURS)]
        lines = self._session.api.logs(
            self._session.namespace,
            pod,
            container=container,
            follow=self._wanted.follow,
            tail_lines=self._wanted.tail,
            previous=self._wanted.previous,
            since_seconds=self._wanted.since_seconds,
            since_time=self._wanted.since_time,
            timestamps=self._wanted.timestamps,
        )
        try:
            async with contextlib.aclosing(lines):
                async for line in lines:
                    self.printed += 1
                    self._print(
                        label if self._wanted.prefix else "", colour, line.decode(errors="replace")
                    )
        except errors.ArgosyError as error:
            self.failed += 1
            screen.note(f"{label}: {error}")

    @staticmethod
    def _print(label: str, colour: str, line: str) -> None:
        if sys.stdout.isatty():
            screen.output().print(drawn(label, colour, line), soft_wrap=True)
        else:
            sys.stdout.write(f"{label} {line}\n" if label else f"{line}\n")
            sys.stdout.flush()


def drawn(label: str, colour: str, line: str) -> rich.text.Text:
    """Return a line for a terminal: its colours stay, for all else would reach other lines."""
    said = control_characters.visible(line.rstrip("\r"), colours=True)
    text = rich.text.Text.from_ansi(said)
    return rich.text.Text.assemble((label, colour), " ", text) if label else text
