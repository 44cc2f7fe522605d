"""The manifests of pod servers: what of a template is kept, and what is the server's own."""

import json
from typing import Any

import msgspec
import pytest

from controller import errors
from controller.api import names, objects
from controller.providers.pod import manifest as pod_manifest


def server(**spec: Any) -> objects.Server:
    """Return shop-web-3 as planners see it."""
    defaults: dict[str, Any] = {"application": "shop", "component": "web", "ordinal": 3}
    return objects.Server(
        metadata=objects.Meta(name="shop-web-3", namespace="prod", uid="server-uid"),
        spec=objects.ServerSpec(**{**defaults, "revision": "abc", **spec}),
    )


def made(
    template: Any,
    alternative: int = 0,
    claims: tuple[objects.VolumeClaim, ...] = (),
    **spec: Any,
) -> Any:
    """Return the decoded manifest that is made from `template`."""
    encoded = json.dumps(template).encode()
    return json.loads(pod_manifest.pod(server(**spec), encoded, alternative, claims))


def test_a_pod_is_named_owned_and_labelled_by_its_server() -> None:
    """Name, owner and Argosy's own labels are the server's, whatever the template says."""
    template = {
        "metadata": {"name": "mine", "labels": {names.SERVER_LABEL: "forged", "tier": "front"}},
        "spec": {"containers": [{"name": "app"}]},
    }
    pod = made(template, incarnation=4)
    assert pod["metadata"]["name"] == "shop-web-3"
    assert pod["metadata"]["namespace"] == "prod"
    assert (pod["spec"]["hostname"], pod["spec"]["subdomain"]) == ("shop-web-3", "shop-web")
    labels = pod["metadata"]["labels"]
    assert labels[names.SERVER_LABEL] == "shop-web-3"
    assert labels[names.INCARNATION_LABEL] == "4"
    assert labels[names.REVISION_LABEL] == "abc"
    assert labels["tier"] == "front"
    assert pod["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "argosy.dev/v1alpha1",
            "kind": "Server",
            "name": "shop-web-3",
            "uid": "server-uid",
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]


def test_what_the_template_says_else_is_kept() -> None:
    """Fields that Argosy does not know pass through as they are."""
    spec = {
        "containers": [{"name": "app", "image": "a:1", "env": [{"name": "X", "value": "1"}]}],
        "nodeSelector": {"disk": "ssd"},
        "terminationGracePeriodSeconds": 7,
    }
    pod = made({"metadata": {"annotations": {"note": "kept"}}, "spec": spec})
    for key, value in spec.items():
        assert pod["spec"][key] == value
    assert pod["metadata"]["annotations"] == {"note": "kept"}


def test_the_alternative_is_noted() -> None:
    """A pod made in another way says in which; the first way needs no note."""
    template = {"spec": {"containers": [{"name": "app"}]}}
    assert "annotations" not in made(template)["metadata"]
    noted = made(template, alternative=2)["metadata"]["annotations"]
    assert noted == {names.ALTERNATIVE_ANNOTATION: "2"}


def test_labels_of_the_template_win_over_the_recommended_ones() -> None:
    """A Service that selects by them finds its pods; what Argosy knows a pod by is its own."""
    said = {
        "app.kubernetes.io/name": "api",
        "app.kubernetes.io/managed-by": "Helm",
        names.SERVER_LABEL: "another",
    }
    template = {"metadata": {"labels": said}, "spec": {"containers": [{"name": "app"}]}}
    labels = made(template)["metadata"]["labels"]
    assert labels["app.kubernetes.io/name"] == "api"
    assert labels["app.kubernetes.io/managed-by"] == "Helm"
    assert labels["app.kubernetes.io/instance"] == "shop"
    assert labels[names.SERVER_LABEL] == "shop-web-3"


def test_annotations_of_the_template_win_but_for_our_own() -> None:
    """A template cannot say in which alternative a pod was made, or what a change replaced."""
    said = {names.ALTERNATIVE_ANNOTATION: "7", "example.com/mine": "yes"}
    template = {"metadata": {"annotations": said}, "spec": {"containers": [{"name": "app"}]}}
    assert made(template)["metadata"]["annotations"] == {"example.com/mine": "yes"}


def test_volumes_named_like_a_claim_are_the_claim() -> None:
    """As in a StatefulSet: the server's own claim takes the place of a volume of that name."""
    volumes = [{"name": "data", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}]
    template = {"spec": {"containers": [{"name": "app"}], "volumes": volumes}}
    claims = (objects.VolumeClaim(name="data"), objects.VolumeClaim(name="logs"))
    assert made(template, claims=claims)["spec"]["volumes"] == [
        {"name": "tmp", "emptyDir": {}},
        {"name": "data", "persistentVolumeClaim": {"claimName": "data-shop-web-3"}},
        {"name": "logs", "persistentVolumeClaim": {"claimName": "logs-shop-web-3"}},
    ]


def test_two_templates_do_not_share_what_is_cached() -> None:
    """What is kept of one template, or of one set of claims, is not used for another."""
    first = made({"spec": {"containers": [{"name": "a"}]}})
    second = made({"spec": {"containers": [{"name": "b"}]}})
    assert first["spec"]["containers"] != second["spec"]["containers"]
    claims = (objects.VolumeClaim(name="data"),)
    third = made({"spec": {"containers": [{"name": "a"}]}}, claims=claims)
    assert "volumes" not in first["spec"]
    assert len(third["spec"]["volumes"]) == 1


@pytest.mark.parametrize("template", [b"", b"null", b"[]", b'{"spec": 3}', b'{"metadata": []}'])
def test_what_is_no_template_is_refused(template: bytes) -> None:
    """Stalled, TemplateRefused, before anything is asked of the API server."""
    with pytest.raises(errors.Stalled) as refused:
        pod_manifest.pod(server(), template, 0)
    assert refused.value.reason == "TemplateRefused"


def test_null_is_absent_wherever_it_stands() -> None:
    """What Helm renders for an empty block makes the pod that leaving the block out makes."""
    absent = {"spec": {"containers": [{"name": "app", "image": "app:1"}]}}
    null = {
        "metadata": {"labels": None, "annotations": None, "creationTimestamp": None},
        "spec": {
            "initContainers": None,
            "nodeSelector": None,
            "volumes": None,
            "containers": [{"name": "app", "image": "app:1", "env": None, "resources": None}],
        },
    }
    assert made(null) == made(absent)
    assert made({"metadata": None, **absent}) == made(absent)
    assert made({"metadata": {"labels": {"a": None, "b": "c"}}, **absent}) == made(
        {"metadata": {"labels": {"b": "c"}}, **absent}
    )
    pod = objects.Pod(
        metadata=objects.Meta(
            name="shop-web-3", labels=pod_manifest.labels(server(), incarnation=1, revision="abc")
        ),
        spec=objects.PodSpec(containers=(objects.Container(name="app", image="app:1"),)),
    )
    for template in (null, {**null, "metadata": None}):
        assert pod_manifest.change(server(), pod, json.dumps(template).encode()) == {}


def test_an_empty_spec_is_left_to_the_api_server() -> None:
    """It is JSON all the same, and the API server says what is missing."""
    assert set(made({})["spec"]) == {"hostname", "subdomain"}


def test_a_claim_has_no_owner_and_no_instance_label() -> None:
    """A claim may outlive its server, and Argo CD must not prune it."""
    wanted = objects.VolumeClaim(name="data", spec=msgspec.Raw(b'{"storageClassName": "fast"}'))
    claim = json.loads(msgspec.json.encode(pod_manifest.claim(server(), wanted)))
    assert claim["metadata"]["name"] == "data-shop-web-3"
    assert "ownerReferences" not in claim["metadata"]
    assert "app.kubernetes.io/instance" not in claim["metadata"]["labels"]
    assert claim["metadata"]["labels"][names.SERVER_LABEL] == "shop-web-3"
    assert claim["spec"] == {"storageClassName": "fast"}
