"""Whose labels of parts of the work are put right, where installs share a cluster."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from controller.api import names
from controller.api.resources import Resource
from controller.execution.caches import Caches
from controller.execution.labels import Labels
from controller.execution.writer import Writer
from fakes.api_server import ApiServer

pytestmark = pytest.mark.looptime


@pytest.mark.parametrize("covered", [True, False])
async def test_only_what_this_install_looks_after_is_labelled(*, covered: bool) -> None:
    """In a namespace of another install's an object keeps the label of a part that it is not in."""
    server = ApiServer()
    wrong = str((names.bucket("default", "shop") + 128) % names.BUCKETS)
    said = {names.APPLICATION_LABEL: "shop", names.BUCKET_LABEL: wrong}
    body = {
        "metadata": {"name": "lone", "labels": said},
        "spec": {"containers": [{"name": "main", "image": "web:1"}]},
    }
    server.registry.create(Resource.PODS, "default", body)
    caches = Caches(server, by_slot=True)
    running = asyncio.create_task(caches.run())
    try:
        await caches.wait()
        while not caches.open(int(wrong) // 4):  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(0.1)
        labels = Labels(
            caches,
            Writer(server),
            owns=lambda _key: False,
            plans=lambda _slot: True,
            covers=lambda _namespace: covered,
        )
        for _ in range(2):
            await labels.turn()
        found = server.objects[Resource.PODS]["default", "lone"]["metadata"]["labels"]
        assert found.get(names.BUCKET_LABEL) == (None if covered else wrong)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
