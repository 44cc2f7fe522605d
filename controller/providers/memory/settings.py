"""The schema of `spec.memory` of a Fleet; `machines.Settings` is what the machines read of it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from controller.api import schema

Percent = Annotated[int, Field(ge=0, le=100)]


class MemorySettings(schema.Model):
    """How fast machines in memory are, and how often they fail."""

    seed: Annotated[int, Field(ge=0, le=2**31)] = 0
    """Decides, with the server and how often it was asked, what goes wrong."""
    latency_seconds: schema.Seconds = 1
    """From a create to readiness."""
    change_seconds: schema.Seconds = 1
    """From a change or a start to readiness."""
    stop_seconds: schema.Seconds = 1
    """From a stop or a delete to its end."""
    call_seconds: schema.Seconds = 0
    """The duration of one call."""
    fail_percent: Percent = 0
    """Calls that fail and change nothing."""
    lost_percent: Percent = 0
    """Calls that take effect and whose answer is lost."""
    broken_percent: Percent = 0
    """Machines that fail instead of becoming ready."""
    full_zones: Annotated[list[schema.ShortText], Field(max_length=64)] | None = None
    """Failure domains in which nothing new finds room."""
