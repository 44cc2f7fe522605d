"""Heat: a stack of one group of servers, made and deleted by OpenStack's own orchestration."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.arms import place
from devcluster import errors
from devcluster.openstack import api

NAME = "Heat"
SERVICE = "orchestration"
UNDER_WAY = "_IN_PROGRESS"


class Heat:
    """Makes a stack, and deletes it."""

    name = NAME
    engine = "heat-engine"
    folders: tuple[Path, ...] = ()

    def __init__(self, chosen: place.Place) -> None:
        self._place = chosen
        self._client = api.Client(chosen.login)
        self._path = ""

    def create(self, count: int) -> None:
        """Post a stack of so many servers."""
        name = f"stack-{secrets.token_hex(3)}"
        body = {"stack_name": name, "template": self.template(count), "timeout_mins": 30}
        made = self._client.post(SERVICE, "/stacks", body)["stack"]
        self._path = f"/stacks/{name}/{made['id']}"

    def delete(self) -> None:
        """Delete the stack."""
        self._client.delete(SERVICE, self._path)

    def done(self) -> bool:
        """Whether the stack is at rest; one that failed tells why."""
        try:
            stack = self._client.get(SERVICE, self._path)["stack"]
        except api.ApiError as error:
            if error.status != api.NOT_FOUND:
                raise
            return True
        status = str(stack["stack_status"])
        if status.endswith("_FAILED"):
            raise errors.DevclusterError(f"{status}: {stack['stack_status_reason']}")
        return not status.endswith(UNDER_WAY)

    def template(self, count: int) -> Mapping[str, Any]:
        """Return a template whose servers are as those of the other arms."""
        properties = {
            "name": "heat-%index%",
            "flavor": self._place.flavor,
            "image": self._place.image,
            "availability_zone": self._place.zone,
            "networks": [{"network": self._place.network}],
        }
        server = {"type": "OS::Nova::Server", "properties": properties}
        group = {"count": count, "resource_def": server}
        return {
            "heat_template_version": "2018-08-31",
            "resources": {"group": {"type": "OS::Heat::ResourceGroup", "properties": group}},
        }
