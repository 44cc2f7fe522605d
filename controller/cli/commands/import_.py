"""`import`: what a StatefulSet or a Deployment runs becomes an application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli import app, arguments
from controller.cli.app import CommandRight, Work

if TYPE_CHECKING:
    from controller.cli.session import Session

# The workloads that may be taken over, as people call them; `handover.imports` has the kinds.
KINDS = {
    **dict.fromkeys(("statefulset", "statefulsets", "sts"), "statefulset"),
    **dict.fromkeys(("deployment", "deployments", "deploy"), "deployment"),
}


@app.command(
    CommandRight(
        verbs="get",
        resource="pods, persistentvolumeclaims, services; statefulsets, deployments (apps)",
    ),
    CommandRight(verbs="patch", resource="deployments (apps)", why="--no-dry-run"),
    CommandRight(
        verbs="get, create, patch", resource="applications (argosy.dev)", why="--no-dry-run"
    ),
    CommandRight(verbs="delete", resource="statefulsets (apps)", why="--no-dry-run"),
    CommandRight(verbs="list", resource="services; poddisruptionbudgets (policy)"),
    CommandRight(verbs="list", resource="horizontalpodautoscalers (autoscaling)"),
    CommandRight(
        verbs="patch", resource="horizontalpodautoscalers (autoscaling)", why="--retarget-hpa"
    ),
    name="import",
)
def import_(  # noqa: PLR0917 - the options of a command
    workload: Annotated[
        str,
        typer.Argument(
            metavar="KIND/NAME", help="The workload: statefulset/NAME or deployment/NAME."
        ),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run/--no-dry-run", help="Show what would be done, or do it.")
    ] = True,
    application: Annotated[
        str,
        typer.Option(
            "--application",
            help="The application, where it is not all before the name's last dash.",
        ),
    ] = "",
    accept_losses: arguments.AcceptLosses = False,
    retarget_hpa: arguments.RetargetHpa = False,
    timeout: arguments.Timeout = 600,
) -> Work:
    """Take over what a StatefulSet runs, as it runs, or a Deployment, within its budgets.

    A StatefulSet's pods become servers as they run, claims with them.
    A Deployment's pods cannot keep their names: servers come up as they go, within its budgets.
    Killed half way, the same command goes on. `export` is the way back.

    Example: kubectl argosy import statefulset/shop-db --no-dry-run
    """

    async def carry(session: Session) -> int:
        from controller.cli import screen
        from controller.cli.drawing import handover as drawing
        from controller.handover import imports
        from controller.handover.handover import Consent, Handover
        from controller.presentation.problems import UsageError

        kind, _, name = workload.partition("/")
        taken = KINDS.get(kind.removesuffix(".apps"))
        if taken is None or not name:
            raise UsageError(f"{workload}: name statefulset/NAME or deployment/NAME")
        asked = Handover(
            api=session.api,
            namespace=session.namespace,
            say=screen.say,
            consent=Consent(accept_losses=accept_losses, retarget=retarget_hpa),
            timeout_seconds=timeout,
        )
        way = imports.IMPORTS[taken]
        if dry_run:
            told = await way.preview(asked, name, application)
            screen.lines(drawing.lines(told))
            return 1 if told.problems else 0
        await way.carry_out(asked, name, application)
        return 0

    return carry
