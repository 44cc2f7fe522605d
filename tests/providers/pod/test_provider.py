"""Pods on an API server: claims, adoption, refusals, drift, and how many writes it takes."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from controller import errors
from controller.api import names, objects
from controller.api.choices import ErrorClass
from controller.api.resources import Resource
from controller.contract import Phase
from controller.kube import faults
from controller.kube.informer import Informer
from controller.providers.pod.provider import PodProvider
from fakes.api_server import Behaviour, Verdict
from tests.contracts.provider_stages import (
    NAMESPACE,
    PodStage,
    change,
    create,
    delete,
    eventually,
    watch_phase,
    watch_ready,
    with_spec,
)

pytestmark = pytest.mark.looptime

DATA = objects.VolumeClaim(name="data", spec=msgspec.Raw(b'{"storageClassName":"fast"}'))
NAME = (NAMESPACE, "shop-web-0")
CLAIM = (NAMESPACE, "data-shop-web-0")


@pytest.fixture
async def stage() -> AsyncIterator[PodStage]:
    """Give a cluster; the test begins it."""
    made = PodStage()
    yield made
    await made.end()


def refusal(code: int, message: str, **details: object) -> errors.ArgosyError:
    """Return what the client raises for such an answer."""
    status = faults.ApiStatus(message=message, code=code, **details)  # type: ignore[arg-type]
    return faults.from_status(code, status, what="create pods", writes=True)


async def test_a_server_costs_one_write(stage: PodStage) -> None:
    """In the normal case a pod is one POST, and there is no read beside it."""
    await stage.begin()
    server = await stage.server()
    before = len(stage.api.writes)
    (written,) = await stage.provider.create(server, create(stage.template("v1")))
    assert [write.cause.verb for write in stage.api.writes[before:]] == ["create"]
    body = stage.pods()[NAME]
    assert (written.uid, str(written.resource_version)) == (
        body["metadata"]["uid"],
        body["metadata"]["resourceVersion"],
    )


async def test_claims_are_made_before_the_pod_and_stay_behind_it(stage: PodStage) -> None:
    """A claim is there when the pod is, is seen, and outlives it."""
    await stage.begin()
    server = with_spec(await stage.server(), volume_claims=(DATA,))
    written = await stage.provider.create(server, create(stage.template("v1"), claims=(DATA,)))
    assert [each.resource for each in written] == [Resource.CLAIMS, Resource.PODS]
    seen = await watch_ready(stage.provider, server)
    assert seen.claims == ("data",)
    await stage.provider.delete(server, delete(seen.id))
    gone = await watch_phase(stage.provider, server, Phase.ABSENT)
    assert gone.claims == ("data",)


async def test_a_claim_that_was_kept_is_used_again(stage: PodStage) -> None:
    """A later server of the same name takes up the data of the earlier one."""
    await stage.begin()
    earlier = with_spec(await stage.server(), volume_claims=(DATA,))
    await stage.provider.create(earlier, create(stage.template("v1"), claims=(DATA,)))
    kept = stage.api.objects[Resource.CLAIMS][CLAIM]["metadata"]["uid"]
    seen = await watch_ready(stage.provider, earlier)
    await stage.provider.delete(earlier, delete(seen.id))
    await watch_phase(stage.provider, earlier, Phase.ABSENT)
    server = with_spec(await stage.server(), volume_claims=(DATA,))
    (written,) = await stage.provider.create(server, create(stage.template("v1"), claims=(DATA,)))
    assert written.resource is Resource.PODS
    assert stage.api.objects[Resource.CLAIMS][CLAIM]["metadata"]["uid"] == kept


@pytest.mark.parametrize("seen", [True, False], ids=["cached", "unseen"])
async def test_a_strangers_claim_is_not_used(stage: PodStage, *, seen: bool) -> None:
    """A claim without our labels stalls the server, whether the cache shows it yet or not."""
    await stage.begin()
    if not seen:
        stage.faults.freeze(Resource.CLAIMS)
    body = {"metadata": {"name": CLAIM[1]}, "spec": {}}
    await stage.api.create(Resource.CLAIMS, NAMESPACE, body)
    if seen:
        cached = stage.claims
        await eventually(lambda: CLAIM in cached.objects)
    server = with_spec(await stage.server(), volume_claims=(DATA,))
    with pytest.raises(errors.Stalled) as refused:
        await stage.provider.create(server, create(stage.template("v1"), claims=(DATA,)))
    assert refused.value.reason == "NameTaken"
    assert stage.pods() == {}


async def test_a_claim_that_goes_is_waited_for(stage: PodStage) -> None:
    """A pod is not tied to a claim that is about to vanish with its data."""
    await stage.begin()
    server = with_spec(await stage.server(), volume_claims=(DATA,))
    body = {
        "metadata": {
            "name": CLAIM[1],
            "labels": names.claim_labels("shop", "web", "shop-web-0"),
            "finalizers": ["kubernetes.io/pvc-protection"],
        }
    }
    answer = await stage.api.create(Resource.CLAIMS, NAMESPACE, body)
    uid = msgspec.json.decode(answer, type=objects.Claim).metadata.uid
    await stage.api.delete(Resource.CLAIMS, NAMESPACE, CLAIM[1], uid=uid)
    cached = stage.claims
    await eventually(
        lambda: (
            CLAIM in cached.objects
            and cached.objects[CLAIM].metadata.deletion_timestamp is not None
        )
    )
    with pytest.raises(errors.Waiting):
        await stage.provider.create(server, create(stage.template("v1"), claims=(DATA,)))
    assert stage.pods() == {}


async def test_a_claim_that_went_from_under_a_pod_comes_back(stage: PodStage) -> None:
    """Its pod would wait for it for ever, so it is drift, and mended without a new pod."""
    await stage.begin()
    stage.fates["shop-web-0"] = Behaviour(fate="Unschedulable")
    server = with_spec(await stage.server(), volume_claims=(DATA,))
    await stage.provider.create(server, create(stage.template("v1"), claims=(DATA,)))
    await eventually(lambda: stage.provider.observe(server).claims == ("data",))
    lost = stage.api.objects[Resource.CLAIMS][CLAIM]["metadata"]["uid"]
    await stage.api.delete(Resource.CLAIMS, NAMESPACE, CLAIM[1], uid=lost)
    await eventually(lambda: stage.provider.observe(server).drift == ("claim data",))
    seen = stage.provider.observe(server)
    (written,) = await stage.provider.change(server, change(seen.id, claims=(DATA,)))
    assert written.resource is Resource.CLAIMS
    assert stage.api.objects[Resource.CLAIMS][CLAIM]["metadata"]["uid"] == written.uid
    await eventually(lambda: stage.provider.observe(server).drift == ())
    assert stage.provider.observe(server).id == seen.id


async def test_a_strangers_pod_without_our_labels_is_left_alone(stage: PodStage) -> None:
    """The cache does not show it; the create meets it, and says whose name it is."""
    await stage.begin()
    body = {"metadata": {"name": "shop-web-0"}, "spec": {"containers": [{"name": "x"}]}}
    await stage.api.create(Resource.PODS, NAMESPACE, body)
    before = stage.pods()[NAME]["metadata"]
    server = await stage.server()
    with pytest.raises(errors.Stalled) as refused:
        await stage.provider.create(server, create(stage.template("v1")))
    assert refused.value.reason == "NameTaken"
    after = stage.pods()[NAME]["metadata"]
    assert after["uid"] == before["uid"]
    assert after.get("labels") == before.get("labels")


async def test_a_pod_that_lost_its_label_is_found_again(stage: PodStage) -> None:
    """Without our label it vanishes from the cache; creating it anew adopts and mends it."""
    await stage.begin()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    seen = await watch_ready(stage.provider, server)
    await stage.api.patch(
        Resource.PODS, *NAME, {"metadata": {"labels": {names.SERVER_LABEL: None}}}
    )
    await watch_phase(stage.provider, server, Phase.ABSENT)
    (written,) = await stage.provider.create(server, create(stage.template("v1")))
    assert written.uid == seen.id
    assert (await watch_ready(stage.provider, server)).id == seen.id
    assert stage.pods()[NAME]["metadata"]["labels"][names.SERVER_LABEL] == "shop-web-0"


async def test_drift_is_mended_by_one_write(stage: PodStage) -> None:
    """Labels of ours that others edited come back; labels of others stay."""
    await stage.begin()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    seen = await watch_ready(stage.provider, server)
    forged = {names.COMPONENT_LABEL: "db", "mine": "kept"}
    await stage.api.patch(Resource.PODS, *NAME, {"metadata": {"labels": forged}})
    await eventually(lambda: stage.provider.observe(server).drift != ())
    (written,) = await stage.provider.change(server, change(seen.id))
    labels = stage.pods()[NAME]["metadata"]["labels"]
    assert labels[names.COMPONENT_LABEL] == "web"
    assert labels["mine"] == "kept"
    assert written.uid == seen.id
    await eventually(lambda: stage.provider.observe(server).drift == ())


async def test_a_change_touches_only_the_images_that_differ(stage: PodStage) -> None:
    """Other containers keep their image and go on running; the change is one write."""
    await stage.begin()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    seen = await watch_ready(stage.provider, server)
    before = {each["name"]: each for each in stage.pods()[NAME]["status"]["containerStatuses"]}
    writes = len(stage.api.writes)
    wanted = with_spec(server, revision="two")
    await stage.provider.change(wanted, change(seen.id, stage.template("v2")))
    assert len(stage.api.writes) == writes + 1
    await eventually(lambda: stage.provider.observe(wanted).revision == "two")
    await watch_ready(stage.provider, wanted)
    after = {each["name"]: each for each in stage.pods()[NAME]["status"]["containerStatuses"]}
    assert after["side"] == before["side"]
    assert after["app"]["containerID"] != before["app"]["containerID"]
    noted = stage.pods()[NAME]["metadata"]["annotations"][names.CHANGED_FROM_ANNOTATION]
    assert noted == before["app"]["containerID"]


async def test_a_change_planned_from_an_old_look_is_not_made(stage: PodStage) -> None:
    """A container that restarted since would be noted by an id that is gone: look again first."""
    await stage.begin()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    seen = await watch_ready(stage.provider, server)
    stage.faults.freeze(Resource.PODS)
    stage.kubelet.unready(*NAME)
    wanted = with_spec(server, revision="two")
    with pytest.raises(errors.Waiting):
        await stage.provider.change(wanted, change(seen.id, stage.template("v2")))
    assert stage.instances()[0].template == "v1"
    stage.faults.thaw()
    await eventually(lambda: not stage.provider.observe(server).ready)
    await stage.provider.change(wanted, change(seen.id, stage.template("v2")))
    assert stage.instances()[0].template == "v2"


async def test_a_container_cannot_be_added_in_place(stage: PodStage) -> None:
    """What only a new pod can have is Stalled, NotSupported, and the pod stays as it is."""
    await stage.begin()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    seen = await watch_ready(stage.provider, server)
    template = b'{"spec": {"containers": [{"name": "app"}, {"name": "more", "image": "m"}]}}'
    with pytest.raises(errors.Stalled) as refused:
        await stage.provider.change(server, change(seen.id, template))
    assert refused.value.reason == "NotSupported"
    assert stage.instances()[0].template == "v1"


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (refusal(422, "Pod is invalid: spec.containers"), errors.Stalled, "TemplateRefused"),
        (refusal(400, "strict decoding error"), errors.Stalled, "TemplateRefused"),
        (
            refusal(403, 'pods "x" is forbidden: violates PodSecurity "restricted:latest"'),
            errors.Stalled,
            "TemplateRefused",
        ),
        (
            refusal(403, 'pods "x" is forbidden: exceeded quota: small'),
            errors.Transient,
            "QuotaExceeded",
        ),
        (
            refusal(403, 'pods "x" is forbidden: error looking up service account d/default: gone'),
            errors.Transient,
            "ServiceAccountMissing",
        ),
        (
            refusal(403, 'User "argosy" cannot create resource "pods" in API group ""'),
            errors.Stalled,
            "Forbidden",
        ),
        (refusal(404, 'namespaces "default" not found'), errors.Waiting, "NamespaceTerminating"),
        (refusal(429, "slow down"), errors.Transient, "TooManyRequests"),
        (refusal(500, "etcd is away"), errors.UnknownOutcome, "ServerFailed"),
    ],
)
async def test_refusals_have_reasons_that_say_what_to_do(
    stage: PodStage, error: errors.ArgosyError, kind: type[errors.ArgosyError], reason: str
) -> None:
    """What a person must change is Stalled, what passes is Transient, each with its own reason."""
    await stage.begin()
    server = await stage.server()
    stage.faults.on("create", Resource.PODS, verdict=Verdict(before=error))
    with pytest.raises(kind) as refused:
        await stage.provider.create(server, create(stage.template("v1")))
    assert refused.value.reason == reason


async def test_a_namespace_that_goes_is_waited_for(stage: PodStage) -> None:
    """Nothing is made in it any more, and nobody is to blame."""
    await stage.begin()
    server = await stage.server()
    home = stage.api.objects[Resource.NAMESPACES]["", NAMESPACE]["metadata"]["uid"]
    await stage.api.delete(Resource.NAMESPACES, "", NAMESPACE, uid=home)
    with pytest.raises(errors.Waiting):
        await stage.provider.create(server, create(stage.template("v1")))


async def test_before_the_caches_are_filled_nothing_is_known(stage: PodStage) -> None:
    """UNKNOWN, never ABSENT: what is not seen yet may be there."""
    await stage.begin()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    pods: Informer[objects.Pod] = Informer(stage.api, Resource.PODS)
    unfilled = PodProvider(stage.api, pods)
    assert unfilled.observe(server).phase is Phase.UNKNOWN
    assert unfilled.instances() is None


async def test_a_pod_that_cannot_be_placed_says_why(stage: PodStage) -> None:
    """The scheduler's reason is the server's."""
    await stage.begin()
    server = await stage.server()
    stage.fates["shop-web-0"] = Behaviour(fate="Unschedulable")
    await stage.provider.create(server, create(stage.template("v1")))
    await eventually(lambda: stage.provider.observe(server).reason == "Unschedulable")
    seen = stage.provider.observe(server)
    assert (seen.phase, seen.error_class) == (Phase.PENDING, ErrorClass.WAITING)


async def test_an_address_shared_with_the_node_is_not_the_pods_own(stage: PodStage) -> None:
    """The operator calls no hostNetwork pod: it would call the node."""
    await stage.begin()
    server, other = await stage.server(0), await stage.server(1)
    template = b'{"spec": {"hostNetwork": true, "containers": [{"name": "app", "image": "a"}]}}'
    await stage.provider.create(server, create(template))
    await stage.provider.create(other, create(stage.template("v1")))
    await watch_ready(stage.provider, server)
    seen = await watch_ready(stage.provider, other)
    assert stage.provider.own_addresses(server) == ()
    assert stage.provider.own_addresses(other) == seen.addresses
