"""An assistant on a real API server: the command as it is started, with a reader's rights."""

from __future__ import annotations

import asyncio
import json
import sys

import pytest
from mcp import Client, StdioServerParameters

from tests.e2e.driving import Kube, Place, component

pytestmark = pytest.mark.e2e


def test_an_assistant_asks_the_command_that_it_has_started(kube: Kube, operated: Place) -> None:
    """Over standard input and output: the list has the application, `why` says how it stands."""
    if operated.cluster is None:
        pytest.skip("the cluster is given, and so are its users")
    app = kube.app(component(replicas=1))
    app.apply()
    app.wait_ready()
    words = ["mcp", "-n", kube.namespace, "--kubeconfig", str(operated.cluster.kubeconfig)]
    started = StdioServerParameters(command=sys.executable, args=["-m", "controller", *words])

    async def ask() -> list[str]:
        async with Client(started) as client:
            listed = await client.call_tool("list_applications", {})
            why = await client.call_tool("why", {"kind": "application", "name": "shop"})
            return [each.content[0].text for each in (listed, why)]  # type: ignore[union-attr]  # all are text

    listed, why = asyncio.run(ask())
    (found,) = json.loads(listed)["items"]
    assert (found["name"], found["ready"]) == ("shop", "True")
    told = json.loads(why)
    assert (told["object"], told["ready"]) == ("Application/shop", "True")
