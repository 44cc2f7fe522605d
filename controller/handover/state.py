"""How objects stand, as they are on the wire: whose they are, and whether they are what they were.

Pure. Both ways ask here before they touch anything, and again once all is done.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from controller.api.conditions import ConditionType
from controller.presentation.translation import Json


def life(pod: Json) -> list[Any]:
    """Return what must not change of a pod: which one it is, and how often it was restarted."""
    states = pod.get("status", {}).get("containerStatuses", ())
    return [pod["metadata"]["uid"], sum(each.get("restartCount", 0) for each in states)]


def changed(before: dict[str, list[Any]], pods: Iterable[Json]) -> list[str]:
    """Return which pods are other ones than before, or were restarted since."""
    now = {each["metadata"]["name"]: life(each) for each in pods}
    found = []
    for name, told in sorted(before.items()):
        if name not in now:
            found.append(f"{name} is gone")
        elif now[name][0] != told[0]:
            found.append(f"{name} is another pod")
        elif now[name][1] > told[1]:
            found.append(f"{name} was restarted")
    return found


def controller(item: Json) -> tuple[str, str]:
    """Return the kind and the name of what controls an object; empty where nothing does."""
    owners = item["metadata"].get("ownerReferences") or ()
    found = next((each for each in owners if each.get("controller")), None)
    return (found["kind"], found["name"]) if found else ("", "")


def is_of(item: Json, owner: Json) -> bool:
    """Return whether the very object `owner` is what controls another one."""
    owners = item["metadata"].get("ownerReferences") or ()
    uid = owner["metadata"]["uid"]
    return any(each.get("controller") and each["uid"] == uid for each in owners)


def is_ready(item: Json) -> bool:
    """Return whether an object says, of its latest generation, that it is ready."""
    status = item.get("status", {})
    ready = any(
        each["type"] == ConditionType.READY and each["status"] == "True"
        for each in status.get("conditions", ())
    )
    return ready and status.get("observedGeneration") == item["metadata"].get("generation")


def differing(pod: Json, wanted: dict[str, str]) -> list[str]:
    """Return which of the labels by which a StatefulSet knows its pods are others on this one."""
    labels = pod["metadata"].get("labels") or {}
    return [
        f"the label {key} is {labels[key]}, not {value}"
        if key in labels
        else f"no label {key}={value}"
        for key, value in sorted(wanted.items())
        if labels.get(key) != value
    ]
