"""What really happened, read from an API server's audit log and held to the invariants I1 to I12.

End-to-end tests, fault runs and benchmarks call `check` when they end; `python -m proof.history`
does the same from a shell. The checker shares no code with the engine it judges.
"""

from proof.history.journal import History, read
from proof.history.judgement import Expectations, Process, Verdict, check
from proof.history.verdict import Violation
from proof.history.writes import Counts, compare, counts

__all__ = [
    "Counts",
    "Expectations",
    "History",
    "Process",
    "Verdict",
    "Violation",
    "check",
    "compare",
    "counts",
    "read",
]
