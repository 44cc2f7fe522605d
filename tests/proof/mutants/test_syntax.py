"""A piece of code is found by its shape, and by nothing else."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from proof.mutants import definitions, syntax

CODE = '''
class Door:
    """A door."""

    def shut(self, key, *, hard=False):
        # Comments and line breaks do not matter.
        if key is None or (
            self.keys.fits(key, hard=True)
        ):
            done = [key]
            self.told.append(done)
            return "shut"
        return 'open'

def shut(key):
    return key
'''


def broken(find: str, replace: str, name: str = "Door.shut") -> tuple[int, str]:
    """Return how often the piece was there, and the code without it."""
    module = ast.parse(CODE)
    place = syntax.scope(module, name)
    assert place is not None
    swap = syntax.Swap(find, replace)
    swap.visit(place)
    return swap.count, ast.unparse(ast.fix_missing_locations(module))


@pytest.mark.parametrize(
    "find",
    [
        "key is None or self.keys.fits(key, hard=True)",
        "key  is  None or self.keys.fits(key,hard=True,)",
        "(key is None) or (self.keys.fits((key), hard=(True)))",
        "ANY_key is None or ANY_self.keys.fits(ANY_key, hard=True)",
        "ANY_one or ANY_other",
    ],
)
def test_a_shape_is_found_however_it_is_spelled(find: str) -> None:
    """Spaces, brackets and the names that are left open make no difference."""
    count, code = broken(find, "False")
    assert count == 1
    assert "if False:" in code


@pytest.mark.parametrize(
    "find",
    [
        "key is None or self.keys.fits(key, hard=False)",
        "key is None or self.keys.fits(key)",
        "key is not None or self.keys.fits(key, hard=True)",
        "ANY_key is None or ANY_key.keys.fits(ANY_key, hard=True)",
    ],
)
def test_another_shape_is_not_found(find: str) -> None:
    """A difference in meaning counts; a name left open stands for the same code each time."""
    assert broken(find, "False") == (0, ast.unparse(ast.parse(CODE)))


def test_lines_are_replaced_and_the_rest_is_kept() -> None:
    """An open name as the last line stands for all that follows, and is what followed."""
    find = "if ANY_right:\n    ANY_done = ANY_those\n    ANY_rest"
    count, code = broken(find, "while ANY_those:\n    ANY_rest")
    assert count == 1
    assert "while [key]:\n            self.told.append(done)\n            return 'shut'" in code


def test_a_line_is_replaced_by_more() -> None:
    """What stands there instead may have more lines than what was found."""
    count, code = broken("return 'open'", "self.told.clear()\nreturn 'shut'")
    assert count == 1
    assert code.count("return 'shut'") == 2
    assert "self.told.clear()" in code


def test_an_expression_that_is_a_line_is_replaced_by_more() -> None:
    """A call that stands alone can have something put beside it."""
    count, code = broken("self.told.append(ANY_it)", "self.told.append(ANY_it)\nself.told.pop()")
    assert count == 1
    assert "self.told.append(done)\n            self.told.pop()" in code


def test_only_the_function_that_is_named_is_searched() -> None:
    """The same piece elsewhere does not count; a function that is not there is none."""
    assert broken("return ANY_key", "return 1", "shut")[0] == 1
    module = ast.parse(CODE)
    assert syntax.scope(module, "Door.open") is None
    assert syntax.scope(module, "") is module


@pytest.mark.parametrize(
    ("at", "find", "why"),
    [
        ("none:f", "a", "no none.py"),
        ("x:g", "a", "no such function"),
        ("x:f", "a", "2 places"),
        ("x:f", "c", "0 places"),
    ],
)
def test_a_definition_that_fits_nowhere_fails(tmp_path: Path, at: str, find: str, why: str) -> None:
    """A piece that is not there, or is there twice, is an error of the definition, and says so."""
    (tmp_path / "x.py").write_text("def f(a):\n    return a + a\n")
    with pytest.raises(definitions.NotFoundOnceError, match=why):
        definitions.Edit(at, find, "b").apply(tmp_path)
