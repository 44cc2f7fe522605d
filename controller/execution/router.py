"""Which keys a change concerns: the only thing that a watch is ever asked.

Kinds say; nothing is decided here. A change that takes work away (a delete, a new spec, a pause)
also has the engine withdraw what was planned before it and has not started.
"""

from __future__ import annotations

import functools
from typing import Any, Protocol

from controller.api import objects
from controller.execution.caches import Caches
from controller.planning.keys import Key
from controller.planning.wakes import Change, Wakes, When


class Engine(Protocol):
    """The part of the engine that the router calls."""

    def touch(self, key: Key, *, urgent: bool = False) -> None:
        """Have `key` planned."""

    def touch_later(self, key: Key) -> None:
        """Have `key` planned, together with what else will happen to it in a moment."""

    def withdraw(self, key: Key) -> None:
        """Take back the writes of `key` that have not started, and have it planned again."""


class Router:
    """Turns changes of cached objects into keys."""

    def __init__(self, caches: Caches, engine: Engine) -> None:
        self._caches = caches
        self._engine = engine

    def connect(self) -> None:
        """Subscribe to every cache; a kind hears of its own objects before others do."""
        for kind in self._caches.kinds.values():
            if kind.view in kind.follows:
                self._follow(kind.view, kind.follows[kind.view])
        for kind in self._caches.kinds.values():
            for view, wakes in kind.follows.items():
                if view is not kind.view:
                    self._follow(view, wakes)

    def _follow(self, view: type[objects.Object], wakes: Wakes) -> None:
        if self._caches.watches(view):
            self._caches.informer(view).subscribe(functools.partial(self._pass_on, wakes))

    def _pass_on(self, wakes: Wakes, old: Any, new: Any) -> None:
        engine = self._engine
        for key, when in wakes(self._caches, Change(old, new)):
            if when is When.SOON:
                engine.touch_later(key)
            elif when is When.NOW:
                engine.touch(key)
            else:
                engine.withdraw(key)
