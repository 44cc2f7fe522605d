"""A server that tells what was done in it, for tests on a real node: `Station` asks it.

Its image is built from a Dockerfile. It answers HTTP, keeps what it was sent in files that commands
write too, and as many servers in containers it neither forks nor cares for the children of others.
"""

from __future__ import annotations

import http.client
from pathlib import Path
from typing import Any

from controller.api.resources import Resource
from devcluster import cluster, images
from tests.e2e import driving
from tests.e2e.driving import App, Kube, Object

IMAGE = "docker.io/argosy-dev/station:e2e"
PORT = 8080
ANSWER_SECONDS = 30.0
DOCKERFILE = """
FROM python:3.11-slim-bookworm
COPY station.py /station.py
CMD ["python", "/station.py"]
"""
PROGRAM = f"""
import http.server, pathlib, signal, sys, time

NOTES = pathlib.Path("/tmp")


class Station(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        file = NOTES / self.path.rpartition("/")[2]
        if self.path.startswith("/file/") and not file.exists():
            return self.answer(404)
        if self.path == "/commands":
            return self.answer(200, commands())
        self.answer(200, file.read_bytes() if self.path.startswith("/file/") else b"")

    def do_PUT(self):
        self.note(self.path.rpartition("/")[2], "")
        self.answer(201)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kind = self.path.strip("/")
        self.note(kind, self.headers.get("Idempotency-Key", "") + "\\n")
        while kind == "hang" and not (NOTES / "go").exists():
            time.sleep(0.05)
        self.answer({{"broken": 500, "moved": 302}}.get(kind, 200))

    def note(self, name, text):
        with (NOTES / name).open("a") as file:
            file.write(text)

    def answer(self, status, body=b""):
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/act")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def commands():
    found = []
    for each in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(each.read_bytes().replace(b"\\0", b" "))
        except OSError:
            continue
    return b"\\n".join(found)


signal.signal(signal.SIGTERM, lambda *_: sys.exit())
http.server.ThreadingHTTPServer(("", {PORT}), Station).serve_forever()
"""


def build(owner: cluster.Cluster, context: Path) -> None:
    """Build the server's image for the node of a cluster."""
    (context / "Dockerfile").write_text(DOCKERFILE)
    (context / "station.py").write_text(PROGRAM)
    images.build(owner, context, IMAGE)


def component(replicas: int, **fields: Any) -> Object:
    """Return a component whose servers are stations, ready when they answer."""
    made = driving.component(replicas=replicas, image=IMAGE, **fields)
    (container,) = made["template"]["spec"]["containers"]
    container["imagePullPolicy"] = "Never"
    container["readinessProbe"] = {"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 1}
    return made


def application(kube: Kube, replicas: int) -> App:
    """Return an application of stations, all of them at work."""
    app = kube.app(component(replicas), deletion={"drainSeconds": 1})
    app.apply()
    app.wait_ready()
    return app


class Station:
    """One such server."""

    def __init__(self, kube: Kube, name: str) -> None:
        found = kube.get(Resource.PODS, name)
        assert found is not None
        self.address = found["status"]["podIP"]

    def lines(self, file: str = "log") -> list[str]:
        """Return what commands and requests wrote into a file, line by line."""
        return self._ask("GET", f"/file/{file}").splitlines()

    def touch(self, file: str) -> None:
        """Make a file that a command or a request waits for."""
        self._ask("PUT", f"/file/{file}")

    def runs(self, words: str) -> bool:
        """Return whether a command line with these words is alive."""
        return words in self._ask("GET", "/commands")

    def _ask(self, method: str, path: str) -> str:
        connection = http.client.HTTPConnection(self.address, PORT, timeout=ANSWER_SECONDS)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        return "" if answer.status == http.client.NOT_FOUND else text
