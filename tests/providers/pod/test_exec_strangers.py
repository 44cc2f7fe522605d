"""Notes of a detached command that name a process of somebody else's, or of nobody yet."""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from controller import contract, errors
from controller.api import objects
from tests.contracts.provider_stages import PodStage
from tests.providers.pod.test_exec import Container, call, log, prepare, until

# Those of the machine, for the programs of tests that stand before them.
SETSID, MV = shutil.which("setsid"), shutil.which("mv")


@pytest.fixture
async def stage() -> AsyncIterator[PodStage]:
    """Give a cluster; the test begins it."""
    made = PodStage()
    yield made
    await made.end()


@pytest.fixture
def container(tmp_path: Path) -> Iterator[Container]:
    """Give a container, and end what is left in it."""
    made = Container(tmp_path)
    yield made
    made.end_all()


@pytest.fixture
async def stranger(tmp_path: Path) -> AsyncIterator[int]:
    """Give a process that leads a group, as a worker of a container does; its name is odd."""
    program = tmp_path / "x) Z 1\n1 (y"
    program.write_text("#!/bin/sh\nsleep 600\n:\n")
    program.chmod(0o755)
    process = await asyncio.create_subprocess_exec(program, start_new_session=True)
    await until(lambda: "(y)" in Path(f"/proc/{process.pid}/stat").read_text())
    yield process.pid
    _end(process.pid)
    await process.wait()


@pytest.fixture
async def orphan(tmp_path: Path) -> AsyncIterator[int]:
    """Give a group whose leader has ended, as a daemon's may."""
    script = f"sleep 600 & echo $! >{tmp_path}/orphan"
    process = await asyncio.create_subprocess_exec("sh", "-c", script, start_new_session=True)
    await process.wait()
    yield process.pid
    _end(process.pid)


def _end(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _stat(process: int) -> list[str]:
    """Return what the kernel tells of a process, from its state on; nothing once it is gone."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _lives(process: int) -> bool:
    return _stat(process)[:1] not in ([], ["Z"])


async def _killed(
    stage: PodStage, container: Container
) -> tuple[objects.Server, contract.Call, Path]:
    """Return a command that was killed, as with its container, and where its notes are."""
    server = await prepare(stage, container)
    wish = call(log(container, "begun", "sleep 60"), detached=True)
    running = asyncio.ensure_future(stage.provider.act(server, wish))
    await until(lambda: container.lines() == ["begun"])
    container.end_all()
    with pytest.raises(errors.UnknownOutcome):
        await running
    [notes] = container.folder.glob(".argosy/*")
    return server, wish, notes


def _put(container: Container, program: str, script: str) -> None:
    """Have commands find `script` where they look for `program`."""
    folder = container.folder / "bin"
    folder.mkdir(exist_ok=True)
    path = folder / program
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def programs(container: Container, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Give what puts a program before those of the machine."""
    monkeypatch.setenv("PATH", f"{container.folder}/bin:{os.environ['PATH']}")
    return lambda program, script: _put(container, program, script)


async def test_a_stranger_with_the_pid_of_a_command_is_left_alone(
    stage: PodStage, container: Container, stranger: int
) -> None:
    """A volume keeps the notes when the container starts anew: nobody waits for, or ends, it."""
    server, wish, notes = await _killed(stage, container)
    (notes / "pid").write_text(f"{stranger}\n")
    with pytest.raises(errors.UnknownOutcome) as lost:
        await stage.provider.resume(server, wish)
    assert lost.value.reason == "NoTrace"
    await stage.provider.cancel(server, wish)
    assert _lives(stranger)


async def test_a_process_is_known_by_its_start_whatever_its_name(
    stage: PodStage, container: Container, stranger: int
) -> None:
    """Were it the one of the notes, its name, which looks like a zombie's, would not save it."""
    server, wish, notes = await _killed(stage, container)
    (notes / "pid").write_text(f"{stranger}\n")
    (notes / "born").write_text(f"{_stat(1)[19]}/{_stat(stranger)[19]}\n")
    await stage.provider.cancel(server, wish)
    await until(lambda: not _lives(stranger))


@pytest.mark.parametrize("same", [True, False])
async def test_a_group_without_its_leader_is_ended_in_its_own_container(
    stage: PodStage, container: Container, orphan: int, *, same: bool
) -> None:
    """Children outlive their command there, but none a container: such a group is another's."""
    server, wish, notes = await _killed(stage, container)
    member = int(container.lines("orphan")[0])
    (notes / "pid").write_text(f"{orphan}\n")
    first = (notes / "born").read_text().partition("/")[0]
    (notes / "born").write_text(f"{first if same else '0'}/1\n")
    await stage.provider.cancel(server, wish)
    await until(lambda: _lives(member) != same)


async def test_a_process_whose_start_was_not_noted_is_waited_for_and_not_ended(
    stage: PodStage,
    container: Container,
    stranger: int,
    programs: Callable[[str, str], None],
) -> None:
    """Without /proc it may be the command, or not: the cancel says that it ended nothing."""
    server, wish, notes = await _killed(stage, container)
    (notes / "pid").write_text(f"{stranger}\n")
    (notes / "born").unlink()
    with pytest.raises(errors.UnknownOutcome, match="cannot be told"):
        await stage.provider.cancel(server, wish)
    assert _lives(stranger)
    programs("sleep", f"echo napped >>{container.folder}/naps; exec /bin/sleep 0.1")
    following = asyncio.ensure_future(stage.provider.resume(server, wish))
    await until(lambda: len(container.lines("naps")) > 1)
    (notes / "exit").write_text("0\n")
    assert await following == {"exitCode": "0"}


@pytest.fixture
def held(container: Container, programs: Callable[[str, str], None]) -> Iterator[Path]:
    """Have commands begun late, as in a throttled container: once the file that is given exists."""
    go = container.folder / "go"
    wait = f"until [ -e {go} ]; do sleep 0.1; done"
    programs("setsid", f'echo held >>{container.folder}/held; {wait}; exec {SETSID} "$@"')
    yield go
    _let(go)


def _let(held: Path) -> None:
    held.touch()


async def test_what_was_cancelled_while_it_began_never_runs(
    stage: PodStage, container: Container, held: Path
) -> None:
    """Its notes are there and no process is yet: once there is one, it finds itself called off."""
    server = await prepare(stage, container)
    wish = call(log(container, "begun"), detached=True)
    running = asyncio.ensure_future(stage.provider.act(server, wish))
    await until(lambda: container.lines("held") == ["held"])
    await stage.provider.cancel(server, wish)
    with pytest.raises(errors.Transient, match="ended with 143"):
        await running
    _let(held)
    process = await _begun(container)
    await until(lambda: not _lives(process))
    assert container.lines() == []


async def test_what_begins_while_it_is_cancelled_is_ended(
    stage: PodStage,
    container: Container,
    held: Path,
    programs: Callable[[str, str], None],
) -> None:
    """A command that looked for its end too soon has its process seen by the cancel."""
    server = await prepare(stage, container)
    wish = call(log(container, "begun", "sleep 60"), detached=True)
    running = asyncio.ensure_future(stage.provider.act(server, wish))
    await until(lambda: container.lines("held") == ["held"])
    wait = f"until [ -e {container.folder}/log ]; do sleep 0.1; done"
    programs("mv", f'touch {held}; {wait}; exec {MV} "$@"')
    await stage.provider.cancel(server, wish)
    process = await _begun(container)
    await until(lambda: not _lives(process))
    with pytest.raises(errors.Transient, match="ended with 143"):
        await running


async def _begun(container: Container) -> int:
    """Return the process of the one command, once it is noted."""
    [notes] = container.folder.glob(".argosy/*")
    await until(lambda: (notes / "pid").exists() and bool((notes / "pid").read_text()))
    return int((notes / "pid").read_text())
