"""Commands in pods. The wrapper of detached ones is run by a real shell, in a folder of its own."""

import asyncio
import contextlib
import ctypes
import dataclasses
import os
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from controller import contract, errors
from controller.api import objects
from controller.api.reasons import Reason
from controller.contract import tasks
from controller.kube import faults, streams
from controller.kube.api import ExecResult
from controller.kube.reasons import KubeReason
from tests.contracts.provider_stages import PodStage, create, watch_ready

# Of prctl(2).
SET_CHILD_SUBREAPER = 36
PATIENCE_SECONDS = 180
NO_SHELL = 'exec failed: exec: "sh": executable file not found in $PATH: unknown'


class Container:
    """Runs commands as a container would, its /tmp being a folder of the test's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ran: list[Sequence[str]] = []
        # Once the log has one of these words, the stream of the next command is cut.
        self.cut: list[str] = []

    async def exec(self, _namespace: str, _pod: str, command: Sequence[str]) -> ExecResult:
        """Run `command` to its end, or cut its stream, which kills it but not its children."""
        self.ran.append(command)
        # Files, not pipes: children that outlive the stream would hold those open.
        paths = [self.folder / f"{len(self.ran)}.{name}" for name in ("out", "err")]
        with paths[0].open("wb") as out, paths[1].open("wb") as err:
            process = await asyncio.create_subprocess_exec(
                *command,
                env={"PATH": os.environ["PATH"], "TMPDIR": str(self.folder)},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        try:
            if self.cut:
                await until(lambda: self.cut[0] in self.lines())
                process.kill()
                await process.wait()
                del self.cut[0]
                message = "the stream was cut"
                raise faults.UnknownOutcome(message, reason=KubeReason.CONNECTION_LOST)
            code = await process.wait()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        stdout, stderr = (path.read_bytes() for path in paths)
        return ExecResult(exit_code=code, stdout=stdout, stderr=stderr)

    def lines(self, name: str = "log") -> list[str]:
        """Return what commands have written to a file."""
        path = self.folder / name
        return path.read_text().split() if path.exists() else []

    def end_all(self) -> None:
        """End what commands have left running."""
        for each in self.folder.glob(".argosy/*/pid"):
            with contextlib.suppress(ProcessLookupError, ValueError):
                os.killpg(int(each.read_text()), signal.SIGKILL)


@pytest.fixture
async def stage() -> AsyncIterator[PodStage]:
    """Give a cluster; the test begins it."""
    made = PodStage()
    yield made
    await made.end()


@pytest.fixture
def container(tmp_path: Path) -> Any:
    """Give a container, and end what is left in it."""
    made = Container(tmp_path)
    yield made
    made.end_all()


def call(command: Sequence[str], *, identity: str = "task", **given: Any) -> contract.Call:
    """Return the wish for a command."""
    seconds = given.pop("timeout_seconds", 600)
    grace = given.pop("grace_seconds", 2)
    parameters = {
        "exec": {"command": list(command), **given},
        "timeoutSeconds": seconds,
        "graceSeconds": grace,
    }
    task = objects.Task(
        id=identity,
        operation="op",
        action=tasks.EXEC,
        parameters=msgspec.Raw(msgspec.json.encode(parameters)),
    )
    return contract.Call(verb=contract.Verb.ACT, why="test", task=task)


async def prepare(stage: PodStage, container: Container) -> objects.Server:
    """Return a server that is ready, whose commands the container runs."""
    await stage.begin()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    await watch_ready(stage.provider, server)
    stage.api.on_exec = container.exec
    return server


def log(container: Container, text: str, *then: str) -> list[str]:
    """Return a command that writes a word to the log, and goes on as `then` says."""
    script = "; ".join([f"echo {text} >>{container.folder}/log", *then])
    return ["sh", "-c", script]


async def until(seen: Callable[[], bool]) -> None:
    """Return once `seen` holds, in real time."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not seen():  # noqa: ASYNC110 - files and processes tell nobody
            await asyncio.sleep(0.02)


def raising(error: type[errors.ArgosyError]) -> Callable[..., Awaitable[ExecResult]]:
    """Return what answers each command with an error of that class."""

    async def refuse(*_: Any) -> ExecResult:
        raise error("simulated", reason=Reason.UNREACHABLE)

    return refuse


Run = Callable[[objects.Server, contract.Call], Awaitable[Any]]


async def test_a_command_that_succeeds(stage: PodStage, container: Container) -> None:
    """It runs once, as it was given, and its facts have its exit status."""
    server = await prepare(stage, container)
    facts = await stage.provider.act(server, call(log(container, "once")))
    assert facts == {"exitCode": "0"}
    assert container.lines() == ["once"]


async def test_a_command_that_fails(stage: PodStage, container: Container) -> None:
    """A failed attempt is Transient, and says the status and the last line of its complaint."""
    server = await prepare(stage, container)
    failing = ["sh", "-c", "echo first >&2; echo the reason >&2; exit 3"]
    with pytest.raises(errors.Transient, match="ended with 3: the reason") as failed:
        await stage.provider.act(server, call(failing))
    assert failed.value.reason == "ExecFailed"
    assert failed.value.facts == {"exitCode": "3"}
    assert not isinstance(failed.value, errors.UnknownOutcome)


async def test_a_plain_command_whose_stream_was_cut_is_unknown(
    stage: PodStage, container: Container
) -> None:
    """Whether it took effect cannot be known, and it is not run again."""
    server = await prepare(stage, container)
    container.cut = ["begun"]
    with pytest.raises(errors.UnknownOutcome):
        await stage.provider.act(server, call(log(container, "begun", "sleep 5")))
    assert len(container.ran) == 1


async def test_a_detached_command_ends_with_its_own_status(
    stage: PodStage, container: Container
) -> None:
    """The wrapper passes arguments, status and complaint through unharmed."""
    server = await prepare(stage, container)
    strange = ["sh", "-c", 'printf "%s" "$1" >"$2"', "x", "a b'\"$c", f"{container.folder}/out"]
    await stage.provider.act(server, call(strange, detached=True))
    assert (container.folder / "out").read_text() == "a b'\"$c"
    failing = ["sh", "-c", "echo the reason >&2; exit 3"]
    with pytest.raises(errors.Transient, match="ended with 3: the reason"):
        await stage.provider.act(server, call(failing, detached=True, identity="other"))


async def test_a_detached_command_survives_its_connection(
    stage: PodStage, container: Container
) -> None:
    """When the stream is cut, the same run is followed to its end: it is not begun again."""
    server = await prepare(stage, container)
    container.cut = ["begun"]
    command = log(container, "begun", "sleep 2", f"echo ended >>{container.folder}/log")
    await stage.provider.act(server, call(command, detached=True))
    assert container.lines() == ["begun", "ended"]
    assert len(container.ran) > 1


async def test_a_detached_command_is_not_begun_again_in_another_container(
    stage: PodStage, container: Container
) -> None:
    """When the notes died with their container while the stream was cut, the end is unknown."""
    server = await prepare(stage, container)
    container.cut = ["begun"]
    command = log(container, "begun", "sleep 30")
    running = asyncio.ensure_future(stage.provider.act(server, call(command, detached=True)))
    await until(lambda: container.lines() == ["begun"] and not container.cut)
    container.end_all()
    shutil.rmtree(container.folder / ".argosy")
    with pytest.raises(errors.UnknownOutcome) as lost:
        await running
    assert lost.value.reason == "NoTrace"
    assert container.lines() == ["begun"]


async def test_a_detached_command_is_begun_once_by_two(
    stage: PodStage, container: Container
) -> None:
    """Two operators that ask for one task run it once, and both see its end."""
    server = await prepare(stage, container)
    wish = call(log(container, "begun", "sleep 1", "exit 4"), detached=True)
    ends = await asyncio.gather(
        stage.provider.act(server, wish), stage.provider.act(server, wish), return_exceptions=True
    )
    assert container.lines() == ["begun"]
    assert all("ended with 4" in str(each) for each in ends)


async def test_a_successor_follows_a_detached_command(
    stage: PodStage, container: Container
) -> None:
    """What one operator began, another finds running, and sees its end."""
    server = await prepare(stage, container)
    command = log(container, "begun", "sleep 2", "exit 5")
    first = asyncio.ensure_future(stage.provider.act(server, call(command, detached=True)))
    await until(lambda: container.lines() == ["begun"])
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    with pytest.raises(errors.Transient, match="ended with 5"):
        await stage.provider.resume(server, call(command, detached=True))
    assert container.lines() == ["begun"]


async def test_resuming_begins_nothing(stage: PodStage, container: Container) -> None:
    """Where the container knows nothing of the task, its outcome is unknown."""
    server = await prepare(stage, container)
    with pytest.raises(errors.UnknownOutcome) as lost:
        await stage.provider.resume(server, call(log(container, "begun"), detached=True))
    assert lost.value.reason == "NoTrace"
    assert container.lines() == []


async def test_a_command_of_another_pod_cannot_be_followed(
    stage: PodStage, container: Container
) -> None:
    """The pod that knew of it is gone, so its outcome is unknown: not that of a new attempt."""
    server = await prepare(stage, container)
    wish = dataclasses.replace(call(["x"], detached=True), instance="another")
    with pytest.raises(errors.UnknownOutcome) as lost:
        await stage.provider.resume(server, wish)
    assert lost.value.reason == "NoTrace"


@pytest.mark.parametrize("error", [faults.Unauthorized, faults.NotFound, streams.ExecFailed])
async def test_what_befalls_the_asking_is_no_failure_of_the_command(
    stage: PodStage, container: Container, error: type[errors.ArgosyError]
) -> None:
    """A successor that is not let in has not seen how the command ended."""
    server = await prepare(stage, container)
    stage.api.on_exec = raising(error)
    with pytest.raises(errors.UnknownOutcome):
        await stage.provider.resume(server, call(["x"], detached=True))


async def test_a_command_is_asked_about_again_after_an_outage(
    stage: PodStage, container: Container
) -> None:
    """A successor that does not get through is told so, and may ask another time."""
    server = await prepare(stage, container)
    stage.api.on_exec = raising(faults.Unreachable)
    with pytest.raises(errors.Outage):
        await stage.provider.resume(server, call(["x"], detached=True))


@pytest.mark.parametrize("error", [faults.Unreachable, faults.NotRun])
async def test_a_command_that_has_begun_is_followed_through_an_outage(
    stage: PodStage, container: Container, error: type[errors.ArgosyError]
) -> None:
    """Its stream is cut, and for a while nobody gets through: it was sent, and runs on, once."""
    server = await prepare(stage, container)
    container.cut = ["begun"]
    command = log(container, "begun", "sleep 2", "exit 6")
    running = asyncio.ensure_future(stage.provider.act(server, call(command, detached=True)))
    await until(lambda: container.lines() == ["begun"] and not container.cut)
    stage.api.on_exec = raising(error)
    await asyncio.sleep(3)
    assert not running.done()
    stage.api.on_exec = container.exec
    with pytest.raises(errors.Transient, match="ended with 6"):
        await running
    assert container.lines() == ["begun"]


async def test_a_command_that_has_begun_and_cannot_be_asked_about_is_unknown(
    stage: PodStage, container: Container
) -> None:
    """Its stream is cut, and its pod is not there any more: whether it took effect is not known."""
    server = await prepare(stage, container)
    container.cut = ["begun"]
    command = log(container, "begun", "sleep 30")
    running = asyncio.ensure_future(stage.provider.act(server, call(command, detached=True)))
    await until(lambda: container.lines() == ["begun"] and not container.cut)
    stage.api.on_exec = raising(faults.NotFound)
    with pytest.raises(errors.UnknownOutcome):
        await running


async def test_a_command_that_speaks_of_a_missing_shell_runs_once(
    stage: PodStage, container: Container
) -> None:
    """Its words are its own: the container has a shell, as the wrapper has run in it."""
    server = await prepare(stage, container)
    complaint = "echo 'exec: \"sh\": executable file not found in $PATH' >&2"
    command = log(container, "begun", complaint, "exit 7")
    with pytest.raises(errors.Transient, match="ended with 7"):
        await stage.provider.act(server, call(command, detached=True))
    assert container.lines() == ["begun"]


async def test_another_attempt_is_another_run(stage: PodStage, container: Container) -> None:
    """A retry of the same task does not take the failed attempt's end for its own."""
    server = await prepare(stage, container)
    command = log(container, "begun", "exit 1")
    for attempt in (1, 2):
        status = objects.TaskStatus(id="task", attempt=attempt, state="Started")
        asked = msgspec.structs.replace(
            server, status=msgspec.structs.replace(server.status, task=status)
        )
        with pytest.raises(errors.Transient, match="ended with 1"):
            await stage.provider.act(asked, call(command, detached=True))
    assert container.lines() == ["begun", "begun"]


async def test_a_killed_run_leaves_an_unknown_outcome(
    stage: PodStage, container: Container
) -> None:
    """A process that vanished without a status did who knows what."""
    server = await prepare(stage, container)
    command = log(container, "begun", "sleep 30")
    running = asyncio.ensure_future(stage.provider.act(server, call(command, detached=True)))
    await until(lambda: any(each.read_text() for each in container.folder.glob(".argosy/*/pid")))
    container.end_all()
    with pytest.raises(errors.UnknownOutcome) as lost:
        await running
    assert lost.value.reason == "NoTrace"


@pytest.mark.parametrize("told", ["9" * 4000, "²", "-1", ""])
async def test_what_a_container_says_instead_of_a_status_is_no_crash(
    stage: PodStage, container: Container, told: str
) -> None:
    """Whoever is root in the container writes the file that is read: only a number is believed."""
    server = await prepare(stage, container)

    async def lie(*_: Any) -> ExecResult:
        return ExecResult(exit_code=0, stdout=f"argosy:exit:{told}\n".encode(), stderr=b"")

    stage.api.on_exec = lie
    with pytest.raises(errors.UnknownOutcome):
        await stage.provider.act(server, call(["x"], detached=True))


async def test_cancelling_ends_a_detached_command_and_its_children(
    stage: PodStage, container: Container
) -> None:
    """It is asked to end, and then made to, although it would not listen."""
    server = await prepare(stage, container)
    folder = container.folder
    stubborn = ["sh", "-c", f"trap '' TERM; sleep 60 & echo $! >{folder}/child; wait; wait"]
    wish = call(stubborn, detached=True, grace_seconds=1)
    running = asyncio.ensure_future(stage.provider.act(server, wish))
    await until(lambda: bool(container.lines("child")))
    await stage.provider.cancel(server, wish)
    child = int(container.lines("child")[0])
    await until(lambda: not _lives(child))
    assert any(isinstance(each, errors.ArgosyError) for each in await _ends(running))


@pytest.fixture
def no_init() -> Iterator[None]:
    """Let what loses its parent come to us, who never ask how it ended, as in most containers."""
    prctl = ctypes.CDLL(None).prctl
    prctl(SET_CHILD_SUBREAPER, 1)
    yield
    prctl(SET_CHILD_SUBREAPER, 0)
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


@pytest.mark.usefixtures("no_init")
async def test_what_has_ended_is_not_waited_for_where_nobody_reaps_it(
    stage: PodStage, container: Container
) -> None:
    """A command that heeds its cancel costs none of the grace, though it stays as a zombie."""
    server = await prepare(stage, container)
    wish = call(log(container, "begun", "sleep 60"), detached=True, grace_seconds=600)
    running = asyncio.ensure_future(stage.provider.act(server, wish))
    await until(lambda: container.lines() == ["begun"])
    async with asyncio.timeout(PATIENCE_SECONDS):
        await stage.provider.cancel(server, wish)
        assert any(isinstance(each, errors.ArgosyError) for each in await _ends(running))


@pytest.mark.usefixtures("no_init")
async def test_a_killed_run_is_missed_where_nobody_reaps_it(
    stage: PodStage, container: Container
) -> None:
    """A process that was killed is not taken for one that runs, though it stays as a zombie."""
    server = await prepare(stage, container)
    wish = call(log(container, "begun", "sleep 60"), detached=True, timeout_seconds=600)
    running = asyncio.ensure_future(stage.provider.act(server, wish))
    await until(lambda: container.lines() == ["begun"])
    container.end_all()
    async with asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(errors.UnknownOutcome) as lost:
            await running
    assert lost.value.reason == "NoTrace"


async def test_what_was_cancelled_before_it_began_never_begins(
    stage: PodStage, container: Container
) -> None:
    """A request that comes late finds the task called off."""
    server = await prepare(stage, container)
    wish = call(log(container, "begun"), detached=True)
    await stage.provider.cancel(server, wish)
    with pytest.raises(errors.Transient, match="ended with 143"):
        await stage.provider.act(server, wish)
    assert container.lines() == []


async def test_without_a_shell_a_detached_command_runs_plainly(
    stage: PodStage, container: Container
) -> None:
    """An image without a shell can run its own programs all the same."""
    server = await prepare(stage, container)
    ran: list[Sequence[str]] = []

    async def bare(_namespace: str, _pod: str, command: Sequence[str]) -> ExecResult:
        ran.append(command)
        if command[0] == "sh":
            raise errors.Transient(NO_SHELL, reason=Reason.EXEC_FAILED)
        return ExecResult(exit_code=0)

    stage.api.on_exec = bare
    await stage.provider.act(server, call(["/app", "migrate"], detached=True))
    assert ran[-1] == ("/app", "migrate")


async def test_a_missing_program_is_not_taken_for_a_missing_shell(
    stage: PodStage, container: Container
) -> None:
    """What cannot be started fails, and is not tried in another way."""
    server = await prepare(stage, container)
    with pytest.raises(errors.Transient, match="ended with 127"):
        await stage.provider.act(server, call(["/no/such/program"], detached=True))
    assert len(container.ran) == 1


def _lives(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def _ends(running: Awaitable[Any]) -> list[Any]:
    return list(await asyncio.gather(running, return_exceptions=True))
