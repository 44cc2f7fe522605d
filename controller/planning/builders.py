"""What builds images, as the administrator set it up: one value, the same for every Build.

`wiring` makes it from the options of `argosy run`; snapshots of Builds carry it.
"""

from __future__ import annotations

import dataclasses

# Replaced by the namespace in an allowed repository, so that each has its own.
NAMESPACE = "$(NAMESPACE)"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Builder:
    """The daemon that builds, and the image of the program that asks it to.

    `client_secret` names the Secret, in each namespace that builds, by which the daemon knows its
    clients. `allowed_repositories` are where images may go; none: anywhere.
    """

    image: str = ""
    address: str = ""
    client_secret: str = ""
    allowed_repositories: tuple[str, ...] = ()
    # Whoever asks why from outside the operator does not know how that was set up.
    is_known: bool = True

    @property
    def is_set_up(self) -> bool:
        """Whether anything can be built."""
        return bool(self.image and self.address)

    def allows(self, repository: str, namespace: str) -> bool:
        """Return whether the namespace's images may go to a repository; whole parts are compared.

        Example: `registry.example.com/shop` allows `registry.example.com/shop/web`, and not
        `registry.example.com/shopping`.
        """
        allowed = [each.replace(NAMESPACE, namespace) for each in self.allowed_repositories]
        wanted = repository.split("/")
        parts = [each.rstrip("/").split("/") for each in allowed]
        return not allowed or any(wanted[: len(each)] == each for each in parts)
