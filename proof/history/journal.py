"""Reads an audit log into the changes that it tells of, in the order in which they took effect.

`judgement` calls `read`; invariants get the `History`. Lines stand in the log in the order in which
their answers were sent, which is not the order of the commits: `order` mends that.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from proof.history import attention, order, pods, records, salvage, tenures

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
# What the invariants speak of; writes to Events and Leases are counted nowhere.
CHECKED = frozenset(
    {
        "applications",
        "serversets",
        "servers",
        "operations",
        "fleets",
        "pods",
        "services",
        "persistentvolumeclaims",
        "jobs",
        "controllerrevisions",
        "poddisruptionbudgets",
    }
)
OPERATOR = frozenset({"system:serviceaccount:argosy:argosy"})
LEASE = "argosy-leader"
# Resources whose spec some rule reads.
SPECIFIED = frozenset(
    {
        "applications",
        "serversets",
        "servers",
        "operations",
        "fleets",
        "pods",
        "poddisruptionbudgets",
    }
)
CREATED, REFUSED = 201, 400
# The kind of answers to those who ask for metadata alone.
PARTIAL = "PartialObjectMetadata"
_BUCKET = "argosy.dev/bucket"

NO_META, NO_SPEC, NO_STATUS = records.Meta(), records.Spec(), records.Status()

_line = salvage.reader(records.Line)
_body = salvage.reader(records.Body)
_spec = salvage.reader(records.Spec)
_status = salvage.reader(records.Status)
_asked = salvage.reader(records.Asked)
_operations = salvage.reader(tuple[records.Operation, ...])
_text = salvage.reader(str)


class Effect(enum.StrEnum):
    """What a request did to its object."""

    CREATED = "created"
    CHANGED = "changed"
    GONE = "gone"
    NONE = "none"  # accepted, and nothing is different
    REFUSED = "refused"
    EXEC = "exec"


@dataclasses.dataclass(slots=True, kw_only=True)
class Change:
    """One answered request. Times are in seconds since the epoch.

    `version` is the resourceVersion that this request made, 0 where the answer does not say;
    `place` sorts all changes of a history, and is right where `version` is known.
    """

    line: int
    user: str
    agent: str
    ours: bool  # the operator under test made it
    verb: str
    resource: str
    namespace: str
    name: str
    subresource: str
    uri: str
    code: int
    received: float
    answered: float
    asked: records.Asked
    # It was asked for no more than that the object's label of a part of the work goes, and only of
    # the very version that was seen.
    unlabels: bool = False
    # The answer had nothing but metadata.
    partial: bool = False
    meta: records.Meta = NO_META
    spec: records.Spec = NO_SPEC
    status: records.Status = NO_STATUS
    effect: Effect = Effect.NONE
    version: int = 0
    place: tuple[float, float] = (0.0, 0.0)

    @property
    def accepted(self) -> bool:
        """Whether the API server said yes."""
        return self.effect is not Effect.REFUSED

    @property
    def effective(self) -> bool:
        """Whether the object is another one than before."""
        return self.effect in (Effect.CREATED, Effect.CHANGED, Effect.GONE)

    @property
    def object(self) -> str:
        """The object as people write it: `servers/shop-web-0`."""
        return f"{self.resource}/{self.name}"

    @property
    def controller(self) -> str:
        """The UID of the controlling owner, or nothing."""
        return next((each.uid for each in self.meta.owner_references if each.controller), "")

    @property
    def terminating(self) -> bool:
        """Whether the object was on its way out after this."""
        return self.meta.deletion_timestamp is not None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """A time in which one replica, told by its user agent, held the Lease; or all together."""

    agent: str
    since: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Everything that was written, in order, and the life of each object."""

    changes: tuple[Change, ...]
    lives: dict[str, pods.Life]  # by UID
    epochs: tuple[Epoch, ...] = ()
    # Where replicas share the work: who had each slot, one after another.
    slots: Mapping[int, tuple[tenures.Tenure, ...]] = dataclasses.field(default_factory=dict)
    attention: attention.Attention = attention.NONE
    source: Path | None = None

    @property
    def ours(self) -> Iterator[Change]:
        """The operator's own requests, refused ones among them."""
        return (each for each in self.changes if each.ours)

    def is_shared(self, change: Change) -> bool:
        """Return whether replicas shared the work from when a request came until its answer."""
        begun = [each for each in self.epochs if each.since <= change.answered]
        return (
            bool(begun)
            and begun[-1].agent == tenures.TOGETHER
            and (begun[-1].since < change.received)
        )

    @property
    def ended(self) -> float:
        """When the last request was answered."""
        return max((each.answered for each in self.changes), default=0.0)


def read(
    source: Path | Iterable[bytes],
    *,
    namespaces: Collection[str] | None = None,
    operators: Collection[str] = OPERATOR,
) -> History:
    """Return the history of these namespaces (None: all) that an audit log tells.

    `operators` are the user names whose writes are held to the invariants.
    """
    about = _About(operators=operators)
    if isinstance(source, Path):
        with source.open("rb") as lines:
            found = list(_changes(lines, namespaces, about))
    else:
        found = list(_changes(source, namespaces, about))
    ordered = order.arranged(found)
    return History(
        changes=tuple(ordered),
        lives=pods.trace(ordered),
        epochs=tuple(about.epochs),
        slots={slot: tuple(found) for slot, found in about.slots.items()},
        attention=attention.Attention.of(about.moments),
        source=source if isinstance(source, Path) else None,
    )


@dataclasses.dataclass(slots=True, kw_only=True)
class _About:
    """What is gathered of the operator while a log is read."""

    operators: Collection[str]
    epochs: list[Epoch] = dataclasses.field(default_factory=list)
    slots: dict[int, list[tenures.Tenure]] = dataclasses.field(default_factory=dict)
    moments: list[float] = dataclasses.field(default_factory=list)
    # When the latest line was answered: a line that does not say when stands beside it.
    latest: float = 0.0


def _changes(
    lines: Iterable[bytes], namespaces: Collection[str] | None, about: _About
) -> Iterator[Change]:
    for number, text in enumerate(lines, 1):
        line = _line(text)
        if line is None:
            continue  # the last line of a log that is still being written, or no line at all
        about.latest = salvage.seconds(line.stage_timestamp, about.latest)
        ours = line.user.username in about.operators
        if ours:
            about.moments.append(about.latest)
        reference = line.object_ref
        if ours and reference.resource == "leases" and reference.name == LEASE:
            _elect(line, about)
        elif reference.resource == "leases":
            _pass_slot(line, about, ours=ours)
        if reference.resource not in CHECKED or not _wanted(reference.namespace, namespaces):
            continue
        if reference.subresource == "exec" and line.stage == "ResponseComplete":
            yield _change(number, line, about, Effect.EXEC)
        elif line.verb in WRITES and line.stage == "ResponseComplete" and not _dry(line):
            yield from _writes(number, line, about)


def _pass_slot(line: records.Line, about: _About, *, ours: bool) -> None:
    """Note whose a slot is by now."""
    found = tenures.tenure(line, about.latest, ours=ours)
    if found is not None:
        slot, tenure = found
        tenures.follow(about.slots.setdefault(slot, []), tenure)


def _elect(line: records.Line, about: _About) -> None:
    """Note a change of the Lease's holder; all its writes are sent by whoever wants to hold it."""
    if not (line.verb in WRITES and 0 < line.response_status.code < REFUSED):
        return
    together = (tenures.holder(line) or "").startswith(tenures.TOGETHER)
    agent = tenures.TOGETHER if together else line.user_agent
    if not about.epochs or about.epochs[-1].agent != agent:
        since = salvage.seconds(line.request_received_timestamp, about.latest)
        about.epochs.append(Epoch(agent=agent, since=since))


def _wanted(namespace: str, namespaces: Collection[str] | None) -> bool:
    # Fleets have no namespace and belong to every history.
    return namespaces is None or not namespace or namespace in namespaces


def _dry(line: records.Line) -> bool:
    return "dryRun=" in line.request_uri


def _writes(number: int, line: records.Line, about: _About) -> Iterator[Change]:
    change = _change(number, line, about, Effect.NONE)
    if change.code >= REFUSED or not change.code:
        change.effect = Effect.REFUSED
        yield change
        return
    if bytes(line.response_object) == b"null":  # recorded without bodies: not ours to judge
        yield change
        return
    body = _body(line.response_object)
    if body is None:  # it answered with nothing that an object could be
        yield change
        return
    if body.items is not None:  # of a deletecollection: one change for each object
        for item in body.items:
            yield dataclasses.replace(_filled(change, item), name=item.metadata.name)
    else:
        yield _filled(change, body)


def _change(number: int, line: records.Line, gathered: _About, effect: Effect) -> Change:
    about, ours = line.object_ref, line.user.username in gathered.operators
    answered = gathered.latest
    return Change(
        line=number,
        user=line.user.username,
        agent=line.user_agent,
        ours=ours,
        verb=line.verb,
        resource=about.resource,
        namespace=about.namespace,
        name=about.name,
        subresource=about.subresource,
        uri=line.request_uri,
        code=line.response_status.code,
        received=min(salvage.seconds(line.request_received_timestamp, answered), answered),
        answered=answered,
        asked=_asked_for(line.request_object) if ours else records.Asked(),
        unlabels=ours and line.verb == "patch" and _unlabels(bytes(line.request_object)),
        effect=effect,
    )


def _unlabels(text: bytes) -> bool:
    if _BUCKET.encode() not in text or not text.startswith(b"{"):
        return False
    body = msgspec.json.decode(text)
    meta = body.pop("metadata", None) or {}
    seen = meta.pop("uid", "") and meta.pop("resourceVersion", "")
    return bool(seen) and not body and meta == {"labels": {_BUCKET: None}}


def _asked_for(raw: msgspec.Raw) -> records.Asked:
    """Read which object a request means: by its metadata, its preconditions, or its tests."""
    text = bytes(raw)
    if not text.startswith(b"["):
        found = _asked(text) if text.startswith(b"{") else None
        return records.Asked(unread=True) if found is None else found
    tests = {each.path: each.value for each in _operations(text) or () if each.op == "test"}
    return records.Asked(
        metadata=records.Named(
            uid=_test(tests, "/metadata/uid"),
            resource_version=_test(tests, "/metadata/resourceVersion"),
        )
    )


def _test(tests: dict[str, msgspec.Raw], path: str) -> str:
    return (_text(tests[path]) or "") if path in tests else ""


def _filled(change: Change, body: records.Body) -> Change:
    """Return the change with what its answer says of the object."""
    if body.kind == "Status":
        # The final delete of most kinds: only a UID is left of the object.
        uid = body.details.uid if body.details else ""
        meta = records.Meta(name=change.name, namespace=change.namespace, uid=uid)
        gone = change.verb == "delete" and not change.subresource
        return dataclasses.replace(change, meta=meta, effect=Effect.GONE if gone else Effect.NONE)
    meta = body.metadata
    spec, status = _parts(change.resource, body)
    return dataclasses.replace(
        change,
        name=change.name or meta.name,
        meta=meta,
        spec=spec,
        status=status,
        partial=body.kind == PARTIAL,
        version=salvage.number(meta.resource_version),
        effect=_effect(change, meta),
    )


def _parts(resource: str, body: records.Body) -> tuple[records.Spec, records.Status]:
    if body.kind == "Scale":
        return _spec(body.spec) or NO_SPEC, NO_STATUS
    specified = resource in SPECIFIED
    stated = resource not in ("services", "controllerrevisions", "jobs")
    return (
        (_spec(body.spec) if specified and _is_there(body.spec) else None) or NO_SPEC,
        (_status(body.status) if stated and _is_there(body.status) else None) or NO_STATUS,
    )


def _is_there(part: msgspec.Raw) -> bool:
    return bytes(part) != b"null"


def _effect(change: Change, meta: records.Meta) -> Effect:
    if change.verb in ("create", "patch", "update") and change.code == CREATED:
        return Effect.CREATED if not change.subresource else Effect.NONE
    ending = meta.deletion_timestamp is not None
    if change.verb == "delete" and not ending:
        return Effect.GONE
    if ending and not meta.finalizers and not meta.deletion_grace_period_seconds:
        return Effect.GONE
    return Effect.CHANGED
