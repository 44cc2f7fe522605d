"""The last measurement of each ratio: a run adds what it measured, and the rest stays as it was.

A whole run takes 40 minutes of a quiet machine, so most runs are of a few ratios. The file beside
this module is what the documentation shows; `page` writes both.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import ratios

FILE = Path(__file__).parent / "record.json"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What was measured of one ratio, in how many rounds, when, and with fleets of which sizes.

    `values` are those of all rounds; or the least, the median and the most of them, where no more
    is on record.
    """

    values: tuple[float, ...]
    rounds: int
    day: str
    sizes: str
    note: str = ""

    def finding(self, key: str) -> ratios.Finding:
        """Return it as what a run found."""
        return ratios.Finding(ratio=ratios.BY_KEY[key], values=self.values, note=self.note)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The last measurements, by the ratios' keys; how peers compared last; the last machine."""

    machine: Mapping[str, str]
    entries: Mapping[str, Entry]
    peers_day: str = ""
    peers: Mapping[str, Mapping[str, Sequence[float | None]]] = dataclasses.field(
        default_factory=dict
    )

    def with_run(self, run: Mapping[str, Any]) -> Record:
        """Return the record with what one run found, as `report` has written it."""
        day = str(run["time"])[:10]
        fleets = (run["sizes"][name] for name in ("fleet", "small", "large"))
        described = " / ".join(f"{each:,}" for each in fleets)
        found = {
            each["key"]: Entry(
                values=tuple(each["values"]),
                rounds=len(each["values"]),
                day=day,
                sizes=described,
                note=each["note"],
            )
            for each in run["ratios"]
        }
        made = dataclasses.replace(self, machine=run["machine"], entries={**self.entries, **found})
        if run["peers"]:
            made = dataclasses.replace(made, peers_day=day, peers=run["peers"])
        return made

    def ordered(self) -> list[tuple[str, Entry]]:
        """Return the entries in the order of the ratios; of those that are no more, none."""
        known = (each.key for each in ratios.RATIOS)
        return [(key, self.entries[key]) for key in known if key in self.entries]


def read(file: Path = FILE) -> Record:
    """Return what is on record."""
    found = json.loads(file.read_text())
    entries = {
        key: Entry(**{**each, "values": tuple(each["values"])})
        for key, each in found.pop("entries").items()
    }
    return Record(entries=entries, **found)


def write(record: Record, file: Path = FILE) -> None:
    """Put a record in the place of the last one."""
    told = dataclasses.asdict(dataclasses.replace(record, entries=dict(record.ordered())))
    file.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
