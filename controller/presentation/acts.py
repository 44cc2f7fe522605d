"""The acts that may be asked of an object where it is shown, and the request that each comes to.

Front ends that people point at come here; those that people type into have a command for each.
Pure: `consequences` tells what would come of a request.
"""

from __future__ import annotations

import dataclasses
import enum
import shlex
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from controller.api import conditions, objects, tags
from controller.api import names as api_names
from controller.api.choices import Action
from controller.api.conditions import ConditionType
from controller.api.reasons import Reason
from controller.api.resources import PLACES, Resource
from controller.kube import faults
from controller.presentation import requests
from controller.presentation.problems import Refusal, UsageError

MOST_REPLICAS = 10**9
# A field of 32 bits holds each number of so many digits.
MOST_DIGITS = 9


class WriteVerb(enum.StrEnum):
    """How something is written."""

    CREATE = "create"
    PATCH = "patch"
    DELETE = "delete"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """A verb on a resource: the API server is asked whether a person may do that."""

    verb: WriteVerb
    resource: Resource
    subresource: str = ""

    def __str__(self) -> str:
        below = f"/{self.subresource}" if self.subresource else ""
        return f"{self.verb} {self.resource}{below}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The object that something is asked of: as it is on the wire, and as planners see it."""

    resource: Resource
    raw: dict[str, Any]
    view: Any

    @property
    def meta(self) -> Any:
        """The metadata of the object, and so its name."""
        return self.view.metadata

    def __str__(self) -> str:
        return f"{PLACES[self.resource].kind.lower()}/{self.meta.name}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One write, and the command of ours that asks for the same."""

    verb: WriteVerb
    resource: Resource
    namespace: str
    name: str
    body: dict[str, Any]
    command: str
    subresource: str = ""
    uid: str = ""

    @property
    def right(self) -> Right:
        """The right that a person must have."""
        return Right(verb=self.verb, resource=self.resource, subresource=self.subresource)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """An input that an act is told beside its object; `choices` are made of the object."""

    name: str
    label: str
    needed: bool = False
    number: bool = False
    hint: str = ""
    choices: Callable[[Any], tuple[str, ...]] | None = None


Given = Mapping[str, str]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OfferedAct:
    """One act; `hindrance` says why the object as it stands leaves nothing to do, where it does."""

    name: str
    title: str
    about: str
    resource: Resource
    right: Right
    ask: Callable[[Subject, Given, float], Request]
    hindrance: Callable[[Any], str]
    fields: tuple[Field, ...] = ()

    def request(self, found: Subject, given: Given, now: float) -> Request:
        """Return what asking for the act comes to; what the act has no field for is not heard."""
        heard = {"called", *(each.name for each in self.fields)}
        return self.ask(found, {key: each for key, each in given.items() if key in heard}, now)

    def is_told(self, given: Given) -> bool:
        """Return whether all that the act needs to be told has been."""
        return all(given.get(each.name) for each in self.fields if each.needed)


def subject(resource: Resource, raw: dict[str, Any]) -> Subject:
    """Return an object as acts take it; raises Refusal for one that cannot be read."""
    view: Any = PLACES[resource].view
    try:
        found = msgspec.json.decode(msgspec.json.encode(raw), type=view)
    except msgspec.ValidationError as error:
        raise Refusal(f"{resource}/{raw['metadata']['name']} cannot be read: {error}") from error
    return Subject(resource=resource, raw=raw, view=found)


def of(resource: Resource) -> tuple[OfferedAct, ...]:
    """Return the acts on objects of a kind, in the order in which they are shown."""
    return tuple(each for each in _ACTS if each.resource is resource)


def find(resource: Resource, name: str) -> OfferedAct:
    """Return an act by its name; raises NotFound."""
    found = next((each for each in of(resource) if each.name == name), None)
    if found is None:
        kind = PLACES[resource].kind.lower()
        raise faults.NotFound(f"there is no act {name!r} on {kind}s", reason=Reason.NOT_FOUND)
    return found


def _patch(found: Subject, body: Mapping[str, Any], command: str) -> Request:
    """Return a change of the very object that was shown: one that has come after it is another."""
    meta = {**body.get("metadata", {}), "uid": found.meta.uid}
    return Request(
        verb=WriteVerb.PATCH,
        resource=found.resource,
        namespace=found.meta.namespace,
        name=found.meta.name,
        body={**body, "metadata": meta},
        command=command,
        uid=found.meta.uid,
    )


def _spec(word: str, spec: Mapping[str, Any]) -> Callable[[Subject, Given, float], Request]:
    return lambda found, _given, _now: _patch(found, {"spec": spec}, f"{word} {found}")


def _scale(found: Subject, given: Given, _now: float) -> Request:
    text = given.get("replicas", "")
    count = tags.number(text)
    if count is None or count > MOST_REPLICAS:
        raise UsageError(f"the number of servers must be a whole number, not {text!r}")
    wanted = requests.scale(found.raw, given.get("component", ""), count)
    name = found.meta.name
    command = f"scale {name} -c {wanted.component} --replicas {count}"
    if wanted.before is not None:
        return _patch(found, wanted.body, command)
    return Request(
        verb=WriteVerb.PATCH,
        resource=Resource.SERVERSETS,
        namespace=found.meta.namespace,
        name=api_names.server_set(name, wanted.component),
        body=wanted.body,
        command=command,
        subresource="scale",
    )


def _share(given: str) -> int | str:
    """Return a number or a percentage; a number that is too long for a field stays text.

    The API server then refuses what was given, and not what was made of it.
    """
    is_number = given.isascii() and given.isdigit() and len(given) <= MOST_DIGITS
    return int(given) if is_number else given


def _operate(action: Action, word: str) -> Callable[[Subject, Given, float], Request]:
    def ask(found: Subject, given: Given, _now: float) -> Request:
        component, to = given.get("component", ""), given.get("to", "")
        servers, share = given.get("servers", ""), given.get("concurrency", "")
        spec = {
            "components": [component] if component else None,
            "servers": servers,
            "concurrency": _share(share),
            "parameters": {"revision": to} if to else None,
        }
        body = requests.operation(found.view, action, spec, given.get("called", ""))
        words = [word, found.meta.name]
        options = (
            ("-c", component),
            ("--servers", servers),
            ("--concurrency", share),
            ("--to", to),
        )
        words += [part for key, value in options if value for part in (key, shlex.quote(value))]
        return Request(
            verb=WriteVerb.CREATE,
            resource=Resource.OPERATIONS,
            namespace=found.meta.namespace,
            name=body["metadata"]["name"],
            body=body,
            command=" ".join(words),
        )

    return ask


def _delete(found: Subject, _given: Given, _now: float) -> Request:
    return Request(
        verb=WriteVerb.DELETE,
        resource=found.resource,
        namespace=found.meta.namespace,
        name=found.meta.name,
        body={},
        command=f"delete {found.meta.name}",
        uid=found.meta.uid,
    )


def _cancel(found: Subject, _given: Given, _now: float) -> Request:
    return _patch(found, {"spec": requests.cancel(found.view)}, f"cancel {found}")


def _retry(found: Subject, given: Given, _now: float) -> Request:
    step = given.get("from", "")
    spec = requests.retry(found.view, step, {})
    return _patch(found, {"spec": spec}, f"retry {found}" + (f" --from {step}" if step else ""))


def _retry_now(found: Subject, _given: Given, now: float) -> Request:
    return _patch(found, requests.retry_now(now), f"retry-now {found}")


def _force(found: Subject, _given: Given, _now: float) -> Request:
    return _patch(found, requests.force(found.view), f"force {found}")


def _going(found: Any) -> str:
    return "already being deleted" if found.metadata.deletion_timestamp else ""


def _flagged(flag: str, said: str) -> Callable[[Any], str]:
    return lambda found: _going(found) or (said if getattr(found.spec, flag) else "")


def _unflagged(flag: str, said: str) -> Callable[[Any], str]:
    return lambda found: _going(found) or ("" if getattr(found.spec, flag) else said)


def _ended(found: objects.Operation) -> str:
    return "already ended" if found.status.completion_time else _going(found)


def _open(flagged: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda found: _ended(found) or flagged(found)


def _succeeded(found: objects.Operation) -> str:
    if not found.status.completion_time:
        return "not ended yet"
    done = conditions.is_true(found.status.conditions, ConditionType.SUCCEEDED)
    return "already succeeded" if done else _going(found)


def _stays(found: objects.Server) -> str:
    return "" if requests.on_their_way_out([found]) else "nothing of the server is on its way out"


def _components(found: objects.Application) -> tuple[str, ...]:
    return tuple(each.name for each in found.spec.components)


def _steps(found: objects.Operation) -> tuple[str, ...]:
    return tuple(each.name for each in found.spec.steps)


_APPLICATION = Right(verb=WriteVerb.PATCH, resource=Resource.APPLICATIONS)
_OPERATION = Right(verb=WriteVerb.PATCH, resource=Resource.OPERATIONS)
_SERVER = Right(verb=WriteVerb.PATCH, resource=Resource.SERVERS)
_BEGIN = Right(verb=WriteVerb.CREATE, resource=Resource.OPERATIONS)
_REMOVE = Right(verb=WriteVerb.DELETE, resource=Resource.APPLICATIONS)
_PAUSED, _RUNNING = "already paused", "not paused"
_COMPONENT = Field(name="component", label="Component", choices=_components)
_WHICH = (
    _COMPONENT,
    Field(name="servers", label="Servers", hint="0-9,12"),
    Field(name="concurrency", label="At once", hint="5, or 25%"),
)
_REPLICAS = Field(name="replicas", label="Servers", needed=True, number=True)
_TO = Field(name="to", label="Revision (default: the one before)")
_FROM = Field(name="from", label="From step", choices=_steps)


def _act(  # noqa: PLR0917 - the columns of a table
    name: str,
    title: str,
    right: Right,
    ask: Callable[[Subject, Given, float], Request],
    hindrance: Callable[[Any], str],
    about: str,
    fields: tuple[Field, ...] = (),
    of: Resource = Resource.APPLICATIONS,
) -> OfferedAct:
    return OfferedAct(
        name=name, title=title, about=about, resource=of, right=right, ask=ask,
        hindrance=hindrance, fields=fields,
    )  # fmt: skip


def _verb(action: Action, about: str) -> OfferedAct:
    name = action.lower()
    return _act(name, str(action), _BEGIN, _operate(action, name), _going, about, _WHICH)


_OPERATIONS, _SERVERS = Resource.OPERATIONS, Resource.SERVERS
_ACTS: tuple[OfferedAct, ...] = (
    _act("pause", "Pause", _APPLICATION, _spec("pause", requests.PAUSE),
         _flagged("paused", _PAUSED), "Change nothing until somebody resumes."),
    _act("resume", "Resume", _APPLICATION, _spec("resume", requests.RESUME),
         _unflagged("paused", _RUNNING), "Resume what was paused."),
    _act("scale", "Scale", _APPLICATION, _scale, _going,
         "Set how many servers a component has.", (_COMPONENT, _REPLICAS)),
    _act("rollback", "Roll back", _BEGIN, _operate(Action.ROLL_BACK, "rollback"), _going,
         "Go back to an earlier revision that ran in good health.", (_COMPONENT, _TO)),
    _verb(Action.RESTART, "Restart servers."),
    _verb(Action.STOP, "Stop servers."),
    _verb(Action.START, "Start servers that are stopped."),
    _verb(Action.REPLACE, "Make servers anew."),
    _verb(Action.SNAPSHOT, "Take a snapshot of servers."),
    _act("retry-now", "Try again now", _APPLICATION, _retry_now, _going,
         "Try again at once what failed: forget backoffs, spent budgets and rejected revisions."),
    _act("delete", "Delete", _REMOVE, _delete, _going,
         "Delete the application and all that the application consists of."),
    _act("pause", "Pause", _OPERATION, _spec("pause", requests.PAUSE),
         _open(_flagged("paused", _PAUSED)), "Let no further server begin until somebody resumes.",
         of=_OPERATIONS),
    _act("resume", "Resume", _OPERATION, _spec("resume", requests.RESUME),
         _open(_unflagged("paused", _RUNNING)), "Resume what was paused.", of=_OPERATIONS),
    _act("cancel", "Cancel", _OPERATION, _cancel, _open(_flagged("cancelled", "already cancelled")),
         "Acts under way get their grace, and nothing new starts.", of=_OPERATIONS),
    _act("retry", "Retry", _OPERATION, _retry, _succeeded,
         "Go on with the servers that are not finished.", (_FROM,), of=_OPERATIONS),
    _act("hold", "Hold", _SERVER, _spec("hold", requests.HOLD), _flagged("held", "already held"),
         "Have rollouts and operations leave the server alone until it is released.", of=_SERVERS),
    _act("release", "Release", _SERVER, _spec("release", requests.RELEASE),
         _unflagged("held", "not held"), "Leave the server alone no longer.", of=_SERVERS),
    _act("retry-now", "Try again now", _SERVER, _retry_now, _going,
         "Try again at once what failed.", of=_SERVERS),
    _act("force", "Force", _SERVER, _force, _stays,
         "Give the instance of the server no more time to end.", of=_SERVERS),
)  # fmt: skip
