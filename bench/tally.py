"""Counts the requests that an audit log tells of, from a moment on: writes, or lists.

The log is read from where it ended at that moment, so a count costs what happened since. A
`Metadata` level is enough.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from proof.history import journal, records

Kind = tuple[str, str, str]  # resource, subresource, verb
LEASES = "leases"

_decode = msgspec.json.Decoder(records.Line).decode


class Tally:
    """The requests of some users in an audit log since the tally was made."""

    def __init__(
        self,
        log: Path,
        *,
        verbs: frozenset[str] = journal.WRITES,
        users: frozenset[str] = journal.OPERATOR,
    ) -> None:
        self._log = log
        self._verbs = verbs
        self._users = users
        self._start = log.stat().st_size if log.exists() else 0

    def lines(self) -> Iterator[records.Line]:
        """Yield the requests so far, but for Leases; refused ones are among them."""
        with self._log.open("rb") as log:
            log.seek(self._start)
            for text in log:
                if not text.endswith(b"\n"):
                    return  # still being written
                line = _decode(text)
                if self._counts(line):
                    yield line

    def counts(self) -> Counter[Kind]:
        """Return how many requests of each kind there were."""
        return Counter(
            (each.object_ref.resource, each.object_ref.subresource, each.verb)
            for each in self.lines()
        )

    def _counts(self, line: records.Line) -> bool:
        return (
            line.user.username in self._users
            and line.verb in self._verbs
            and line.stage == "ResponseComplete"
            and line.object_ref.resource != LEASES
            and "reviews" not in line.object_ref.resource
        )
