"""The builder of images, as the administrator set it up; `of_namespace` is one namespace's part.

`wiring` makes it from the options of `argosy run`; snapshots of Builds carry that of their
namespace. Which daemon that is, the labels of the namespace decide, which no tenant may write:
nothing in a Build or in an application says it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Self

import msgspec

# Replaced by the namespace in an allowed repository, so that each has its own.
NAMESPACE = "$(NAMESPACE)"
_ADDRESS = re.compile(r"(tcp|unix)://\S+")


class Daemon(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A daemon for the namespaces that have all of these labels."""

    address: str
    client_secret: str = ""
    namespace_labels: dict[str, str]

    def __post_init__(self) -> None:
        """Refuse a daemon without an address, or for whichever namespace there is."""
        if not _ADDRESS.fullmatch(self.address):
            raise ValueError(f"an address begins with tcp:// or unix://: {self.address!r}")
        if not self.namespace_labels:
            raise ValueError("without labels of namespaces it would be for all of them")

    @classmethod
    def read(cls, text: str) -> Self:
        """Return a daemon that is written as JSON; raises ValueError."""
        try:
            return msgspec.json.decode(text, type=cls)
        except msgspec.DecodeError as error:
            wanted = '{"address": "tcp://host:1234", "namespaceLabels": {"tenant": "a"}}'
            raise ValueError(f"{text!r} is not a daemon such as {wanted}: {error}") from error

    def serves(self, labels: Mapping[str, str]) -> bool:
        """Whether it is for a namespace with these labels."""
        return self.namespace_labels.items() <= labels.items()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Builder:
    """The daemon that builds, and the image of the program that asks it to.

    `client_secret` names the Secret, in each namespace that builds, by which the daemon knows its
    clients. Both are those for the namespaces that no daemon of `daemons` is for.
    `allowed_repositories` are where images may go; none: anywhere.
    """

    image: str = ""
    address: str = ""
    client_secret: str = ""
    allowed_repositories: tuple[str, ...] = ()
    # Daemons for some namespaces alone; the first that serves one is the only one for it.
    daemons: Sequence[Daemon] = ()
    # Whoever asks why from outside the operator does not know how that was set up.
    is_known: bool = True

    @property
    def is_set_up(self) -> bool:
        """Whether anything can be built."""
        return bool(self.image and self.address)

    def of_namespace(self, labels: Mapping[str, str] | None) -> Builder:
        """Return what builds for a namespace with these labels; None: they cannot be known.

        Whose daemon it would be is never guessed: without labels there is none, where daemons
        differ.
        """
        if not self.daemons:
            return self
        if labels is None:
            return dataclasses.replace(self, address="", client_secret="", daemons=())
        for each in self.daemons:
            if each.serves(labels):
                return dataclasses.replace(
                    self, address=each.address, client_secret=each.client_secret, daemons=()
                )
        return dataclasses.replace(self, daemons=())

    def allows(self, repository: str, namespace: str) -> bool:
        """Return whether the namespace's images may go to a repository; whole parts are compared.

        Example: `registry.example.com/shop` allows `registry.example.com/shop/web`, and not
        `registry.example.com/shopping`.
        """
        allowed = [each.replace(NAMESPACE, namespace) for each in self.allowed_repositories]
        wanted = repository.split("/")
        parts = [each.rstrip("/").split("/") for each in allowed]
        return not allowed or any(wanted[: len(each)] == each for each in parts)
