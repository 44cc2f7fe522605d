"""How long to wait between attempts. Called by every planner that tries again by a policy."""

from __future__ import annotations

from controller.api import names, objects

_SPREAD = float(16**10)


def delay(backoff: objects.Backoff, count: int, seed: str) -> float:
    """Return how long to wait after the `count`th failure; the same seed waits the same time."""
    exponent = min(max(count - 1, 0), 64)
    plain = float(min(backoff.initial_seconds * backoff.factor**exponent, backoff.max_seconds))
    fraction = int(names.digest(f"{seed}/{count}"), 16) / _SPREAD
    return plain * (1 + backoff.jitter_percent / 100 * (2 * fraction - 1))
