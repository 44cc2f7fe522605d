"""Free ports of 127.0.0.1; `cluster` chooses them once and keeps them for the cluster's life."""

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

from devcluster import errors

# Below the ephemeral range: no outgoing connection takes one of these between choice and use.
FIRST, LAST = 20_000, 32_000


def taken(port: int) -> bool:
    """Whether some process listens on the port, or it cannot be bound for another reason."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def free(count: int) -> tuple[int, ...]:
    """Return as many different ports, each free at this moment.

    They are given out in turn, to all processes of this user: between choice and use, and while
    whoever had one is being restarted, nobody else gets it.
    """
    chosen: list[int] = []
    place = Path(tempfile.gettempdir()) / f"argosy-ports-{os.getuid()}"
    with place.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        told, size = file.read(), LAST - FIRST
        last = int(told) if told.isdecimal() else random.SystemRandom().randrange(FIRST, LAST)
        for step in range(1, size + 1):
            port = FIRST + (last - FIRST + step) % size
            if not taken(port):
                chosen.append(port)
            if len(chosen) == count:
                file.truncate(0)
                file.write(str(port))
                return tuple(chosen)
    raise errors.DevclusterError(f"no {count} free ports between {FIRST} and {LAST}")


def refuse_taken(ports: dict[str, int]) -> None:
    """Raise PortTakenError, naming the port and its purpose, if one is in use."""
    for purpose, port in ports.items():
        if taken(port):
            raise errors.PortTakenError(
                f"port {port} of 127.0.0.1, which this cluster's {purpose} had, is taken by another"
                " process; end that one, or `down` and `up` again for new ports"
            )
