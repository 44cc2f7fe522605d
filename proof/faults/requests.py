"""What a request is about, told from its method, path and body: the key that faults go by.

Two runs do not send their requests in the same order, so a request is known by what it is and by
how many of its like came before it, never by its number.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Mapping

import msgspec

from proof.faults import kinds

_PATH = re.compile(
    r"^(?:/api/v1|/apis/[^/]+/[^/]+)"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/.))?"
    r"/(?P<resource>[^/]+)(?:/(?P<name>[^/]+))?(?:/(?P<subresource>.+))?$"
)


class _Meta(msgspec.Struct):
    name: str = ""


class _Named(msgspec.Struct):
    metadata: _Meta = msgspec.field(default_factory=_Meta)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request of the operator. `verb` is as the audit log has it."""

    verb: str
    resource: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    continued: bool = False  # a later page of a list

    @property
    def label(self) -> str:
        """The request as people and logs write it."""
        parts = (self.resource, self.namespace, self.name, self.subresource)
        return f"{self.verb} {'/'.join(part for part in parts if part)}"

    @property
    def kin(self) -> str:
        """What it has in common with its like in any run: all but the namespace."""
        parts = (self.resource, self.name, self.subresource)
        return f"{self.verb} {'/'.join(part for part in parts if part)}"

    @property
    def writes(self) -> bool:
        """Whether it changes an object that matters: Leases, Events and reviews do not."""
        return self.verb in ("create", "update", "patch", "delete") and self.resource not in (
            "leases",
            "events",
            "selfsubjectaccessreviews",
            "selfsubjectrulesreviews",
            "selfsubjectreviews",
        )

    @property
    def possible(self) -> tuple[kinds.Kind, ...]:
        """What can go wrong with it."""
        if self.verb == "watch":
            return kinds.WATCHES
        if self.verb == "list":
            return kinds.PAGES if self.continued else kinds.LISTS
        if self.verb == "patch" or (self.verb == "update" and self.subresource):
            return kinds.PATCHES
        return kinds.WRITES if self.verb in ("create", "update", "delete") else kinds.READS


def parse(method: str, path: str, query: Mapping[str, str], body: bytes) -> Request:
    """Return what a request is about; what is no resource's path is a plain `get`."""
    found = _PATH.match(path)
    if found is None:
        return Request(verb="get", name=path)
    part = {key: value or "" for key, value in found.groupdict().items()}
    verb = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}.get(method)
    if verb is None:
        listing = "" if part["name"] else "list"
        verb = "watch" if query.get("watch") in ("1", "true") else listing or "get"
    if verb == "create" and not part["name"]:
        part["name"] = _name(body)
    return Request(verb=verb, continued="continue" in query, **part)


def _name(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Named).metadata.name
    except msgspec.DecodeError:
        return ""


class Sequence:
    """Numbers the requests of one run: `key` is new each time."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def key(self, request: Request) -> str:
        """Return the request's key: `create pods/web-0#1` for the second of its kind."""
        number = self._seen[request.kin]
        self._seen[request.kin] += 1
        return f"{request.kin}#{number}"
