"""The machines that servers are made of where planners take turns: they boot, change, fail and go.

    cluster.machines.carry_out(server, call)        # what a plan asks of the server's provider
    cluster.machines.follow(server)                 # what its spec says, where nobody plans servers
    cluster.machines["shop-web-0"].ill = True
    cluster.machines.observe(server)                # what the provider sees of it

One for each server, by its name, and each takes whole seconds. An image called `broken` starts and
never gets ready; one called `fatal` fails for good.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Iterator, Mapping

import msgspec

from controller import contract
from controller.api import objects
from controller.contract import Phase, Verb

BROKEN, FATAL = "broken", "fatal"


class State(enum.StrEnum):
    """How a machine is at one moment; what is `STUCK` runs, and never gets ready."""

    ABSENT = "absent"
    BOOTING = "booting"
    READY = "ready"
    ILL = "ill"
    STUCK = "stuck"
    FAILED = "failed"
    GOING = "going"


# How a provider tells some of these; any other runs.
_PHASES = {
    State.BOOTING: Phase.PENDING,
    State.FAILED: Phase.FAILED,
    State.GOING: Phase.TERMINATING,
}


@dataclasses.dataclass(slots=True, kw_only=True)
class Machine:
    """One instance of a server; tests have it fall ill, fail, or be long in coming back."""

    id: str
    incarnation: int
    revision: str
    image: str
    born: float
    # When it is up, or was first.
    ready_at: float
    alternative: int = 0
    ill: bool = False
    failed: bool = False
    # When it is no more, once it was told to go.
    gone_at: float | None = None

    def state(self, now: float) -> State:
        """Return how it is at that time."""
        if self.gone_at is not None:
            return State.GOING if now < self.gone_at else State.ABSENT
        if self.failed:
            return State.FAILED
        if now < self.ready_at:
            return State.BOOTING
        if FATAL in self.image:
            return State.FAILED
        if BROKEN in self.image:
            return State.STUCK
        return State.ILL if self.ill else State.READY


class Machines(Mapping[str, Machine]):
    """The machines that there are now, by the names of their servers."""

    def __init__(self, clock: Callable[[], float]) -> None:
        # How many seconds each takes.
        self.boot, self.change, self.teardown = 2.0, 1.0, 1.0
        # How many have been made so far.
        self.made = 0
        self._clock = clock
        self._machines: dict[str, Machine] = {}

    def __getitem__(self, name: str) -> Machine:
        """Return the machine of the server of that name."""
        found = self._machines[name]
        if found.state(self._clock()) is State.ABSENT:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        """Yield the names of the servers that have one."""
        return (name for name in self._machines if name in self)

    def __len__(self) -> int:
        """Return how many there are."""
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        """Return that there is a provider, also while it has no machine."""
        return True

    def state(self, name: str) -> State:
        """Return how the machine of a server is now."""
        found = self.get(name)
        return State.ABSENT if found is None else found.state(self._clock())

    def observe(self, server: objects.Server) -> contract.Observation:
        """Return what a provider sees of a server."""
        found, now = self.get(server.metadata.name), self._clock()
        if found is None:
            return contract.ABSENT
        state = found.state(now)
        return contract.Observation(
            phase=_PHASES.get(state, Phase.RUNNING),
            id=found.id,
            addresses=("10.0.0.1",),
            revision=found.revision,
            incarnation=found.incarnation,
            alternative=found.alternative,
            ready=state is State.READY,
            ready_since=found.ready_at if found.ready_at <= now else 0.0,
            since=found.born,
            message="it broke" if state is State.FAILED else "",
        )

    def carry_out(self, server: objects.Server, call: contract.Call) -> None:
        """Make, change or delete, as the provider is asked to; another instance is let be."""
        name = server.metadata.name
        found = self.get(name)
        same = found if found is not None and found.id == call.instance else None
        match call.verb:
            case Verb.CREATE if found is None:
                self._make(server, call.template, call.alternative)
            case Verb.CHANGE:
                if same is not None:
                    self._change(same, server, call.template)
            case Verb.DELETE:
                if same is not None:
                    self.delete(name)
            case _:
                raise AssertionError(call)

    def follow(self, server: objects.Server) -> bool:
        """Have the machine be what the server's spec says; return whether a new one boots.

        One that is made anew boots at once: its predecessor takes no time to go.
        """
        spec, found = server.spec, self.get(server.metadata.name)
        if found is None or found.incarnation != spec.incarnation:
            self._make(server, spec.template, 0)
            return True
        if found.revision != spec.revision:
            self._change(found, server, spec.template)
        return False

    def delete(self, name: str, *, since: float | None = None) -> None:
        """Have a server's machine go, from now or `since` then on, if that has not begun."""
        found = self.get(name)
        if found is not None and found.gone_at is None:
            found.gone_at = (self._clock() if since is None else since) + self.teardown

    def _make(self, server: objects.Server, template: bytes, alternative: int) -> None:
        self.made += 1
        now = self._clock()
        self._machines[server.metadata.name] = Machine(
            id=f"i{self.made}",
            incarnation=server.spec.incarnation,
            revision=server.spec.revision,
            image=_image(template),
            born=now,
            ready_at=now + self.boot,
            alternative=alternative,
        )

    def _change(self, found: Machine, server: objects.Server, template: bytes) -> None:
        found.revision, found.image = server.spec.revision, _image(template)
        found.ready_at, found.ill = self._clock() + self.change, False


def _image(template: bytes) -> str:
    """Return the image of the first container, if it is known and there is one."""
    known = msgspec.json.decode(template or b"null")
    containers = known["spec"]["containers"] if known else ()
    return str(containers[0]["image"]) if containers else ""
