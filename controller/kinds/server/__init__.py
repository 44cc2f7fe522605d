"""The Server planner and what it decides: attempts, tasks, teardown; it alone calls providers."""

from controller.kinds.server.planner import plan

__all__ = ["plan"]
