"""A fleet that exists in this process alone: machines that boot, break and stop by the clock.

`memory.py` drives it as other providers drive a cloud. The fleet outlives the providers that use
it, as a cloud outlives the operator, so tests let one operator die and another go on. Outcomes
depend on the seed, the server and how often it was asked, never on the order among servers.
"""

from __future__ import annotations

import asyncio
import dataclasses
import random
import time
from collections.abc import Callable
from typing import Protocol

import msgspec

from controller import errors
from controller.api.views.meta import View
from controller.contract import Phase
from controller.contract.reasons import ProviderReason
from controller.providers.memory.reasons import MemoryReason

Key = tuple[str, str]
Listener = Callable[[str, str], None]

_PERCENT = 100.0


class Interfere(Protocol):
    """Called with the verb of each call, before and after its effect; may raise."""

    def __call__(self, verb: str, *, after: bool) -> None:
        """Raise what befalls the call, if anything does."""


def _leave_alone(verb: str, *, after: bool) -> None:
    del verb, after


class MachineSettings(View, frozen=True, kw_only=True):
    """`spec.memory` of a Fleet: how fast its machines are, and how often what goes wrong."""

    seed: int = 0
    # From a create to readiness; from a change or a start to readiness; from a stop or a delete
    # to its end.
    latency_seconds: float = 1.0
    change_seconds: float = 1.0
    stop_seconds: float = 1.0
    # The time that one call takes.
    call_seconds: float = 0.0
    # Calls that fail and change nothing; calls that take effect and whose answer is lost; machines
    # that fail instead of becoming ready.
    fail_percent: float = 0.0
    lost_percent: float = 0.0
    broken_percent: float = 0.0
    # Zones in which nothing new finds room.
    full_zones: tuple[str, ...] = ()


@dataclasses.dataclass(slots=True, kw_only=True)
class MemoryMachine:
    """One machine and what is known of it; times are the fleet's clock's."""

    id: str
    owner: str
    key: Key
    zone: str
    incarnation: int
    alternative: int
    alternative_name: str
    revision: str
    template: bytes
    address: str
    ready_at: float
    broken: bool
    stopped: bool = False
    stops_at: float = 0.0
    changing_until: float = 0.0
    gone_at: float | None = None
    silent: bool = False
    # The content of its disk, the disks that snapshots kept, and the acts it has begun, in order.
    disk: str = ""
    snapshots: dict[str, str] = dataclasses.field(default_factory=dict)
    acts: list[str] = dataclasses.field(default_factory=list)

    @property
    def content(self) -> tuple[bytes, str]:
        """The template that the machine is made from, and the revision that it is of."""
        return self.template, self.revision

    def phase(self, now: float) -> Phase:
        """Return what can be seen of the machine."""
        if self.silent:
            return Phase.UNREACHABLE
        if self.gone_at is not None:
            return Phase.TERMINATING
        if now < self.ready_at:
            return Phase.PENDING
        if self.broken:
            return Phase.FAILED
        if self.stopped:
            return Phase.STOPPED if now >= self.stops_at else Phase.RUNNING
        return Phase.RUNNING

    def is_ready(self, now: float) -> bool:
        """Return whether the machine serves."""
        return self.phase(now) is Phase.RUNNING and not self.stopped and now >= self.changing_until


class MemoryFleet:
    """Machines by their ids, and whoever wants to hear of their changes.

    The latest one of a server's name has it; one before that is there yet was let go of.
    """

    def __init__(
        self,
        settings: MachineSettings | None = None,
        *,
        zones: tuple[str, ...] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings or MachineSettings()
        self.zones = zones
        self.clock = clock
        # Replaced by tests that choose which call goes wrong: it raises what befalls the call.
        self.interfere: Interfere = _leave_alone
        self._machines: dict[str, MemoryMachine] = {}
        self._named: dict[Key, MemoryMachine] = {}
        self._listeners: list[Listener] = []
        self._calls: dict[str, int] = {}
        self._made = 0

    @property
    def machines(self) -> tuple[MemoryMachine, ...]:
        """All machines that exist, in the order of their making."""
        for each in [each for each in self._machines.values() if self._is_gone(each)]:
            self._forget(each)
        return tuple(self._machines.values())

    def find(self, key: Key) -> MemoryMachine | None:
        """Return the machine of a server's name, if one exists."""
        machine = self._named.get(key)
        if machine is not None and self._is_gone(machine):
            self._forget(machine)
            return None
        return machine

    def find_id(self, instance: str) -> MemoryMachine | None:
        """Return the machine with this id, if it exists."""
        return next((each for each in self.machines if each.id == instance), None)

    def listen(self, listener: Listener) -> None:
        """Call `listener` with namespace and name whenever a machine changes."""
        self._listeners.append(listener)

    def forget(self, listener: Listener) -> None:
        """Stop calling `listener`."""
        self._listeners.remove(listener)

    def make(
        self,
        key: Key,
        *,
        owner: str,
        zone: str,
        incarnation: int,
        alternative: int,
        alternative_name: str = "",
        revision: str,
        template: bytes,
        stopped: bool,
    ) -> MemoryMachine:
        """Begin to boot a machine; whether it will break is settled now."""
        if zone in self.settings.full_zones:
            raise errors.Transient(
                f"no room is left in zone {zone}", reason=ProviderReason.NO_CAPACITY
            )
        self._made += 1
        now = self.clock()
        machine = self._named[key] = MemoryMachine(
            id=f"memory-{self._made}",
            owner=owner,
            key=key,
            zone=zone,
            incarnation=incarnation,
            alternative=alternative,
            alternative_name=alternative_name,
            revision=revision,
            template=template,
            address=f"10.{self._made >> 16 & 255}.{self._made >> 8 & 255}.{self._made & 255}",
            ready_at=now + self.settings.latency_seconds,
            broken=self.dice(key, "break") < self.settings.broken_percent,
            stopped=stopped,
        )
        self._machines[machine.id] = machine
        self.tell(machine, machine.ready_at)
        return machine

    def remove(self, machine: MemoryMachine, *, at_once: bool) -> None:
        """Begin to tear a machine down; one that is silent goes only `at_once`."""
        if machine.gone_at is None or at_once:
            delay = 0.0 if at_once else self.settings.stop_seconds
            machine.gone_at = self.clock() + delay
        if at_once:
            machine.silent = False
        self.tell(machine, machine.gone_at)

    def silence(self, key: Key, *, silent: bool = True) -> None:
        """Cut a machine off, or let it be heard again, as a partition does."""
        machine = self._named[key]
        machine.silent = silent
        self.tell(machine)

    def break_down(self, key: Key) -> None:
        """Let a machine fail, as hardware does."""
        machine = self._named[key]
        machine.broken = True
        self.tell(machine)

    def before(self, key: Key, verb: str) -> None:
        """Raise what befalls a call on its way there: nothing has changed."""
        self.interfere(verb, after=False)
        if self.dice(key, f"fail {verb}") < self.settings.fail_percent:
            raise errors.Transient(f"{verb}: the fleet refused", reason=MemoryReason.INJECTED)

    def after(self, key: Key, verb: str) -> None:
        """Raise what befalls an answer on its way back: the call has taken effect."""
        self.interfere(verb, after=True)
        if self.dice(key, f"lose {verb}") < self.settings.lost_percent:
            raise errors.UnknownOutcome(
                f"{verb}: the answer was lost", reason=MemoryReason.INJECTED
            )

    def dice(self, key: Key, what: str) -> float:
        """Return a percentage that the seed, the server and how often it was asked decide."""
        subject = f"{self.settings.seed}/{'/'.join(key)}/{what}"
        count = self._calls[subject] = self._calls.get(subject, 0) + 1
        # A simulation wants the same throws each time, and no secrets.
        return random.Random(f"{subject}/{count}").random() * _PERCENT  # noqa: S311

    def tell(self, machine: MemoryMachine, *moments: float) -> None:
        """Tell all listeners that a machine has changed, and again at each of the moments."""
        for listener in tuple(self._listeners):
            listener(*machine.key)
        for moment in moments:
            self._tell_at(machine, moment)

    def _tell_at(self, machine: MemoryMachine, moment: float) -> None:
        def ring() -> None:
            if self.clock() < moment:
                self._tell_at(machine, moment)
            else:
                self.tell(machine)

        delay = moment - self.clock()
        if delay > 0:
            asyncio.get_running_loop().call_later(delay, ring)

    def _forget(self, machine: MemoryMachine) -> None:
        del self._machines[machine.id]
        if self._named.get(machine.key) is machine:
            del self._named[machine.key]

    def _is_gone(self, machine: MemoryMachine) -> bool:
        return (
            machine.gone_at is not None and not machine.silent and self.clock() >= machine.gone_at
        )


def read_settings(raw: bytes) -> MachineSettings:
    """Return the settings in `spec.memory`; raises Stalled where they cannot be understood."""
    if raw in (b"", b"null"):
        return MachineSettings()
    try:
        return msgspec.json.decode(raw, type=MachineSettings)
    except msgspec.DecodeError as error:
        raise errors.Stalled(
            f"spec.memory: {error}", reason=ProviderReason.INVALID_SETTINGS
        ) from error
