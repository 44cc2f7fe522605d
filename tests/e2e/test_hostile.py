"""What somebody writes who means harm stops neither the operator nor a teardown."""

from __future__ import annotations

from typing import Any

import pytest

from controller.api import names
from controller.api.resources import Resource
from tests.e2e import driving
from tests.e2e.driving import Kube, component
from tests.e2e.operating import job, jobs, pod, submit

pytestmark = pytest.mark.e2e

DIGITS = "9" * 5000


def task_of(kube: Kube, number: int) -> dict[str, Any]:
    """Return how the task of a server goes, as its status says."""
    found = kube.get(Resource.SERVERS, pod(number)) or {}
    told: dict[str, Any] = found.get("status", {}).get("task", {})
    return told


def test_hostile_content_ends_neither_the_operator_nor_a_teardown(kube: Kube) -> None:
    """A task's parameters are overwritten, a template's annotation lies: both applications go."""
    marked = component(replicas=1)
    mark = {names.ALTERNATIVE_ANNOTATION: DIGITS, names.CHANGED_FROM_ANNOTATION: DIGITS}
    marked["template"]["metadata"] = {"annotations": mark}
    odd = kube.app(marked, name="odd")
    app = kube.app(component(replicas=2))
    for each in (odd, app):
        each.apply()
    for each in (odd, app):
        each.wait_ready()
    one = submit(kube, "go", "Steps", steps=[job("work", "hang")], concurrency=1)
    kube.wait_until("one is at it", lambda: len(jobs(kube)) == 1)
    ((server, _),) = jobs(kube)
    number = int(server.rpartition("-")[2])
    kube.wait_until("it says so", lambda: task_of(kube, number).get("state") == "Started")
    nonsense = {"timeoutSeconds": "soon", "given": -1e300}
    kube.patch(Resource.SERVERS, server, {"spec": {"task": {"parameters": nonsense}}})
    kube.wait_until("its task has failed", lambda: task_of(kube, number).get("state") == "Failed")
    assert "cannot be read" in task_of(kube, number)["message"]
    one.wait_end("Failed")
    # On a pod itself anybody who may write pods can still put the annotation.
    kube.patch(Resource.PODS, "odd-web-0", {"metadata": {"annotations": mark}})
    app.annotate(retry_now="a" * 300)
    app.set_image("app:2")
    app.wait_ready()
    assert set(driving.images(app.pods()).values()) == {"app:2"}
    for each in (odd, app):
        each.delete()
    for each in (odd, app):
        each.wait_gone(Resource.OPERATIONS)
