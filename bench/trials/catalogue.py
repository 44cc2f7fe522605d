"""The trials by name, and which ratios each of them finds."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

from bench import estimate
from bench.sizes import Sizes
from bench.stage import Stage
from bench.trials import (
    far,
    floor,
    large,
    many,
    named,
    peers,
    replace,
    replicas,
    templates,
    tenants,
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One trial and the keys of the ratios that it finds."""

    name: str
    finds: tuple[str, ...]
    run: Callable[[Stage], None]
    seconds: Callable[[Sizes], float]  # what it takes on a quiet machine


# How the parts of a ratio are called: `3s`, `14a`.
PARTS = "abcdefghis"
# `large` leaves a fleet at rest in a cluster that nobody else uses, while the others run.
TRIALS = (
    Trial(
        name="large",
        finds=("3", "3s", *large.FOUND),
        run=large.run,
        seconds=estimate.large,
    ),
    Trial(
        name="floor",
        finds=("1", "2", "11", *floor.BESIDE),
        run=floor.run,
        seconds=estimate.floor,
    ),
    Trial(name="replace", finds=("13",), run=replace.run, seconds=estimate.replace),
    Trial(
        name="templates",
        finds=("14a", "14b", "14c", "17a", "17b"),
        run=templates.run,
        seconds=estimate.templates,
    ),
    Trial(name="far", finds=("15a", "15b"), run=far.run, seconds=estimate.far),
    Trial(name="named", finds=("16a", "16b"), run=named.run, seconds=estimate.named),
    Trial(
        name="replicas",
        finds=replicas.FOUND,
        run=replicas.run,
        seconds=estimate.replicas,
    ),
    Trial(name="many", finds=("19a", "19b", "19c"), run=many.run, seconds=estimate.many),
    Trial(
        name="tenants",
        finds=("20a", "20b", "20c", "20d"),
        run=tenants.run,
        seconds=estimate.tenants,
    ),
    Trial(name="peers", finds=(), run=peers.run, seconds=estimate.peers),
)


def chosen(names: Iterable[str]) -> list[Trial]:
    """Return the trials of these names, or that find these ratios; all for no names.

    Raises ValueError for a name that nobody has.
    """
    wanted = list(names)
    if not wanted:
        return list(TRIALS)
    found = [each for each in TRIALS if any(_means(name, each) for name in wanted)]
    unknown = [name for name in wanted if not any(_means(name, each) for each in TRIALS)]
    if unknown:
        known = ", ".join(each.name for each in TRIALS)
        raise ValueError(f"no trial or ratio is called {', '.join(unknown)} (trials: {known})")
    return found


def wanted(names: Iterable[str]) -> frozenset[str]:
    """Return the keys of the ratios that are asked for by these names."""
    asked = list(names)
    return frozenset(
        key
        for each in chosen(asked)
        for key in each.finds
        if not asked or each.name in asked or not {key, key.rstrip(PARTS)}.isdisjoint(asked)
    )


def _means(name: str, trial: Trial) -> bool:
    """Whether a name is the trial's, or a ratio's that it finds, such as `3`, for `3` and `3s`."""
    return name == trial.name or any(name in (key, key.rstrip(PARTS)) for key in trial.finds)
