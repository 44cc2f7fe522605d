"""The Operation planner and what it decides: whose turn it is, which servers get which step."""

from controller.kinds.operation.planner import plan

__all__ = ["plan"]
