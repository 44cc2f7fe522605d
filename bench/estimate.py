"""How long a run will take, before it begins and once the machine's pace is known.

The figures are of a quiet machine of two cores, in seconds; what is slower takes longer.
"""

from __future__ import annotations

from bench.sizes import Sizes

# Servers that come up in a second with a Server, a pod and a status each.
SERVERS = 180.0
PODS = 280.0
TURN = 2.5  # a namespace, calm before and after, and emptying it
OPERATOR = 3.0  # starting and ending the operator
WARM_UP = 5.0  # of an operator on a cluster that is up
DEFAULTS = 80.0  # peers at their default limits, whose waiting has nothing to do with the machine
LIMITED = 20.0  # pods a second of a controller at its default limits
SMALL = 8.0  # small applications a second, applied one after the other
RESTART = 6.0  # of the API server
JOIN = 25.0  # three replicas that join one, until the slots are divided
START = 12.0  # a cluster, the chart, and a warm operator


def floor(sizes: Sizes, *, beside: bool = True) -> float:
    """Return the seconds that `floor` takes."""
    plain = sizes.fleet / SERVERS + sizes.fleet / PODS + 2 * TURN
    ours = sizes.fleet / SERVERS + TURN + OPERATOR
    others = sizes.fleet / SERVERS + TURN + OPERATOR + 12 if beside else 0
    return START + sizes.pairs * (plain + ours + others)


def large(sizes: Sizes) -> float:
    """Return the seconds that `large` takes, but for the time at rest."""
    fleets = (sizes.small + sizes.large) / SERVERS + 2 * (TURN + OPERATOR)
    deletes, changes, relists = 12, 14, 16
    return START + WARM_UP + fleets + deletes + changes + relists + 6 * sizes.restarts


def replace(sizes: Sizes) -> float:
    """Return the seconds that `replace` takes."""
    each = 2 * sizes.small / SERVERS + 2
    return OPERATOR + 2 * TURN + sizes.small / SERVERS + sizes.pairs * each


def peers(sizes: Sizes) -> float:
    """Return the seconds that `peers` takes."""
    turns = sizes.peers * (5 * (TURN + sizes.small / SERVERS) + 2 * OPERATOR)
    behind = 2 * (TURN + sizes.fleet / PODS)
    return turns + behind + (DEFAULTS if sizes.defaults else 0)


def templates(sizes: Sizes) -> float:
    """Return the seconds that `templates` takes."""
    both = sizes.small / SERVERS + sizes.small / PODS + 2 * (TURN + RESTART) + OPERATOR
    return 3 * sizes.pairs * both


def far(sizes: Sizes) -> float:
    """Return the seconds that `far` takes."""
    each = sizes.small / SERVERS + sizes.small / PODS + TURN + OPERATOR
    return 2 * sizes.pairs * each


def named(sizes: Sizes) -> float:
    """Return the seconds that `named` takes."""
    ours = sizes.small / SERVERS + TURN + OPERATOR
    raised = sizes.pairs * (ours + sizes.small / PODS + TURN)
    return raised + sizes.peers * (ours + sizes.small / LIMITED + TURN) + 2 * RESTART


def many(sizes: Sizes) -> float:
    """Return the seconds that `many` takes."""
    both = sizes.small / SERVERS + sizes.small / 2 / SMALL + 2 * (TURN + OPERATOR)
    return WARM_UP + sizes.peers * both


def replicas(sizes: Sizes) -> float:
    """Return the seconds that `replicas` takes."""
    each = sizes.fleet / SERVERS + TURN + OPERATOR
    return WARM_UP + START + sizes.peers * (3 * each + 2 * JOIN)


def tenants(sizes: Sizes) -> float:
    """Return the seconds that `tenants` takes."""
    loads = (90 + 400 + sizes.large) / SERVERS + 300 / SMALL + 4 * (2 * TURN + OPERATOR)
    return WARM_UP + sizes.peers * (loads + 40)
