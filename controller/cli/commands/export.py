"""`export`: what an application runs becomes StatefulSets again, and nothing restarts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli import app, arguments
from controller.cli.app import CommandRight, Work

if TYPE_CHECKING:
    from controller.cli.session import Session


@app.command(
    CommandRight(verbs="get, list", resource="applications, serversets, servers (argosy.dev)"),
    CommandRight(verbs="get, list", resource="pods; statefulsets (apps)"),
    CommandRight(verbs="patch, delete", resource="applications (argosy.dev)", why="--no-dry-run"),
    CommandRight(
        verbs="patch, delete", resource="serversets, servers (argosy.dev)", why="--no-dry-run"
    ),
    CommandRight(verbs="create, patch", resource="statefulsets (apps)", why="--no-dry-run"),
    CommandRight(verbs="patch", resource="pods", why="--no-dry-run"),
    CommandRight(
        verbs="get, delete",
        resource="poddisruptionbudgets (policy)",
        why="to take away what Argosy kept",
    ),
    CommandRight(verbs="list", resource="horizontalpodautoscalers (autoscaling)"),
    CommandRight(
        verbs="patch", resource="horizontalpodautoscalers (autoscaling)", why="--retarget-hpa"
    ),
)
def export(
    application: arguments.Application,
    dry_run: Annotated[
        bool, typer.Option("--dry-run/--no-dry-run", help="Show what would be done, or do it.")
    ] = True,
    accept_losses: arguments.AcceptLosses = False,
    retarget_hpa: arguments.RetargetHpa = False,
    timeout: arguments.Timeout = 600,
) -> Work:
    """Give an application's pods to StatefulSets, as they run: the way out.

    Killed half way, the same command goes on. Claims keep their names and their data.

    Example: kubectl argosy export shop --no-dry-run
    """

    async def carry(session: Session) -> int:
        from controller.cli import screen
        from controller.cli.drawing import handover as drawing
        from controller.handover import export as room
        from controller.handover.handover import Consent, Handover

        asked = Handover(
            api=session.api,
            namespace=session.namespace,
            say=screen.say,
            consent=Consent(accept_losses=accept_losses, retarget=retarget_hpa),
            timeout_seconds=timeout,
        )
        if dry_run:
            told = await room.preview(asked, application)
            screen.lines(drawing.lines(told))
            return 1 if told.problems else 0
        await room.carry_out(asked, application)
        return 0

    return carry
