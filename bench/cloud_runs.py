"""What is measured of an arm: it makes servers, changes, restarts and deletes them, also if killed.

`clouds` has the arms take turns with it. Seconds are from the request; servers are counted in
Nova's own lists.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from bench import nova_log
from bench.arms import place
from bench.cloud_watch import LOOK_SECONDS, PATIENCE_SECONDS, Servers, Watch
from devcluster import errors, processes
from devcluster.openstack import cloud

# Of /proc/PID/stat, counted after the program's name: ticks in user mode, and in the kernel.
TICKS = slice(11, 13)
# Whoever was killed and shows no change for so long is asked once more.
SILENT_SECONDS = 120
# How long after a kill all must be so; whoever takes longer is given up, and its servers deleted.
SURVIVAL_SECONDS = 600.0
# How long whoever was asked once more has to show that it goes on.
PAUSE_SECONDS = 5.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One thing that was asked for, to its end."""

    seconds: float
    # Of all processes of the cloud, Heat's among them, and for Argosy of its Kubernetes.
    cpu: float
    engine_cpu: float  # of the processes that decide
    requests: float  # to Nova for each server, but for those of the watch


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of all servers: how long it took, and how many have the id that they had."""

    leg: Leg
    kept: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A delete that was asked for when some servers were there and others still to come."""

    there: int
    answered: float
    # When Nova got the first DELETE, and had taken it; a server is gone when its host has done it.
    first_came: float
    first_delete: float
    made_after: int
    first_gone: float
    gone: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Survival:
    """What decides was killed in the middle: seconds until all was so, and who helped.

    Of one that was given up, how long it was waited for.
    """

    seconds: float
    # How often somebody had to ask once more.
    asked_again: int
    # Servers that nobody asked for and that stayed.
    left_over: int
    given_up: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one arm did with so many servers."""

    arm: str
    servers: int
    create: Leg
    update: Change
    restart: Change
    first_gone: float
    delete: Leg
    cut: Cut
    # By what was under way; none where nobody goes on.
    killed: dict[str, Survival]
    # How many servers there were at once at most, beyond those that were asked for; unless killed.
    surplus: int


class Trial:
    """One arm with so many servers, seen by a watch."""

    def __init__(self, chosen: cloud.Cloud, arm: place.Arm, watch: Watch, count: int) -> None:
        self._cloud = chosen
        self._arm = arm
        self._watch = watch
        self._count = count
        # When the last leg began.
        self._began = 0.0

    def run(self, other: str, *, kills: bool) -> Run:
        """Have the arm do all there is; `other` is the image that updates change to.

        Without `kills` what decides is left alone.
        """
        arm, count = self._arm, self._count
        create = self._leg(lambda: arm.create(count), self._all_active)
        update = self._change(arm.update, lambda now: _have(now, other))
        restart = self._change(arm.restart, self._restarted())
        delete = self._leg(arm.delete, lambda now: not now)
        first_gone = self._watch.first(lambda now: len(now) < count, self._began) or 0.0
        cut = self._cut()
        surplus = max(0, self._watch.most() - count)
        killed = self._killed(other) if kills and arm.survives else {}
        return Run(
            arm=arm.name,
            servers=count,
            create=create,
            update=update,
            restart=restart,
            first_gone=first_gone,
            delete=delete,
            cut=cut,
            killed=killed,
            surplus=surplus,
        )

    def _leg(self, ask: Callable[[], None], so: Callable[[Servers], bool]) -> Leg:
        requests, cpu = nova_log.requests(self._cloud), used(self._cloud, self._arm)
        engine = engine_used(self._cloud, self._arm)
        self._began = began = time.monotonic()
        ask()
        self._watch.until(so, began)
        rest(self._arm)
        return Leg(
            seconds=time.monotonic() - began,
            cpu=used(self._cloud, self._arm) - cpu,
            engine_cpu=engine_used(self._cloud, self._arm) - engine,
            requests=(nova_log.requests(self._cloud) - requests) / self._count,
        )

    def _change(self, ask: Callable[[], None], so: Callable[[Servers], bool]) -> Change:
        before = set(self._watch.now)
        leg = self._leg(ask, lambda now: self._all_active(now) and so(now))
        return Change(leg=leg, kept=len(before & set(self._watch.now)))

    def _cut(self) -> Cut:
        began = time.monotonic()
        self._arm.create(self._count)
        self._watch.until(lambda now: len(now) >= self._count // 3, began)
        there, asked, clock = set(self._watch.now), time.monotonic(), time.time()
        self._arm.delete()
        answered = time.monotonic() - asked
        first = self._watch.until(lambda now: bool(there - set(now)), asked)
        # It was asked for in the middle: more may come, and must be gone at the end, too.
        rest(self._arm)
        self._watch.until(lambda now: not now, time.monotonic())
        seen = [servers for when, servers in self._watch.seen if when >= asked]
        taken = nova_log.first_delete(self._cloud, clock)
        if taken is None:
            raise errors.DevclusterError(f"{self._arm.name} has deleted no server of {len(there)}")
        return Cut(
            there=len(there),
            answered=answered,
            first_came=taken.came - clock,
            first_delete=taken.answered - clock,
            made_after=len({each for servers in seen for each in servers} - there),
            first_gone=first,
            gone=self._watch.emptied(asked),
        )

    def _killed(self, other: str) -> dict[str, Survival]:
        some, arm, count = max(1, self._count // 3), self._arm, self._count
        create = self._survive(
            lambda: arm.create(count), lambda now: len(now) >= some, self._enough(list)
        )
        self._make_up_for(create)
        update = self._survive(
            arm.update,
            lambda now: sum(each.image == other for each in now.values()) >= some,
            self._enough(lambda now: [key for key, each in now.items() if each.image == other]),
        )
        self._make_up_for(update)
        before = self._watch.now
        restart = self._survive(
            arm.restart, lambda now: len(_touched(before, now)) >= some,
            self._enough(lambda now: _touched(before, now)),
        )  # fmt: skip
        self._make_up_for(restart)
        there = len(self._watch.now)
        delete = self._survive(
            arm.delete, lambda now: len(now) <= there - some, lambda now: len(now) <= there - count,
            wanted=0,
        )  # fmt: skip
        self._watch.clear()
        return {"create": create, "update": update, "restart": restart, "delete": delete}

    def _make_up_for(self, leg: Survival) -> None:
        """Have the servers that the next leg needs, where one was given up before them."""
        if not leg.given_up:
            return
        self._arm.delete()
        self._watch.clear()
        self._arm.create(self._count)
        self._watch.until(self._all_active, time.monotonic())
        rest(self._arm)

    def _enough(self, of: Callable[[Servers], Iterable[str]]) -> Callable[[Servers], bool]:
        """Return what tells whether as many are ACTIVE as were asked for, of those that count."""

        def enough(now: Servers) -> bool:
            return sum(now[key].status == "ACTIVE" for key in of(now)) >= self._count

        return enough

    def _survive(
        self,
        ask: Callable[[], None],
        middle: Callable[[Servers], bool],
        so: Callable[[Servers], bool],
        wanted: int | None = None,
    ) -> Survival:
        began = time.monotonic()
        ask()
        self._watch.until(middle, began)
        began, again = time.monotonic(), 0
        self._arm.kill()
        moved, last, ended = time.monotonic(), self._watch.now, False
        while time.monotonic() - began < SURVIVAL_SECONDS:
            try:
                ended = self._arm.done() and so(self._watch.now)
                if ended:
                    break
                hangs = time.monotonic() - moved > SILENT_SECONDS
            except place.GaveUp:
                hangs = True
            if hangs:
                again += 1
                self._arm.again()
                time.sleep(PAUSE_SECONDS)
            if hangs or self._watch.now != last:
                moved, last = time.monotonic(), self._watch.now
            time.sleep(LOOK_SECONDS)
        seconds = time.monotonic() - began
        beyond = len(self._watch.latest()) - (self._count if wanted is None else wanted)
        return Survival(seconds=seconds, asked_again=again, left_over=beyond, given_up=not ended)

    def _all_active(self, now: Servers) -> bool:
        active = sum(each.status == "ACTIVE" for each in now.values())
        return active == len(now) == self._count

    def _restarted(self) -> Callable[[Servers], bool]:
        """Return what tells whether all that are there now have been touched by then."""
        before = self._watch.now
        return lambda now: len(_touched(before, now)) == len(now)


def measure(
    chosen: cloud.Cloud, arm: place.Arm, given: place.Place, count: int, *, kills: bool = True
) -> Run:
    """Have an arm do all there is with so many servers of a place, and be killed at it if asked."""
    with contextlib.closing(Watch(given.login, arm)) as watch:
        return Trial(chosen, arm, watch, count).run(given.other, kills=kills)


def rest(arm: place.Arm) -> None:
    """Wait until an arm has nothing under way."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not arm.done():
        if time.monotonic() > deadline:
            raise errors.DevclusterError(f"{arm.name} is not done after {PATIENCE_SECONDS} s")
        time.sleep(LOOK_SECONDS)


def used(chosen: cloud.Cloud, arm: place.Arm) -> float:
    """Return the CPU seconds that all have used that have a part in it, until now."""
    folders = (chosen.dir, *arm.folders)
    return _seconds(pid for folder in folders for pid in processes.marked(folder))


def engine_used(chosen: cloud.Cloud, arm: place.Arm) -> float:
    """Return the CPU seconds that the arm's own processes have used: those that decide."""
    if not arm.engine:
        return 0.0
    folders = arm.folders or (chosen.dir,)
    known = [pid for folder in folders for pid in processes.marked(folder)]
    return _seconds(pid for pid in known if arm.engine in _command(pid))


def _touched(before: Servers, now: Servers) -> list[str]:
    """Return the servers that are new, or have changed since."""
    moments = {key: each.updated for key, each in before.items()}
    return [key for key, each in now.items() if moments.get(key) != each.updated]


def _have(now: Servers, image: str) -> bool:
    return all(each.image == image for each in now.values())


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def _seconds(pids: Iterable[int]) -> float:
    ticks = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[TICKS]))
    return ticks / os.sysconf("SC_CLK_TCK")
