"""What the comparison with an older commit says, and what it takes from that commit."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import before


def _weight(arm: str, server_ms: float) -> before.Weight:
    return before.Weight(
        servers=1000,
        template=2000,
        arm=arm,
        server_ms=server_ms,
        operator_ms=4,
        unit_ms=0.5,
        apiserver_mib=100,
        etcd_mib=10,
        operator_mib=80,
        ready_seconds=12,
    )


def test_rounds_of_one_arm_are_one_line() -> None:
    """Each arm has one line, with the median of its rounds, in whichever order they came."""
    found = [_weight(*each) for each in (("now", 16), ("before", 30), ("now", 18), ("now", 17))]
    told = before.table(found)
    assert [line.split(" | ")[2:4] for line in told[2:]] == [["before", "30"], ["now", "17"]]
    assert len({line.count("|") for line in told}) == 1


def test_an_older_commit_brings_its_operator_and_its_chart(tmp_path: Path) -> None:
    """Both come from history, and no schema of the chart refuses the values of today."""
    before.unpack("HEAD", tmp_path)
    assert (tmp_path / "controller" / "__main__.py").exists()
    chart = tmp_path / "charts" / "argosy"
    assert (chart / "Chart.yaml").exists()
    assert not (chart / "values.schema.json").exists()


def test_a_commit_that_is_not_there_is_said_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever has no history, or misspells a commit, is told before a cluster starts."""
    with pytest.raises(SystemExit) as ended:
        before.main(["no-such-commit"])
    assert ended.value.code == 2
    assert "no-such-commit is no commit of this checkout" in capsys.readouterr().err
