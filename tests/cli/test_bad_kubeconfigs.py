"""A kubeconfig that cannot be used is told with a command that shows it, and used once it can be.

`tests/simulation/test_shown_remedies.py` walks all reasons; this one comes before any cluster.
"""

from __future__ import annotations

import pathlib

import pytest

from controller.cli import failures, session
from controller.cli.target import ClusterTarget
from controller.presentation import vocabulary

GOOD = """
current-context: here
contexts: [{name: here, context: {cluster: here, user: me}}]
clusters: [{name: here, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: me, user: {}}]
"""


@pytest.mark.parametrize(
    ("text", "words"), [("a: [", "kubeconfig"), ("current-context: there", "there")]
)
def test_a_kubeconfig_that_is_put_right_is_used(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    """The command that the table of reasons has is printed; put right, the cluster is asked."""
    path = tmp_path / "config"
    path.write_text(text)
    target = ClusterTarget(kubeconfig=str(path))

    async def work(_: session.Session) -> int:
        raise AssertionError("there is no cluster")

    assert session.perform(target, work) == failures.UNREACHABLE
    told = capsys.readouterr().err
    assert words in told
    assert f"{vocabulary.EXPLAINED['BadKubeconfig'].command} --kubeconfig {path}" in told
    path.write_text(GOOD)
    assert session.perform(target, work) == failures.UNREACHABLE
    assert "cannot reach the API server at http://127.0.0.1:9" in capsys.readouterr().err
