"""How many servers each fleet has, by the parts of all work that they are in."""

from __future__ import annotations

from controller.api import names, objects
from controller.kinds.fleet.servers import FleetServers


def server(fleet: str, application: str = "shop") -> objects.Server:
    """Return a server of a fleet."""
    return objects.Server(
        metadata=objects.Meta(name="shop-web-0", namespace="team", uid=application),
        spec=objects.ServerSpec(
            application=application, component="web", ordinal=0, fleet=fleet, revision="r1"
        ),
    )


def test_servers_are_counted_where_they_are_by_now() -> None:
    """In another fleet, or of another application by the same name; what goes leaves nothing."""
    counted = FleetServers()
    shop, other = (names.bucket("team", name) for name in ("shop", "other"))

    def of(fleet: str, bucket: int) -> int:
        return counted.numbers.sum(fleet, lambda each: each == bucket)

    counted.change(None, server("cloud"))
    counted.change(server("cloud"), server("cloud"))
    assert (of("cloud", shop), of("cloud", other)) == (1, 0)
    counted.change(server("cloud"), server("metal"))
    assert (of("cloud", shop), of("metal", shop)) == (0, 1)
    counted.change(server("metal"), server("metal", "other"))
    assert (of("metal", shop), of("metal", other)) == (0, 1)
    counted.change(server("metal", "other"), None)
    assert counted.numbers.names() == ()
