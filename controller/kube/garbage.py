"""Keeps the collector of garbage out of caches: they hold many objects, hardly any in a cycle.

A look at all of them stops a process for as long as half a second. Processes that fill caches call
this once these are full; nobody else may, as what is there then is never looked at again.
"""

from __future__ import annotations

import gc

# Of what comes afterwards: looked at less often than by default.
COLLECTIONS = (50_000, 20, 20)


def settle() -> None:
    """Leave what is there now to its owners, and look for cycles among what comes later alone."""
    gc.freeze()
    gc.set_threshold(*COLLECTIONS)
