"""Move the news fragments into the changelog, under a version. `make changelog` runs it."""

from __future__ import annotations

import argparse
import datetime as dt
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KINDS = ("added", "changed", "fixed", "removed", "security")


def main() -> None:
    """Write the section of one version, and remove the fragments that it is made of."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version")
    version = parser.parse_args().version
    fragments = sorted(
        path for kind in KINDS for path in (ROOT / "changelog.d").glob(f"*.{kind}.md")
    )
    today = dt.datetime.now(dt.UTC).date()
    book = ROOT / "CHANGELOG.md"
    head, _, rest = book.read_text().partition("\n## ")
    older = f"\n## {rest}" if rest else ""
    book.write_text(f"{head.rstrip()}\n\n{section(version, today, fragments)}{older}")
    for path in fragments:
        path.unlink()
    print(f"moved {len(fragments)} fragments into CHANGELOG.md")


def section(version: str, day: dt.date, fragments: list[Path]) -> str:
    """Return a version's section, its fragments by kind."""
    lines = [f"## {version} ({day.isoformat()})"]
    for kind in KINDS:
        news = [path for path in fragments if path.name.endswith(f".{kind}.md")]
        if news:
            lines += ["", f"### {kind.capitalize()}", ""]
            lines += [f"- {' '.join(path.read_text().split())}" for path in news]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
