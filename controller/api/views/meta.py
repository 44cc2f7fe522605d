"""The base of every view: frozen, camelCase on the wire, unknown fields skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec

from controller.api import names, nesting, remembered

T = TypeVar("T")
# A JSON value that passes through unread, kept as the bytes that arrived.
Json = msgspec.Raw
NULL = msgspec.Raw(b"null")


def share(view: msgspec.Struct, *fields: str, most: int = nesting.MOST) -> None:
    """Have the JSON fields of a new view be one Raw for equal bytes: servers share a template.

    Raises ValueError for what cannot be decoded later, or is nested more than `most` levels deep;
    a decoder of views tells that as a field that does not fit.
    """
    for name in fields:
        try:
            raw = _shared(bytes(getattr(view, name)), most)
        except (msgspec.DecodeError, ValueError) as error:
            raise ValueError(f"{name}: {error}") from error
        msgspec.structs.force_setattr(view, name, raw)


@remembered.by_content(4096)
def _shared(raw: bytes, most: int) -> msgspec.Raw:
    if nesting.is_deeper(raw, most):
        raise nesting.TooDeepError(most)
    msgspec.json.decode(raw)
    return msgspec.Raw(raw)


if TYPE_CHECKING:
    # A field that is read as T, though null may be written: `absent` puts the default in its place.
    Nullable = Annotated[T, "or null"]
else:

    class Nullable:
        """A field that is read as T, though null may be written."""

        def __class_getitem__(cls, item: Any) -> Any:
            """Return the type to decode."""
            return item | None


def absent(view: msgspec.Struct, **defaults: object) -> None:
    """Have a new view read null as if the field were absent: people write it for an empty block."""
    for name, default in defaults.items():
        if getattr(view, name) is None:
            msgspec.structs.force_setattr(view, name, default)


def share_out(spec: Any) -> None:
    """Have the only component that names no number have that of its application.

    So whoever plans reads one number, wherever it stands.
    """
    if (
        spec.replicas is None
        or len(spec.components) != 1
        or spec.components[0].replicas is not None
    ):
        return
    only = msgspec.structs.replace(spec.components[0], replicas=spec.replicas)
    msgspec.structs.force_setattr(spec, "components", (only,))


def named_for_its_place(server: Any) -> None:
    """Raise ValueError for a Server that is not called what the one in its place is called.

    The policy on what people write refuses it, where the policy is installed. Nothing is made of
    it elsewhere: two of one ordinal would share what is named by the place.
    """
    spec = server.spec
    name = names.server(spec.application, spec.component, spec.ordinal)
    if server.metadata.name != name:
        raise ValueError(f"metadata.name must be {name}, by application, component and ordinal")


class View(msgspec.Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """The base of all views: frozen, camelCase on the wire, unknown fields skipped."""


class OwnerReference(View, frozen=True, kw_only=True, gc=False):
    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool = False


class Meta(View, frozen=True, kw_only=True):
    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    finalizers: tuple[str, ...] = ()
    owner_references: tuple[OwnerReference, ...] = ()

    @property
    def controller(self) -> OwnerReference | None:
        """The owner that controls the object, if one does."""
        for each in self.owner_references:
            if each.controller:
                return each
        return None


class Object(View, frozen=True, kw_only=True):
    """The base of every cached object."""

    metadata: Meta

    def check(self) -> None:
        """Raise ValueError for what has every field, and is no object of its kind all the same."""
