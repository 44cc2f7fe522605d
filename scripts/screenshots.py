"""Take the screenshots of `kubectl argosy` that the pages show: real commands in a real terminal.

    python -m devcluster up --nodes 5 && python -m devcluster operator
    eval "$(python -m devcluster env)" && python -m scripts.screenshots

An application is made in a namespace of its own, with one server that fails; each command runs in
a pseudo-terminal, and what it draws becomes an SVG in docs/images.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect
import rich.console
import rich.text
import yaml

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "images"
NAMESPACE = "screens"
COLUMNS = 100
SECONDS = 120
POLL_SECONDS = 0.2
# What moves the cursor: a frame ends where the next one goes back to its beginning.
MOVES = re.compile(r"(?:\x1b\[\d*[ABGK]|\x1b\[2K|\r(?!\n))+")
HIDDEN = re.compile(r"\x1b\[\?\d+[hl]")
SLOW = {"kwok.argosy.dev/delay": "3s"}
# So slow that an operation on it is seen at work on a busy machine, too.
SLOWER = {"kwok.argosy.dev/delay": "15s"}
ILL = {"kwok.argosy.dev/outcome": "fail", "kwok.argosy.dev/only": "shop-web-13"}


def main() -> None:
    """Make the application, take every screenshot, delete it."""
    with living():
        _screens()


@contextlib.contextmanager
def living() -> Iterator[None]:
    """Have an application live in the namespace: one server fails, and an operation is at work."""
    kubectl("create", "namespace", NAMESPACE, check=False)
    try:
        _apply(_shop(ILL))
        _until("1 unready: web-13")
        argosy("restart", "shop", "--component", "db", "--name", "restart-db", "--detach")
        _until("1 in flight")
        yield
    finally:
        kubectl("delete", "namespace", NAMESPACE, check=False)


def _screens() -> None:
    shoot("status", "status", "shop")
    shoot("top", "top")
    shoot("why", "why", "server/shop-web-13")
    file = Path(tempfile.gettempdir()) / "shop.yaml"
    changed = _shop({})
    changed["spec"]["components"][1]["replicas"] = 24
    changed["spec"]["components"][1]["template"]["spec"]["containers"][0]["image"] = "web:2"
    file.write_text(yaml.safe_dump(changed))
    shoot("plan", "plan", "-f", str(file), shown=f"plan -f {file.name}")
    _apply(_shop(SLOW))
    argosy("wait", "application/shop")
    shoot("restart", "restart", "shop", "--component", "web", "--name", "restart-web", frame=0.6)
    shoot("delete", "delete", "shop", "--yes", frame=0.4)


def shoot(name: str, *words: str, shown: str = "", frame: float = 1.0) -> None:
    """Run a command in a terminal and keep what it shows, or one of its frames, as an SVG."""
    child: pexpect.spawn[str] = pexpect.spawn(
        sys.executable,
        ["-m", "controller", words[0], "-n", NAMESPACE, *words[1:]],
        env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
        dimensions=(60, COLUMNS),
        encoding="utf-8",
        timeout=SECONDS,
    )
    child.expect(pexpect.EOF)
    text = HIDDEN.sub("", child.before or "").replace("\r\n", "\n")
    frames = [each for each in MOVES.split(text) if each.strip()]
    # What stays is the last frame; of a command on its way, the one that far along.
    chosen = frames[min(len(frames) - 1, int(len(frames) * frame))] if frame < 1 else frames[-1]
    if frame == 1 and len(frames) > 1:
        chosen = "".join(frames[-1:])
    console = rich.console.Console(record=True, width=COLUMNS, file=io.StringIO())
    console.print(rich.text.Text.from_ansi(chosen.strip("\n")))
    title = f"kubectl argosy {shown or ' '.join(words)}"
    (FOLDER / f"{name}.svg").write_text(console.export_svg(title=title, unique_id=name))
    print(f"wrote {name}.svg")


def _shop(hooks: dict[str, str]) -> dict[str, Any]:
    def component(name: str, replicas: int, **fields: object) -> dict[str, Any]:
        template: dict[str, Any] = {"spec": {"containers": [{"name": name, "image": f"{name}:1"}]}}
        marks = hooks if name == "web" else SLOWER
        if marks:
            template["metadata"] = {"annotations": marks}
        return {"name": name, "replicas": replicas, "template": template, **fields}

    web = component(
        "web",
        20,
        dependsOn=["db"],
        rollout={"maxUnavailable": "20%"},
        recovery={"attempts": 8, "backoff": {"initialSeconds": 20, "maxSeconds": 60}},
    )
    return {
        "apiVersion": "argosy.dev/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "shop", "namespace": NAMESPACE},
        "spec": {"components": [component("db", 3), web]},
    }


def _apply(manifest: dict[str, Any]) -> None:
    kubectl("apply", "--server-side", "-f", "-", given=yaml.safe_dump(manifest))


def _until(*words: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not all(word in argosy("status", "shop") for word in words):
        if time.monotonic() > deadline:
            raise TimeoutError(f"status never said {words}")
        time.sleep(POLL_SECONDS)


def argosy(verb: str, *words: str) -> str:
    """Run a command of ours in the namespace; return what it prints."""
    argv = [sys.executable, "-m", "controller", verb, "-n", NAMESPACE, *words]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def kubectl(*words: str, given: str = "", check: bool = True) -> None:
    """Run kubectl with what it is given to read."""
    subprocess.run(["kubectl", *words], input=given, text=True, check=check)


if __name__ == "__main__":
    main()
