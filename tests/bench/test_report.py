"""What is kept of a run, and what a person sees of it."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench import estimate, page, plot, ratios, record, report, runs, sizes, table
from bench.ratios import Book
from bench.stage import Stage
from bench.trials import catalogue

SVG = "{http://www.w3.org/2000/svg}"


def _run(arm: str, ready: float, servers: int = sizes.QUICK.fleet) -> runs.Run:
    return runs.Run(arm=arm, servers=servers, created=ready / 2, ready=ready, cpu={"etcd": 1.0})


@pytest.fixture
def book() -> Book:
    """A run in which one ratio was met and another missed, and a peer was waited for in vain."""
    made = Book()
    made.add("1", 1.0)
    made.add("1", 1.1)
    made.add("11", 0.7)
    made.tell("one idle write, s", 0.004)
    made.compare("StatefulSet, default", "first pod", math.inf)
    made.compare("StatefulSet, raised", "first pod", 1.5)
    for arm, ready in (("Argosy", 10.0), ("Argosy", 14.0), ("plain", 5.0)):
        made.runs.append(_run(arm, ready))
    made.runs.append(_run("Argosy", 99.0, servers=7))
    return made


def _written(book: Book, folder: Path) -> dict[str, str]:
    files = report.write(
        book, machine={"cpu": "Abacus 3"}, chosen=sizes.QUICK, seconds=61.0, folder=folder
    )
    return {each.name: each.read_text() for each in files}


def test_everything_is_kept_as_json(book: Book, tmp_path: Path) -> None:
    """Each value, the machine and the sizes are there, and what never came is null."""
    kept = json.loads(_written(book, tmp_path / "results")[report.REPORT])
    assert kept["machine"] == {"cpu": "Abacus 3"}
    assert kept["sizes"]["fleet"] == sizes.QUICK.fleet
    assert [each["values"] for each in kept["ratios"]] == [[1.0, 1.1], [0.7]]
    assert [each["met"] for each in kept["ratios"]] == [True, False]
    assert kept["peers"]["StatefulSet, default"]["first pod"] == [None]
    assert len(kept["runs"]) == 4


def test_arms_are_plotted_at_one_size_only(book: Book) -> None:
    """A bar compares what brought up the same number of servers."""
    shown = report.arms(book, sizes.QUICK.fleet)
    assert [(each.label, list(each.values)) for each in shown] == [
        ("Argosy", [10.0, 14.0]),
        ("plain", [5.0]),
    ]


def test_bars_are_as_long_as_medians() -> None:
    """The longest arm fills the plot; half of the time is half of the length."""
    picture = ET.fromstring(  # noqa: S314  drawn a line above
        plot.bars("All Ready", "s", [plot.Bar("one", [8.0]), plot.Bar("<other>", [3.0, 4.0, 5.0])])
    )
    widths = [float(each.get("width", 0)) for each in picture.iter(f"{SVG}rect")]
    assert widths == pytest.approx([plot.PLOT, plot.PLOT / 2], abs=0.1)
    assert "<other>" in [each.text for each in picture.iter(f"{SVG}text")]


def test_dots_stand_on_the_side_of_their_verdict(book: Book) -> None:
    """What is met stands left of the line, what is missed right of it, in another colour."""
    picture = ET.fromstring(plot.dots("Ratios", book.findings))  # noqa: S314  drawn here
    met, missed = picture.iter(f"{SVG}circle")
    middle = plot.LABELS + plot.PLOT / 2
    assert float(met.get("cx", 0)) < middle < float(missed.get("cx", 0))
    assert (met.get("fill"), missed.get("fill")) == (plot.GOOD, plot.BAD)


def test_zero_targets_have_a_place(book: Book) -> None:
    """No surplus server is as good as it gets, one is as bad: neither is off the plot."""
    book.add("surplus", 0)
    book.add("6", 3)
    picture = ET.fromstring(plot.dots("Ratios", book.findings))  # noqa: S314  drawn here
    places = [float(each.get("cx", 0)) for each in picture.iter(f"{SVG}circle")]
    assert min(places) == plot.LABELS
    assert max(places) == plot.LABELS + plot.PLOT


def test_peers_are_told_in_one_table(book: Book) -> None:
    """Arms that lack a figure have an empty cell; what did not come in time is said so."""
    book.compare("Argosy", "Ready", 1.25)
    lines = table.peers(book.peers).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == ["", "first pod", "Ready"]
    assert cells[2:] == [
        ["StatefulSet, default", "not seen", ""],
        ["StatefulSet, raised", "1.5", ""],
        ["Argosy", "", "1.25"],
    ]


def _rounds(seconds: float, count: int) -> tuple[list[int], list[str]]:
    said: list[str] = []
    with contextlib.ExitStack() as stack:
        stage = Stage(stack, sizes.QUICK, frozenset(), said.append)
        stage.allow(seconds)
        return list(stage.rounds(count)), said


def test_rounds_are_left_out_when_time_is_up() -> None:
    """One round is always run, and that others were not is said."""
    assert _rounds(math.inf, 3)[0] == [0, 1, 2]
    done, said = _rounds(-1.0, 3)
    assert done == [0]
    assert "2 of 3 rounds are left out" in said[-1]


@pytest.mark.parametrize("chosen", [sizes.FULL, sizes.QUICK], ids=["full", "quick"])
def test_runs_fit_into_their_time(chosen: sizes.Sizes) -> None:
    """What is promised of a quiet machine is within what a run may take."""
    minutes = sum(each.seconds(chosen) for each in catalogue.TRIALS) / 60
    assert minutes < chosen.minutes


def test_estimates_grow_with_the_work() -> None:
    """More pairs and larger fleets take longer."""
    assert estimate.floor(sizes.FULL) > estimate.floor(sizes.FULL, beside=False)
    for each in catalogue.TRIALS:
        assert each.seconds(sizes.FULL) > each.seconds(sizes.QUICK)
    assert ratios.status_bound(1) == 2


@pytest.fixture
def published(tmp_path: Path) -> Callable[[Book], str]:
    """Publish a run into a page of its own, and return what the page says then."""
    results, images = tmp_path / "results", tmp_path / "images"
    shown, file = tmp_path / "performance.md", tmp_path / "record.json"
    images.mkdir()
    shown.write_text(f"# Before\n\n{page.BEGIN}\nold\n{page.END}\n\n# After\n")
    record.write(record.Record(machine={}, entries={}), file)

    def publish(book: Book) -> str:
        _written(book, results)
        changed = page.publish(results, shown, images, file)
        assert all(each.exists() for each in changed)
        return shown.read_text()

    return publish


def test_results_are_published_over_the_last_ones(
    book: Book, published: Callable[[Book], str], tmp_path: Path
) -> None:
    """The page gets the tables, the machine and the plots, once, and keeps the rest of its text."""
    text = published(book)
    assert "old" not in text
    assert text.startswith("# Before\n\n")
    assert text.endswith("\n\n# After\n")
    assert "Abacus 3" in text
    assert "| 11 |" in text
    assert "not seen" in text
    pictures = sorted(each.name for each in (tmp_path / "images").iterdir())
    assert pictures == ["bench-arms.svg", "bench-ratios.svg"]
    assert published(book) == text


def test_a_run_of_one_ratio_leaves_the_others_on_record(
    book: Book, published: Callable[[Book], str]
) -> None:
    """Each row is of the run that measured it last, peers of the last run that had any."""
    first = published(book)
    again = Book()
    again.add("11", 0.2)
    text = published(again)
    (row,) = (line for line in first.splitlines() if line.startswith("| 1 |"))
    assert row in text.splitlines()
    (now,) = (line for line in text.splitlines() if line.startswith("| 11 |"))
    assert now.split(" | ")[3:7] == ["0.2", "0.2..0.2", "1", "hint: pass"]
    assert "StatefulSet, raised" in text


def test_the_page_says_so_for_as_long_as_rows_are_of_before_the_structure_of_today() -> None:
    """Once all of them are measured anew, the sentence goes."""
    old = any(each.day == "2026-11-25" for each in record.read().entries.values())
    assert ("Rows of 2026-11-25 were measured before" in page.PAGE.read_text()) == old


def test_the_page_shows_what_is_on_record() -> None:
    """The documentation's table is that of the record, each ratio once."""
    assert table.record(record.read().ordered()) in page.PAGE.read_text()


def test_the_page_can_be_published_into() -> None:
    """The page of the documentation has the place that is replaced."""
    text = page.PAGE.read_text()
    assert text.count(page.BEGIN) == text.count(page.END) == 1
