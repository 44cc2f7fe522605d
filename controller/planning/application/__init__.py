"""The Application planner and what it decides: sets, their order, their revisions."""

from controller.planning.application.planner import plan

__all__ = ["plan"]
