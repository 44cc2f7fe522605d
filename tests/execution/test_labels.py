"""Whose labels of parts of the work are put right, and in which order."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from controller.api import names
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.execution.caches import Caches
from controller.execution.labels import Labels
from controller.execution.writer import Writer
from controller.kube import faults
from fakes.api_server import ApiServer, chaos

pytestmark = pytest.mark.looptime

WRONG = str((names.bucket("default", "shop") + 128) % names.BUCKETS)


@contextlib.asynccontextmanager
async def looking(
    *pods: tuple[str, str], covered: bool = True
) -> AsyncIterator[tuple[ApiServer, Labels]]:
    """Give what puts labels right, where such pods bear one that they should not."""
    server = ApiServer(namespaces=("default", "other"))
    for place, name in pods:
        said = {names.APPLICATION_LABEL: "shop", names.BUCKET_LABEL: WRONG}
        body = {
            "metadata": {"name": name, "labels": said},
            "spec": {"containers": [{"name": "main", "image": "web:1"}]},
        }
        server.registry.create(Resource.PODS, place, body)
    caches = Caches(server, by_slot=True)
    running = asyncio.create_task(caches.run())
    try:
        await caches.wait()
        while not caches.open(int(WRONG) // 4):  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(0.1)
        yield (
            server,
            Labels(
                caches,
                Writer(server),
                owns=lambda _key: False,
                plans=lambda _slot: True,
                covers=lambda _namespace: covered,
            ),
        )
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def bucket_of(server: ApiServer, name: str, place: str = "default") -> str | None:
    """Return what a pod says of its part of the work."""
    labels: dict[str, str] = server.objects[Resource.PODS][place, name]["metadata"]["labels"]
    return labels.get(names.BUCKET_LABEL)


@pytest.mark.parametrize("covered", [True, False])
async def test_only_what_this_install_looks_after_is_labelled(*, covered: bool) -> None:
    """In a namespace of another install's an object keeps the label of a part that it is not in."""
    async with looking(("default", "lone"), covered=covered) as (server, labels):
        for _ in range(2):
            await labels.turn()
        assert bucket_of(server, "lone") == (None if covered else WRONG)


async def test_labels_that_are_refused_keep_no_other_from_being_written() -> None:
    """However many a policy or a webhook refuses, each time anew."""
    stuck = [("default", f"stuck-{each}") for each in range(150)]
    async with looking(*stuck, ("default", "writable")) as (server, labels):
        no = faults.Forbidden("simulated: not to be changed", reason=Reason.FORBIDDEN)

        def is_stuck(request: chaos.Request) -> bool:
            return request.verb == "patch" and request.name.startswith("stuck")

        refused = chaos.Rule(matches=is_stuck, verdict=chaos.Verdict(before=no), times=None)
        server.faults.rules.append(refused)
        for _ in range(3):
            await labels.turn()
        assert bucket_of(server, "writable") is None
        server.faults.rules.remove(refused)
        for _ in range(3):
            await labels.turn()
        assert {bucket_of(server, name) for _, name in stuck} == {None}


async def test_a_namespace_with_much_to_label_delays_no_other() -> None:
    """They take turns: what a user of one does to many objects is not for others to wait for."""
    much = [("default", f"odd-{each}") for each in range(150)]
    async with looking(*much, ("other", "lone")) as (server, labels):
        for _ in range(2):
            await labels.turn()
        assert bucket_of(server, "lone", "other") is None
