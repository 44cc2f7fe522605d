"""What was asked of Nova, from the log in which its API has a line for each request.

`cloud_runs` counts by it, and tells when a delete began to cut.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import re

from bench.cloud_watch import PATH
from devcluster.openstack import cloud, layout

# How the log tells of a request, and of one that only this bench makes.
REQUEST, WATCHED = '" status: ', f"{PATH} HTTP"
# A server's DELETE that Nova took, not one of its tags, when it answered and how long that took:
# `2026-11-30 05:01:02.123 71 INFO … "DELETE /v2.1/servers/ID HTTP/1.1" status: 204 … time: 0.4`
TAKEN = re.compile(
    r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) .*"
    r'"DELETE \S*/servers/[^/ "]+(?: [^"]*)?" status: 2.* time: ([\d.]+)'
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A DELETE that Nova took: when it came, and when Nova answered. Seconds of Unix time."""

    came: float
    answered: float


def requests(chosen: cloud.Cloud) -> int:
    """Return how many requests there were until now, but for those of the watch."""
    return sum(REQUEST in line and WATCHED not in line for line in _lines(chosen))


def first_delete(chosen: cloud.Cloud, since: float) -> Taken | None:
    """Return the first DELETE of a server that Nova took and answered at `since` or later.

    None where it took none. The log has the moment of the answer, to a millisecond.
    """
    found = (TAKEN.match(line) for line in _lines(chosen))
    taken = [
        Taken(came=(end := _moment(each[1])) - float(each[2]), answered=end)
        for each in found
        if each
    ]
    after = (each for each in taken if each.answered >= since)
    return min(after, key=lambda each: each.came, default=None)


def _moment(text: str) -> float:
    # Without a zone: services log in that of the machine, as this process tells the time.
    return dt.datetime.fromisoformat(text).timestamp()


def _lines(chosen: cloud.Cloud) -> list[str]:
    return (chosen.plan.logs / f"{layout.NOVA}.log").read_text(errors="replace").splitlines()
