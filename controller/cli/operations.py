"""Operations made, changed and followed, and the other changes that verbs ask for."""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import yaml

from controller.api import names, objects
from controller.api.choices import Action
from controller.api.resources import Resource
from controller.cli import files, following, screen
from controller.cli.session import Session
from controller.presentation import reading, references, requests
from controller.presentation.problems import Refusal, UsageError


async def begin(
    session: Session,
    application: str,
    action: Action,
    spec: Mapping[str, Any],
    *,
    detach: bool,
    name: str = "",
) -> int:
    """Make an operation on an application, and follow it."""
    # The API server accepts one on an application that does not exist; a typing error must not.
    found = await reading.one(session.api, objects.Application, session.namespace, application)
    body = requests.operation(found, action, spec, name)
    made = msgspec.json.decode(
        await session.api.create(Resource.OPERATIONS, session.namespace, body),
        type=objects.Operation,
    )
    if detach:
        screen.say(f"operation.{names.GROUP}/{made.metadata.name} created")
        return 0
    return await following.follow(session, made.metadata.name)


async def patch(
    session: Session,
    given: Sequence[str],
    kinds: Sequence[Resource],
    body: Mapping[str, Any],
    said: str,
) -> int:
    """Change an object of one of the kinds, and say what has become of it."""
    meant = await session.find(given, *kinds)
    await session.api.patch(
        meant.resource, session.namespace, meant.name, body, field_manager=requests.MANAGER
    )
    screen.say(f"{meant}{said}")
    return 0


async def force(session: Session, given: Sequence[str]) -> int:
    """End the wait for an instance that does not go, or for all that an application waits for.

    Each is named, and no policy is changed: what comes after them has its time again.
    """
    meant = await session.find(given, Resource.SERVERS, Resource.APPLICATIONS)
    if meant.resource is Resource.SERVERS:
        servers = [await reading.one(session.api, objects.Server, session.namespace, meant.name)]
    else:
        await reading.one(session.api, objects.Application, session.namespace, meant.name)
        selector = f"{names.APPLICATION_LABEL}={meant.name}"
        below = await reading.many(session.api, objects.Server, session.namespace, selector)
        servers = requests.on_their_way_out(below)
        if not servers:
            raise Refusal(f"nothing of {meant} is on its way out")
    for each in servers:
        await session.api.patch(
            Resource.SERVERS,
            session.namespace,
            each.metadata.name,
            requests.force(each),
            field_manager=requests.MANAGER,
        )
        screen.say(f"server/{each.metadata.name}: its instance gets no more time to end")
    return 0


async def cancel(session: Session, given: Sequence[str], *, detach: bool) -> int:
    """Cancel an operation and see it end; a Build ends by itself."""
    meant = await session.find(given, Resource.OPERATIONS, Resource.BUILDS)
    if meant.resource is not Resource.OPERATIONS:
        return await _cancel_build(session, meant)
    before = await reading.one(session.api, objects.Operation, session.namespace, meant.name)
    name = before.metadata.name
    await _patch(session, name, requests.cancel(before))
    if detach or not sys.stdout.isatty():
        screen.say(f"operation/{name} is being cancelled")
        return 0
    await following.follow(session, name, answered=True)
    # An operation that was cancelled is what was asked for.
    return 0


async def retry(
    session: Session,
    given: Sequence[str],
    *,
    step: str,
    parameters: Mapping[str, str],
    detach: bool,
) -> int:
    """Let an ended operation go on with what it has not finished."""
    before = await _operation(session, given)
    name = before.metadata.name
    if not before.status.completion_time:
        typed = session.target.typed(f"cancel {name}")
        raise Refusal(f"operation/{name} has not ended; wait, or {typed}")
    spec = requests.retry(before, step, parameters)
    await _patch(session, name, spec)
    if detach:
        screen.say(f"operation/{name} is retried as run {spec['retry']['id']}")
        return 0
    return await following.follow(session, name, answered=True)


def steps(file: pathlib.Path | None, command: Sequence[str], container: str) -> dict[str, Any]:
    """Return the spec of the operation in `file`, or of one with `command` as its only step."""
    if file is not None:
        return requests.steps(yaml.safe_load(files.text(file)), str(file))
    if not command:
        raise UsageError("name a command after --, or a file with -f")
    return requests.one_step(command, container)


def pairs(given: Sequence[str] | None) -> dict[str, str]:
    """Return KEY=VALUE words as a mapping."""
    found = {}
    for each in given or ():
        key, sign, value = each.partition("=")
        if not sign or not key:
            raise UsageError(f"a parameter must be KEY=VALUE, not {each!r}")
        found[key] = value
    return found


async def _cancel_build(session: Session, meant: references.Reference) -> int:
    before = await reading.one(session.api, objects.Build, session.namespace, meant.name)
    body = {"spec": requests.cancel(before)}
    await session.api.patch(
        meant.resource, session.namespace, meant.name, body, field_manager=requests.MANAGER
    )
    screen.say(f"{meant} is being cancelled")
    return 0


async def _operation(session: Session, given: Sequence[str]) -> objects.Operation:
    meant = await session.find(given, Resource.OPERATIONS)
    return await reading.one(session.api, objects.Operation, session.namespace, meant.name)


async def _patch(session: Session, name: str, spec: Mapping[str, Any]) -> None:
    await session.api.patch(
        Resource.OPERATIONS, session.namespace, name, {"spec": spec}, field_manager=requests.MANAGER
    )
