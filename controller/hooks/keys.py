"""The secrets that senders sign with: a mounted Secret, a key for an application or a namespace.

The files are read at each request, so that a secret can be changed without a restart.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

# Whoever knows fewer characters than these could have guessed them.
SHORTEST = 16


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The folder of a mounted Secret: `NAMESPACE.APPLICATION`, or `NAMESPACE` for all in it."""

    folder: Path

    def of(self, namespace: str, application: str) -> bytes:
        """Return what senders for this application sign with; nothing where there is none.

        No namespace has a dot in its name, so that no two applications share a file.
        """
        for name in (f"{namespace}.{application}", namespace):
            try:
                key = (self.folder / name).read_bytes().strip()
            except OSError:
                continue
            return key if len(key) >= SHORTEST else b""
        return b""
