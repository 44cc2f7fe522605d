"""The pod provider on a real API server: what that answers to our creates, patches and deletes."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from controller import errors
from controller.api import crds, names, objects
from controller.api.resources import Resource
from controller.contract import Phase
from controller.kube import faults
from controller.kube.client import Client
from controller.kube.informer import Informer
from controller.providers import models
from controller.providers.pod.provider import PodProvider
from devcluster import client, processes
from tests.contracts.provider_stages import change, create, delete, with_spec
from tests.e2e import probes

pytestmark = pytest.mark.e2e

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
DEADLINE_SECONDS = 180
DATA = objects.VolumeClaim(
    name="data",
    spec=msgspec.Raw(
        b'{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}'
    ),
)


@pytest.fixture(scope="module")
def served(api: client.Client) -> None:
    """Have the API server serve our kinds, or its garbage collector would miss our owners."""
    for text in crds.render(models.MODELS).values():
        wanted = yaml.safe_load(text)
        api.apply(f"{CRDS}/{wanted['metadata']['name']}", wanted)
    path = f"/apis/{names.API_VERSION}/servers"
    assert processes.wait_until(lambda: _answers(api, path), DEADLINE_SECONDS)


def _answers(api: client.Client, path: str) -> bool:
    try:
        api.get(path)
    except client.ApiError:
        return False
    return True


class World:
    """A provider at a real API server, in a namespace of its own."""

    def __init__(self, api: Client, namespace: str) -> None:
        self.api, self.namespace = api, namespace
        self.pods: Informer[objects.Pod] = Informer(api, Resource.PODS, namespaces=(namespace,))
        self.claims: Informer[objects.Claim] = Informer(
            api, Resource.CLAIMS, namespaces=(namespace,)
        )
        self.provider = PodProvider(api, self.pods, self.claims)

    async def server(self, **spec: Any) -> objects.Server:
        """Make a Server that nobody but the test looks after."""
        body = {
            "metadata": {"name": "shop-web-0"},
            "spec": {
                "application": "shop",
                "component": "web",
                "ordinal": 0,
                "fleet": "pods",
                "incarnation": 1,
                "revision": "one",
                "power": "Running",
            },
        }
        answer = await self.api.create(Resource.SERVERS, self.namespace, {**_KIND, **body})
        return with_spec(msgspec.json.decode(answer, type=objects.Server), **spec)

    async def pod(self) -> Any:
        """Return the pod as it is now."""
        return msgspec.json.decode(await self.api.get(Resource.PODS, self.namespace, "shop-web-0"))


_KIND = {"apiVersion": names.API_VERSION, "kind": "Server"}


@pytest.fixture
async def world(served: None, kubeconfig: Path, namespace: str) -> AsyncIterator[World]:
    """Give a world whose caches are filled."""
    del served
    async with Client.connect(kubeconfig=str(kubeconfig)) as api:
        made = World(api, namespace)
        running = [asyncio.create_task(each.run()) for each in (made.pods, made.claims)]
        async with asyncio.timeout(DEADLINE_SECONDS):
            await asyncio.gather(made.pods.wait(), made.claims.wait())
        yield made
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        # The connections of cancelled watches say goodbye, and nothing tells when they have.
        await asyncio.sleep(0.2)


async def until(seen: Callable[[], bool]) -> None:
    """Return once `seen` holds."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not seen():  # noqa: ASYNC110 - a real cluster is looked at again and again
            await asyncio.sleep(0.05)


def template(image: str, **spec: Any) -> bytes:
    """Return a pod template with two containers."""
    containers = [{"name": "app", "image": image}, {"name": "side", "image": "side:1"}]
    return msgspec.json.encode({"spec": {"containers": containers, **spec}})


async def test_a_pod_is_made_adopted_changed_and_deleted(world: World) -> None:
    """One instance through its whole life: never doubled, never taken for another."""
    server, provider = await world.server(), world.provider
    (written,) = await provider.create(server, create(template("app:1")))
    (adopted,) = await provider.create(server, create(template("app:1")))
    assert adopted.uid == written.uid
    await until(lambda: provider.observe(server).ready)
    before = provider.observe(server)
    assert before.drift == ()
    assert before.zone

    wanted = with_spec(server, revision="two")
    await provider.change(wanted, change(before.id, template("app:2")))
    await until(lambda: provider.observe(wanted).revision == "two")
    await until(lambda: provider.observe(wanted).ready)
    pod = await world.pod()
    assert [each["image"] for each in pod["spec"]["containers"]] == ["app:2", "side:1"]
    assert pod["metadata"]["uid"] == before.id

    await provider.delete(wanted, delete("00000000-0000-0000-0000-000000000000"))
    assert "deletionTimestamp" not in (await world.pod())["metadata"]
    (gone,) = await provider.delete(wanted, delete(before.id, grace=1))
    assert gone.gone
    await until(lambda: provider.observe(wanted).phase is Phase.ABSENT)
    await provider.delete(wanted, delete(before.id))


async def test_a_change_from_an_old_look_is_refused(world: World) -> None:
    """The resourceVersion in a strategic merge patch is a precondition, as is the uid."""
    server, provider = await world.server(), world.provider
    await provider.create(server, create(template("app:1")))
    await until(lambda: provider.observe(server).ready)
    seen = world.pods.objects[world.namespace, "shop-web-0"]
    await world.api.patch(
        Resource.PODS, world.namespace, "shop-web-0", {"metadata": {"labels": {"x": "y"}}}
    )
    version = int(seen.metadata.resource_version)
    await until(lambda: world.pods.reached(version + 1, world.namespace))
    world.pods.objects[world.namespace, "shop-web-0"] = seen
    with pytest.raises(errors.Waiting):
        await provider.change(server, change(seen.metadata.uid, template("app:2")))
    assert (await world.pod())["spec"]["containers"][0]["image"] == "app:1"


async def test_claims_come_with_their_pod(world: World) -> None:
    """The API server accepts claim and pod as they are made, and the pod mounts the claim."""
    server = await world.server(volume_claims=(DATA,))
    written = await world.provider.create(server, create(template("app:1"), claims=(DATA,)))
    assert [each.resource for each in written] == [Resource.CLAIMS, Resource.PODS]
    (volume,) = [each for each in (await world.pod())["spec"]["volumes"] if each["name"] == "data"]
    assert volume["persistentVolumeClaim"] == {"claimName": "data-shop-web-0"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"spec": {}}', "spec.containers: Required value"),
        (b'{"spec": {"containers": [{"name": "UPPER", "image": "a"}]}}', "RFC 1123"),
        (b'{"spec": {"containers": [{"name": "a", "image": 3}]}}', "image of type string"),
        (
            b'{"spec": {"containers": [{"name": "a", "imgae": "a"}]}}',
            'unknown field "spec.containers[0].imgae"',
        ),
        (
            b'{"spec": {"restartPolcy": "Always", "containers": [{"name": "a", "image": "a"}]}}',
            'unknown field "spec.restartPolcy"',
        ),
    ],
)
async def test_templates_that_the_api_server_refuses(world: World, body: bytes, words: str) -> None:
    """Stalled, with the API server's own words; a misspelt field is not dropped in silence."""
    server = await world.server()
    with pytest.raises(errors.Stalled, match=re.escape(words)) as refused:
        await world.provider.create(server, create(body))
    assert refused.value.reason == "TemplateRefused"


async def test_a_claim_with_a_field_that_nobody_knows_is_not_made(world: World) -> None:
    """Stalled, TemplateRefused: without its storage class data would be in the wrong place."""
    spec = {**msgspec.json.decode(DATA.spec), "storageClasName": "fast"}
    wanted = objects.VolumeClaim(name="data", spec=msgspec.Raw(msgspec.json.encode(spec)))
    server = await world.server(volume_claims=(wanted,))
    with pytest.raises(errors.Stalled, match="storageClasName") as refused:
        await world.provider.create(server, create(template("app:1"), claims=(wanted,)))
    assert refused.value.reason == "TemplateRefused"
    with pytest.raises(faults.NotFound):
        await world.api.get(Resource.CLAIMS, world.namespace, "data-shop-web-0")


async def test_a_pod_security_violation_is_the_templates_fault(
    world: World, api: client.Client
) -> None:
    """Stalled, TemplateRefused: no backoff will make it restricted."""
    probes.restrict(api, world.namespace)
    server = await world.server()
    with pytest.raises(errors.Stalled, match="PodSecurity") as refused:
        await world.provider.create(server, create(template("app:1", hostNetwork=True)))
    assert refused.value.reason == "TemplateRefused"


async def test_a_strangers_pod_keeps_its_name(world: World) -> None:
    """Stalled, NameTaken, and the stranger is as it was."""
    stranger = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "shop-web-0"},
        "spec": {"containers": [{"name": "x", "image": "x"}]},
    }
    await world.api.create(Resource.PODS, world.namespace, stranger)
    server = await world.server()
    with pytest.raises(errors.Stalled) as refused:
        await world.provider.create(server, create(template("app:1")))
    assert refused.value.reason == "NameTaken"
    meta = (await world.pod())["metadata"]
    assert names.SERVER_LABEL not in meta.get("labels", {})
    assert "ownerReferences" not in meta
