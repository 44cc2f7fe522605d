"""Operations made, changed and followed: what the verbs of `acting` do."""

from __future__ import annotations

import pathlib
import secrets
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import yaml

from controller.api import conditions, names, objects
from controller.api.resources import Resource
from controller.cli import failures, following, reading, references, screen
from controller.cli.session import Session
from controller.kinds.operation import completion

MANAGER = "kubectl-argosy"
NAME_BYTES = 3


async def begin(
    session: Session,
    application: str,
    action: str,
    spec: Mapping[str, Any],
    *,
    detach: bool,
    name: str = "",
) -> int:
    """Make an operation on an application, and follow it."""
    # The API server accepts one on an application that does not exist; a typing error must not.
    found = await reading.one(session.api, objects.Application, session.namespace, application)
    _check_components(found, spec.get("components") or ())
    body = {
        "apiVersion": names.API_VERSION,
        "kind": "Operation",
        "metadata": {"name": name or _name(application, action), "namespace": session.namespace},
        "spec": {"application": application, "action": action, **_given(spec)},
    }
    made = msgspec.json.decode(
        await session.api.create(Resource.OPERATIONS, session.namespace, body),
        type=objects.Operation,
    )
    return await _follow(session, made.metadata.name, detach=detach)


async def change(session: Session, given: Sequence[str], spec: Mapping[str, Any], said: str) -> int:
    """Set fields of an application's or an operation's spec."""
    kinds = (Resource.APPLICATIONS, Resource.OPERATIONS)
    meant = references.parse(given, *kinds)
    await session.api.patch(
        meant.resource, session.namespace, meant.name, {"spec": spec}, field_manager=MANAGER
    )
    screen.say(f"{meant} {said}")
    return 0


async def cancel(session: Session, given: Sequence[str], *, detach: bool) -> int:
    """Cancel an operation and see it end."""
    meant = references.parse(given, Resource.OPERATIONS)
    before = await reading.one(session.api, objects.Operation, session.namespace, meant.name)
    if before.status.completion_time:
        raise failures.Refusal(f"{meant} has ended already: {_verdict(before)}")
    await _patch(session, meant.name, {"cancelled": True})
    if detach or not sys.stdout.isatty():
        screen.say(f"{meant} is being cancelled")
        return 0
    await following.follow(session, meant.name, after="change")
    # That it was cancelled is what was asked for.
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
    meant = references.parse(given, Resource.OPERATIONS)
    before = await reading.one(session.api, objects.Operation, session.namespace, meant.name)
    if not before.status.completion_time:
        raise failures.Refusal(
            f"{meant} has not ended; wait, or {session.target.typed(f'cancel {meant.name}')}"
        )
    if not completion.can_be_retried(before):
        ended = conditions.find(before.status.conditions, "Succeeded")
        how = ended.reason if ended is not None else "it did"
        raise failures.Refusal(
            f"{meant} has ended as {how}, which leaves nothing to take up:"
            f" only {', '.join(sorted(completion.RETRIED))} ones can be retried; start a new one"
        )
    known = [each.name for each in before.spec.steps]
    if step and step not in known:
        raise failures.UsageError(f"{meant} has no step {step!r}, but {', '.join(known) or 'none'}")
    used = {each.id for each in before.status.retries} | {before.status.run}
    used |= {before.spec.retry.id} if before.spec.retry else set()
    number = next(each for each in range(2, len(used) + 3) if str(each) not in used)
    wanted: dict[str, Any] = {"id": str(number), "from": step or None}
    wanted["parameters"] = dict(parameters) or None
    spec: dict[str, Any] = {"retry": wanted}
    if before.spec.cancelled:
        spec["cancelled"] = False
    await _patch(session, meant.name, spec)
    if detach:
        screen.say(f"{meant} is retried as run {number}")
        return 0
    return await following.follow(session, meant.name, after="change")


async def hold(session: Session, given: Sequence[str], *, held: bool) -> int:
    """Hold a server: rollouts and operations leave it alone. Or let go of it."""
    meant = references.parse(given, Resource.SERVERS)
    body = {"spec": {"held": held}}
    await session.api.patch(
        meant.resource, session.namespace, meant.name, body, field_manager=MANAGER
    )
    screen.say(
        f"{meant} is held: rollouts and operations leave it alone until it is released"
        if held
        else f"{meant} is released"
    )
    return 0


async def retry_now(session: Session, given: Sequence[str]) -> int:
    """Have what failed tried again at once, whatever was waited for."""
    meant = references.parse(given, Resource.APPLICATIONS, Resource.SERVERSETS, Resource.SERVERS)
    value = f"{screen.now():.3f}"
    body = {"metadata": {"annotations": {names.RETRY_NOW_ANNOTATION: value}}}
    await session.api.patch(
        meant.resource, session.namespace, meant.name, body, field_manager=MANAGER
    )
    screen.say(f"{meant} is tried again now")
    return 0


async def force(session: Session, given: Sequence[str]) -> int:
    """End the wait for what cannot be torn down: of one server, or of an application's."""
    meant = references.parse(given, Resource.SERVERS, Resource.APPLICATIONS)
    body = {"spec": {"deletion": {"onTimeout": "Force"}}}
    await session.api.patch(
        meant.resource, session.namespace, meant.name, body, field_manager=MANAGER
    )
    screen.say(f"{meant}: what does not go in time is taken down by force")
    return 0


def steps(file: pathlib.Path | None, command: Sequence[str], container: str) -> dict[str, Any]:
    """Return the spec of the operation in `file`, or of one with `command` as its only step."""
    if file is None:
        if not command:
            raise failures.UsageError("name a command after --, or a file with -f")
        act: dict[str, Any] = {"command": list(command)}
        if container:
            act["container"] = container
        return {"steps": [{"name": "run", "exec": act}]}
    text = sys.stdin.read() if str(file) == "-" else _text(file)
    loaded = yaml.safe_load(text)
    if isinstance(loaded, list):
        return {"steps": loaded}
    if isinstance(loaded, dict) and loaded.get("kind") == "Operation":
        spec = dict(loaded.get("spec") or {})
        spec.pop("application", None)
        spec.pop("action", None)
        return spec
    raise failures.UsageError(f"{file} must hold an Operation, or a list of steps")


def pairs(given: Sequence[str] | None) -> dict[str, str]:
    """Return KEY=VALUE words as a mapping."""
    found = {}
    for each in given or ():
        key, sign, value = each.partition("=")
        if not sign or not key:
            raise failures.UsageError(f"a parameter must be KEY=VALUE, not {each!r}")
        found[key] = value
    return found


async def _follow(session: Session, name: str, *, detach: bool) -> int:
    if detach:
        screen.say(f"operation.{names.GROUP}/{name} created")
        return 0
    return await following.follow(session, name)


async def _patch(session: Session, name: str, spec: Mapping[str, Any]) -> None:
    await session.api.patch(
        Resource.OPERATIONS, session.namespace, name, {"spec": spec}, field_manager=MANAGER
    )


def _check_components(found: objects.Application, chosen: Sequence[str]) -> None:
    known = [each.name for each in found.spec.components]
    for each in chosen:
        if each not in known:
            raise failures.UsageError(
                f"application {found.metadata.name} has no component {each!r}, but"
                f" {', '.join(known)}"
            )


def _given(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was said: the rest is the schema's to fill in."""
    return {key: value for key, value in spec.items() if value not in (None, "", [], {})}


def _name(application: str, action: str) -> str:
    # Ours, not the API server's: a request that is sent twice must not become two operations.
    return f"{application}-{action.lower()}-{secrets.token_hex(NAME_BYTES)}"


def _verdict(found: objects.Operation) -> str:
    return next(
        (each.reason for each in found.status.conditions if each.type == "Succeeded"), "ended"
    )


def _text(file: pathlib.Path) -> str:
    try:
        return file.read_text()
    except OSError as error:
        raise failures.UsageError(f"{file}: {error.strerror}") from error
