"""A git server over HTTP for what builds from source: `git http-backend` behind a port.

`repositories` starts it as a process of its own, so that tests can end and freeze it. Its folder
has bare repositories, and `passwords.json` names those that ask for a password; the file is read
at each request, so that a password can be changed under way.
"""

import base64
import binascii
import hmac
import http
import http.server
import json
import os
import subprocess
import sys
import urllib.parse
from pathlib import Path
from typing import ClassVar

USER = "git"
PASSWORDS = "passwords.json"
BACKEND = ("git", "http-backend")
HEADERS_END = b"\r\n\r\n"


class Handler(http.server.BaseHTTPRequestHandler):
    """Hands requests to git, those of a guarded repository only with its password."""

    folder: ClassVar[Path]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer what a fetch or push begins with."""
        self._answer(b"")

    def do_POST(self) -> None:
        """Answer a fetch or push itself."""
        self._answer(self._body())

    def _answer(self, body: bytes) -> None:
        where = urllib.parse.urlsplit(self.path)
        path = urllib.parse.unquote(where.path)
        if not self._may_enter(path):
            self.send_response(http.HTTPStatus.UNAUTHORIZED)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        environment = {
            **os.environ,
            "GIT_PROJECT_ROOT": str(self.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "PATH_INFO": path,
            "QUERY_STRING": where.query,
            "REQUEST_METHOD": self.command,
            "REMOTE_USER": USER,
            "REMOTE_ADDR": self.client_address[0],
        }
        done = subprocess.run(
            BACKEND, input=body, capture_output=True, env=environment, check=False
        )
        self._pass_on(done.stdout)

    def _pass_on(self, answer: bytes) -> None:
        """Send what a CGI program wrote."""
        head, _, body = answer.partition(HEADERS_END)
        fields = [line.partition(": ") for line in head.decode().splitlines()]
        headers = {name: value for name, _, value in fields}
        status = headers.pop("Status", "200 OK")
        self.send_response(int(status.split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _may_enter(self, path: str) -> bool:
        repository = path.strip("/").split("/")[0].removesuffix(".git")
        try:
            passwords = json.loads((self.folder / PASSWORDS).read_text())
        except FileNotFoundError:
            return True
        if repository not in passwords:
            return True
        kind, _, told = self.headers.get("Authorization", "").partition(" ")
        try:
            given = base64.b64decode(told, validate=True) if kind.lower() == "basic" else b""
        except binascii.Error:
            return False
        return hmac.compare_digest(given, f"{USER}:{passwords[repository]}".encode())


def main(arguments: list[str]) -> None:
    """Serve a folder at an address until killed."""
    folder, address = arguments
    host, _, port = address.rpartition(":")
    Handler.folder = Path(folder)
    http.server.ThreadingHTTPServer((host, int(port)), Handler).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
