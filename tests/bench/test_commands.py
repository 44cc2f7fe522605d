"""The words that `python -m bench` takes, and which of its parts they lead to."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from bench import __main__ as command
from bench import clouds


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], []),
        (["--quick"], ["--servers", "4", "--rounds", "1"]),
        (["--fleet", "50", "--pairs", "3"], ["--servers", "50", "--rounds", "3"]),
        (["--quick", "--fleet", "10"], ["--servers", "4", "--rounds", "1", "--servers", "10"]),
    ],
)
def test_openstack_is_measured_on_a_cloud(
    monkeypatch: pytest.MonkeyPatch, words: list[str], expected: list[str]
) -> None:
    """`--only openstack` has the arms meet there, with the sizes given; its status is theirs."""
    asked: list[list[str]] = []

    def main(arguments: list[str]) -> int:
        asked.append(arguments)
        return 3

    monkeypatch.setattr(clouds, "main", main)
    assert command.main(["--only", "openstack", *words]) == 3
    assert asked == [expected]


def test_a_cloud_is_not_measured_beside_clusters(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever asks for both at once is told to ask apart, before anything is started."""
    with pytest.raises(SystemExit) as ended:
        command.main(["--only", "openstack", "--only", "11"])
    assert ended.value.code == 2
    assert "ask for the others apart" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", ["__main__", "before", "builds", "clouds", "libraries", "showroom"]
)
def test_whatever_starts_a_cluster_ends_it_when_told_to(name: str) -> None:
    """Each is wrapped so that a SIGTERM is as good as Ctrl-C."""
    tree = ast.parse((Path(command.__file__).parent / f"{name}.py").read_text())
    (main,) = [
        each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == "main"
    ]
    assert "interrupts.orderly()" in map(ast.unparse, main.decorator_list)
