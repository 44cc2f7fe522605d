"""A whole operator breaks no invariant in any story; a broken one is caught."""

from __future__ import annotations

import ast
import builtins
import dataclasses
import importlib
import shutil
from pathlib import Path

import pytest

from proof.mutants import arena, definitions, mechanism, mechanisms, stories, trial


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


@pytest.mark.parametrize(
    "mutant", [*definitions.MUTANTS, *mechanisms.MECHANISMS], ids=lambda each: each.name
)
def test_every_definition_fits_the_code(
    mutant: definitions.Mutant | mechanism.Mechanism, tmp_path: Path
) -> None:
    """What a mutant breaks is there, once; else it would break nothing, and prove nothing."""
    for edit in mutant.edits:
        target = tmp_path / edit.file
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            shutil.copy(trial.CHECKOUT / edit.file, target)
    before = {edit.file: (tmp_path / edit.file).read_text() for edit in mutant.edits}
    mutant.apply(tmp_path)
    for file, text in before.items():
        whole, broken = ast.parse(text), ast.parse((tmp_path / file).read_text())
        assert ast.dump(broken) != ast.dump(whole)
        # A name that the code does not know would stop the story, and break no promise.
        assert _names(broken) <= _names(whole) | set(dir(builtins))
        module = importlib.import_module(file.removesuffix(".py").replace("/", "."))
        for base, name in _attributes(broken) - _attributes(whole):
            assert hasattr(getattr(module, base, None), name) or not hasattr(module, base)
    if isinstance(mutant, definitions.Mutant):
        assert mutant.story in stories.STORIES
    else:
        file, _, name = mutant.test.partition("::")
        function = name.partition("[")[0]
        assert f"def {function}" in (trial.CHECKOUT / file).read_text()


def _names(module: ast.Module) -> set[str]:
    return {each.id for each in ast.walk(module) if isinstance(each, ast.Name)}


def _attributes(module: ast.Module) -> set[tuple[str, str]]:
    """Return what is asked of names, as `contract.Call` is."""
    return {
        (each.value.id, each.attr)
        for each in ast.walk(module)
        if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name)
    }


@pytest.mark.parametrize(
    "name", ["patches without a UID", "no cache gate", "a Lease taken before it has run out"]
)
def test_mutants_are_caught(name: str) -> None:
    """A sample of `make mutants`: the invariant that should notice does."""
    (mutant,) = (each for each in definitions.MUTANTS if each.name == name)
    tried = trial.attempt(mutant)
    assert tried.caught, tried.outcome


def test_a_broken_mechanism_is_caught_by_the_test_beside_it() -> None:
    """A sample of `make mutants`: the test that should fail does, and passes on the code as is."""
    wanted = "a revision goes with its component while servers name it"
    (broken,) = (each for each in mechanisms.MECHANISMS if each.name == wanted)
    caught, report = trial.check(broken)
    assert caught, report
    whole, report = trial.check(dataclasses.replace(broken, edits=()))
    assert not whole, report
    assert "1 passed" in report


def test_there_are_enough_mutants() -> None:
    """Every invariant that an engine can break by itself is broken by a mistake."""
    numbered = {f"I{number}" for number in range(1, 12)}
    wanted = {
        "Blocked",
        "Budget",
        "Completed",
        "Deadline",
        "Domains",
        "Evictions",
        "Healing",
        "Limits",
        "Ready",
        *numbered,
    }
    assert {each.caught_by for each in definitions.MUTANTS} == wanted
    named = [each.name for each in definitions.MUTANTS]
    named += [each.name for each in mechanisms.MECHANISMS]
    assert len(set(named)) == len(named)
