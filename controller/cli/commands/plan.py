"""`plan`: what applying a manifest would do."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING, Annotated, Any

import typer

from controller.cli import app, arguments, rights
from controller.cli.app import CommandRight, Work
from controller.cli.arguments import Data

if TYPE_CHECKING:
    from controller.cli.session import Session


@app.command(
    rights.PLAN,
    rights.REFINE,
    rights.EVERYWHERE,
    rights.OPERATOR,
    CommandRight(verbs="get", resource="applications (argosy.dev)"),
    # As a dry run, which needs the rights of the real one.
    CommandRight(
        verbs="create, patch",
        resource="applications (argosy.dev)",
        why="without them rules and policies of the cluster are not asked, which is said",
    ),
    rights.MAKE_PODS,
    rights.MAKE_CLAIMS,
)
def plan(
    filename: Annotated[
        pathlib.Path, typer.Option("--filename", "-f", help="Applications as YAML; - for stdin.")
    ],
    output: arguments.OutputData = Data.TEXT,
) -> Work:
    """Show what would change if this were applied; change nothing.

    Example: kubectl argosy plan -f shop.yaml
    """
    from controller.cli import files, screen
    from controller.cli.drawing import preview as drawing
    from controller.presentation import documents, manifests

    async def show(session: Session) -> int:
        known = manifests.read(files.text(filename), str(filename))
        found = [await _preview(session, each) for each in known]
        if output.value in documents.FORMS:
            screen.data(found[0] if len(found) == 1 else found, output.value)
            return 0
        for each in found:
            screen.lines(drawing.draw(each))
        return 0

    return show


async def _preview(session: Session, manifest: dict[str, Any]) -> Any:
    from controller.cli import screen
    from controller.presentation import preview
    from controller.presentation.problems import UsageError

    meta = manifest["metadata"]
    namespace = meta.get("namespace") or session.namespace
    if meta.get("namespace") and session.target.namespace not in ("", namespace):
        raise UsageError(
            f"{meta.get('name')} is of namespace {namespace}, but -n says"
            f" {session.target.namespace}"
        )
    async with screen.working(f"planning {meta.get('name')}"):
        return await preview.read(session.api, namespace, manifest, screen.now())
