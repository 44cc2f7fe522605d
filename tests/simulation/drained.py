"""A cluster whose nodes are drained, and how many pods of it were up after each write."""

from __future__ import annotations

from collections.abc import Iterator

from controller.api.resources import Resource
from fakes.api_server import evictions
from fakes.universe import Universe


class Drained(Universe):
    """A universe of one application, shop."""

    def ups(self, since: int) -> Iterator[int]:
        """Yield how many pods were up after each write from that one on."""
        pods: dict[str, bool] = {}
        for number, each in enumerate(self.server.writes):
            if each.resource is Resource.PODS:
                pods[each.name] = each.after is not None and evictions.is_up(each.after)
            if number >= since:
                yield sum(pods.values())

    def ready(self) -> str:
        """Return whether the application says that it is ready."""
        return str(self.condition(Resource.APPLICATIONS, "shop").get("status"))
