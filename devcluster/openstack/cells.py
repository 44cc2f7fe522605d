"""Nova's cell, which has all servers, out of order: it hangs, or nobody can connect to it.

A cell is its database, and the API has one of its own, which answers on. Tests use this.
"""

import contextlib
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator

from devcluster import errors
from devcluster.openstack import cloud, databases, layout

AIM = "UPDATE nova_api.cell_mappings SET database_connection='{}' WHERE name='cell1';"
PIECE = 1 << 16


@contextlib.contextmanager
def silent(plan: layout.Plan) -> Iterator[None]:
    """Keep the cell from answering: whoever asks it about servers waits.

    Nova gives up after a minute, lists no server of the cell, and says UNKNOWN of one by its id.
    """
    with subprocess.Popen(
        [*databases.client(plan), "--unbuffered"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=databases.known(plan),
    ) as session:
        asks, told = session.stdin, session.stdout
        assert asks is not None  # noqa: S101 - for mypy: they are pipes
        assert told is not None  # noqa: S101 - for mypy: they are pipes
        asks.write("LOCK TABLES nova.instances WRITE;\nSELECT 'held';\n")
        asks.flush()
        if told.readline().strip() != "held":
            raise errors.DevclusterError("the database gives nobody the table of servers")
        # The lock ends with its session, which ends with what it is asked.
        yield


class Way(socketserver.ThreadingTCPServer):
    """Nova's way to the cell's database, which can be cut."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, target: int) -> None:
        super().__init__(("127.0.0.1", port), _Passage)
        self.target = target
        self.open: set[socket.socket] = set()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Refuse new connections, and end those that there are."""
        self.shutdown()
        self.server_close()
        for each in list(self.open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


class _Passage(socketserver.BaseRequestHandler):
    """One connection, carried to the database."""

    server: Way

    def handle(self) -> None:
        with socket.create_connection(("127.0.0.1", self.server.target)) as far:
            ends = {self.request, far}
            self.server.open |= ends
            back = threading.Thread(target=_carry, args=(far, self.request), daemon=True)
            back.start()
            _carry(self.request, far)
            back.join()
            self.server.open -= ends


def _carry(source: socket.socket, target: socket.socket) -> None:
    """Carry all that comes from one end to the other; once one ends, both do."""
    with contextlib.suppress(OSError):
        while data := source.recv(PIECE):
            target.sendall(data)
    for each in (source, target):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


class Cut:
    """Whether Nova's API reaches the cell's database; `begin` and `end` change that."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._way = Way(0, target)
        self.port = int(self._way.server_address[1])
        self._cut = False

    def begin(self) -> None:
        """Have every connection end, and every new one refused."""
        if not self._cut:
            self._way.close()
        self._cut = True

    def end(self) -> None:
        """Let the API connect again."""
        if self._cut:
            self._way = Way(self.port, self._target)
        self._cut = False


@contextlib.contextmanager
def connected(one: cloud.Cloud) -> Iterator[Cut]:
    """Have Nova's API reach the cell's database by a way of ours; it is started anew for that.

    While the way is cut, Nova lists no server, and says UNKNOWN of one that is asked for by its id.
    """
    plan = one.plan
    cut = Cut(plan.ports[layout.MYSQL])
    _aim(one, cut.port)
    try:
        yield cut
    finally:
        _aim(one, plan.ports[layout.MYSQL])
        cut.begin()


def _aim(one: cloud.Cloud, port: int) -> None:
    plan = one.plan
    usual, ours = (f":{each}/" for each in (plan.ports[layout.MYSQL], port))
    databases.query(plan, AIM.format(plan.database("nova").replace(usual, ours)))
    one.restart(layout.NOVA)
