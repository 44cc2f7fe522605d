"""Somebody who asks a dashboard that was installed for its pages, as tests of the chart do."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import ssl
import subprocess
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from devcluster import certificates, client, processes

FORWARDED = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+)")
PATIENCE_SECONDS = 180


class Visitor:
    """A browser of few words: keeps its cookie, follows no redirect, says which host it means.

    With the file of an authority it speaks TLS.
    """

    def __init__(
        self, address: str, port: int, *, host: str, authority: Path | None = None
    ) -> None:
        self._place = address, port
        self._host = host
        self._authority = authority
        self.cookie = ""

    def ask(
        self, path: str, sent: dict[str, str] | None = None, **headers: str
    ) -> tuple[int, str, str]:
        """Return the status and the text of a page, and where it leads."""
        said = {"Host": self._host, "Cookie": self.cookie, **headers}
        body = None
        if sent is not None:
            body = urllib.parse.urlencode(sent)
            said["Content-Type"] = "application/x-www-form-urlencoded"
        with contextlib.closing(self._connection()) as connection:
            connection.request("GET" if sent is None else "POST", path, body, said)
            answer = connection.getresponse()
            text = answer.read().decode()
            given = answer.getheader("Set-Cookie", "")
            if given:
                self.cookie = given.partition(";")[0]
            return answer.status, text, answer.getheader("Location", "")

    def _connection(self) -> http.client.HTTPConnection:
        if self._authority is None:
            return http.client.HTTPConnection(*self._place, timeout=PATIENCE_SECONDS)
        context = ssl.create_default_context(cafile=str(self._authority))
        # The certificate is for the host's name, and the pod is asked at its address.
        context.check_hostname = False
        return http.client.HTTPSConnection(*self._place, timeout=PATIENCE_SECONDS, context=context)


@contextlib.contextmanager
def forwarded(kubectl: str, kubeconfig: Path, *words: str) -> Iterator[int]:
    """Lend the port of this machine that `kubectl port-forward` leads to what is named."""
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    argv = [kubectl, "port-forward", *words]
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            found = FORWARDED.search(running.stdout.readline())
            assert found is not None, "kubectl forwards no port"
            yield int(found[1])
        finally:
            running.terminate()


def dashboards(api: client.Client, namespace: str) -> list[dict[str, Any]]:
    """Return the dashboard's pods once there is only the one that stays."""
    label = "labelSelector=app.kubernetes.io/component=dashboard"

    def staying() -> list[dict[str, Any]]:
        items = api.get(f"/api/v1/namespaces/{namespace}/pods?{label}")["items"]
        return [each for each in items if "deletionTimestamp" not in each["metadata"]]

    assert processes.wait_until(lambda: len(staying()) == 1, PATIENCE_SECONDS)
    return staying()


def keep(api: client.Client, namespace: str, name: str, pair: certificates.Pair) -> None:
    """Put a certificate into a Secret, where the chart's dashboard finds it."""
    files = {"tls.crt": pair.certificate, "tls.key": pair.key}
    data = {name: client.encoded(path.read_bytes()) for name, path in files.items()}
    body = {"metadata": {"name": name}, "type": "kubernetes.io/tls", "data": data}
    api.create(f"/api/v1/namespaces/{namespace}/secrets", body)


def allowed(api: client.Client, user: str, **asked: str) -> bool:
    """Return whether somebody may do something, as the API server says."""
    body = {"spec": {"user": user, "resourceAttributes": asked}}
    answer = api.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", body)
    return bool(answer["status"]["allowed"])
