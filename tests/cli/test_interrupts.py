"""Ctrl-C at commands that stay until then: one is enough, whatever the browser does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import stat
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pexpect
import pytest
import yaml
from aiohttp import web

from devcluster import processes
from tests.cli.test_forwarding import PODS, SERVER, SHOP, Kubelet
from tests.e2e.terminals import listen_to_ctrl_c

SECONDS = 120
INTERRUPTED = 130
# Each says that it was started, and by its process how it may be found again.
BROWSERS = {
    "ignores": "trap '' INT",
    "ends badly": "trap 'exit 1' INT",
    "ends": "trap 'exit 0' INT",
    "hangs": "",
}
STAYS = "while :; do sleep 1; done"
# Whoever takes the signal, and though the loop waits already: nothing else runs that would end it.
ELSEWHERE = """
import asyncio, pathlib, signal, sys, threading
from controller.cli import session
from controller.cli.app import ClusterTarget

def press(main):
    asleep = 0
    while asleep < 200:
        state = pathlib.Path(f"/proc/self/task/{main}/stat").read_text().rpartition(")")[2].split()
        asleep = asleep + 1 if state[0] == "S" else 0
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)

async def work(_):
    main = threading.main_thread().native_id
    threading.Thread(target=press, args=(main,), daemon=True).start()
    await asyncio.Event().wait()

sys.exit(session.perform(ClusterTarget(kubeconfig=sys.argv[1]), work))
"""


class Silent(Kubelet):
    """Answers a connection, and says nothing any more: not even that it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.released = asyncio.Event()
        self.reached = asyncio.Event()

    async def forward(self, request: web.Request) -> web.StreamResponse:
        """Answer with nothing."""
        stream = web.WebSocketResponse(protocols=("v4.channel.k8s.io",), autoclose=False)
        await stream.prepare(request)
        self.reached.set()
        await self.released.wait()
        return stream

    async def version(self, _: web.Request) -> web.Response:
        """Answer that the cluster is there, once: a connection that is kept would wake the loop."""
        answer = web.json_response({"gitVersion": "v1.36.0"})
        answer.force_close()
        return answer


@pytest.fixture
async def silent() -> Silent:
    """What answers."""
    return Silent()


@pytest.fixture
async def kubeconfig(silent: Silent, tmp_path: Path) -> AsyncIterator[Path]:
    """A kubeconfig that leads to an API server of one shop."""
    app = web.Application()
    app.router.add_get("/version", silent.version)
    app.router.add_get(PODS, silent.list)
    app.router.add_get(SHOP, silent.application)
    app.router.add_get(SERVER + "/{name}", silent.nothing)
    app.router.add_get(PODS + "/{pod}/portforward", silent.forward)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server = f"http://127.0.0.1:{runner.addresses[0][1]}"
    context = {"cluster": "c", "user": "u", "namespace": "prod"}
    body = {
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "x", "context": context}],
        "current-context": "x",
    }
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(body))
    yield path
    silent.released.set()
    await runner.cleanup()


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Path]:
    """Where each browser writes its process; those still there are ended."""
    path = tmp_path / "started"
    path.touch()
    yield path
    for each in path.read_text().split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(each), signal.SIGKILL)


def program(folder: Path, name: str, text: str) -> Path:
    """Return a program that was written."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def opened(kubeconfig: Path, *browsers: Path) -> pexpect.spawn[str]:
    """Return `kubectl argosy open`, as typed at a terminal."""
    return pexpect.spawn(
        sys.executable,
        ["-m", "controller", "open", "shop"],
        env={
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "BROWSER": ":".join(f"{each} %s" for each in browsers),
            "TERM": "dumb",
        },
        encoding="utf-8",
        timeout=SECONDS,
        dimensions=(50, 200),
        preexec_fn=listen_to_ctrl_c,
    )


def written(path: Path) -> list[str]:
    """Return what stands in a file."""
    return path.read_text().split()


def runs(process: str) -> bool:
    """Return whether a process is still there."""
    return Path(f"/proc/{process}").exists()


async def until(path: Path) -> list[str]:
    """Return what is in a file once there is something."""
    assert await asyncio.to_thread(processes.wait_until, lambda: bool(written(path)), SECONDS)
    return written(path)


async def ended(child: pexpect.spawn[str]) -> str:
    """Return what a command said until its end, which was Ctrl-C."""
    await child.expect(pexpect.EOF, async_=True)
    said = child.before or ""
    await asyncio.to_thread(child.close)
    assert child.exitstatus == INTERRUPTED, said
    return said


@pytest.mark.parametrize("does", BROWSERS)
async def test_one_ctrl_c_ends_open_and_no_browser(
    does: str, kubeconfig: Path, started: Path, tmp_path: Path
) -> None:
    """Whatever the browser does at SIGINT: it is not asked, it stays, and no other is tried."""
    one = program(tmp_path, "one", f"{BROWSERS[does]}\necho $$ >>{started}\n{STAYS}")
    other = program(tmp_path, "other", f"echo other >>{tmp_path}/other-started")
    child = opened(kubeconfig, one, other)
    await child.expect_exact("Ctrl-C ends this.", async_=True)
    (browser,) = await until(started)
    child.sendintr()
    await ended(child)
    assert runs(browser)
    assert not (tmp_path / "other-started").exists()


async def test_one_ctrl_c_ends_open_beside_a_connection_that_hangs(
    silent: Silent, kubeconfig: Path, tmp_path: Path, started: Path
) -> None:
    """A server that answers nothing any more, nor says goodbye, holds nobody."""
    said = "$(printf %s \"$1\" | sed 's|.*:||; s|/||')"
    text = f"echo $$ >>{started}\nexec {sys.executable} {tmp_path}/reads.py {said}"
    (tmp_path / "reads.py").write_text(
        "import socket, sys\n"
        "one = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n"
        "one.sendall(b'hello')\n"
        "one.recv(1)\n"
    )
    child = opened(kubeconfig, program(tmp_path, "reader", text))
    await child.expect_exact("Ctrl-C ends this.", async_=True)
    await asyncio.wait_for(silent.reached.wait(), SECONDS)
    child.sendintr()
    await ended(child)


@pytest.mark.parametrize("there", [True, False], ids=["fails", "missing"])
async def test_that_no_browser_could_be_started_is_told(
    there: bool, kubeconfig: Path, tmp_path: Path
) -> None:
    """The address is there all the same, until Ctrl-C; nothing of the folder one is in is run."""
    browser = program(tmp_path, "fails", "exit 1") if there else tmp_path / "missing"
    child = opened(kubeconfig, browser)
    await child.expect_exact("no browser could be started", async_=True)
    child.sendintr()
    await ended(child)


async def test_a_module_in_the_folder_one_is_in_starts_nothing(
    kubeconfig: Path, started: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkout of somebody else may have a file called webbrowser.py."""
    (tmp_path / "webbrowser.py").write_text(f"open({str(tmp_path / 'stolen')!r}, 'w')")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.chdir(tmp_path)
    child = opened(kubeconfig, program(tmp_path, "one", f"echo $$ >>{started}\n{STAYS}"))
    await until(started)
    assert not (tmp_path / "stolen").exists()
    child.sendintr()
    await ended(child)


async def test_ctrl_c_is_heard_by_whichever_thread_takes_it(
    kubeconfig: Path, tmp_path: Path
) -> None:
    """Nor is one lost that comes just before the loop waits, which looks the same to the loop."""
    script = tmp_path / "elsewhere.py"
    script.write_text(ELSEWHERE)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(script),
        str(kubeconfig),
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        preexec_fn=listen_to_ctrl_c,
    )
    try:
        assert await asyncio.wait_for(process.wait(), SECONDS) == INTERRUPTED
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_who_had_ctrl_c_ignored_keeps_that(kubeconfig: Path, tmp_path: Path) -> None:
    """A shell has what it starts in the background ignore the Ctrl-C of somebody else's command."""
    script = tmp_path / "ignoring.py"
    script.write_text(
        "import asyncio, os, signal, sys\n"
        "from controller.cli import session\n"
        "from controller.cli.app import ClusterTarget\n"
        "async def work(_):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    await asyncio.sleep(0)\n"
        "    return 7\n"
        "sys.exit(session.perform(ClusterTarget(kubeconfig=sys.argv[1]), work))\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(script),
        str(kubeconfig),
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    assert await asyncio.wait_for(process.wait(), SECONDS) == 7
