"""Ask PyPI whether anything in the locks has a known vulnerability, and never take silence for no.

`make check` runs it. pip-audit calls a lock clean of which it found nothing at all, as behind a
mirror that serves packages alone: so its report is read here. Where nothing could be asked, that is
said aloud and the check goes on; so it is of a part that could not, by name. A vulnerability that
is known fails the check.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCKS = (
    "requirements.lock",
    "requirements-image.lock",
    "requirements-dev.lock",
    "requirements-docs.lock",
)
# --disable-pip: the lock has all versions and hashes, so nothing is resolved or downloaded.
AUDIT = ("--require-hashes", "--disable-pip", "--progress-spinner=off", "--format=json")
# How pip-audit and requests say that no answer came; any other failure is one of the check.
UNREACHED = (
    "ConnectionError",
    "ConnectTimeout",
    "ReadTimeout",
    "Could not connect",
    "ProxyError",
    "Server Error",
)


@dataclass(frozen=True)
class Verdict:
    """How an audit ended: a sentence, and whether `make check` may go on."""

    says: str
    passes: bool


def main() -> int:
    """Audit the locks; return 1 if one has a known vulnerability."""
    verdicts = [audit(lock) for lock in LOCKS]
    for verdict in verdicts:
        print(verdict.says, file=sys.stdout if verdict.passes else sys.stderr)
    return 0 if all(verdict.passes for verdict in verdicts) else 1


def audit(lock: str) -> Verdict:
    """Have pip-audit ask about a lock, and judge its report."""
    argv = [sys.executable, "-m", "pip_audit", *AUDIT, "--requirement", lock]
    ran = subprocess.run(argv, check=False, cwd=ROOT, capture_output=True, text=True)
    return judge(lock, ran.stdout, ran.stderr)


def judge(lock: str, report: str, errors: str) -> Verdict:
    """Say what a report is worth: clean only if every dependency was looked up."""
    if not report.strip():
        if any(each in errors for each in UNREACHED):
            return Verdict(f"SKIPPED: {lock} is not audited: PyPI cannot be reached", passes=True)
        return Verdict(f"{lock} is not audited: pip-audit failed:\n{errors}", passes=False)
    dependencies: list[dict[str, Any]] = json.loads(report)["dependencies"]
    vulnerable = [each for each in dependencies if each.get("vulns")]
    unknown = sorted(each["name"] for each in dependencies if "skip_reason" in each)
    if vulnerable:
        lines = [f"  {named(each)}" for each in vulnerable]
        return Verdict("\n".join([f"{lock} has known vulnerabilities:", *lines]), passes=False)
    if len(unknown) == len(dependencies):
        says = f"SKIPPED: {lock} is not audited: PyPI's answers know none of its packages"
        return Verdict(says, passes=True)
    if unknown:
        says = f"SKIPPED in part: {lock}: PyPI does not know {', '.join(unknown)}"
        return Verdict(says, passes=True)
    return Verdict(f"{lock}: no known vulnerability in {len(dependencies)} packages", passes=True)


def named(dependency: dict[str, Any]) -> str:
    """Return a vulnerable dependency's name, with each vulnerability and what mends it."""
    found = [
        f"{each['id']} (mended in {', '.join(each['fix_versions']) or 'no version yet'})"
        for each in dependency["vulns"]
    ]
    return f"{dependency['name']} {dependency['version']}: {'; '.join(found)}"


if __name__ == "__main__":
    sys.exit(main())
