"""A whole operator breaks no invariant in any story; a broken one is caught."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from proof.mutants import arena, definitions, stories, trial


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("story", stories.STORIES)
def test_a_whole_operator_keeps_every_promise(story: str, seed: int) -> None:
    """Each story comes to its end, and its history breaks no invariant."""
    played = arena.play(stories.STORIES[story], seed=seed)
    assert played.failure == ""
    assert len(played.log) > 20
    outcome = trial.judged(
        played.log, story, failure="", quiet_since=played.quiet_since, tasks=played.tasks
    )
    assert outcome.broken == frozenset(), outcome.report


@pytest.mark.parametrize("mutant", definitions.MUTANTS, ids=lambda each: each.name)
def test_every_definition_fits_the_code(mutant: definitions.Mutant, tmp_path: Path) -> None:
    """What a mutant breaks is there, once; else it would break nothing, and prove nothing."""
    for edit in mutant.edits:
        target = tmp_path / edit.file
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            shutil.copy(trial.CHECKOUT / edit.file, target)
    before = {edit.file: (tmp_path / edit.file).read_text() for edit in mutant.edits}
    mutant.apply(tmp_path)
    assert all((tmp_path / file).read_text() != text for file, text in before.items())
    for text in before:
        compile((tmp_path / text).read_text(), text, "exec")
    assert mutant.story in stories.STORIES


def test_a_definition_that_fits_nowhere_fails(tmp_path: Path) -> None:
    """A piece that is not there, or is there twice, is an error of the definition."""
    (tmp_path / "x.py").write_text("a\na\n")
    for find in ("a", "b"):
        with pytest.raises(definitions.NotFoundOnceError):
            definitions.Edit("x.py", find, "c").apply(tmp_path)


@pytest.mark.parametrize(
    "name", ["patches without a UID", "no cache gate", "a Lease taken before it has run out"]
)
def test_mutants_are_caught(name: str) -> None:
    """A sample of `make mutants`: the invariant that should notice does."""
    (mutant,) = (each for each in definitions.MUTANTS if each.name == name)
    tried = trial.attempt(mutant)
    assert tried.caught, tried.outcome


def test_there_are_enough_mutants() -> None:
    """Every invariant that an engine can break by itself is broken by a mistake."""
    wanted = {"Budget", *(f"I{number}" for number in range(1, 12))}
    assert {each.caught_by for each in definitions.MUTANTS} == wanted
    assert len({each.name for each in definitions.MUTANTS}) == len(definitions.MUTANTS)
