"""The live picture of one application that `demo` shows: a row of servers for each component."""

import time
from collections.abc import Mapping
from typing import Any

import rich.console
import rich.text
import rich.tree

from devcluster import client

PER_ROW = 40
LEGEND = "● ready  ◐ changing  ◌ coming up  ✕ failed  ▾ going"
READY, CHANGING, COMING, FAILED, GOING = "green", "blue", "yellow", "red", "magenta"


class Picture:
    """Draws the application, its sets and their servers as the API server has them now."""

    def __init__(self, api: client.Client, namespace: str, application: str) -> None:
        self._api = api
        self._group = f"/apis/argosy.dev/v1alpha1/namespaces/{namespace}"
        self._application = application
        self._began = time.monotonic()

    def begin(self) -> None:
        """Count the seconds from here."""
        self._began = time.monotonic()

    def draw(self) -> rich.console.RenderableType:
        """Return the picture of this moment."""
        tree = rich.tree.Tree(self._headline(), guide_style="dim")
        servers: dict[str, list[dict[str, Any]]] = {}
        for server in self._list("servers"):
            servers.setdefault(str(server["spec"]["component"]), []).append(server)
        for each in self._list("serversets"):
            component = str(each["spec"]["component"])
            tree.add(_row(component, each, servers.pop(component, [])))
        tree.add(rich.text.Text(LEGEND, style="dim"))
        return tree

    def _headline(self) -> rich.text.Text:
        seconds = f"{time.monotonic() - self._began:5.1f} s  "
        try:
            found = self._api.get(f"{self._group}/applications/{self._application}")
        except client.ApiError as error:
            if error.status != client.NOT_FOUND:
                raise
            return rich.text.Text(f"{seconds}{self._application} is gone", style="dim")
        condition = _condition(found)
        style = READY if condition.get("status") == "True" else COMING
        line = rich.text.Text(seconds, style="dim")
        line.append(self._application, style=f"bold {style}")
        line.append(f"  {condition.get('reason', '')}: {condition.get('message', '')}", style="dim")
        line.truncate(110, overflow="ellipsis")
        return line

    def _list(self, resource: str) -> list[dict[str, Any]]:
        selector = f"argosy.dev/application={self._application}"
        found: list[dict[str, Any]] = self._api.get(
            f"{self._group}/{resource}?labelSelector={selector}"
        )["items"]
        return found


def _row(
    component: str, server_set: Mapping[str, Any], servers: list[dict[str, Any]]
) -> rich.text.Text:
    ready = sum(_condition(each).get("status") == "True" for each in servers)
    wanted = server_set["spec"].get("replicas", 0)
    row = rich.text.Text(f"{component:<8}{ready:>4}/{wanted:<4}", style="bold")
    for place, each in enumerate(sorted(servers, key=lambda each: each["spec"]["ordinal"])):
        if place and place % PER_ROW == 0:
            row.append(f"\n{'':<17}")
        sign, style = _sign(each)
        row.append(f"{sign} ", style=style)
    return row


def _sign(server: Mapping[str, Any]) -> tuple[str, str]:
    if "deletionTimestamp" in server["metadata"]:
        return "▾", GOING
    spec, status = server["spec"], server.get("status", {})
    if _condition(server).get("status") == "True":
        return "●", READY
    if status.get("attempts", {}).get("count"):
        return "✕", FAILED
    if status.get("revision") not in {None, spec.get("revision")}:
        return "◐", CHANGING
    return "◌", COMING


def _condition(found: Mapping[str, Any]) -> Mapping[str, Any]:
    conditions = found.get("status", {}).get("conditions", [])
    return next((each for each in conditions if each["type"] == "Ready"), {})
