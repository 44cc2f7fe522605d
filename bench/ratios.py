"""What is wanted: the ratios, their targets, and which of them a build may fail for.

`trials` put what they measured into a `Book` under a ratio's key; `table` and `report` read it.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence

from bench import runs


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """One ratio or count; `held` ones fail a run that misses them, times are only told."""

    key: str
    text: str
    target: float
    held: bool = False
    at_least: bool = False
    # Judged by the worst of what was measured: one exception is one too many.
    always: bool = False
    # A count: the same in every round, whatever the machine does.
    counted: bool = False

    def meets(self, value: float) -> bool:
        """Whether a measured value is as good as it should be."""
        return value >= self.target if self.at_least else value <= self.target


RATIOS = (
    Ratio(key="1", text="all created ÷ a plain client writing the same", target=1.15),
    Ratio(key="2", text="all Ready ÷ a plain client writing bare pods", target=2.5),
    Ratio(key="3", text="writes per converged server ÷ 3", target=1.03, held=True, counted=True),
    Ratio(
        key="3s",
        text="status writes of a set or an application ÷ (2 + log₂ N)",
        target=1.0,
        held=True,
        always=True,
        counted=True,
    ),
    Ratio(key="4a", text="delete behind queued creates ÷ idle: first child delete", target=4.0),
    Ratio(key="4b", text="delete behind queued creates ÷ idle: completion (p95)", target=5.0),
    Ratio(key="5a", text="draining creates beside deletes ÷ its own and their writes", target=1.1),
    Ratio(key="5b", text="longest wait of a server beside deletes ÷ ideal", target=2.0),
    Ratio(
        key="6",
        text="writes at rest, relists and a restart among them",
        target=0,
        held=True,
        always=True,
        counted=True,
    ),
    Ratio(key="7a", text="operator CPU per server, large ÷ small fleet", target=1.1, held=True),
    Ratio(key="7b", text="operator CPU per one-field change, large ÷ small", target=1.2, held=True),
    Ratio(key="8", text="cache memory per object ÷ its JSON", target=1.0),
    Ratio(key="9a", text="restart to synced ÷ bare paged GETs", target=1.5),
    Ratio(key="9b", text="restart to the first correct write ÷ bare paged GETs", target=2.0),
    Ratio(key="10a", text="small application's first server ÷ one idle write", target=5.0),
    Ratio(key="10b", text="small application's first server behind a load ÷ idle", target=10.0),
    Ratio(key="11", text="operator CPU ÷ (API server + etcd CPU)", target=0.35, held=True),
    Ratio(key="13", text="rolling restart ÷ a plain client replacing pods", target=2.5),
    Ratio(key="14a", text="server CPU ÷ a bare pod's, 0.3 KB template", target=2.0, held=True),
    Ratio(key="14b", text="server CPU ÷ a bare pod's, 2 KB template", target=2.0, held=True),
    Ratio(key="14c", text="server CPU ÷ a bare pod's, 10 KB template", target=2.0, held=True),
    Ratio(key="15a", text="all Ready, API server 20 ms away ÷ near", target=1.15),
    Ratio(key="15b", text="all deleted, API server 20 ms away ÷ near", target=1.15),
    Ratio(key="16a", text="all Ready ÷ StatefulSet behind its Service, default", target=0.3),
    Ratio(key="16b", text="all Ready ÷ StatefulSet behind its Service, raised", target=2.0),
    Ratio(key="17a", text="growth of etcd ÷ bare pods', 10 KB template", target=1.3, held=True),
    Ratio(key="17b", text="growth of the API server ÷ bare pods', 10 KB", target=1.5, held=True),
    Ratio(key="18a", text="CPU of the dearest of four replicas ÷ of one alone", target=0.35),
    Ratio(key="18b", text="memory of the largest of four replicas ÷ of one alone", target=0.35),
    Ratio(key="18c", text="writes of four replicas ÷ of one alone", target=1.01, counted=True),
    Ratio(key="18d", text="all created by four replicas ÷ by one alone", target=1.1),
    Ratio(key="18e", text="by slot: CPU of the dearest of four ÷ of one alone", target=0.35),
    Ratio(key="18f", text="by slot: memory of the largest of four ÷ of one alone", target=0.35),
    Ratio(key="18g", text="by slot: writes of four ÷ of one alone", target=1.01, counted=True),
    Ratio(key="18h", text="by slot: all created by four ÷ by one alone", target=1.1),
    Ratio(key="18i", text="slots that move when three join one ÷ the fewest possible", target=1.2),
    Ratio(key="19a", text="writes of a small application", target=12, held=True, counted=True),
    Ratio(key="19b", text="operator CPU of a small application ÷ its share", target=3.0, held=True),
    Ratio(key="19c", text="many small ones: all Ready after the last apply, s", target=2.0),
    Ratio(key="20a", text="another tenant's server beside 300 operations ÷ idle", target=3.0),
    Ratio(key="20b", text="another tenant's server beside a mute webhook ÷ idle", target=3.0),
    Ratio(key="20c", text="another tenant's server beside 200 applications ÷ idle", target=3.0),
    Ratio(key="20d", text="another tenant's server beside many creates ÷ idle", target=3.0),
    Ratio(
        key="surplus",
        text="surplus servers or pods, ever",
        target=0,
        held=True,
        always=True,
        counted=True,
    ),
)
# From how many rounds on a median is a measurement; of fewer it is a hint.
ROUNDS = 3
BY_KEY = {each.key: each for each in RATIOS}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was measured of one ratio, run by run."""

    ratio: Ratio
    values: tuple[float, ...]
    note: str = ""

    @property
    def value(self) -> float:
        """The one to judge by: the worst of what must never be, else the median."""
        return max(self.values) if self.ratio.always else statistics.median(self.values)

    @property
    def met(self) -> bool:
        """Whether the ratio is as it should be."""
        return self.ratio.meets(self.value)

    def verdict(self, rounds: int) -> str:
        """Return what is made of it: of a few rounds only a hint, unless it is a count."""
        word = "pass" if self.met else "MISSED" if self.ratio.held else "missed"
        return word if self.ratio.counted or rounds >= ROUNDS else f"hint: {word}"

    @property
    def fails(self) -> bool:
        """Whether it fails the run."""
        return self.ratio.held and not self.met


class Book:
    """Everything that was measured in one run of the benchmark."""

    def __init__(self) -> None:
        self.runs: list[runs.Run] = []
        # Figures that are told beside the ratios: by what they are called.
        self.figures: dict[str, list[float]] = defaultdict(list)
        # What arms are compared by beside the ratios: arm, column, values.
        self.peers: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        self._values: dict[str, list[float]] = defaultdict(list)
        self._notes: dict[str, str] = {}

    def add(self, key: str, value: float, note: str = "") -> None:
        """Put one measured value of a ratio on record."""
        if key not in BY_KEY:
            raise KeyError(key)
        self._values[key].append(value)
        if note:
            self._notes[key] = note

    def tell(self, figure: str, value: float) -> None:
        """Put a figure on record that belongs to no ratio."""
        self.figures[figure].append(value)

    def compare(self, arm: str, column: str, value: float) -> None:
        """Put a figure on record by which arms are compared."""
        self.peers[arm][column].append(value)

    @property
    def findings(self) -> Iterator[Finding]:
        """What was found, in the order of the ratios."""
        for each in RATIOS:
            if values := self._values.get(each.key):
                yield Finding(ratio=each, values=tuple(values), note=self._notes.get(each.key, ""))


def status_bound(servers: int) -> float:
    """Return how many status writes an object of so many servers may cost."""
    return 2 + math.log2(max(servers, 1))


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
