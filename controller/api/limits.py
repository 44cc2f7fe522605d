"""Bounds that the schema sets and planners keep to: without pydantic, which they do not need."""

from __future__ import annotations

# Of the ordinals that are stopped, in characters: several hundred ranges; whole fleets, stopped in
# one, take two.
LONGEST_STOPPED = 4096
