"""What can go wrong, in words for the person at the terminal; `__main__` prints it and exits."""


class DevclusterError(Exception):
    """Something the user can act on: the message says what, and what to type where that helps."""


class MissingToolError(DevclusterError):
    """A program this machine lacks; the message names the command that installs it."""

    def __init__(self, tool: str, install: str) -> None:
        super().__init__(f"{tool} is missing: {install}")


class PortTakenError(DevclusterError):
    """A port that the cluster was to listen on belongs to another process."""
