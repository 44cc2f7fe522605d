"""`mcp`: what the other commands show, as tools for an assistant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.cli import app, rights
from controller.cli.app import CommandRight, Work

if TYPE_CHECKING:
    from controller.cli.session import Session


@app.command(
    rights.READ,
    rights.PLAN,
    rights.REFINE,
    rights.EVERYWHERE,
    rights.OPERATOR,
    CommandRight(verbs="list", resource="events (events.k8s.io)", why="list_events"),
    CommandRight(verbs="get, list", resource="builds (argosy.dev)", why="list_builds, show_build"),
    CommandRight(verbs="list", resource="pods", why="show_build"),
    CommandRight(verbs="get", resource="pods", why="last_lines"),
    CommandRight(verbs="get", resource="pods/log", why="last_lines"),
    CommandRight(
        verbs="create, patch",
        resource="applications (argosy.dev)",
        why="preview; without them rules and policies of the cluster are not asked, which is said",
    ),
)
def mcp() -> Work:
    """Answer an assistant's questions over standard input and output, read-only.

    Example: kubectl argosy mcp -n shop
    """
    import importlib.util
    from importlib import metadata

    from controller.presentation.problems import Refusal

    async def answer(session: Session) -> int:
        if importlib.util.find_spec("mcp") is None:
            raise Refusal("the package mcp is missing: pip install 'argosy[mcp]'")
        from controller.assistant import server

        await server.serve(session.api, session.namespace, metadata.version("argosy"))
        return 0

    return answer
