"""A cluster whose admission takes labels off objects of one kind as they are written."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from controller.api.resources import Resource
from fakes.api_server.storage import Json
from fakes.universe import Universe


@dataclasses.dataclass(slots=True)
class Stripping:
    """Takes off the labels that `strips` names, as objects are made or at any write of them."""

    strips: Callable[[str], bool]
    always: bool = False
    of: Resource = Resource.PODS

    def enter(self, universe: Universe) -> None:
        """Have all writes of a cluster go through it."""
        registry = universe.server.registry
        create, change = registry.create, registry._change

        def make(resource: Resource, namespace: str, body: Json, **more: Any) -> Json:
            return create(resource, namespace, self._stripped(resource, body), **more)

        def write(resource: Resource, old: Json, new: Json, *more: Any, **options: Any) -> Json:
            wanted = self._stripped(resource, new) if self.always else new
            return change(resource, old, wanted, *more, **options)

        registry.create = make  # type: ignore[method-assign]
        registry._change = write  # type: ignore[method-assign]

    def leave(self) -> None:
        """Have labels left as they are asked for, from now on."""
        self.strips = lambda _: False

    def _stripped(self, resource: Resource, body: Json) -> Json:
        labels = body["metadata"].get("labels")
        if resource is not self.of or not labels:
            return body
        kept = {key: each for key, each in labels.items() if not self.strips(key)}
        return {**body, "metadata": {**body["metadata"], "labels": kept}}
