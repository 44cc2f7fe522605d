"""The Application planner and what it decides: sets, their order, their revisions."""

from controller.kinds.application.planner import plan

__all__ = ["plan"]
