"""The arithmetic of the benchmark: what a run is judged by."""

from __future__ import annotations

from collections import Counter

import pytest

from bench import ratios
from bench.arms.small import Going
from bench.ratios import Book, Finding, Ratio
from bench.trials import catalogue, large, writes


def test_targets_are_met_up_to_their_value() -> None:
    """A ratio at its target is met; above it is not; one that is wanted high, the other way."""
    low = Ratio(key="x", text="x", target=1.15)
    high = Ratio(key="y", text="y", target=0.85, at_least=True)
    assert (low.meets(1.15), low.meets(1.16)) == (True, False)
    assert (high.meets(0.85), high.meets(0.84)) == (True, False)


def test_medians_judge_but_what_must_never_be_is_judged_by_its_worst() -> None:
    """One slow round of five is forgiven; one surplus server in five rounds is not."""
    pace = Finding(ratio=ratios.BY_KEY["1"], values=(1.0, 1.1, 9.0, 1.1, 1.0))
    surplus = Finding(ratio=ratios.BY_KEY["surplus"], values=(0, 0, 1, 0, 0))
    assert (pace.value, pace.met) == (1.1, True)
    assert (surplus.value, surplus.met) == (1, False)


def test_a_few_rounds_are_a_hint_but_of_counts() -> None:
    """From three rounds on a ratio is measured; a count is the same in all of them."""
    pace = Finding(ratio=ratios.BY_KEY["1"], values=(1.0, 9.0))
    writes = Finding(ratio=ratios.BY_KEY["3"], values=(1.5,))
    assert (pace.verdict(2), pace.verdict(3)) == ("hint: missed", "missed")
    assert writes.verdict(1) == "MISSED"


def test_only_counts_and_cpu_fail_a_run() -> None:
    """Times may be missed; what does not depend on the machine may not."""
    book = Book()
    for each in ratios.RATIOS:
        book.add(each.key, 1000.0)
    failing = {each.ratio.key for each in book.findings if each.fails}
    assert failing == {
        *("3", "3s", "6", "7a", "7b", "11", "surplus"),
        *("14a", "14b", "14c", "17a", "17b", "19a", "19b"),
    }


def test_unknown_ratios_are_refused() -> None:
    """A trial cannot record what nobody would read."""
    with pytest.raises(KeyError):
        Book().add("42", 1.0)


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([3.0], 0.95, 3.0), ([1.0, 2.0], 0.5, 1.0), ([float(n) for n in range(1, 21)], 0.95, 19.0)],
)
def test_percentiles(values: list[float], share: float, expected: float) -> None:
    """A percentile is a value that was measured, and enough of the others are no larger."""
    assert ratios.percentile(values[::-1], share) == expected


def test_writes_are_counted_per_server_and_per_status() -> None:
    """Three writes a server and a few for the application: the ratio is a little above one."""
    book = Book()
    counts = Counter(
        {
            ("servers", "", "create"): 256,
            ("pods", "", "create"): 256,
            ("servers", "status", "patch"): 256,
            ("applications", "", "patch"): 1,
            ("applications", "status", "patch"): 11,
            ("serversets", "status", "patch"): 5,
        }
    )
    writes.judge(book, counts, 256)
    found = {each.ratio.key: each for each in book.findings}
    assert found["3"].value == pytest.approx((3 * 256 + 17) / 256 / 3)
    # At most 2 + log2(256) = 10 status writes each: the application has one too many.
    assert found["3s"].values == pytest.approx((1.1, 0.5))
    assert found["3s"].met is False


def test_every_status_is_held_to_its_bound() -> None:
    """One object that writes its status too often is not hidden by another that does not."""
    book = Book()
    book.add("3s", 0.2)
    book.add("3s", 0.2)
    book.add("3s", 1.3)
    (found,) = book.findings
    assert found.met is False


def test_deletes_are_compared_with_idle_ones() -> None:
    """The first child's delete by its median, the end by the slowest of those that count."""
    book = Book()
    idle = [Going(first=0.1, gone=1.0), Going(first=0.1, gone=2.0)]
    behind = [Going(first=0.2, gone=3.0), Going(first=0.4, gone=8.0), Going(first=0.3, gone=5.0)]
    large.judge(book, idle, behind)
    found = {each.ratio.key: each.value for each in book.findings}
    assert found["4a"] == pytest.approx(3.0)
    assert found["4b"] == pytest.approx(4.0)


def test_every_ratio_is_found_by_one_trial() -> None:
    """Nothing is promised that no trial measures, and nothing is measured twice."""
    found = [key for trial in catalogue.TRIALS for key in trial.finds]
    assert sorted([*found, "surplus"]) == sorted(each.key for each in ratios.RATIOS)


@pytest.mark.parametrize(
    ("names", "trials", "keys"),
    [
        (["11"], ["floor"], {"11"}),
        (["1"], ["floor"], {"1"}),
        (["10"], ["floor"], {"10a", "10b"}),
        (["3"], ["large"], {"3", "3s"}),
        (["9a"], ["large"], {"9a"}),
        (["14"], ["templates"], {"14a", "14b", "14c"}),
        (["14c"], ["templates"], {"14c"}),
        (["18"], ["replicas"], {f"18{part}" for part in "abcdefghi"}),
        (["19"], ["many"], {"19a", "19b", "19c"}),
    ],
)
def test_trials_are_chosen_by_name_or_ratio(
    names: list[str], trials: list[str], keys: set[str]
) -> None:
    """`--only 10` runs what finds 10a and 10b, and nothing that is called similarly."""
    assert [each.name for each in catalogue.chosen(names)] == trials
    assert catalogue.wanted(names) == keys


def test_unknown_trials_are_refused() -> None:
    """A slip of the pen does not run for twenty minutes."""
    with pytest.raises(ValueError, match="floors"):
        catalogue.chosen(["floors"])
