"""What of a template may change in a living pod, row by row, and what is asked of `pods/resize`."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from controller.api import objects
from controller.providers.pod import changes

SMALL = {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}}
EXACT = {"limits": {"cpu": "1", "memory": "1Gi"}}


def template(resources: Any = None, *, image: str = "app:1", **spec: Any) -> bytes:
    """Return a template of one container."""
    main: dict[str, Any] = {"name": "main", "image": image}
    if resources is not None:
        main["resources"] = resources
    return json.dumps({"spec": {"containers": [main], **spec}}).encode()


def pod(resources: Any, generation: int = 1) -> objects.Pod:
    """Return a pod of that container."""
    body = {
        "metadata": {"name": "a", "uid": "u", "resourceVersion": "7", "generation": generation},
        "spec": {"containers": [{"name": "main", "image": "app:1", "resources": resources}]},
    }
    return msgspec.json.decode(json.dumps(body), type=objects.Pod)


@pytest.mark.parametrize(
    ("before", "after", "in_place"),
    [
        pytest.param(SMALL, {**SMALL, "requests": {"cpu": "2", "memory": "64Mi"}}, True, id="cpu"),
        pytest.param(SMALL, {**SMALL, "limits": {"memory": "1Gi"}}, True, id="limit"),
        pytest.param(
            SMALL, {**SMALL, "limits": {"memory": "1Gi", "cpu": "1"}}, True, id="one more limit"
        ),
        pytest.param(EXACT, {"limits": {"cpu": "2", "memory": "1Gi"}}, True, id="guaranteed stays"),
        pytest.param(
            EXACT,
            {"limits": {"cpu": "1", "memory": "2Gi"}, "requests": {"memory": "1Gi"}},
            False,
            id="guaranteed becomes burstable",
        ),
        pytest.param(None, SMALL, False, id="best effort becomes burstable"),
        pytest.param(SMALL, None, False, id="all is taken away"),
        pytest.param(SMALL, {"requests": SMALL["requests"]}, False, id="a limit is taken away"),
        pytest.param(
            SMALL, {**SMALL, "limits": {"memory": "128Mi", "nvidia.com/gpu": "1"}}, False, id="gpu"
        ),
        pytest.param(SMALL, {**SMALL, "claims": [{"name": "gpu"}]}, False, id="claims"),
        pytest.param(SMALL, {"requests": ["cpu"]}, False, id="not readable"),
        pytest.param(
            SMALL, {**SMALL, "requests": {"cpu": "much", "memory": "1Mi"}}, False, id="no amount"
        ),
    ],
)
def test_which_resources_change_in_place(before: Any, after: Any, *, in_place: bool) -> None:
    """As Kubernetes takes a resize: cpu and memory, never fewer, never another QoS class."""
    assert changes.can_become(template(before), template(after)) is in_place
    both = template(before), template(after, image="app:2")
    assert changes.can_become(*both) is in_place
    assert not changes.can_become(*both, served=frozenset())


@pytest.mark.parametrize("both", [{}, {"resources": {"limits": {"cpu": "9"}}}])
def test_nothing_else_may_differ(both: dict[str, Any]) -> None:
    """A resize beside any other change takes a new pod, and so does one of a pod with its own."""
    one, other = (
        json.loads(template({**SMALL, "limits": {"memory": size}})) for size in ("1Gi", "2Gi")
    )
    one["spec"] |= both
    other["spec"] |= both or {"nodeName": "x"}
    assert not changes.can_become(json.dumps(one).encode(), json.dumps(other).encode())


@pytest.mark.parametrize(
    ("restart", "in_place"), [({"restartPolicy": "Always"}, True), ({}, False)]
)
def test_sidecars_are_resized_and_what_ran_at_the_start_is_not(
    restart: dict[str, str], *, in_place: bool
) -> None:
    """Of init containers only those that run on can be sized anew."""
    one, other = (
        template(
            SMALL, initContainers=[{"name": "i", "image": "i:1", "resources": size, **restart}]
        )
        for size in (SMALL, {**SMALL, "limits": {"memory": "1Gi"}})
    )
    assert changes.can_become(one, other) is in_place


def test_only_what_the_revisions_differ_in_is_asked_for() -> None:
    """The memory that an autoscaler gave the pod stays, where the new revision asks for cpu."""
    before, after = (
        template({"requests": {"cpu": cpu, "memory": "64Mi"}}) for cpu in ("100m", "200m")
    )
    living = pod({"requests": {"cpu": "100m", "memory": "900Mi"}})
    body = changes.resize(living, before, after)
    assert body == {
        "metadata": {"uid": "u", "resourceVersion": "7"},
        "spec": {
            "containers": [{"name": "main", "resources": {"requests": {"cpu": "200m"}}}],
        },
    }
    assert changes.resize(pod({"requests": {"cpu": "0.2", "memory": "1"}}), before, after) == {}


def test_a_limit_alone_brings_its_request_along() -> None:
    """A new pod's request would be its limit; a resize knows no such default."""
    body = changes.resize(
        pod({**EXACT, "requests": EXACT["limits"]}),
        template(EXACT),
        template({"limits": {"cpu": "2", "memory": "1Gi"}}),
    )
    (asked,) = body["spec"]["containers"]
    assert asked["resources"] == {"requests": {"cpu": "2"}, "limits": {"cpu": "2"}}
