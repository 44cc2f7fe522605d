"""Who lacks which right, as the API server's authorizer says it: in one form, whoever is told.

`faults` names what is in the way by it, planning the command that shows whether the right is there
by now, and commands what a person lacks.
"""

from __future__ import annotations

import dataclasses
import re
import shlex

# From the beginning: what is quoted further on is anybody's.
_OPENING = r'^(?:\S+ (?:"[^"]*" )?is )?(?:forbidden: )?'
_SENTENCE = re.compile(
    _OPENING + r'User "(?P<user>[^"]+)" cannot (?P<verb>\w+) resource "(?P<resource>[^"]+)"'
    r' in API group "(?P<group>[^"]*)"(?: in the namespace "(?P<namespace>[^"]+)")?'
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """A right that somebody lacks; without a namespace, in the whole cluster."""

    user: str
    verb: str
    resource: str
    group: str
    namespace: str

    @property
    def kind(self) -> str:
        """The resource with its group, as kubectl takes it."""
        return f"{self.resource}.{self.group}" if self.group else self.resource

    @property
    def check(self) -> str:
        """The command that says whether the right is there."""
        space = f" -n {self.namespace}" if self.namespace else ""
        return f"kubectl auth can-i {self.verb} {self.kind}{space} --as {shlex.quote(self.user)}"


def lacking(words: str) -> Lack | None:
    """Return the right that the authorizer says is lacking; None where these are not its words."""
    found = _SENTENCE.match(words)
    return Lack(**found.groupdict(default="")) if found is not None else None
