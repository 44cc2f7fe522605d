"""The floor of a cloud: a plain client that posts the servers, eight at a time, and no more.

`clouds` has it make servers and delete them. It remembers what it made; it sees to nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent import futures
from pathlib import Path
from typing import Any

from bench.arms import place
from devcluster import errors
from devcluster.openstack import api

NAME = "plain client"
WIDTH = 8


class Nova:
    """Posts and deletes servers of one place."""

    name = NAME
    engine = ""
    folders: tuple[Path, ...] = ()
    # It remembers what it made, and nobody else does.
    survives = False

    def __init__(self, chosen: place.Place) -> None:
        self._place = chosen
        self._own = threading.local()
        self._halted = threading.Event()
        self._made: list[str] = []
        self._pool: futures.ThreadPoolExecutor | None = None
        self._posts: list[futures.Future[None]] = []

    def create(self, count: int) -> None:
        """Begin to post so many servers."""
        self._halted.clear()
        self._made = []
        self._pool = futures.ThreadPoolExecutor(WIDTH)
        self._posts = [self._pool.submit(self._post, number) for number in range(count)]

    def update(self) -> None:
        """Have each rebuilt from the other image."""
        self._act({"rebuild": {"imageRef": self._place.other}})

    def restart(self) -> None:
        """Have each rebooted."""
        self._act({"reboot": {"type": "HARD"}})

    def kill(self) -> None:
        """Refuse: whoever wrote the script would have to look for what it had done."""
        raise errors.DevclusterError(f"nobody goes on for a {self.name}")

    def again(self) -> None:
        """Refuse, as above."""
        self.kill()

    def delete(self) -> None:
        """Post no more, and have all deleted that were posted; back when Nova has answered."""
        self._halted.set()
        self._finish()
        self._each(self._made, lambda made: self._client().delete("compute", f"/servers/{made}"))

    def done(self) -> bool:
        """Whether nothing is under way."""
        return all(each.done() for each in self._posts)

    def _post(self, number: int) -> None:
        if self._halted.is_set():
            return
        body = {"server": {**self._place.server, "name": f"plain-{number}"}}
        made = self._client().post("compute", "/servers", body)
        self._made.append(str(made["server"]["id"]))

    def _act(self, body: Mapping[str, Any]) -> None:
        self._finish()
        self._each(
            self._made,
            lambda made: self._client().post("compute", f"/servers/{made}/action", body),
        )

    def _finish(self) -> None:
        for each in self._posts:
            each.result()
        if self._pool is not None:
            self._pool.shutdown()

    def _each(self, names: Iterable[str], act: Callable[[str], object]) -> None:
        with futures.ThreadPoolExecutor(WIDTH) as pool:
            list(pool.map(act, names))

    def _client(self) -> api.Client:
        """Return the client of this thread."""
        if not hasattr(self._own, "client"):
            self._own.client = api.Client(self._place.login)
        client: api.Client = self._own.client
        return client
