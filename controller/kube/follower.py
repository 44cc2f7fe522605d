"""The loop that keeps a cache like the API server: list, watch, and start again where it broke off.

`informer` runs one for each part that it follows.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from typing import Generic, TypeVar

import structlog

from controller import errors
from controller.api import objects, resources
from controller.api.resources import Resource
from controller.kube import api as kube
from controller.kube import faults, wire
from controller.kube.backoff import RetryDelays
from controller.kube.cache import Cache, Key, version_of
from controller.kube.reasons import KubeReason
from controller.kube.scope import WatchScope
from controller.telemetry import progress

T = TypeVar("T", bound=objects.Object)

PAGE = 500
# A watch that ends sooner than this without a word counts as a failure.
SHORT_SECONDS = 1.0
# This many lists in a row that are older than what was seen: the storage has lost its newest part.
REFUSALS = 10
# This many times in a row the API server does not know the kind: the kind is gone. A proxy may err.
MISSES = 3
# How often a kind that is gone is looked for at least, in seconds.
RETURN_SECONDS = 5.0
# A kind that not every cluster serves is looked for so seldom where it is not there.
OPTIONAL_SECONDS = 600.0
# The version that the cache of a kind that is gone has reached: nothing of it is still to come.
ALL = 2**63
# How late the loop may be beyond the longest wait that it foresees, in seconds.
LATE = 60.0
# How often a cache that must catch up is looked at, in seconds.
CATCH_UP_POLL = 0.01

log = structlog.get_logger(__name__)


class Follower(Generic[T]):
    """Keeps a cache like one part of one resource, which others may feed with other parts.

    `reached` is the resourceVersion up to which the cache is complete, 0 before the first list;
    `on_move` is called with each new one, after its changes. A kind that is not there, because
    its definition was deleted or is yet to come, is one without objects, until it is there.
    """

    def __init__(
        self,
        api: kube.Api,
        resource: Resource,
        scope: WatchScope,
        *,
        cache: Cache[T],
        decoder: wire.Decoder[T],
        on_move: Callable[[int], None],
        silence_seconds: float,
        rng: random.Random,
    ) -> None:
        self.scope = scope
        # The latest failure to list or watch; empty while all is well.
        self.failure = ""
        # When the loop last went on, well or not; and when the API server was last heard.
        self.pulse = progress.Pulse(f"the watch of {resource}")
        self.heard = progress.Pulse(f"{resource} from the API server")
        self._resource = resource
        self._cache = cache
        self._on_move = on_move
        self._api = api
        self._decoder = decoder
        self._silence = silence_seconds
        self._rng = rng
        self._backoff = RetryDelays(first=0.2, longest=15.0, rng=rng)
        self._refused = 0
        self._missed = 0
        self._seen = 0
        # A slot is small. Of one piece, the API server finds it in its own cache; for each page it
        # reads all that there is from etcd.
        self._usual = 0 if scope.slot is not None else PAGE
        self._page = self._usual
        # Answers to creates that the watch has yet to tell of: their versions.
        self._ahead: dict[Key, int] = {}
        # When the list behind the cache was begun, by the loop's clock.
        self._listed_at = 0.0
        # Nobody follows this part any more: there is nothing to catch up with.
        self._is_closed = False

    @property
    def reached(self) -> int:
        """The resourceVersion up to which the cache is complete."""
        return ALL if self._is_gone else self._seen

    @property
    def _is_gone(self) -> bool:
        return self._missed >= MISSES

    def learn(self, made: T) -> None:
        """Take in what the API server answered to a create, ahead of the watch.

        A version that the watch has been past is left alone: the object may have gone since.
        `reached` says nothing of an object that was taken in; it stays until the watch tells of it,
        or goes on without it.
        """
        meta = made.metadata
        where, version = (meta.namespace, meta.name), version_of(meta)
        if self._seen and version > max(self.reached, self._ahead.get(where, 0)):
            self._ahead[where] = version
            self._cache.put(made)

    def close(self) -> None:
        """Have nobody wait for what is followed no more; call once `run` has ended."""
        self._is_closed = True

    async def run(self) -> None:
        """List and watch for ever."""
        listed = False
        while True:
            try:
                if not listed:
                    await self._list()
                    listed = True
                await self._watch()
                self.failure = ""
            except faults.WentBack:
                raise
            except faults.Gone as error:
                # A page or a watch is too old to go on from. The next list comes in one piece.
                self._page = 0 if not listed else self._usual
                listed = False
                await self._rest(error)
            except faults.NotFound as error:
                # The kind is not there: namespaces that are not there have no objects.
                listed = False
                await self._miss(error)
            except errors.ArgosyError as error:
                await self._rest(error)

    async def _miss(self, error: faults.NotFound) -> None:
        """Empty the cache once it is sure that the kind is gone, and look for it now and then."""
        self._missed += 1
        if not resources.PLACES[self._resource].everywhere:
            await self._do_without()
            return
        if not self._is_gone:
            await self._rest(error)
            return
        self.heard.beat()
        if self._missed == MISSES:
            log.warning("kind is gone", resource=self._resource, **self.scope.told)
            self._cache.replace(self.scope.holds, (), ())
            self._on_move(self.reached)
        self.failure = str(error)
        self.pulse.beat(RETURN_SECONDS + LATE)
        await asyncio.sleep(min(self._backoff.delay(), RETURN_SECONDS))

    async def _do_without(self) -> None:
        """Have the cache be empty, and complete; a cluster that is upgraded may serve the kind."""
        self._missed = MISSES
        self._cache.replace(self.scope.holds, (), ())
        self._on_move(self.reached)
        self.pulse.beat(OPTIONAL_SECONDS + LATE)
        await asyncio.sleep(OPTIONAL_SECONDS)

    async def _rest(self, error: errors.ArgosyError) -> None:
        delay = self._backoff.delay(error)
        self.failure = str(error)
        self.pulse.beat(delay + LATE)
        log.info(
            "watch interrupted",
            resource=self._resource,
            **self.scope.told,
            reason=error.reason,
            why=str(error),
            again_in=round(delay, 2),
        )
        await asyncio.sleep(delay)

    async def catch_up(self, since: float) -> None:
        """Return once the cache shows all that was committed before this call, or is closed.

        A list begun at or after `since` (the loop's clock) is enough. Otherwise a consistent list
        is compared with the cache, which goes on following the watch: a quiet resource says
        nothing of how far it is for up to a minute. A list that fails is asked for again.
        """
        while not self.reached and not self._is_closed:  # noqa: ASYNC110 - the first list alone
            await asyncio.sleep(CATCH_UP_POLL)
        if self._is_closed or self._listed_at >= since:
            return
        listed, version = await self._read_patiently()
        present = {(each.namespace, each.name): each.uid for each in listed}
        newest = max((version_of(each) for each in listed), default=0)

        def is_gone(key: Key, shown: objects.Meta) -> bool:
            """The object is shown, not there: its deletion, or its leaving, is still to be told."""
            return (
                present.get(key) != shown.uid
                and version_of(shown) <= version
                and self.scope.holds(shown)
            )

        gone = [key for key, each in self._cache.objects.items() if is_gone(key, each.metadata)]

        def is_behind() -> bool:
            """A newer version, or a deletion, has not been seen yet, and is still to come."""
            return not self._is_closed and (
                self.reached < newest
                or any(
                    (known := self._cache.objects.get(key)) is not None
                    and is_gone(key, known.metadata)
                    for key in gone
                )
            )

        while is_behind():  # noqa: ASYNC110 - rare, and short
            await asyncio.sleep(CATCH_UP_POLL)

    async def _read_patiently(self) -> tuple[list[objects.Meta], int]:
        """Read what there is, however often it takes: a new leader must not end over one refusal.

        An object that does not fit its view is there all the same.
        """
        backoff = RetryDelays(first=0.2, longest=15.0, rng=self._rng)
        while not self._is_closed:
            try:
                items, malformed, version = await self._read_all()
            except errors.ArgosyError as error:
                if self._is_gone and isinstance(error, faults.NotFound):
                    return [], 0
                if isinstance(error, faults.Gone):
                    self._page = 0  # a page came too late: the next list is of one piece
                delay = backoff.delay(error)
                log.info(
                    "not caught up",
                    resource=self._resource,
                    **self.scope.told,
                    why=str(error),
                    again_in=delay,
                )
                await asyncio.sleep(delay)
            else:
                there = [each.metadata for each in items]
                return there + [each.metadata for each in malformed], version
        return [], 0

    async def _list(self) -> None:
        began = asyncio.get_running_loop().time()
        items, malformed, version = await self._read_all(self._turn)
        self._accept(version)
        self._missed = 0
        newer = {where for where, learned in self._ahead.items() if learned > version}
        self._cache.replace(self.scope.holds, items, malformed, newer)
        self._ahead = {where: self._ahead[where] for where in newer}
        self._listed_at = began
        self.heard.beat()
        self._page = self._usual
        self.failure = ""
        self._move(version)

    async def _read_all(
        self, on_page: Callable[[], None] = lambda: None
    ) -> tuple[list[T], list[wire.Malformed], int]:
        items: list[T] = []
        malformed: list[wire.Malformed] = []
        token = ""
        while True:
            on_page()
            page = self._decoder.page(await self._bounded(token))
            items += page.items
            malformed += page.malformed
            token = page.continue_token
            if not token:
                return items, malformed, page.resource_version

    def _turn(self) -> None:
        """Say that the loop goes on. Whoever else reads says nothing: the loop may be at rest."""
        self.pulse.beat(self._silence + LATE)

    async def _bounded(self, token: str) -> bytes:
        try:
            async with asyncio.timeout(self._silence):
                return await self._api.list(
                    self._resource,
                    self.scope.namespace,
                    label_selector=self.scope.selector,
                    field_selector=self.scope.fields,
                    limit=self._page,
                    continue_token=token,
                )
        except TimeoutError as error:
            message = f"list {self._resource}: no answer for {self._silence:.0f} s"
            raise faults.ServerFailed(message, reason=KubeReason.SILENT) from error

    def _accept(self, listed: int) -> None:
        """Refuse a list that is older than what was seen."""
        if listed >= self._seen:
            self._refused = 0
            return
        self._refused += 1
        message = (
            f"list {self._resource}: is of resourceVersion {listed}, but {self._seen} was seen"
        )
        if self._refused >= REFUSALS:
            raise faults.WentBack(message, reason=KubeReason.STORAGE_WENT_BACK)
        raise faults.ServerFailed(message, reason=KubeReason.STALE)

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        began = heard = loop.time()
        self._turn()
        lines = self._api.watch(
            self._resource,
            self.scope.namespace,
            resource_version=str(self._seen),
            label_selector=self.scope.selector,
            field_selector=self.scope.fields,
            timeout_seconds=round(kube.WATCH_SECONDS * (1 + self._rng.random())),
        )
        spoke = False
        try:
            async with asyncio.timeout(self._silence) as deadline, contextlib.aclosing(lines):
                async for line in lines:
                    now = loop.time()
                    # Moving a timer costs more than looking at the clock.
                    if now - heard > 1.0:
                        deadline.reschedule(now + self._silence)
                        heard = now
                        self._turn()
                        self.heard.beat()
                    self._take(line)
                    if not spoke:
                        spoke = True
                        self.failure = ""
                        self._backoff.reset()
        except TimeoutError as error:
            message = f"watch {self._resource}: silent for {self._silence:.0f} s"
            raise faults.ServerFailed(message, reason=KubeReason.SILENT) from error
        if loop.time() - began >= SHORT_SECONDS:
            self._backoff.reset()
        elif not spoke:
            message = f"watch {self._resource}: ended at once"
            raise faults.ServerFailed(message, reason=KubeReason.ENDED)

    def _take(self, line: bytes) -> None:
        kind, what, version = self._decoder.event(line)
        if version <= self._seen and kind is not wire.WatchEventKind.BOOKMARK:
            return  # already seen, or older than what was
        if what is not None:
            self._change(what, version)
        if version > self._seen:
            self._move(version)

    def _change(self, what: T | objects.Meta | wire.Malformed, version: int) -> None:
        """Take in what an event says of an object, unless newer is known of it.

        So an object that leaves this part stays, where whoever follows its new part was quicker:
        the API server tells both, of the same version. A real deletion is newer than all before.
        """
        meta = what if isinstance(what, objects.Meta) else what.metadata
        where = meta.namespace, meta.name
        if self._ahead and self._ahead.get(where, 0) <= version:
            self._ahead.pop(where, None)
        if not self._cache.is_older(where, version):
            return
        if isinstance(what, wire.Malformed):
            self._cache.mark(what)
        elif isinstance(what, objects.Meta):
            self._cache.drop(where)
        else:
            self._cache.put(what)

    def _move(self, reached: int) -> None:
        self._seen = reached
        self._forget_untold()
        self._on_move(reached)

    def _forget_untold(self) -> None:
        """Drop what was learned and that the watch went past without a word of.

        An admission webhook may have taken the label away by which it is watched.
        """
        while self._ahead:
            where, version = next(iter(self._ahead.items()))
            if version > self._seen:
                return
            del self._ahead[where]
            # Unless whoever follows the part that it is in by now has told of it.
            if self._cache.is_older(where, version + 1):
                self._cache.drop(where)
