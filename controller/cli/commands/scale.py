"""`scale`: how many servers a component has, set where that is owned.

The owner is the Application; or the ServerSet, where the Application does not say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli import app, arguments
from controller.cli.app import CommandRight, Work

if TYPE_CHECKING:
    from controller.cli.session import Session

# Somebody else may change the application between the read and the write.
TRIES = 5


@app.command(
    CommandRight(verbs="get, patch", resource="applications (argosy.dev)"),
    CommandRight(
        verbs="patch",
        resource="serversets/scale (argosy.dev)",
        why="where the application does not name replicas",
    ),
)
def scale(
    application: arguments.Application,
    replicas: Annotated[int, typer.Option(help="How many servers.", min=0)],
    component: arguments.Component = "",
) -> Work:
    """Set how many servers a component has.

    Example: kubectl argosy scale shop --component web --replicas 20
    """
    from controller.kube import faults

    async def change(session: Session) -> int:
        for _ in range(TRIES - 1):
            try:
                return await _scale(session, application, component, replicas)
            except faults.Conflict:
                continue
        return await _scale(session, application, component, replicas)

    return change


async def _scale(session: Session, application: str, component: str, replicas: int) -> int:
    from controller.api import names
    from controller.api.resources import Resource
    from controller.cli import screen
    from controller.presentation import reading, requests

    space = session.namespace
    found = await reading.raw(session.api, Resource.APPLICATIONS, space, application)
    wanted = requests.scale(found, component, replicas)
    if wanted.before is None:
        name = names.server_set(application, wanted.component)
        await session.api.patch(
            Resource.SERVERSETS,
            space,
            name,
            wanted.body,
            subresource="scale",
            field_manager=requests.MANAGER,
        )
        screen.say(f"serverset/{name}: {replicas}")
        return 0
    await session.api.patch(
        Resource.APPLICATIONS, space, application, wanted.body, field_manager=requests.MANAGER
    )
    screen.say(f"{application} {wanted.component}: {wanted.before} → {replicas}")
    screen.note("The manifest of the application still has the old number.")
    return 0
