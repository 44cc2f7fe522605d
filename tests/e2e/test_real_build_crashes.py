"""G11 on a real node: the operator dies at every write between a commit and its servers.

A proxy in front of the API server kills it: at the first of each kind of write before that is sent,
and after each that was carried out, so that nobody ever learns by an answer what was done.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from devcluster import forge
from proof.faults import crash, rig
from tests.e2e import conftest, driving
from tests.e2e.driving import Kube, Place
from tests.e2e.shops import CLIENT, Shop, secret

pytestmark = [
    pytest.mark.long(reason="a Build for each write; test_builds_under_fire plays the same"),
    pytest.mark.e2e,
    pytest.mark.realnode,
    pytest.mark.skipif(os.geteuid() != 0, reason="a real node needs root"),
]

PATIENCE = 900.0
# How long after a write the next one may come: each costs a start of the operator.
SLACK = 120.0
SECRETS = "/api/v1/namespaces/default/secrets"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A cluster whose only node is real, with git and registries, and no operator yet."""
    with conftest.cluster_of_its_own(tmp_path_factory.mktemp("struck"), conftest.REAL_NODE) as one:
        yield Place(api=one.client, cluster=one)


@pytest.fixture
def mortal(place: Place) -> Iterator[rig.Rig]:
    """An operator behind a proxy, which is started again whenever it has died."""
    assert place.cluster is not None
    values = forge.values(place.cluster, forge.start(place.cluster))
    with rig.in_front_of(place.cluster, files=[values]) as one:
        yield one


@pytest.fixture
def kube(place: Place, mortal: rig.Rig) -> Iterator[Kube]:
    """A namespace with what shows one to BuildKit, judged when the test has ended."""
    for one in conftest.namespace_of(place, slack=SLACK):
        given = mortal.client.get(f"{SECRETS}/{CLIENT}")
        secret(one, CLIENT, given["data"], given["type"])
        yield one


def test_g11_killed_at_every_write_builds_the_same_once(
    place: Place, mortal: rig.Rig, kube: Kube
) -> None:
    """One commit, one digest and one Job a phase, wherever the operator dies; and it serves.

    A later push of the branch comes as soon as the commit is known, and changes nothing of this.
    """
    assert place.cluster is not None
    test = {"command": ["python", "/app/check.py"]}
    shop = Shop(place, forge.start(place.cluster), kube, test=test)
    made = shop.commit("one")
    planned = mortal.crash_at_every_write()
    shop.app.apply()

    def known() -> str:
        return str(shop.build(1).get("status", {}).get("commit", ""))

    assert kube.wait_until("the commit is written down", known, PATIENCE) == made
    shop.commit("two")

    def answers() -> bool:
        return shop.app.says("Ready").get("reason") == "Available" and shop.pages() == ["one"]

    kube.wait_until("a server answers", answers, PATIENCE)
    mortal.recover()
    status = shop.build(1)["status"]
    assert not shop.build(2)
    assert status["commit"] == made
    assert [(each["name"], each["attempts"]) for each in status["phases"]] == [
        ("resolve", 1),
        ("build", 1),
        ("test", 1),
    ]
    lives = [each for each in kube.history().lives.values() if each.resource == "jobs"]
    assert {each.name for each in lives} == {each["job"] for each in status["phases"]}
    assert len(lives) == len(status["phases"])
    image = f"{shop.app.component()['source']['image']}@{status['digest']}"
    assert set(driving.images(shop.app.pods()).values()) == {image}
    _everywhere(planned)


def _everywhere(planned: crash.EveryWrite) -> None:
    """Assert that it died at each write that makes servers of a commit.

    Of two that are under way at once the one strikes for both, so not each has both moments.
    """
    print(f"killed {len(planned.kills)} times:")  # noqa: T201 - shown by -s
    for key, moment in planned.kills:
        print(f"  {moment} of {key}")  # noqa: T201 - shown by -s
    died = [(key.partition("/")[0], moment) for key, moment in planned.kills]
    made = {"builds", "jobs", "serversets", "servers", "pods"}
    assert {f"create {each}" for each in made} <= {each for each, _ in died}
    for alone in ("create builds", "create jobs"):
        assert {at for each, at in died if each == alone} == {
            crash.Moment.BEFORE_SEND,
            crash.Moment.AFTER_COMMIT,
        }
    assert sum(key.startswith("patch builds/shop-web-b1/status") for key, _ in planned.kills) > 3
