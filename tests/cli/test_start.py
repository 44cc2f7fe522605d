"""What starting the command costs, and that what Argosy tells people to type can be typed."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator

import pexpect
import pytest

from controller.cli import app as declared
from controller.cli import failures, session, table
from controller.cli.target import ClusterTarget
from controller.presentation import vocabulary
from tests.cli import typing_in
from tests.cli.typing_in import GROUP
from tests.e2e.terminals import listen_to_ctrl_c

ROOT = pathlib.Path(__file__).parents[2]
# pydantic is not among them: typer itself checks options with it.
HEAVY = (
    "kopf",
    "kubernetes",
    "aiohttp",
    "structlog",
    "msgspec",
    "yaml",
    "controller.api",
    "controller.kube",
    "controller.execution",
)
TYPED = re.compile(r"kubectl argosy ((?:[a-z-]+)(?: (?:[a-z]+/NAME|[a-z]+/\{\w+\}))?)")


@pytest.mark.parametrize(
    ("words", "most"),
    [(["version", "--client"], 300), (["--help"], 370), (["status", "--help"], 470)],
)
def test_nothing_heavy_is_imported_before_it_is_needed(words: list[str], most: int) -> None:
    """Help and version load neither kopf, nor clients, nor models, nor what plans; nor much."""
    loaded = _loaded(words)
    assert "controller.cli.app" in loaded
    assert not loaded & set(HEAVY)
    assert len(loaded) <= most


@pytest.mark.parametrize(
    ("words", "most"), [(["top"], 640), (["restart", "shop"], 620), (["why", "server/a"], 890)]
)
def test_a_command_imports_no_client_that_is_slow(
    words: list[str], most: int, tmp_path: pathlib.Path
) -> None:
    """What works on a cluster loads neither kopf, typed clients nor models, and else its own."""
    loaded = _loaded([*words, "--kubeconfig", str(_nowhere(tmp_path))])
    assert "controller.kube.client" in loaded
    assert not {each.partition(".")[0] for each in loaded} & {"kopf", "kubernetes"}
    # The base of all models: half a second of pydantic's work.
    assert "controller.api.schema" not in loaded
    assert "controller.wiring" not in loaded
    assert len(loaded) <= most


def test_help_loads_no_command_and_a_command_only_itself() -> None:
    """The help of all is read from the table; to load each would cost more with each new one."""
    commands = "controller.cli.commands."
    assert not [each for each in _loaded(["--help"]) if each.startswith(commands)]
    loaded = [each for each in _loaded(["scale", "--help"]) if each.startswith(commands)]
    assert loaded == ["controller.cli.commands.scale"]


def _loaded(words: list[str]) -> set[str]:
    """Return the modules that a command has loaded by its end."""
    program = (
        "import json, sys\n"
        f"sys.argv = ['argosy', *{words!r}]\n"
        "from controller.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('\\n' + json.dumps(sorted(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def _nowhere(folder: pathlib.Path, server: str = "http://127.0.0.1:9") -> pathlib.Path:
    """Return a kubeconfig of a cluster that is not there."""
    config = folder / "config"
    config.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
        "contexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {}}]\n"
        f"clusters: [{{name: c, cluster: {{server: '{server}'}}}}]\n"
    )
    return config


def remedies() -> Iterator[str]:
    """Yield the commands of ours that the documented reasons, planners and pages name."""
    for each in vocabulary.EXPLAINED.values():
        yield from TYPED.findall(each.command)
    sources = [*(ROOT / "controller").rglob("*.py"), *(ROOT / "docs").rglob("*.md")]
    for path in [*sources, ROOT / "README.md"]:
        yield from TYPED.findall(path.read_text())


def test_every_command_that_people_are_told_to_type_exists() -> None:
    """Remedies, messages and pages name only commands that there are, with kinds they take."""
    told = {tuple(each.split()) for each in remedies()}
    assert ("retry-now", "application/NAME") in told
    known = {*GROUP.commands, "--install-completion", "--help"}
    unknown = sorted(command for command, *_ in told if command not in known)
    assert not unknown


def test_every_command_has_an_example_that_parses() -> None:
    """Each command's help ends with an example, which the command accepts."""
    for name, command in GROUP.commands.items():
        _, found, example = (command.help or "").partition("Example: ")
        assert found, f"{name} has no example"
        words = shlex.split(example.strip().removeprefix("kubectl "))[1:]
        plugin = example.startswith("kubectl")
        context = GROUP.context_class(GROUP, info_name="kubectl argosy" if plugin else "argosy")
        called, chosen, rest = GROUP.resolve_command(context, words)
        assert chosen is command, f"{example} means {called}"
        chosen.make_context(called, rest)


def test_the_table_says_what_each_command_says_of_itself() -> None:
    """A command is shown among the others with the first line of its own help, in its section."""
    for name, row in table.COMMANDS.items():
        first, _, _ = GROUP.commands[name].help.partition("\n\n")
        assert " ".join(first.split()) == row.about
        assert row.section in table.SECTIONS
    modules = {each.stem for each in (ROOT / "controller/cli/commands").glob("[a-z]*.py")}
    assert modules == {each.module for each in table.COMMANDS.values()}


def test_no_command_has_one_flag_twice() -> None:
    """A flag means one thing: of two options with the same letter the first would be deaf."""
    for name in table.COMMANDS:
        flags = [
            flag
            for each in GROUP.commands[name].params
            for flag in (*each.opts, *each.secondary_opts)
            if flag.startswith("-")
        ]
        assert sorted(flags) == sorted(set(flags)), name


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("-n prod status shop", {"namespace": "prod", "application": "shop"}),
        ("--namespace=prod -A status", {"namespace": "prod", "everywhere": True}),
        ("-nprod why shop-web-0", {"namespace": "prod", "thing": ["shop-web-0"]}),
        ("--context c -n prod run shop -- ls -l", {"namespace": "prod", "command": ["ls", "-l"]}),
        ("--kubeconfig f logs -n prod shop", {"kubeconfig": "f", "namespace": "prod"}),
    ],
)
def test_options_of_all_commands_may_come_before_the_command(
    words: str, meant: dict[str, object]
) -> None:
    """`kubectl argosy -n prod status shop` means what it means with -n at its end."""
    name, values = typing_in.parsed(f"kubectl argosy {words}")
    assert name in words.replace("run", "run-steps")
    assert {key: values[key] for key in meant} == meant


def test_every_command_of_a_cluster_tells_its_rights() -> None:
    """Whatever asks the API server says which permissions it needs."""
    of_cluster = {
        name
        for name, each in GROUP.commands.items()
        if any(param.name == "kubeconfig" for param in each.params)
    }
    assert of_cluster == {name for name in GROUP.commands if declared.declared(name).rights}


@pytest.mark.parametrize(
    ("program", "words", "meant"),
    [
        ("argosy", ["run"], "run"),
        ("argosy", ["run", "--log-format", "json"], "run"),
        ("argosy", ["run", "--namespaces=a,b"], "run"),
        ("argosy", ["run", "--help"], "run"),
        ("argosy", ["run", "shop", "--", "true"], "run-steps"),
        ("argosy", ["run", "-n", "prod", "shop"], "run-steps"),
        ("kubectl argosy", ["run", "shop"], "run-steps"),
        ("kubectl argosy", ["run", "--help"], "run-steps"),
    ],
)
def test_run_means_the_operator_or_steps(program: str, words: list[str], meant: str) -> None:
    """`argosy run` starts the operator, as images do; an application in first place gets steps."""
    context = GROUP.context_class(GROUP, info_name=program)
    _, chosen, _ = GROUP.resolve_command(context, words)
    assert chosen is GROUP.commands[meant]


def test_a_cluster_that_is_not_there_is_named(tmp_path: pathlib.Path) -> None:
    """An unreachable cluster ends the command with its code, the address and what to check."""
    config = _nowhere(tmp_path)
    said = _failing("top", "--kubeconfig", str(config))
    assert "cannot reach the API server at http://127.0.0.1:9: Connect call failed" in said
    assert str(config) in said


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of what takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_cluster_that_is_silent_is_given_up(
    silent: str,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An address that takes connections and says nothing is named once its time is over."""
    monkeypatch.setattr(session, "HELLO_SECONDS", 1.0)

    async def work(_: session.Session) -> int:
        raise AssertionError("there is no cluster")

    target = ClusterTarget(kubeconfig=str(_nowhere(tmp_path, silent)))
    assert session.perform(target, work) == failures.UNREACHABLE
    told = capsys.readouterr().err
    assert f"cannot reach the API server at {silent}: no answer within 1 seconds" in told
    assert "waiting" not in told


def test_somebody_at_a_terminal_sees_which_cluster_is_silent(
    silent: str, tmp_path: pathlib.Path
) -> None:
    """Long before it is given up the address is shown, and Ctrl-C ends the command."""
    words = ["-m", "controller", "top", "--kubeconfig", str(_nowhere(tmp_path, silent))]
    child: pexpect.spawn[str] = pexpect.spawn(
        sys.executable,
        words,
        cwd=str(ROOT),
        env={**os.environ, "TERM": "xterm-256color"},
        dimensions=(24, 100),
        encoding="utf-8",
        timeout=180,
        preexec_fn=listen_to_ctrl_c,
    )
    child.expect_exact(f"waiting for {silent}")
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == session.INTERRUPTED


def test_a_context_that_is_not_there_is_named(tmp_path: pathlib.Path) -> None:
    """A wrong --context is told with what lists the right ones."""
    said = _failing("top", "--context", "nope", "--kubeconfig", str(_nowhere(tmp_path)))
    assert "nope" in said
    assert "kubectl config get-contexts" in said


def _failing(*words: str) -> str:
    """Return what a command says of a cluster that it does not reach."""
    done = subprocess.run(
        [sys.executable, "-m", "controller", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    assert done.returncode == 6, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["retry-"], ["retry-now", ":4"]),
        (["why", "server"], ["serverset/", "server/", ":4"]),
        (["restart", "shop", "--conc"], ["--concurrency", ":4"]),
        (["plan", "-f", ""], [":0"]),
    ],
)
def test_kubectl_learns_how_a_command_may_go_on(words: list[str], answer: list[str]) -> None:
    """kubectl_complete-argosy lists what may come next, then kubectl's directive about files."""
    done = subprocess.run(
        [sys.executable, "-c", "from controller.__main__ import complete; complete()", *words],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout.split() == answer
