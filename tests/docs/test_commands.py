"""Every command that a page shows is one that its program takes, to the last option."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from typer.exceptions import TyperException

from controller.cli import app as program
from devcluster import __main__ as devcluster
from tests.docs import pages

ROOT = pages.ROOT
CHART = ROOT / "charts" / "argosy"
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
TARGETS = set(re.findall(r"^([a-z0-9-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
COMMANDS: Any = typer.main.get_command(program.app)
EXAMPLE = re.compile(r"^ +(?:sudo )?python (-m devcluster .*?)(?: {2,}.*)?$", re.MULTILINE)
# How typer calls an argument that is not there, of a command and of an option.
LACKING = {"MissingParameter", "BadOptionUsage"}
# Options whose next word names a value of the chart.
SETS = {"--set", "--set-string"}
# Verbs of kubectl's own that pages use.
HELM = {
    "history",
    "install",
    "lint",
    "rollback",
    "template",
    "test",
    "uninstall",
    "upgrade",
}
KUBECTL = {
    "annotate", "api-resources", "apply", "auth", "autoscale", "cluster-info", "config", "create",
    "delete", "describe", "drain", "edit", "explain", "get", "label", "logs", "patch",
    "port-forward", "replace", "rollout", "scale", "wait",
}  # fmt: skip
# Programs that others made and pages only mention, or the shell's own words.
OTHERS = {
    "awk", "cat", "cd", "cosign", "cp", "curl", "do", "docker", "done", "echo", "eval", "export",
    "flux", "gh", "git", "grep", "install", "jq", "openstack", "pip", "sed", "sleep", "source",
    "tee", "until",
}  # fmt: skip


def argosy(words: list[str], name: str) -> None:
    """Parse a command line of ours; raises what a user would be told."""
    whole = COMMANDS.context_class(COMMANDS, info_name=name)
    if words and words[0] in {"--help", "--install-completion"}:
        return
    found, command, rest = COMMANDS.resolve_command(whole, list(words))
    if "--help" not in rest:
        command.make_context(found, list(rest), parent=whole)


def _kubectl(words: list[str]) -> None:
    if words[0] == "argosy":
        argosy(words[1:], "kubectl argosy")
        return
    if "--watch" in words and "get" in words:
        assert "argosy" not in words, "kubectl watches one kind at a time"
    verbs = [each for each in words if not each.startswith("-")]
    assert KUBECTL & set(verbs[:3]), words
    for before, path in itertools.pairwise(words):
        if before in {"-f", "--filename", "--patch-file"} and "/" in path:
            assert path.startswith("https:") or (ROOT / path).exists(), path


def _helm(words: list[str]) -> None:
    assert words[0] in HELM, words
    if "charts/argosy" not in words:
        return
    _values(words)


def _values(words: list[str]) -> None:
    """Hold what is set on a command line to the chart's values."""
    for before, chosen in itertools.pairwise(words):
        if before in SETS:
            _value(chosen.partition("=")[0])


def _value(path: str) -> None:
    """Hold the path of a value to the chart's values."""
    found = VALUES
    for key in path.split("."):
        assert key in found, f"the chart has no value {path}"
        found = found[key]


def _make(words: list[str]) -> None:
    for each in words:
        assert "=" in each or each in TARGETS, f"the Makefile has no target {each}"


def _python(words: list[str]) -> None:
    assert words[0] == "-m", words
    module, arguments = words[1], words[2:]
    if module == "devcluster":
        devcluster._parser().parse_args(arguments)
        _values(arguments)
    else:
        path = ROOT / Path(*module.split("."))
        there = path.exists() or path.with_suffix(".py").exists()
        assert there or module in {"pytest", "venv", "pip"}


PROGRAMS: dict[str, Callable[[list[str]], None]] = {
    "argosy": lambda words: argosy(words, "argosy"),
    "kubectl": _kubectl,
    "helm": _helm,
    "make": _make,
    "python": _python,
    ".venv/bin/python": _python,
}


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_can_be_typed(page: Path) -> None:
    """Verbs, options, values of the chart, targets and files are there."""
    for words in pages.commands(page.read_text()):
        given = words
        while given and re.fullmatch(r"\w+=.*|sudo", given[0]):
            given = given[1:]
        if not given or given[0] in OTHERS:
            continue
        assert given[0] in PROGRAMS, f"{page.name}: {given}"
        PROGRAMS[given[0]](_without_redirects(given[1:]))


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_in_sentences_are_there(page: Path) -> None:
    """Whatever a sentence calls a command is one, with these options; an argument may lack."""
    for words in pages.mentioned(page.read_text()):
        _mention(words)


@pytest.mark.parametrize(
    "sentence",
    [
        "Type `kubectl argosy delete --force`.",
        "Type `kubectl\nargosy restrat`.",
        "Type `kubectl argosy\nrestrat`.",
        "Type `make tests`.",
        "Type `helm remove argosy`.",
    ],
)
def test_wrong_commands_in_sentences_are_found(sentence: str) -> None:
    """The test above could fail: each of these is read, over ends of lines too, and refused."""
    (words,) = pages.mentioned(sentence)
    with pytest.raises((TyperException, AssertionError)):
        _mention(words)


@pytest.mark.parametrize(
    "sentence", ["See `kubectl argosy plan -f`.", "See `kubectl argosy why` and `other status`."]
)
def test_a_sentence_about_a_command_may_leave_out_its_arguments(sentence: str) -> None:
    """Whoever reads it does not type it."""
    (words,) = pages.mentioned(sentence)
    _mention(words)


def _mention(words: list[str]) -> None:
    """Hold to its program what a sentence calls a command; that an argument lacks is no mistake."""
    try:
        PROGRAMS[words[0]](words[1:])
    except TyperException as error:
        if type(error).__name__ not in LACKING:
            raise


def test_commands_of_every_kind_of_block_are_read() -> None:
    """Of a console what follows the prompt, of a shell each line, and no remark or output."""
    page = (
        "```console\n$ make check  # all\ndone\n```\n"
        "```sh\n# first\nmake \\\n  setup  # once\n\nkubectl argosy status\n```\n"
        "```yaml\nmake: none\n```\n"
    )
    found = [" ".join(each) for each in pages.commands(page) if each]
    assert found == ["make check", "make setup", "kubectl argosy status"]


@pytest.mark.parametrize("text", ["UP", "DOWN", "STATUS", "ENV", "OPERATOR", "IMAGE"])
def test_the_clusters_own_examples_can_be_typed(text: str) -> None:
    """What the help of `python -m devcluster` shows is taken, and sets values that there are."""
    shown = EXAMPLE.findall(vars(devcluster)[text])
    assert shown or text == "ENV"
    for line in shown:
        _python(shlex.split(line))


def _without_redirects(words: list[str]) -> list[str]:
    """Return the words before the shell's own signs."""
    signs = [at for at, word in enumerate(words) if word in {">", "<", "&", "<<"}]
    return words[: signs[0]] if signs else words


@pytest.mark.parametrize(
    "line",
    [
        ["kubectl", "argosy", "restrat", "shop"],
        ["kubectl", "argosy", "restart", "shop", "--concurency", "2"],
        ["kubectl", "argosy", "retry", "upgrade", "--form", "migrate"],
        ["make", "tests"],
        ["python", "-m", "devcluster", "up", "--node", "x"],
        ["helm", "install", "argosy", "charts/argosy", "--set", "watchNamespace={a}"],
        ["kubectl", "apply", "-f", "examples/none.yaml"],
        ["kubectl", "applly", "-f", "-"],
        ["kubectl", "get", "argosy", "--watch"],
    ],
    ids=" ".join,
)
def test_wrong_commands_are_found(line: list[str]) -> None:
    """The test above could fail: each of these is refused."""
    with pytest.raises((Exception, SystemExit)):
        PROGRAMS[line[0]](line[1:])
