"""When a server is ready: ACTIVE says only that a hypervisor started something.

How it is told stands in the server's own metadata, as it was made; that it was once ready is noted
there, too, so that the next operator need not read consoles again. The operator stands in a network
of its own: it connects to no address that the Fleet does not name in `probeCIDRs`.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, Protocol

import msgspec
import structlog

from controller import errors
from controller.api import tags
from controller.providers.openstack import machines, observation, probes, refusals, template
from controller.providers.openstack.client import COMPUTE, CloudClient
from controller.providers.openstack.machines import Machine
from controller.providers.openstack.observation import Proof
from controller.providers.openstack.probes import Prober, Reach
from controller.providers.openstack.refusals import decode
from controller.providers.openstack.register import MachineRegister
from controller.providers.steps.places import Places

_log = structlog.get_logger(__name__)

# How often consoles are read at first, and at last.
FIRST_CONSOLE, LAST_CONSOLE = 2.0, 15.0
CONSOLE_LINES = 200
TICK_SECONDS = 1.0
# How many servers are asked at once over the network, and how many of the cloud.
PROBES, READS = 64, 16
# How long until a note that was not taken is tried again, at first and at last; and until one that
# was taken must show in a list.
FIRST_NOTE, LAST_NOTE, NOTE_SHOWN = 15.0, 900.0, 60.0
# Since when a server that runs has another readiness, by our clock.
TOLD = "argosy.readinessSince"
# How long after the time of a server is over it is asked anew.
MOMENT = 0.1
# These tell of the cloud, and of no server.
_NO_ANSWER = (errors.Outage, refusals.Throttled, refusals.CredentialsRefused)
_ANY = Proof(ready=True)
_UNKNOWN = Proof(ready=None)
_LONGEST_WHY = 200
_OUT_OF_REACH = "none of its addresses is in the Fleet's openstack.probeCIDRs, so it is not probed"


class Hearing(Protocol):
    """Whoever hears the cloud."""

    # When the last request that was answered was made, by the loop's clock.
    heard: float
    # Why the cloud is not heard now, if it is not.
    failure: errors.ArgosyError | None

    def nudge(self) -> None:
        """Have the cloud asked soon."""


@dataclasses.dataclass(slots=True, eq=False)
class _Watch:
    """The known readiness of one server, at one incarnation and revision."""

    token: str
    began: float
    wanted: template.Readiness
    ready: bool | None
    # Whether it was up when it was last seen, and since when that is so again.
    up: bool = False
    came_up: float = 0.0
    since: float = 0.0
    failure: str = ""
    failures: int = 0
    # When the first of these failures was asked for, by the loop's clock.
    failing: float = 0.0
    # When the latest probe was begun that surely found it not ready, and the first since then that
    # may have found the cloud away instead.
    denied: float = -math.inf
    doubted: float = -math.inf
    # Why nobody can tell whether it is ready.
    note: str = ""
    due: float = 0.0
    pause: float = FIRST_CONSOLE
    proven: bool = False
    # When that is next to be noted on the server, if its metadata do not show it by then.
    note_due: float = 0.0
    note_pause: float = FIRST_NOTE
    # The proof that was last told.
    told: Proof | None = None

    def failed(self, asked: float) -> None:
        """Take in that a probe has failed which was begun at that time."""
        if not self.failures:
            self.failing = asked
        self.failures += 1

    def is_of(self, machine: Machine) -> bool:
        """Return whether a server is still what it was: neither made nor begun anew since."""
        return (self.token, self.began) == (_token(machine), machine.began)


class _Begun(NamedTuple):
    """When a probe was begun, and when the cloud was last heard by then; by the loop's clock."""

    at: float
    heard: float


class ReadinessProbes:
    """Finds out which servers are ready, for as long as it runs."""

    def __init__(
        self,
        client: CloudClient,
        register: MachineRegister,
        hearing: Hearing,
        prober: Prober,
        reach: Reach,
        *,
        clock: Callable[[], float],
        changed: Callable[[str, str], None],
    ) -> None:
        self._client = client
        self._register = register
        self._hearing = hearing
        self._prober = prober
        self._reach = reach
        self._clock = clock
        self._changed = changed
        self._watches: dict[str, _Watch] = {}
        # The watches whose servers are being asked, or wait for a place.
        self._asked: set[_Watch] = set()
        self._probes, self._reads = Places(PROBES), Places(READS)
        register.on_change.append(self._follow)

    def proof(self, machine: Machine) -> Proof:
        """Return what is known of a server's readiness now."""
        watch = self._watches.get(machine.id)
        if watch is None:
            return _ANY if _wanted(machine) is None else _UNKNOWN
        late = not watch.proven and watch.ready is False
        late = late and watch.denied >= self._over(watch, machine)
        return Proof(
            ready=watch.ready, since=watch.since, failure=watch.failure, late=late, note=watch.note
        )

    def _over(self, watch: _Watch, machine: Machine) -> float:
        """Return when a server's time to become ready is over, by the loop's clock.

        Late is who was asked after that and was not ready then: while nobody could ask, because the
        cloud was away for example, it may have become so in good time.
        """
        began = observation.launched(machine, self._client.times)
        told = _number(machine.row.metadata.get(TOLD, ""))
        bound = max(began, told, watch.came_up) + watch.wanted.start_seconds
        return asyncio.get_running_loop().time() + bound - self._clock()

    async def run(self) -> None:
        """Probe what is due, for ever; what takes its time is waited for by nothing else."""
        self._asked.clear()
        async with asyncio.TaskGroup() as group:
            while True:
                for identifier, watch in self._due():
                    self._asked.add(watch)
                    group.create_task(self._probe(identifier, watch), name="readiness of a server")
                await asyncio.sleep(TICK_SECONDS)

    def _due(self) -> Iterator[tuple[str, _Watch]]:
        """Yield what is to be asked now, of what is not being asked yet."""
        now = asyncio.get_running_loop().time()
        for identifier, watch in self._watches.items():
            if watch.due > now or watch in self._asked:
                continue
            if self._machine(identifier, watch) is None:
                watch.due = now + TICK_SECONDS
            else:
                yield identifier, watch

    def _machine(self, identifier: str, watch: _Watch) -> Machine | None:
        """Return the server of a watch, if there is something to ask or to note of it."""
        machine = self._register.machines.get(identifier)
        if machine is None or self._watches.get(identifier) is not watch:
            return None
        if not machine.marked or not observation.is_up(machine.row):
            return None
        return None if _is_known(watch) and not _owes_note(watch, machine) else machine

    def _follow(self, before: Machine | None, after: Machine | None) -> None:
        """Begin to watch a server, or begin anew where it is made anew, or comes up again."""
        if after is None:
            if before is not None:
                self._watches.pop(before.id, None)
            return
        wanted = _wanted(after)
        if wanted is None:
            self._watches.pop(after.id, None)
            return
        known = self._watches.get(after.id)
        if known is None or known.wanted != wanted or not known.is_of(after):
            self._watches[after.id] = _begin(after, wanted, known)
        elif observation.is_up(after.row) and not known.up:
            known.up = True
            if before is not None and before.row.status != "BUILD":
                # The launch, which else counts, may have been long before.
                known.came_up = self._clock()
        elif known.up and not observation.is_up(after.row) and after.row.status != "UNKNOWN":
            self._watches[after.id] = _gone_down(known)

    async def _probe(self, identifier: str, watch: _Watch) -> None:
        machine = self._machine(identifier, watch)
        places = self._probes if watch.wanted.console is None else self._reads
        try:
            if machine is not None and not _is_known(watch):
                async with places.of(machine.namespace):
                    machine = self._machine(identifier, watch)
                    if machine is not None:
                        await self._find_out(watch, machine)
                        self._tell(watch, machine)
            if machine is not None and _owes_note(watch, machine):
                async with self._reads.of(machine.namespace):
                    await self._note(watch, machine)
        finally:
            self._asked.discard(watch)

    def _tell(self, watch: _Watch, machine: Machine) -> None:
        """Have a server looked at again of which something else is known than was told."""
        if self._watches.get(machine.id) is not watch:
            return
        found = self.proof(machine)
        if found != watch.told:
            watch.told = found
            self._changed(machine.namespace, machine.name)

    async def _find_out(self, watch: _Watch, machine: Machine) -> None:
        begun = _Begun(at=asyncio.get_running_loop().time(), heard=self._hearing.heard)
        if watch.wanted.console is None:
            await self._connect(watch, machine, begun)
        else:
            try:
                await self._read_console(watch, machine)
                watch.denied, watch.doubted = begun.at, -math.inf
            except errors.ArgosyError as error:
                _log.info("not probed", server=machine.name, error=str(error))
                self._doubt(watch, machine, begun, error)
                self._unread(watch, error, begun.at)
        watch.proven = watch.proven or bool(watch.ready)
        if not watch.proven and begun.at < (over := self._over(watch, machine)):
            # Asked anew as soon as its time is over: nobody waits for longer than was said.
            watch.due = min(watch.due, over + MOMENT)

    def _doubt(
        self, watch: _Watch, machine: Machine, begun: _Begun, error: errors.ArgosyError | None
    ) -> None:
        """Take in that a probe failed, as the server is not ready, or as nobody gets through.

        The server was at fault where the cloud is heard afterwards, and the next probe fails all
        the same. Example: a port is closed, the cloud answers a list, the port is closed. While
        both are out of reach, and at the first probe after that, nothing is known of the server.
        """
        over = self._over(watch, machine)
        if isinstance(error, _NO_ANSWER):
            watch.doubted = -math.inf
        elif watch.doubted < over:
            watch.doubted = begun.at if begun.at >= over else -math.inf
        elif begun.heard >= watch.doubted:
            watch.denied, watch.doubted = watch.doubted, begun.at
        if watch.doubted >= over > watch.denied and self._hearing.failure is None:
            self._hearing.nudge()

    def _unread(self, watch: _Watch, error: errors.ArgosyError, asked: float) -> None:
        """Take in that a console cannot be read; told, as else nobody would ever know of it.

        Nobody waits for it, either: a server of which nothing is known can neither be judged nor
        replaced.
        """
        watch.due = asyncio.get_running_loop().time() + LAST_CONSOLE
        watch.failed(asked)
        if watch.failures < watch.wanted.failure_threshold or not self._is_heard(watch):
            return
        # The number of the request is another each time.
        why = error.words.partition(" (request ")[0].removesuffix(".")
        watch.ready, watch.note = False, f"the console cannot be read: {why}"[:_LONGEST_WHY]

    def _is_heard(self, watch: _Watch) -> bool:
        """Return whether the cloud has answered since the first of the failures.

        Whoever does not hear the cloud may be cut off from its servers, too.
        """
        heard = self._hearing.heard >= watch.failing
        if not heard and self._hearing.failure is None:
            self._hearing.nudge()
        return heard

    async def _read_console(self, watch: _Watch, machine: Machine) -> None:
        watch.due = asyncio.get_running_loop().time() + watch.pause
        watch.pause = min(watch.pause * 1.2, LAST_CONSOLE)
        reply = await self._client.call(
            COMPUTE, "POST", f"/servers/{machine.id}/action",
            what=f"read the console of {machine.name}",
            body={"os-getConsoleOutput": {"length": CONSOLE_LINES}},
        )  # fmt: skip
        lines = decode(reply.body, _Console).output.splitlines()
        failed, ready = f"argosy-failed {watch.token}", f"argosy-ready {watch.token}"
        watch.ready, watch.failures, watch.note = False, 0, ""
        for line in lines:
            # User data echoed by a shell has the words, too, but in the middle of a line.
            text = line.strip()
            if text == failed or text.startswith(f"{failed} "):
                why = text.removeprefix(failed).strip()[:_LONGEST_WHY]
                watch.failure = why or "the server printed that its start has failed"
            elif text == ready:
                # To the second, as it is noted.
                watch.ready, watch.since = True, float(int(self._clock()))
                watch.failure = ""

    async def _connect(self, watch: _Watch, machine: Machine, begun: _Begun) -> None:
        watch.due = begun.at + watch.wanted.period_seconds
        addresses = self._register.addresses(machine)
        able = self._reach.of(addresses)
        watch.note = _OUT_OF_REACH if addresses and not able else ""
        if await probes.is_reached(self._prober, watch.wanted, able):
            if not watch.ready:
                watch.since = self._clock()
            watch.ready, watch.failures, watch.doubted = True, 0, -math.inf
            return
        watch.failed(begun.at)
        self._doubt(watch, machine, begun, None)
        if watch.ready and watch.failures < watch.wanted.failure_threshold:
            return
        soon = min(FIRST_CONSOLE, watch.wanted.period_seconds)
        watch.due = asyncio.get_running_loop().time() + soon
        if watch.ready is not False and not self._is_heard(watch):
            return
        watch.ready = False

    async def _note(self, watch: _Watch, machine: Machine) -> None:
        """Note on the server that it was ready, for whoever looks after it next.

        Without the note the next operator takes a console that has been scrolled away for a start
        that never ended, and deletes the server.
        """
        loop = asyncio.get_running_loop()
        noted = f"{watch.token} {int(watch.since or self._clock())}"
        try:
            await self._client.call(
                COMPUTE, "POST", f"/servers/{machine.id}/metadata",
                what=f"note that {machine.name} is ready",
                body={"metadata": {machines.READY: noted}},
            )  # fmt: skip
            watch.note_due = loop.time() + NOTE_SHOWN
        except errors.ArgosyError as error:
            _log.warning("not noted as ready", server=machine.name, error=str(error))
            watch.note_due = loop.time() + watch.note_pause
            watch.note_pause = min(watch.note_pause * 2, LAST_NOTE)


class _Console(msgspec.Struct, frozen=True):
    output: str = ""


def carried(machine: Machine, given: Mapping[str, str], *, now: float) -> dict[str, str]:
    """Return what is to stand beside the metadata `given` to a server that runs on as it is.

    The token is the one that it was told when it was made. A server that was ready by its former
    readiness is no start that failed, whatever the new one finds; any other has its time to become
    ready from now on.
    """
    own, wanted = machine.row.metadata, _read(given.get(machines.READINESS, ""))
    kept = {key: own[key] for key in (machines.TOKEN, machines.READY, TOLD) if key in own}
    if _noted(machine) is not None or wanted is None:
        return kept
    if _wanted(machine) is None:
        # Being active was all that was asked of it, and only of what was are metadata written.
        token = kept.get(machines.TOKEN) or given.get(machines.TOKEN, "")
        kept[machines.READY] = f"{token} {int(now)}"
    elif wanted != _wanted(machine):
        kept[TOLD] = f"{int(now)}"
    return kept


def is_printed(machine: Machine) -> bool:
    """Return whether a server shows on its console alone that it is ready."""
    wanted = _wanted(machine)
    return wanted is not None and wanted.console is not None


def _wanted(machine: Machine) -> template.Readiness | None:
    """Return how a server's readiness is told; None where being active is all."""
    return _read(machine.row.metadata.get(machines.READINESS, ""))


def _read(text: str) -> template.Readiness | None:
    try:
        wanted = msgspec.json.decode(text, type=template.Readiness) if text else None
    except msgspec.DecodeError:
        return None
    given = wanted is not None and (wanted.console or wanted.tcp or wanted.http)
    return wanted if given else None


def _begin(machine: Machine, wanted: template.Readiness, known: _Watch | None) -> _Watch:
    """Return how a server is watched from now on, of which so much was known."""
    noted = _noted(machine)
    # One that was seen before it ran has not been ready yet; of others nothing is known.
    up = observation.is_up(machine.row)
    ready = None if up and known is None else False
    watch = _Watch(token=_token(machine), began=machine.began, wanted=wanted, ready=ready, up=up)
    before = known is not None and known.proven and known.is_of(machine)
    watch.proven = noted is not None or before
    if watch.proven and wanted.console is not None:
        watch.ready, watch.since = True, noted or 0.0
    return watch


def _gone_down(known: _Watch) -> _Watch:
    """Return how a server is watched that is not up any more: it has to show anew that it is ready.

    Whoever still probes it as it was tells that to the watch of before. A console shows that once.
    """
    if known.wanted.console is not None:
        known.up = False
        return known
    return dataclasses.replace(known, up=False, ready=False, since=0.0, failures=0, note="")


def _token(machine: Machine) -> str:
    return machine.row.metadata.get(machines.TOKEN, "")


def _noted(machine: Machine) -> float | None:
    """Return when a server was noted to be ready as what it is now; None where it was not.

    A server that was ready before it was begun anew has yet to be so again.
    """
    token, _, time = machine.row.metadata.get(machines.READY, "").partition(" ")
    own = token == _token(machine)
    return _number(time) if own and _number(time) >= machine.began else None


def _is_known(watch: _Watch) -> bool:
    """Return whether a server has shown all that it has to: a console tells that once."""
    return watch.wanted.console is not None and (watch.proven or bool(watch.failure))


def _owes_note(watch: _Watch, machine: Machine) -> bool:
    """Return whether it is time to note that a server was ready.

    By what lists show of it, and not by what was sent: whoever writes its metadata at the same time
    writes over the note.
    """
    due = watch.note_due <= asyncio.get_running_loop().time()
    return watch.proven and due and _noted(machine) is None


def _number(text: str) -> float:
    return float(tags.number(text) or 0)
