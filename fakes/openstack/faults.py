"""What goes wrong with requests to the cloud in memory, as a test has chosen."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

from controller.providers.openstack.refusals import Reply


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault of requests whose method and path fit.

    `unsent` never arrive; of `lost` ones the answer never comes, though they are carried out
    `late` seconds after, and `reply` comes in its place, if there is one; others are answered with
    `reply` alone. Of the rest the answer comes as `change` makes it. It befalls `times` of them.
    """

    method: str
    path: str
    unsent: bool = False
    lost: bool = False
    late: float = 0.0
    reply: Reply | None = None
    change: Callable[[bytes], bytes] | None = None
    times: int = 1

    def changed(self, reply: Reply) -> Reply:
        """Return an answer as it arrives."""
        if self.change is None:
            return reply
        return dataclasses.replace(reply, body=self.change(reply.body))

    def fits(self, method: str, path: str) -> bool:
        """Return whether it befalls such a request."""
        return self.method in {method, "*"} and re.search(self.path, path) is not None
