"""Services of a real cloud that are away, silent or out of a token: servers are where they were."""

from __future__ import annotations

from concurrent import futures

import pytest

from devcluster.openstack import cells, identity, layout
from devcluster.openstack.fixtures import wait_for, watch_for
from tests.cloud.conftest import USER, World
from tests.cloud.test_applications import FAKE, names

pytestmark = pytest.mark.cloud

# By then the provider has asked in vain half a dozen times, with pauses that grow.
SHORT = 45
# Nova waits for a cell for a minute before it answers without it.
CELL_SECONDS = 75
# A cell that is cut off is told at once, and lists are seconds apart.
CUT_SECONDS = 20
TEN_MINUTES = pytest.param(
    600, marks=pytest.mark.long(reason="ten minutes; three quarters of one are beside it")
)


def stay(world: World, name: str, seconds: float) -> dict[str, tuple[str, str]]:
    """Watch for so long that the servers of an application stay Ready, each as it is; return it."""
    before = world.standing(name)
    watch_for(
        seconds,
        f"{name} Ready as it was",
        lambda: before.items() <= world.standing(name).items(),
        lambda: (before, world.servers(name)),
    )
    return before


def go_on(world: World, name: str, replicas: int, before: dict[str, tuple[str, str]]) -> None:
    """Wait until so many are Ready, those of before as they were; then have them all go."""
    world.wait_ready(name, replicas)
    assert before.items() <= world.standing(name).items()
    wait_for(
        "one of each",
        lambda: world.made(name) == names(name, replicas),
        lambda: world.made(name),
    )
    world.delete(name)


@pytest.mark.parametrize("seconds", [SHORT, TEN_MINUTES])
def test_servers_outlast_an_api_that_is_down(world: World, seconds: int) -> None:
    """Nova's API is ended, and started again: all stay Ready, and one that was asked for comes."""
    world.apply("away", 2, FAKE, "cloud")
    world.wait_ready("away", 2)
    world.cloud.kill(layout.NOVA)
    try:
        world.scale("away", 3)
        before = stay(world, "away", seconds)
    finally:
        world.cloud.start()
    assert len(before) == 2
    go_on(world, "away", 3, before)


def test_a_cell_that_hangs_costs_no_server(world: World) -> None:
    """Its database answers nobody, and a server is asked for meanwhile: there is one of each.

    Nova says UNKNOWN of a server that is asked for by its id, once it has given up on the cell. The
    provider hangs up before that, and reads no list that lacks servers.
    """
    world.apply("hangs", 2, FAKE, "cloud")
    world.wait_ready("hangs", 2)
    one, asks = world.rows("hangs")[0]["id"], world.cloud.client(USER)
    with cells.silent(world.plan), futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(asks.get, "compute", f"/servers/{one}")
        world.scale("hangs", 3)
        before = stay(world, "hangs", CELL_SECONDS)
        assert asked.result()["server"]["status"] == "UNKNOWN"
    assert len(before) == 2
    go_on(world, "hangs", 3, before)


@pytest.mark.parametrize("restarts", [False, True], ids=["running", "restarted"])
def test_a_cell_that_is_cut_off_costs_no_server(world: World, *, restarts: bool) -> None:
    """Lists lack its servers, for an operator that knew them and for one that begins meanwhile.

    Asked by its id, Nova says of each that nobody knows: the servers are told to be out of reach,
    and are Ready again when the cell is back, the same as before.
    """
    name = "begun" if restarts else "known"
    world.apply(name, 2, FAKE, "cloud")
    world.wait_ready(name, 2)
    before = world.standing(name)
    with cells.connected(world.cloud) as cut:
        # Before Nova has connected once, it tries for longer than it lets anybody wait.
        assert world.made(name) == names(name, 2)
        cut.begin()
        assert world.made(name) == []
        if restarts:
            world.operator.restart()
        wait_for("their silence", lambda: not world.standing(name), lambda: world.words(name))
        watch_for(
            CUT_SECONDS,
            "the same servers",
            lambda: world.kept(name) == before,
            lambda: world.words(name),
        )
    go_on(world, name, 2, before)


def test_a_token_that_is_revoked_is_replaced(world: World) -> None:
    """Keystone takes all tokens back: the operator gets others, and no server notices."""
    world.apply("token", 2, FAKE, "cloud")
    world.wait_ready("token", 2)
    revoked = set(world.proxy.tokens)
    assert revoked
    identity.revoke(world.plan, revoked)
    world.scale("token", 3)
    before = stay(world, "token", 20)
    go_on(world, "token", 3, before)
    assert world.proxy.tokens - revoked
