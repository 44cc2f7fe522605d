"""What is told of builds: the arithmetic, and that both arms give the daemon the same words."""

from __future__ import annotations

from pathlib import Path

from bench import builds
from controller.forge import building, credentials


def made(modules: int, plain: float, image: float) -> builds.Rebuild:
    """Return a rebuild whose commit was known after a second."""
    return builds.Rebuild(
        modules=modules,
        plain=plain,
        job=plain * 2,
        commit=1.0,
        image=image,
        server=image + 1,
        ready=image + 2,
    )


def test_a_size_has_a_line_and_each_round_its_own_ratio() -> None:
    """Ratios are taken round by round, as what loads the machine changes from round to round."""
    runs = [made(10, 2.0, 4.0), made(10, 8.0, 8.0), made(10, 2.0, 3.0), made(1000, 10.0, 12.0)]
    head, _, small, large = builds.table(runs).splitlines()
    assert head.split(" | ")[-3:] == ["image ÷ plain", "image ÷ Job", "build ÷ plain |"]
    assert small.startswith("| 10 | 2.00 (2.00..8.00) | 4.00 (4.00..16.00) | 1.00 (1.00..1.00) |")
    assert small.endswith("| 1.50 (1.00..2.00) | 0.75 (0.50..1.00) | 1.00 (0.88..1.50) |")
    assert large.endswith("| 1.20 (1.20..1.20) | 0.60 (0.60..0.60) | 1.10 (1.10..1.10) |")


def test_a_ratio_is_of_medians_and_says_them() -> None:
    """One slow round is shown, and decides nothing."""
    assert builds.ratio([2.0, 4.0, 90.0], [2.0, 1.0, 2.0]) == (
        "4.00 (2.00..90.00) s, alone 2.00 (1.00..2.00) s: 2.00"
    )


def test_the_plain_client_is_a_program_and_words_that_argosy_uses() -> None:
    """What `buildctl` is told beside where the daemon is comes from the Job's own program."""
    order = building.Order(
        url="https://git.example.com/x", commit="a" * 40, image="r.example.com/a", daemon="tcp://d"
    )
    known = credentials.Credentials(daemon=Path("/c"))
    program, *words = building.command(order, known, Path("/told"))
    assert program == "buildctl"
    assert words[0] == "--addr=tcp://d"
    assert words.index("build") > max(n for n, each in enumerate(words) if each.startswith("--tls"))
