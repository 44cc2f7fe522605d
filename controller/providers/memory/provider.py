"""Servers that exist in this process alone: for rehearsals, demonstrations and tests.

`execution` calls it for the servers of fleets whose provider is `memory`. The provider can do
all that one may be able to do, but that a restart takes a new machine, as fast and as badly as the
Fleet's `spec.memory` says. The machines are
in memory: a real restart of the operator is, to them, the end of the world, and all are made anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from controller import contract, errors
from controller.api import objects
from controller.api.choices import ErrorClass, Power
from controller.api.reasons import Reason
from controller.api.views.meta import View
from controller.contract import Phase, alternatives, tasks
from controller.contract.reasons import ProviderReason
from controller.planning import rendering
from controller.providers.memory.machines import Key, MemoryFleet, MemoryMachine
from controller.providers.memory.reasons import MemoryReason
from controller.providers.steps import steps
from controller.reasons import NOTHING


class _Spec(View, frozen=True, kw_only=True):
    zone: str = ""


class _Template(View, frozen=True, kw_only=True):
    spec: _Spec = _Spec()


class _Exec(View, frozen=True, kw_only=True):
    command: tuple[str, ...]


class MemoryProvider(contract.AlwaysHeard, contract.NoClaims):
    """Drives a MemoryFleet; `steps` are the acts that need no provider, if there are any.

    The machines among `orphans` were let go of: they are no Server's, whatever their names say.
    """

    def __init__(
        self,
        fleet: MemoryFleet,
        act_steps: steps.Steps | None = None,
        *,
        orphans: Callable[[], frozenset[str]] = frozenset,
    ) -> None:
        self._fleet = fleet
        self._steps = act_steps
        self._orphans = orphans

    def writes(self, server: objects.Server, call: contract.Call) -> tuple[contract.Place, ...]:
        """Return nothing: machines in memory are no objects."""
        del server, call
        return ()

    def observe(self, server: objects.Server) -> contract.Observation:
        """Return what is seen of the machine of that name."""
        machine = self._find(_key(server))
        if machine is None:
            return contract.ABSENT
        if machine.owner != server.metadata.uid:
            message = f"the machine {machine.id} is another server's"
            return contract.Observation(
                phase=Phase.FOREIGN, reason=Reason.NAME_TAKEN, message=message
            )
        now = self._fleet.clock()
        phase = machine.phase(now)
        failed = phase is Phase.FAILED
        return contract.Observation(
            phase=phase,
            id=machine.id,
            zone=machine.zone,
            addresses=(machine.address,),
            revision=machine.revision,
            incarnation=machine.incarnation,
            alternative=(
                alternatives.place_of(server, machine.alternative_name)
                if machine.alternative_name
                else machine.alternative
            ),
            ready=machine.is_ready(now),
            ready_since=max(machine.ready_at, machine.changing_until),
            changing=now < machine.changing_until,
            reason=MemoryReason.BROKEN if failed else NOTHING,
            message="the machine broke, as the fleet's settings want some to" if failed else "",
            error_class=ErrorClass.TRANSIENT if failed else "",
            since=machine.ready_at if machine.gone_at is None else machine.gone_at,
        )

    def instance(self, server: objects.Meta) -> str | None:
        """Return the id of the machine of that name, if it is the server's."""
        machine = self._find((server.namespace, server.name))
        return machine.id if machine is not None and machine.owner == server.uid else ""

    def instances(self) -> tuple[contract.Instance, ...]:
        """Return all machines of the fleet."""
        now = self._fleet.clock()
        return tuple(
            contract.Instance(
                id=each.id, server="/".join(each.key), uid=each.owner, phase=each.phase(now)
            )
            for each in self._fleet.machines
        )

    def can_change(self, before: bytes, after: bytes) -> bool:
        """Anything but the zone can be changed in a machine."""
        return can_change(before, after)

    def own_addresses(self, server: objects.Server) -> tuple[str, ...]:
        """Return nothing: there is nobody at a machine's address."""
        del server
        return ()

    async def create(self, server: objects.Server, call: contract.Call) -> contract.Receipt:
        """Begin to boot the machine of `server` at its incarnation."""
        template = _decode(call.template)
        key = _key(server)

        def effect() -> None:
            existing = self._find(key)
            if existing is not None:
                _check_same(existing, server)
                return
            self._fleet.make(
                key,
                owner=server.metadata.uid,
                zone=self._zone(template, call.placement),
                incarnation=server.spec.incarnation,
                alternative=call.alternative,
                alternative_name=alternatives.name_of(server, call.alternative),
                revision=server.spec.revision,
                template=call.template,
                stopped=server.spec.power == Power.STOPPED,
            )

        await self._call(key, "create", effect)
        return contract.NOTHING

    async def change(self, server: objects.Server, call: contract.Call) -> contract.Receipt:
        """Give the machine another template and revision, if there is one; stop or start it.

        Drift does not happen to machines in memory.
        """
        if call.template:
            _decode(call.template)
        await self._call(_key(server), "change", lambda: self._change(server, call))
        return contract.NOTHING

    async def act(self, server: objects.Server, call: contract.Call) -> contract.Facts:
        """Photograph, restore, or run a command: `false`, `sleep N`, `write TEXT`."""
        facts = await self._steps.run(server, call, ()) if self._steps else None
        return await self._act(server, call) if facts is None else facts

    async def resume(self, server: objects.Server, call: contract.Call) -> contract.Facts:
        """Begin snapshots and restores again, which does no harm; commands leave no trace."""
        facts = await self._steps.resume(server, call, ()) if self._steps else None
        if facts is not None:
            return facts
        if call.task is not None and call.task.action == tasks.EXEC:
            raise errors.UnknownOutcome("the command left no trace", reason=ProviderReason.NO_TRACE)
        return await self._act(server, call)

    async def cancel(self, server: objects.Server, call: contract.Call) -> contract.Facts:
        """End a Job; everything else ended with whoever waited for it."""
        if self._steps is not None:
            await self._steps.cancel(server, call)
        return {}

    async def delete(self, server: objects.Server, call: contract.Call) -> contract.Receipt:
        """Begin to tear the machine `call.instance` down."""
        at_once = call.grace_seconds == 0

        def effect() -> None:
            machine = self._fleet.find_id(call.instance)
            if machine is None:
                return
            if machine.silent and not at_once:
                raise errors.Transient(f"{machine.id} does not answer", reason=Reason.UNREACHABLE)
            self._fleet.remove(machine, at_once=at_once)

        await self._call(_key(server), "delete", effect)
        return contract.NOTHING

    async def collect(self, instance: str, server: str) -> contract.Receipt:
        """Tear down the machine with this id."""
        del server  # ids are never used twice
        machine = self._fleet.find_id(instance)
        if machine is not None:
            self._fleet.remove(machine, at_once=False)
        return contract.NOTHING

    def _find(self, key: Key) -> MemoryMachine | None:
        """Return the machine of a Server's name, unless it was let go of."""
        machine = self._fleet.find(key)
        return machine if machine is None or machine.id not in self._orphans() else None

    async def _call(self, key: Key, what: str, effect: Callable[[], None]) -> None:
        """Take the time of a call, and its chances to fail before and after its effect."""
        settings = self._fleet.settings
        if settings.call_seconds:
            await asyncio.sleep(settings.call_seconds)
        self._fleet.before(key, what)
        effect()
        self._fleet.after(key, what)

    def _instance(self, server: objects.Server, call: contract.Call) -> MemoryMachine:
        machine = self._find(_key(server))
        wanted = call.instance or server.status.provider.id
        if machine is None or machine.id != wanted or machine.owner != server.metadata.uid:
            message = f"the machine of {server.metadata.name} is another by now"
            raise errors.Waiting(message, reason=ProviderReason.INSTANCE_CHANGED)
        return machine

    async def _act(self, server: objects.Server, call: contract.Call) -> contract.Facts:
        task = call.task
        does = _ACTS.get(task.action) if task is not None else None
        if task is None or does is None:
            what = task.action if task else str(call.verb)
            raise errors.Stalled(
                f"machines in memory know no {what}", reason=ProviderReason.NOT_SUPPORTED
            )
        machine = self._instance(server, call)
        await self._call(_key(server), task.action, lambda: machine.acts.append(task.id))
        facts = await does(machine, task, tasks.read(task))
        self._fleet.tell(machine)
        return facts

    def _change(self, server: objects.Server, call: contract.Call) -> None:
        machine, spec = self._instance(server, call), server.spec
        if call.template and machine.incarnation != spec.incarnation:
            message = f"{machine.id} is of another incarnation: it must be replaced"
            raise errors.Stalled(message, reason=ProviderReason.NOT_SUPPORTED)
        now, settings = self._fleet.clock(), self._fleet.settings
        stop = spec.power == Power.STOPPED
        if stop and not machine.stopped:
            machine.stopped, machine.stops_at = True, now + settings.stop_seconds
            self._fleet.tell(machine, machine.stops_at)
        starts = machine.stopped and not stop
        machine.stopped = stop
        wanted = (call.template, spec.revision) if call.template else machine.content
        if starts or machine.content != wanted:
            machine.template, machine.revision = wanted
            machine.changing_until = now + settings.change_seconds
            self._fleet.tell(machine, machine.changing_until)

    def _zone(self, template: _Template, placement: contract.Placement) -> str:
        """Return where the machine goes: as its template says, else as its set does."""
        zones = self._fleet.zones
        wanted = template.spec.zone
        if wanted and zones and wanted not in zones:
            message = f"spec.zone must be one of the fleet's failure domains, not {wanted}"
            raise errors.TemplateRefused(message, reason=ProviderReason.TEMPLATE_REFUSED)
        first = wanted or placement.domain
        if first and (wanted or placement.must):
            return first
        order = dict.fromkeys(each for each in (first, *zones) if each)
        full = first or next((each for each in zones if each not in placement.closed), "")
        return next((each for each in order if self._has_room(each, placement)), full)

    def _has_room(self, zone: str, placement: contract.Placement) -> bool:
        """Return whether a machine that may be anywhere may be in this zone."""
        return zone not in placement.closed and zone not in self._fleet.settings.full_zones


def _key(server: objects.Server) -> Key:
    return server.metadata.namespace, server.metadata.name


def can_change(before: bytes, after: bytes) -> bool:
    """Return whether two templates are of one zone."""
    try:
        return _decode(before).spec.zone == _decode(after).spec.zone
    except errors.Stalled:
        return False


def _decode(template: bytes) -> _Template:
    try:
        return msgspec.json.decode(rendering.canonical(msgspec.Raw(template)), type=_Template)
    except msgspec.DecodeError as error:
        message = f"the template cannot be read: {error}"
        raise errors.TemplateRefused(message, reason=ProviderReason.TEMPLATE_REFUSED) from error


def _check_same(machine: MemoryMachine, server: objects.Server) -> None:
    if machine.owner != server.metadata.uid:
        message = f"the machine {machine.id} is another server's"
        raise errors.NameTaken(message, reason=Reason.NAME_TAKEN)
    if machine.gone_at is not None or machine.incarnation != server.spec.incarnation:
        message = f"{machine.id} is still there as incarnation {machine.incarnation}"
        raise errors.Waiting(message, reason=ProviderReason.OLDER_INSTANCE)


async def _exec(
    machine: MemoryMachine, task: objects.Task, given: tasks.TaskParameters
) -> contract.Facts:
    del task
    command: Sequence[str] = tasks.decode(given.exec, _Exec).command
    if command[0] == "false":
        message = "the command ended with 1"
        raise errors.Transient(message, reason=Reason.EXEC_FAILED, facts={"exitCode": "1"})
    if command[0] == "sleep" and len(command) > 1:
        await asyncio.sleep(float(command[1]))
    if command[0] == "write":
        machine.disk = " ".join(command[1:])
    return {"exitCode": "0"}


async def _take_snapshot(
    machine: MemoryMachine, task: objects.Task, given: tasks.TaskParameters
) -> contract.Facts:
    name = given.arguments.get("snapshot", task.operation)
    machine.snapshots.setdefault(name, machine.disk)
    return {"message": f"snapshot {name}", "snapshot": name}


async def _restore(
    machine: MemoryMachine, task: objects.Task, given: tasks.TaskParameters
) -> contract.Facts:
    name = given.arguments.get("snapshot", "")
    if name not in machine.snapshots:
        message = f"{machine.id} has no snapshot {name!r}: parameters must name one in `snapshot`"
        raise errors.Stalled(message, reason=MemoryReason.SNAPSHOT_MISSING)
    machine.disk = machine.snapshots[name]
    return {"message": f"restored {name} for {task.operation}", "snapshot": name}


_Act = Callable[[MemoryMachine, objects.Task, tasks.TaskParameters], Awaitable[contract.Facts]]
_ACTS: Mapping[str, _Act] = {
    tasks.EXEC: _exec,
    tasks.SNAPSHOT: _take_snapshot,
    tasks.RESTORE: _restore,
}
