"""What others change of a pod: mended, told, and in the end left to whoever insists."""

from __future__ import annotations

import json
from typing import Any

import pytest

from controller.api import names
from controller.api.resources import Resource
from controller.kube.api import PatchStyle
from fakes.universe import Universe, application, component

pytestmark = pytest.mark.looptime
POD = "shop-web-0"


def ready(universe: Universe) -> Any:
    """Return the Ready condition of the server."""
    return universe.condition(Resource.SERVERS, POD)


def image(universe: Universe) -> str:
    """Return which image the pod is to run."""
    return str(universe.get(Resource.PODS, POD)["spec"]["containers"][0]["image"])


async def edit(universe: Universe, to: str) -> None:
    """Change the pod's image by hand."""
    body = {"spec": {"containers": [{"name": "main", "image": to}]}}
    await universe.server.patch(
        Resource.PODS, "default", POD, body, field_manager="kubectl-edit", style="strategic"
    )


async def insist(universe: Universe, label: str, value: str, *, times: int = 40) -> int:
    """Set a label again whenever somebody else has changed it; return how often that was."""
    done = 0
    for _ in range(times):
        if universe.get(Resource.PODS, POD)["metadata"]["labels"].get(label) != value:
            done += 1
            body = {"metadata": {"labels": {label: value}}}
            await universe.server.patch(
                Resource.PODS, "default", POD, body, field_manager="kyverno", style="merge"
            )
        await universe.settle(quiet=5)
    return done


async def test_an_image_edited_by_hand_is_not_ready_and_comes_back() -> None:
    """The server says Drifted at once, its pod gets its image back, and is the same pod."""
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 1)))
        await universe.settle()
        before = universe.get(Resource.PODS, POD)["metadata"]["uid"]
        said: list[str] = []

        def mended() -> bool:
            said.append(str(ready(universe).get("reason")))
            return image(universe) == "app:1" and ready(universe)["status"] == "True"

        await edit(universe, "evil:1")
        await universe.until(lambda: image(universe) == "app:1")
        await universe.until(mended)
        assert universe.get(Resource.PODS, POD)["metadata"]["uid"] == before
        assert {"Drifted", "Changing"} & set(said)
        await universe.settle()
        writes = len(universe.server.writes)
        await universe.settle(quiet=600)
        assert len(universe.server.writes) == writes


async def test_an_image_that_is_set_again_and_again_is_left_and_told() -> None:
    """After three mends Argosy leaves it; the server is not Ready, and says why for ever."""
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 1)))
        await universe.settle()
        for _ in range(6):
            await edit(universe, "evil:1")
            await universe.settle(quiet=40)
        assert image(universe) == "evil:1"
        assert (ready(universe)["status"], ready(universe)["reason"]) == ("False", "Drifted")
        assert "after Argosy mended it 3 times" in ready(universe)["message"]
        (blocked,) = universe.get(Resource.SERVERS, POD)["status"]["blockedBy"]
        assert blocked["reason"] == "Drifted"
        writes = len(universe.server.writes)
        await universe.settle(quiet=600)
        assert len(universe.server.writes) == writes


async def test_an_image_of_a_rollout_is_no_drift() -> None:
    """Argosy's own changes in place raise the pod's generation, too."""
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 1)))
        await universe.settle()
        for number in (2, 3):
            await universe.apply(application("shop", component("web", 1, image=f"app:{number}")))
            await universe.settle(quiet=40)
            assert image(universe) == f"app:{number}"
            assert ready(universe)["status"] == "True"
            assert (
                names.MENDED_ANNOTATION
                not in (universe.get(Resource.PODS, POD)["metadata"]["annotations"])
            )
        await edit(universe, "evil:1")
        await universe.until(lambda: image(universe) == "app:3")
        await universe.until(lambda: bool(ready(universe)["status"] == "True"))


def mirror(universe: Universe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a webhook write a mirror's name into the image of each new pod."""
    made = universe.server.create

    async def rewrite(resource: Resource, namespace: str, body: Any, **options: Any) -> bytes:
        text = body.replace(b"app:1", b"mirror/app:1") if resource is Resource.PODS else body
        return await made(resource, namespace, text, **options)

    monkeypatch.setattr(universe.server, "create", rewrite)


async def test_an_image_that_is_rewritten_at_admission_is_what_was_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A mirror that a webhook writes into new pods is not fought: nobody changed it afterwards."""
    async with Universe() as universe:
        mirror(universe, monkeypatch)
        await universe.apply(application("shop", component("web", 1)))
        await universe.settle()
        assert image(universe) == "mirror/app:1"
        assert ready(universe)["status"] == "True"


async def test_a_held_server_keeps_the_image_that_a_person_gave_it() -> None:
    """Whoever looks into a server may change it: it is told, and left alone."""
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 1)))
        await universe.settle()
        await universe.merge(Resource.SERVERS, POD, {"spec": {"held": True}})
        await edit(universe, "debug:1")
        await universe.settle(quiet=40)
        assert image(universe) == "debug:1"
        assert ready(universe)["reason"] == "Drifted"


async def test_a_label_that_a_program_insists_on_is_left_and_told() -> None:
    """Three mends, then what is true: Argosy leaves it, and the server is Ready."""
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 1)))
        await universe.settle()
        assert await insist(universe, names.COMPONENT_LABEL, "forced") <= 4
        labels = universe.get(Resource.PODS, POD)["metadata"]["labels"]
        assert labels[names.COMPONENT_LABEL] == "forced"
        told = ready(universe)
        assert told["status"] == "True"
        assert f"label {names.COMPONENT_LABEL}" in told["message"]
        assert "after Argosy mended it 3 times, and left so" in told["message"]
        writes = len(universe.server.writes)
        await universe.settle(quiet=600)
        assert len(universe.server.writes) == writes


@pytest.mark.parametrize("mark", ["x", "-1", "9" * 400, "3\u001b[31m", ""])
async def test_a_count_that_anybody_wrote_stops_nothing(mark: str) -> None:
    """The annotation is read, never trusted: a label is mended as long as it makes no sense."""
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 1)))
        await universe.settle()
        odd = {
            "annotations": {names.MENDED_ANNOTATION: mark},
            "labels": {names.COMPONENT_LABEL: "odd"},
        }
        await universe.merge(Resource.PODS, POD, {"metadata": odd})
        await universe.settle()
        labels = universe.get(Resource.PODS, POD)["metadata"]["labels"]
        assert labels[names.COMPONENT_LABEL] == "web"
        assert ready(universe)["status"] == "True"


async def test_a_pod_lost_below_an_application_that_goes_is_told() -> None:
    """Nothing is made any more, and no server goes on saying that it is Ready."""
    async with Universe() as universe:
        await universe.apply(
            application("shop", component("db", 1), component("web", 1, dependsOn=["db"]))
        )
        await universe.settle()
        await universe.merge(Resource.PODS, POD, {"metadata": {"finalizers": ["example.com/hold"]}})
        await universe.delete(Resource.APPLICATIONS, "shop")
        await universe.settle()
        await universe.delete(Resource.PODS, "shop-db-0")
        await universe.settle(quiet=60)
        assert universe.condition(Resource.SERVERS, "shop-db-0")["status"] == "False"
        await universe.merge(Resource.PODS, POD, {"metadata": {"finalizers": None}})
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS))


async def test_ready_is_taken_back_while_a_pod_goes() -> None:
    """Deleted by hand and held by a stranger's finalizer: not Ready, and the cause is named."""
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 1)))
        await universe.settle()
        await universe.merge(Resource.PODS, POD, {"metadata": {"finalizers": ["example.com/hold"]}})
        await universe.delete(Resource.PODS, POD)
        await universe.until(lambda: bool(ready(universe)["status"] == "False"), patience=5)
        await universe.settle(quiet=120)
        server = universe.get(Resource.SERVERS, POD)
        assert any("example.com/hold" in each["message"] for each in server["status"]["blockedBy"])
        await universe.merge(Resource.PODS, POD, {"metadata": {"finalizers": None}})
        await universe.until(lambda: bool(ready(universe)["status"] == "True"))


async def spec_of(universe: Universe, body: dict[str, Any], *, by: str, style: PatchStyle) -> None:
    """Change fields of the pod's spec by hand, as the API server lets anybody."""
    await universe.server.patch(
        Resource.PODS, "default", POD, {"spec": body}, field_manager=by, style=style
    )


def generous(*ignored: str) -> dict[str, Any]:
    """Return a component that leaves fields to others, with a container and a sidecar."""
    made = component("web", 1, drift={"ignore": list(ignored)})
    made["template"]["spec"]["initContainers"] = [
        {"name": "proxy", "image": "proxy:1", "restartPolicy": "Always"}
    ]
    return made


IMAGES = {
    "containers": [{"name": "main", "image": "evil:1"}],
    "initContainers": [{"name": "proxy", "image": "evil:2"}],
}


def images(universe: Universe) -> list[str]:
    """Return the images of the pod, the sidecar's last."""
    spec = universe.get(Resource.PODS, POD)["spec"]
    return [each["image"] for place in IMAGES for each in spec[place]]


@pytest.mark.parametrize(
    ("ignored", "left"),
    [
        ((), ["app:1", "proxy:1"]),
        (("containers[main].image",), ["evil:1", "proxy:1"]),
        (("initContainers[*].image",), ["app:1", "evil:2"]),
        (("containers[*].image", "initContainers[proxy].image"), ["evil:1", "evil:2"]),
        (("containers[other].image",), ["app:1", "proxy:1"]),
    ],
)
async def test_images_are_mended_but_for_those_that_are_left_to_others(
    ignored: tuple[str, ...], left: list[str]
) -> None:
    """Sidecars as any container; what is left is told, stays, and costs no writes, nor Ready."""
    async with Universe() as universe:
        await universe.apply(application("shop", generous(*ignored)))
        await universe.settle()
        before = universe.get(Resource.PODS, POD)["metadata"]["uid"]
        await spec_of(universe, IMAGES, by="updater", style="strategic")
        await universe.settle(quiet=60)
        assert images(universe) == left
        told = ready(universe)
        assert told["status"] == "True"
        assert ("left to them (drift.ignore)" in told["message"]) is any(
            "evil" in each for each in left
        )
        assert universe.get(Resource.PODS, POD)["metadata"]["uid"] == before
        writes = len(universe.server.writes)
        await universe.settle(quiet=600)
        assert len(universe.server.writes) == writes


async def test_a_rollout_sets_an_image_that_is_left_to_others() -> None:
    """What is theirs between rollouts is the component's when its template changes."""
    async with Universe() as universe:
        part = generous("containers[*].image")
        await universe.apply(application("shop", part))
        await universe.settle()
        await edit(universe, "updated:1")
        await universe.settle(quiet=60)
        part["template"]["spec"]["containers"][0]["image"] = "app:2"
        await universe.apply(application("shop", part))
        await universe.until(lambda: image(universe) == "app:2")
        await universe.until(lambda: bool(ready(universe)["status"] == "True"))


async def test_what_is_ignored_no_more_is_mended() -> None:
    """The component's word counts at once, and restarts nobody by itself."""
    async with Universe() as universe:
        await universe.apply(application("shop", generous("containers[*].image")))
        await universe.settle()
        await edit(universe, "updated:1")
        await universe.settle(quiet=60)
        assert image(universe) == "updated:1"
        await universe.apply(application("shop", generous()))
        await universe.until(lambda: image(universe) == "app:1")


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("activeDeadlineSeconds", {"activeDeadlineSeconds": 86_400}),
        ("ephemeralContainers", {"ephemeralContainers": [{"name": "debugger", "image": "sh"}]}),
    ],
)
@pytest.mark.parametrize("ignored", [False, True])
async def test_what_cannot_be_put_back_is_told_and_harms_nobody(
    field: str, body: dict[str, Any], *, ignored: bool
) -> None:
    """No pod is replaced for it, nothing is written again and again, and Ready stays."""
    async with Universe() as universe:
        ignore = [field] if ignored else []
        await universe.apply(application("shop", component("web", 1, drift={"ignore": ignore})))
        await universe.settle()
        before = universe.get(Resource.PODS, POD)["metadata"]["uid"]
        await spec_of(universe, body, by="kubectl-debug", style="merge")
        await universe.settle(quiet=60)
        told = ready(universe)
        assert told["status"] == "True"
        assert field in told["message"]
        assert ("which only a new instance undoes" in told["message"]) is not ignored
        assert universe.get(Resource.PODS, POD)["metadata"]["uid"] == before
        writes = len(universe.server.writes)
        await universe.settle(quiet=600)
        assert len(universe.server.writes) == writes


def told_by(universe: Universe, managers: list[str]) -> Any:
    """Return a reading of objects that says who wrote the image: the fake keeps no such books."""
    get = universe.server.get
    held: dict[str, Any] = {"f:spec": {"f:containers": {'k:{"name":"main"}': {"f:image": {}}}}}

    async def read(*given: Any, **named: Any) -> bytes:
        body = json.loads(await get(*given, **named))
        entries = [{"manager": each, "fieldsV1": held} for each in managers]
        body["metadata"]["managedFields"] = entries
        return json.dumps(body).encode()

    return read


@pytest.mark.parametrize(
    "body",
    [
        {"tolerations": [{"key": "a", "operator": "Exists"}]},
        {"containers": [{"name": "main", "resources": {"requests": {"cpu": "2"}}}]},
        {"activeDeadlineSeconds": 86_400},
    ],
    ids=["tolerations", "resources", "deadline"],
)
async def test_an_image_of_a_webhook_is_nobodys_edit_whatever_else_is_changed(
    monkeypatch: pytest.MonkeyPatch, body: dict[str, Any]
) -> None:
    """An autoscaler that resizes a pod in place has no container of it restarted for a mirror."""
    async with Universe() as universe:
        mirror(universe, monkeypatch)
        managers = [names.SPEC_MANAGER]
        monkeypatch.setattr(universe.server, "get", told_by(universe, managers))
        await universe.apply(application("shop", component("web", 1)))
        await universe.settle()
        await spec_of(universe, body, by="vpa", style="strategic")
        await universe.settle(quiet=60)
        assert image(universe) == "mirror/app:1"
        assert ready(universe)["status"] == "True"
        managers.append("kubectl-edit")
        await edit(universe, "evil:1")
        await universe.until(lambda: image(universe) == "app:1")
        await universe.settle()
        writes = len(universe.server.writes)
        await universe.settle(quiet=600)
        assert len(universe.server.writes) == writes
