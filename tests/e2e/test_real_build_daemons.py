"""The daemons that build, on a real node: one that is ended, one that lies, and one a tenant.

git, BuildKit and the registries are real.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.api.resources import Resource
from devcluster import binaries, forge, images, operator
from tests.e2e import driving
from tests.e2e.driving import Kube, Place
from tests.e2e.shops import CLIENT, PATIENCE, Shop, builders, ends, rooms_of, secret
from tests.e2e.test_why import typed

pytestmark = [
    pytest.mark.long(reason="minutes of Builds; test_real_builds has one daemon"),
    pytest.mark.e2e,
    pytest.mark.realnode,
    pytest.mark.skipif(os.geteuid() != 0, reason="a real node needs root"),
]

FROM = "FROM python:3.11-slim-bookworm\n"
LIAR = "docker.io/argosy-dev/argosy-forge:liar"
# Where the kinds of the chart's daemon are kept.
PLACES = {
    "Namespace": "/api/v1/namespaces",
    "Secret": "/api/v1{}/secrets",
    "ConfigMap": "/api/v1{}/configmaps",
    "Service": "/api/v1{}/services",
    "Deployment": "/apis/apps/v1{}/deployments",
    "NetworkPolicy": "/apis/networking.k8s.io/v1{}/networkpolicies",
}
NOTHING = f"sha256:{'0' * 64}"
# A client whose certificate a daemon does not know is told so, unless it was still writing when the
# daemon hung up (in TLS 1.3 the server looks at it after the client's handshake is over).
REFUSED = ("certificate", "broken pipe", "connection reset", "EOF")
# BuildKit's client as it would be told by a daemon that lies: it believes whatever it is told.
LIES = f"""#!/bin/sh
buildctl.true "$@" || exit $?
for each in "$@"; do
  case "$each" in
    --metadata-file=*) sed -i 's/"sha256:[0-9a-f]*"/"{NOTHING}"/g' "${{each#*=}}" ;;
  esac
done
"""
LIAR_FILE = f"""
FROM {forge.IMAGE}
USER 0
RUN mv /usr/local/bin/buildctl /usr/local/bin/buildctl.true
COPY buildctl /usr/local/bin/buildctl
RUN chmod 755 /usr/local/bin/buildctl
USER 65532:65532
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A cluster whose only node is real, the chart with its BuildKit, and one operator."""
    with builders(tmp_path_factory.mktemp("ends")) as built:
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


def test_a_step_that_ends_the_daemon_stops_nobody_else_for_long(
    place: Place, started: forge.Forge, kube: Kube
) -> None:
    """Steps see the daemon's processes, as the page says; its end is transient for all others."""
    ending = (
        "for each in /proc/[0-9]*; do grep -qs buildkitd $each/cmdline && kill -9 ${each#/proc/};"
        " done; sleep 30; false"
    )
    shop = Shop(place, started, kube, recovery={"attempts": 2, "backoff": {"initialSeconds": 1}})
    shop.repository.commit({"Dockerfile": f"{FROM}RUN {ending}\n"})
    before = restarts(place)
    for other in rooms_of(place):
        good = Shop(place, started, other, arguments={"PAUSE": "20"})
        good.commit("one")
        good.app.apply()
        good.wait_phase(1, "Building")
        shop.app.apply()
        assert ends(shop)[0] == "Failed"
        assert restarts(place) > before
        good.wait_end(1, "Completed")
        good.wait_pages("one")


def restarts(place: Place) -> int:
    """Return how often the chart's daemon was started again."""
    pods = place.api.get("/api/v1/namespaces/argosy-build/pods")["items"]
    return sum(
        told["restartCount"] for each in pods for told in each["status"]["containerStatuses"]
    )


@pytest.fixture
def lied_to(place: Place) -> Iterator[None]:
    """Let the daemon lie about every digest, while the test runs."""
    assert place.cluster is not None
    one = place.cluster
    context = one.dir / "buildkit" / "liar"
    context.mkdir(parents=True, exist_ok=True)
    (context / "Dockerfile").write_text(LIAR_FILE)
    (context / "buildctl").write_text(LIES)
    images.build(one, context, LIAR)
    values = forge.values(one, forge.start(one))
    operator.run(one, files=[values], values=[f"build.image={LIAR}"])
    yield
    operator.run(one, files=[values])


def test_a_digest_of_nothing_replaces_no_more_than_a_rollout_may(
    place: Place, started: forge.Forge, kube: Kube, request: pytest.FixtureRequest
) -> None:
    """A daemon that lies about its images: what runs goes on, and `why` names the image.

    With a test in the source, nothing at all is replaced: no such image can be tested.
    """
    assert place.cluster is not None
    shop = Shop(place, started, kube, replicas=3)
    shop.commit("one")
    shop.app.apply()
    shop.wait_pages("one")
    first = driving.images(shop.app.pods())
    request.getfixturevalue("lied_to")
    shop.commit("two")
    shop.app.component()["source"]["test"] = {"command": ["true"], "timeoutSeconds": 20}
    shop.app.apply()
    reason, message = ends(shop, 2)
    assert reason == "TimedOut"
    # The kubelet's own words, although the Job took its pod away.
    assert message.startswith("The pod of the phase test did not start in time. ")
    assert NOTHING in message
    told = shop.app.wait_for_reason("TimedOut", "Built")
    assert NOTHING in told["message"]
    assert shop.app.says("Ready")["status"] == "True"
    assert driving.images(shop.app.pods()) == first
    assert shop.pages() == ["one"] * 3
    del shop.app.component()["source"]["test"]
    shop.commit("three")
    shop.app.apply()
    assert ends(shop, 3)[0] == "Completed"

    def hangs() -> str:
        why = typed(kube, place.cluster.kubeconfig, "why", "application/shop")  # type: ignore[union-attr] # asserted above
        return why if "ImagePullBackOff" in why or "ErrImagePull" in why else ""

    assert NOTHING in kube.wait_until("`why` names the image", hangs, PATIENCE)
    pods, old = shop.app.pods(), set(first.values())
    still = [name for name, image in driving.images(pods).items() if image in old]
    assert len(still) == 2
    assert all(driving.is_ready(pods[name]) for name in still)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A daemon for the namespaces of a label alone, with an authority of its own."""

    label: str
    place: Place

    @property
    def namespace(self) -> str:
        """Where the daemon runs."""
        return f"builds-{self.label}"

    @property
    def name(self) -> str:
        """What the daemon is called."""
        return f"tenant-{self.label}-argosy-buildkitd"

    @property
    def given(self) -> Any:
        """The Secret by which the daemon knows its clients."""
        path = "/api/v1/namespaces/default/secrets"
        return self.place.api.get(f"{path}/tenant-{self.label}-argosy-build-client")

    def install(self, values: Path) -> None:
        """Have the daemon run, by the part of the chart that is about it and nothing else."""
        assert self.place.cluster is not None
        own = ("--show-only=templates/buildkitd.yaml", f"--values={values}")
        chosen = f"--set=build.daemon.namespace={self.namespace}"
        words = ["template", f"tenant-{self.label}", str(operator.CHART), *own, chosen]
        for each in yaml.safe_load_all(operator.helm(self.place.cluster, words)):
            if each:
                meta = each["metadata"]
                space = f"/namespaces/{meta['namespace']}" if "namespace" in meta else ""
                path = f"{PLACES[each['kind']].format(space)}/{meta['name']}"
                self.place.api.apply(path, each)

    def values(self, number: int) -> list[str]:
        """Return what the chart of the operator is told of the daemon."""
        key = f"build.daemons[{number}]"
        return [
            f"{key}.address=tcp://{self.name}.{self.namespace}.svc:1234",
            f"{key}.clientSecret=own",
            f"{key}.namespaceLabels.tenant={self.label}",
        ]

    def asked(self, by: Tenant, *words: str) -> subprocess.CompletedProcess[str]:
        """Ask the daemon something with the certificate of a tenant."""
        assert self.place.cluster is not None
        folder = self.place.cluster.dir / f"client-{by.label}"
        folder.mkdir(exist_ok=True)
        for key, data in by.given["data"].items():
            (folder / key).write_bytes(base64.b64decode(data))
        # Its own authority is trusted, so that the daemon alone has a reason to refuse.
        (folder / "ca.crt").write_bytes(base64.b64decode(self.given["data"]["ca.crt"]))
        query = "labelSelector=app.kubernetes.io/component%3Dbuildkitd"
        pods = self.place.api.get(f"/api/v1/namespaces/{self.namespace}/pods?{query}")["items"]
        address = next(each["status"]["podIP"] for each in pods if driving.is_ready(each))
        flags = {"tlscacert": "ca.crt", "tlscert": "tls.crt", "tlskey": "tls.key"}
        return subprocess.run(
            [
                binaries.ensure(binaries.BUILDKIT, print) / "buildctl",
                f"--addr=tcp://{address}:1234",
                f"--tlsservername={self.name}.{self.namespace}.svc",
                *(f"--{flag}={folder / file}" for flag, file in flags.items()),
                *words,
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


@pytest.fixture
def tenants(place: Place) -> Iterator[tuple[Tenant, Tenant]]:
    """Two daemons beside the chart's own, of which the operator knows."""
    assert place.cluster is not None
    file = forge.values(place.cluster, forge.start(place.cluster))
    both = Tenant(label="a", place=place), Tenant(label="b", place=place)
    values = []
    for number, each in enumerate(both):
        each.install(file)
        values += each.values(number)
    operator.run(place.cluster, files=[file], values=values)
    yield both
    operator.run(place.cluster, files=[file])


def test_each_tenant_builds_with_its_own_daemon_and_can_ask_no_other(
    place: Place, started: forge.Forge, tenants: tuple[Tenant, Tenant]
) -> None:
    """By the label of the namespace; a daemon knows its own clients, and has seen no other build.

    A namespace without a label builds with the daemon that is for all.
    """
    shops = {}
    with contextlib.ExitStack() as stack:
        for each in (*tenants, None):
            kube = stack.enter_context(contextlib.contextmanager(rooms_of)(place))
            if each is not None:
                path = f"/api/v1/namespaces/{kube.namespace}"
                place.api.merge(path, {"metadata": {"labels": {"tenant": each.label}}})
                kube.delete(Resource.SECRETS, CLIENT)
                secret(kube, "own", each.given["data"], each.given["type"])
            shop = Shop(place, started, kube)
            shop.commit("one")
            shop.app.apply()
            shops[each] = shop
        for shop in shops.values():
            shop.wait_pages("one")
        for each in tenants:
            seen = each.asked(each, "debug", "histories")
            assert seen.returncode == 0, seen.stderr
            (_, *builds) = seen.stdout.splitlines()
            assert len([line for line in builds if line.strip()]) == 1, seen.stdout
            (job,) = (one for one in shops[each].jobs().values() if "--daemon=" in str(one))
            assert f"--daemon=tcp://{each.name}.{each.namespace}.svc:1234" in str(job)
        for own, other in (tenants, tenants[::-1]):
            refused = own.asked(other, "debug", "workers")
            assert refused.returncode != 0
            assert any(each in refused.stderr for each in REFUSED), refused.stderr
