"""The questions that an assistant may ask, each answered by what `presentation` tells.

The docstring and the parameters of each are what an assistant is told of it. `server` offers them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Annotated

from pydantic import Field

from controller.api import objects
from controller.api.reasons import Reason
from controller.assistant import shortening
from controller.kube import faults
from controller.presentation import (
    answers,
    applications,
    builds,
    events,
    fleets,
    last_lines,
    manifests,
    pictures,
    preview,
    reading,
    references,
    revisions,
    timeline,
)
from controller.presentation.applications import Chosen
from controller.presentation.problems import UsageError

Namespace = Annotated[
    str, Field(description="The namespace; empty for the one that this was started in.")
]
Application = Annotated[str, Field(description="The name of the application.")]
Kind = Annotated[
    str, Field(description="application, serverset, server, operation, build or fleet.")
]


class Questions:
    """The questions that can be asked: none of them writes."""

    def __init__(self, api: reading.Cluster, namespace: str, clock: Callable[[], float]) -> None:
        self._api = api
        self._namespace = namespace
        self._clock = clock

    def all(self) -> tuple[Callable[..., Awaitable[str]], ...]:
        """Return the questions, each a function with its own name."""
        return (
            self.list_applications,
            self.show_application,
            self.why,
            self.preview,
            self.list_revisions,
            self.compare_revisions,
            self.list_builds,
            self.show_build,
            self.list_events,
            self.last_lines,
            self.show_operation,
            self.list_operations,
            self.list_fleets,
        )

    async def list_applications(
        self,
        namespace: Namespace = "",
        all_namespaces: Annotated[
            bool, Field(description="List the applications of all namespaces.")
        ] = False,
        selector: Annotated[
            str, Field(description="Labels that they must have, such as team=shop,tier!=test.")
        ] = "",
    ) -> str:
        """List applications, those in trouble first: whether each is Ready, why, its counts."""
        chosen = Chosen(
            namespace="" if all_namespaces else self._space(namespace), selector=selector
        )
        found = await applications.read(self._api, chosen, self._clock())
        ordered = sorted(found, key=pictures.trouble)
        return shortening.text(shortening.first([shortening.headline(each) for each in ordered]))

    async def show_application(self, application: Application, namespace: Namespace = "") -> str:
        """Show one application: components, servers by state, operations, what it waits for.

        Servers that are ready are counted and not listed.
        """
        space = self._space(namespace)
        found = await applications.one(self._api, space, application, self._clock())
        if found is None:
            raise faults.NotFound(
                f"application {application!r} does not exist in namespace {space}",
                reason=Reason.NOT_FOUND,
            )
        return shortening.text(shortening.application(found))

    async def why(
        self,
        kind: Kind,
        name: Annotated[str, Field(description="The name of the object.")],
        namespace: Namespace = "",
    ) -> str:
        """Say why an object is as it is, down to the cause, with what would help.

        The answer names the command that a person can type; it says what the operator does next.
        """
        meant = references.parse([f"{kind}/{name}"])
        return shortening.text(
            await answers.read(self._api, meant, self._space(namespace), self._clock())
        )

    async def preview(
        self,
        manifest: Annotated[str, Field(description="Applications as YAML.")],
        namespace: Namespace = "",
    ) -> str:
        """Show what applying a manifest would change, and how; nothing is applied."""
        found = []
        for each in manifests.read(manifest, "the manifest"):
            space = each["metadata"].get("namespace") or self._space(namespace)
            found.append(await preview.read(self._api, space, each, self._clock()))
        return shortening.text(found)

    async def list_revisions(
        self,
        application: Application,
        component: Annotated[str, Field(description="One component; empty for all.")] = "",
        namespace: Namespace = "",
    ) -> str:
        """List the revisions that an application has had: target, proven, rejected, who runs it."""
        found = await self._revisions(application, component, namespace)
        return shortening.text(shortening.first([_without_content(each) for each in found]))

    async def compare_revisions(
        self,
        application: Application,
        revision: Annotated[
            str, Field(description="The revision to compare with; empty for the one before.")
        ] = "",
        namespace: Namespace = "",
    ) -> str:
        """Show what sets the revision that servers should run apart from another, as a diff."""
        found = await self._revisions(application, "", namespace)
        compared = revisions.compare(found, revision)
        return shortening.text(
            {each.now.component: list(each.lines()) for each in compared if each.other is not None}
        )

    async def list_builds(self, application: Application, namespace: Namespace = "") -> str:
        """List the Builds of an application: of which commit, how long each phase took, the end."""
        space = self._space(namespace)
        found = await builds.read(self._api, space, application, self._clock())
        return shortening.text(shortening.first(found))

    async def show_build(
        self,
        name: Annotated[str, Field(description="The name of the Build.")],
        namespace: Namespace = "",
    ) -> str:
        """Show one Build: its phases, how it failed, and the last lines that each phase printed."""
        space = self._space(namespace)
        found = await builds.one(self._api, space, name, self._clock())
        printed = await builds.printed(self._api, space, name)
        return shortening.text({"build": found, "printed": printed})

    async def list_events(
        self,
        application: Annotated[str, Field(description="One application; empty for all.")] = "",
        namespace: Namespace = "",
    ) -> str:
        """List what happened to an application and its parts, the latest first."""
        told = await events.read(self._api, self._space(namespace), application)
        latest = [events.happening(each) for each in reversed(told.found)]
        return shortening.text(shortening.first(latest))

    async def last_lines(
        self,
        servers: Annotated[
            list[str],
            Field(
                description="Names of servers.", min_length=1, max_length=last_lines.MOST_SERVERS
            ),
        ],
        namespace: Namespace = "",
    ) -> str:
        """Show the last lines that up to five servers have printed, container by container."""
        space = self._space(namespace)
        for each in servers:
            # The pod of a server has its name; other people's pods are none of ours.
            await reading.one(self._api, objects.Server, space, each)
        return shortening.text(await last_lines.read(self._api, space, servers))

    async def show_operation(
        self,
        name: Annotated[str, Field(description="The name of the operation.")],
        namespace: Namespace = "",
    ) -> str:
        """Show one operation: its steps, how far the servers are with each, what failed."""
        found = await reading.one(self._api, objects.Operation, self._space(namespace), name)
        return shortening.text(pictures.operation(found, self._clock()))

    async def list_operations(self, application: Application, namespace: Namespace = "") -> str:
        """List the operations of an application: who asked for each, when it ran, how it ended."""
        space = self._space(namespace)
        found = await reading.one(self._api, objects.Application, space, application)
        known = await reading.many(self._api, objects.Operation, space)
        told = timeline.timeline(found, known, self._clock())
        return shortening.text(shortening.first(told.entries))

    async def list_fleets(self) -> str:
        """List the fleets: what they are made of, whether each can be reached, what is orphaned."""
        return shortening.text(shortening.first(await fleets.read(self._api)))

    async def _revisions(
        self, application: str, component: str, namespace: str
    ) -> list[revisions.Revision]:
        space = self._space(namespace)
        return await revisions.read(self._api, space, application, component, self._clock())

    def _space(self, namespace: str) -> str:
        space = namespace or self._namespace
        if not space:
            raise UsageError("a namespace must be named")
        return space


def _without_content(found: revisions.Revision) -> revisions.Revision:
    """Return a revision without its template, which `compare_revisions` shows."""
    return dataclasses.replace(found, data={})
