"""Applications that are built from repositories of their own, on a real node, and their pages."""

from __future__ import annotations

import contextlib
import secrets
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from controller.api import resources
from controller.api.resources import Resource
from devcluster import client, forge, operator, repositories
from tests.e2e import conftest, driving
from tests.e2e.driving import App, Kube, Object, Place

PORT = 8080
PATIENCE = 240.0
CLIENT = "argosy-build-client"
DOCKERFILE = """
FROM python:3.11-slim-bookworm
ARG PAUSE=0
COPY app.py check.py /app/
RUN python -m py_compile /app/app.py && sleep $PAUSE
CMD ["python", "-B", "/app/app.py"]
"""
PROGRAM = f"""
import http.server, signal, sys

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"@word@")

    def log_message(self, *_):
        pass

signal.signal(signal.SIGTERM, lambda *_: sys.exit())
http.server.ThreadingHTTPServer(("", {PORT}), Page).serve_forever()
"""
CHECK = "import sys; sys.exit('the page has a bad word' if '@word@' == 'bad' else 0)"


@contextlib.contextmanager
def builders(folder: Path) -> Iterator[Place]:
    """A cluster whose only node is real, the chart with its BuildKit, and one operator."""
    with conftest.cluster_of_its_own(folder, conftest.REAL_NODE) as one:
        operator.run(one, files=[forge.values(one, forge.start(one))])
        yield Place(api=one.client, cluster=one)


class Shop:
    """An application built from a repository of its own, and its pages."""

    def __init__(
        self, place: Place, started: forge.Forge, kube: Kube, *, replicas: int = 1, **source: Any
    ) -> None:
        assert place.cluster is not None
        self.owner = place.cluster
        self.kube = kube
        self.name = f"shop-{secrets.token_hex(3)}"
        guard = source.pop("password", "")
        self.repository = repositories.create(place.cluster, self.name, password=guard)
        made = driving.component(replicas=replicas, image="made-of-source")
        (container,) = made["template"]["spec"]["containers"]
        container["readinessProbe"] = {"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 1}
        container["securityContext"] = {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }
        made["template"]["spec"]["terminationGracePeriodSeconds"] = 1
        made["template"]["spec"]["securityContext"] = {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        made["source"] = {
            "git": {"url": self.repository.url},
            "image": f"{started.registry}/{self.name}/web",
            "recovery": {"attempts": 20, "backoff": {"initialSeconds": 1, "maxSeconds": 2}},
            **source,
        }
        self.app: App = kube.app(made, deletion={"drainSeconds": 1})

    def commit(self, word: str, *, pause: int = 0) -> str:
        """Commit a page of one word; `broken` does not compile, and `bad` fails its test.

        Where the source has no argument PAUSE, its build takes `pause` seconds longer.
        """
        program = PROGRAM.replace("@word@", word)
        files = {
            "Dockerfile": DOCKERFILE.replace("PAUSE=0", f"PAUSE={pause}"),
            "app.py": f"def broken(:\n{program}" if word == "broken" else program,
            "check.py": CHECK.replace("@word@", word),
        }
        return self.repository.commit(files)

    def ask(self) -> None:
        """Ask for a build."""
        self.app.annotate(build_requested=secrets.token_hex(4))

    def build(self, number: int) -> Object:
        """Return a Build, or nothing."""
        return self.kube.get(Resource.BUILDS, f"shop-web-b{number}") or {}

    def wait_end(self, number: int, reason: str) -> Object:
        """Wait until a Build has ended, for this reason."""

        def ended() -> Object:
            said = driving.condition(self.build(number), "Succeeded")
            return said if said.get("status") in {"True", "False"} else {}

        told = self.kube.wait_until(f"build {number} ends", ended, PATIENCE)
        assert told["reason"] == reason, self.build(number)
        return told

    def wait_phase(self, number: int, reason: str) -> None:
        """Wait until a Build says that it is at this."""

        def there() -> bool:
            return driving.condition(self.build(number), "Succeeded").get("reason") == reason

        self.kube.wait_until(f"build {number} is {reason}", there, PATIENCE)

    def pages(self) -> list[str]:
        """Return what each server answers over HTTP."""
        found = []
        for each in self.app.pods().values():
            url = f"http://{each['status']['podIP']}:{PORT}/"
            with urllib.request.urlopen(url, timeout=10) as answer:
                found.append(answer.read().decode())
        return found

    def wait_pages(self, word: str, reason: str = "Available") -> None:
        """Wait until all servers answer with this word, and the application says this of itself."""
        count = self.app.component()["replicas"]

        def answered() -> bool:
            said = self.app.says("Ready").get("reason")
            return said == reason and self.pages() == [word] * count

        self.kube.wait_until(f"all say {word}", answered, PATIENCE)

    def jobs(self) -> dict[str, Object]:
        """Return the Jobs of its builds."""
        return self.kube.list(Resource.JOBS, application="shop")


def rooms_of(place: Place) -> Iterator[Kube]:
    """Make a namespace for restricted pods alone, with what shows one to the chart's BuildKit."""
    for one in conftest.namespace_of(place, slack=30.0):
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        place.api.merge(f"/api/v1/namespaces/{one.namespace}", {"metadata": {"labels": labels}})
        given = place.api.get(f"/api/v1/namespaces/default/secrets/{CLIENT}")
        secret(one, CLIENT, given["data"], given["type"])
        yield one


def secret(kube: Kube, name: str, data: dict[str, str], kind: str = "Opaque") -> None:
    """Make a Secret of values that are base64 already."""
    body = {"metadata": {"name": name}, "type": kind, "data": data}
    kube.create(Resource.SECRETS, body)


def plain(**values: str) -> dict[str, str]:
    """Return values as a Secret has them."""
    return {key: client.encoded(value.encode()) for key, value in values.items()}


def logs(kube: Kube) -> list[str]:
    """Return what the pods of builds have printed."""
    path = resources.path(Resource.PODS, kube.namespace)
    names = kube.list(Resource.PODS, application="shop")
    return [str(kube.api.get(f"{path}/{name}/log")) for name in names]


def ends(shop: Shop, number: int = 1) -> tuple[str, str]:
    """Wait until a Build has ended; its reason and its message."""

    def ended() -> Any:
        said = driving.condition(shop.build(number), "Succeeded")
        return said if said.get("status") in {"True", "False"} else {}

    told = shop.kube.wait_until(f"build {number} ends", ended, PATIENCE)
    return str(told["reason"]), str(told["message"])
