"""The ServerSet planner and what it decides: how many servers, at which revision, in what order."""

from controller.kinds.serverset.planner import plan

__all__ = ["plan"]
