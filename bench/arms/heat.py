"""Heat: a stack of one group of servers, made and deleted by OpenStack's own orchestration."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench.arms import place
from devcluster import errors
from devcluster.openstack import api

NAME = "Heat"
SERVICE = "orchestration"
ENGINE = "heat-engine"
UNDER_WAY = "_IN_PROGRESS"
CONFLICT = 409


class Heat:
    """Makes a stack, changes it, and deletes it."""

    name = NAME
    engine = ENGINE
    folders: tuple[Path, ...] = ()
    survives = True

    def __init__(self, chosen: place.Place) -> None:
        self._place = chosen
        self._client = api.Client(chosen.login)
        self._path = ""
        self._count = 0
        self._image = chosen.image
        # Whether the servers are to run again once all are suspended.
        self._resumes = False
        self._last: Callable[[], None] = self._put

    def create(self, count: int) -> None:
        """Post a stack of so many servers."""
        name = f"stack-{secrets.token_hex(3)}"
        self._count, self._image, self._last = count, self._place.image, self._put
        body = {"stack_name": name, "template": self.template(count), "timeout_mins": 30}
        made = self._client.post(SERVICE, "/stacks", body)["stack"]
        self._path = f"/stacks/{name}/{made['id']}"

    def update(self) -> None:
        """Put a template with the other image, from which Heat rebuilds."""
        self._image, self._last = self._place.other, self._put
        self._put()

    def restart(self) -> None:
        """Suspend all, and then resume all: Heat knows no restart."""
        self._last = self._suspend
        self._suspend()

    def delete(self) -> None:
        """Delete the stack."""
        self._last = self.delete
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
            raise place.GaveUp(f"{status}: {stack['stack_status_reason']}")
        if status.endswith(UNDER_WAY):
            return False
        if self._resumes and status == "SUSPEND_COMPLETE":
            self._resumes = False
            self._ask("resume")
            return False
        return True

    def kill(self) -> None:
        """Kill the engine, and have devcluster start it again."""
        chosen = self._place.chosen
        if chosen is None:
            raise errors.DevclusterError("the engine of Heat is a process of a cloud")
        chosen.kill(ENGINE)
        chosen.start()

    def again(self) -> None:
        """Ask for the last thing once more, a create by an update; a busy stack stays so."""
        try:
            self._last()
        except api.ApiError as error:
            if error.status != CONFLICT:
                raise

    def template(self, count: int) -> Mapping[str, Any]:
        """Return a template whose servers are as those of the other arms."""
        properties = {
            "name": "heat-%index%",
            "flavor": self._place.flavor,
            "image": self._image,
            "image_update_policy": "REBUILD",
            "availability_zone": self._place.zone,
            "networks": [{"network": self._place.network}],
        }
        server = {"type": "OS::Nova::Server", "properties": properties}
        group = {"count": count, "resource_def": server}
        return {
            "heat_template_version": "2018-08-31",
            "resources": {"group": {"type": "OS::Heat::ResourceGroup", "properties": group}},
        }

    def _put(self) -> None:
        body = {"template": self.template(self._count), "timeout_mins": 30}
        self._client.call("PUT", SERVICE, self._path, body)

    def _suspend(self) -> None:
        self._resumes = True
        self._ask("suspend")

    def _ask(self, action: str) -> None:
        self._client.post(SERVICE, f"{self._path}/actions", {action: None})
