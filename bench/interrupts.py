"""How a benchmark ends that is told to: as by Ctrl-C, so that what it started is ended as well.

Each command that starts a cluster or a cloud is wrapped so.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def orderly() -> Iterator[None]:
    """Have a SIGTERM raise KeyboardInterrupt within; left to itself it would clean nothing up."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
