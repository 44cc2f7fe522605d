"""`scale`: replicas, where they are owned: in the Application, or else in the ServerSet."""

from __future__ import annotations

from typing import Any

from controller.api import names
from controller.api.resources import Resource
from controller.cli import failures, reading, screen
from controller.cli.operations import MANAGER
from controller.cli.session import Session
from controller.kube import faults

# Somebody else may change the application between the read and the write.
TRIES = 5


async def scale(session: Session, application: str, component: str, replicas: int) -> int:
    """Set how many servers a component has."""
    for attempt in range(TRIES):
        found = await reading.raw(
            session.api, Resource.APPLICATIONS, session.namespace, application
        )
        chosen = _component(found, component)
        if "replicas" not in chosen:
            return await _scale_set(session, application, chosen["name"], replicas)
        before, chosen["replicas"] = chosen["replicas"], replicas
        # A merge patch replaces the list, so it must be the one that was read.
        body = {
            "metadata": {"resourceVersion": found["metadata"]["resourceVersion"]},
            "spec": {"components": found["spec"]["components"]},
        }
        try:
            await session.api.patch(
                Resource.APPLICATIONS, session.namespace, application, body, field_manager=MANAGER
            )
        except faults.Conflict:
            if attempt == TRIES - 1:
                raise
            continue
        screen.say(f"{application} {chosen['name']}: {before} → {replicas}")
        screen.note("The manifest that it was applied from still has the old number.")
        return 0
    raise AssertionError("unreachable: the last attempt returns or raises")


async def _scale_set(session: Session, application: str, component: str, replicas: int) -> int:
    name = names.server_set(application, component)
    await session.api.patch(
        Resource.SERVERSETS,
        session.namespace,
        name,
        {"spec": {"replicas": replicas}},
        subresource="scale",
        field_manager=MANAGER,
    )
    screen.say(f"serverset/{name}: {replicas}")
    return 0


def _component(found: dict[str, Any], wanted: str) -> dict[str, Any]:
    known: list[dict[str, Any]] = found["spec"]["components"]
    if not wanted and len(known) == 1:
        return known[0]
    for each in known:
        if each["name"] == wanted:
            return each
    listed = ", ".join(each["name"] for each in known)
    said = f"has no component {wanted!r}, but" if wanted else "has several: name one with -c:"
    raise failures.UsageError(f"application {found['metadata']['name']} {said} {listed}")
