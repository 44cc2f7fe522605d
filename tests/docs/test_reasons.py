"""Every reason is a word of a closed list, is given somewhere, and stands on a page for people."""

from __future__ import annotations

import ast
import collections
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.api.resources import PLACES
from controller.kinds.registry import KINDS
from controller.presentation import vocabulary
from controller.providers import registry
from controller.providers.pod.reasons import KubeletReason
from controller.reasons import ANY, Vocabulary
from scripts import reference
from tests.docs import pages
from tests.suite import literals

# Which tell of what a kind tells, and cannot import its list: in notes alone, for whoever asks why.
NARRATED = {"planning/unclaimed.py"}
# What carries a reason: conditions, `blockedBy`, Events, observations, errors, facts of fleets.
NAMES = frozenset({"reason", "problem"})
CARRIERS = literals.Carriers(names=NAMES, variables=NAMES)
# Reasons of the API server's own answers, which are read there and passed on to nobody.
READ = {"NamespaceTerminating", "AlreadyExists", "ExitCode", "ServiceUnavailable"}
# Words of others that are compared with, and that no list of ours has: each with its reason.
FOREIGN = {
    ("kinds/build/results.py", "DeadlineExceeded"): "a Job says it of itself; ours is `TimedOut`",
}
# Where an explanation turns from one kind of object to another.
TURNS = re.compile(r"\bOf an? |[;,] of an? | or the (?:operation|Build)\b| operation or Build")


def sources() -> Iterator[Path]:
    """Yield the modules that could give a reason."""
    for path in literals.modules():
        if path.name != "reasons.py":
            yield path


def heads(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield each text that is written with a reason at its head, as `conditions.because` does."""
    told_nobody = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or id(node) in told_nobody:
            continue
        word, colon, _ = str(node.value).partition(": ")
        if colon and word in vocabulary.KNOWN:
            yield node


def foreign(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield each text that is passed off as a word of somebody else's, whoever carries it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and literals.FOREIGN in ast.unparse(node.func):
            yield from literals.texts(node)


def rooms() -> set[type[Vocabulary]]:
    """Return every list of reasons that any room has."""
    for path in literals.CONTROLLER.rglob("reasons.py"):
        importlib.import_module(
            ".".join(path.relative_to(pages.ROOT).with_suffix("").parts),
        )
    return set(Vocabulary.__subclasses__())


def test_a_literal_reason_would_be_found() -> None:
    """The search below sees each way of writing a reason out, and no sentence beside it."""

    def found(code: str) -> list[ast.expr]:
        return list(literals.literals(ast.parse(code), "", CARRIERS))

    written = (
        "Stalled('no', reason='A')",
        "Verdict(reason=f'Task{state}', message='m')",
        "Facts(problem=seen.reason or 'B')",
        "Ready(reason='C' if up else D)",
        "told.reason in ('E', 'F')",
        "completion.end(snapshot, 'H', message)",
        "reason: str = 'G'",
        "Stalled('no', reason=ForeignReason('I'))",
        "Stalled('no', reason=reasons.ForeignReason(told) if told else ForeignReason('J'))",
        "Stalled('no', reason=cast('AnyReason', 'K'))",
    )
    assert [len(found(each)) for each in written] == [1, 1, 1, 1, 2, 1, 1, 1, 1, 1]
    assert not found("Stalled('no', reason=ForeignReason(told.reason) or Reason.A)")
    assert len(list(foreign(ast.parse("ODD = ForeignReason('L' if up else told)")))) == 1
    assert not list(foreign(ast.parse("NOTHING = ForeignReason('')")))
    assert not found("Blocked(reason=Reason.A, message='m', remedy=f'{x}')")
    headed = ("fail(f'NotSupported: fleet {name}')", "told = 'Failed: ' + why")
    assert [len(list(heads(ast.parse(each)))) for each in headed] == [1, 1]
    for plain in ("'Failed: as a docstring has it.'", "f'Somebody said: {why}'", "'Failed'"):
        assert not list(heads(ast.parse(plain)))


def written_out(path: Path) -> Iterator[ast.expr]:
    """Yield each text of a module that is a reason, or begins with one."""
    tree = ast.parse(path.read_text())
    given = (*literals.literals(tree, path.stem, CARRIERS), *foreign(tree))
    yield from {id(each): each for each in given}.values()
    if path.relative_to(literals.CONTROLLER).as_posix() not in NARRATED:
        yield from heads(tree)


def is_read(path: Path, given: ast.expr) -> bool:
    """Return whether a text is a word of the API server's, where its answers are read."""
    word = given.value if isinstance(given, ast.Constant) else None
    return word in READ and path.parent.name == "kube"


def test_no_reason_is_a_literal_text() -> None:
    """A reason that is given or compared with is a member of a list, wherever that happens."""
    found, excused = [], set()
    for path in sources():
        for each in (each for each in written_out(path) if not is_read(path, each)):
            place = path.relative_to(literals.CONTROLLER).as_posix()
            word = place, ast.unparse(each).strip("'")
            if word in FOREIGN:
                excused.add(word)
            else:
                found.append(f"{place}:{each.lineno}: {ast.unparse(each)}")
    assert found == []
    assert excused == FOREIGN.keys()


def test_every_list_of_reasons_is_known() -> None:
    """No room has a list that `why` cannot explain and the page does not have."""
    assert set(vocabulary.ROOMS) == rooms()
    assert len(vocabulary.ROOMS) == len(rooms())


def test_kinds_and_providers_bring_the_reasons_of_their_rooms() -> None:
    """A descriptor names the lists of its own folder, all of them, and nobody else's."""
    brought = {each.gather.__module__: each.reasons for each in KINDS}
    brought |= {each.open.__module__: each.reasons for each in registry.kinds().values()}
    for module, listed in brought.items():
        reasons = f"{module.rpartition('.')[0]}.reasons"
        assert set(listed) == {room for room in rooms() if room.__module__ == reasons}, module


def test_the_list_of_all_reasons_names_no_kind_and_no_provider() -> None:
    """Who adds a kind or a provider writes its reasons in its room, and nothing here."""
    tree = ast.parse(Path(vocabulary.__file__).read_text())
    named = {
        f"{node.module}.{each.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for each in node.names
    }
    rooms_of = ("controller.kinds.", "controller.providers.")
    assert {each for each in named if each.startswith(rooms_of)} == {
        "controller.kinds.registry",
        "controller.providers.registry",
        "controller.providers.steps.reasons.StepReason",
    }


def test_each_word_means_one_thing() -> None:
    """No two rooms give the same word, so that it can be looked up by itself."""
    words = collections.Counter(str(each) for room in vocabulary.ROOMS for each in room)
    assert [word for word, count in words.items() if count > 1] == []


def test_every_reason_is_explained() -> None:
    """Each says in sentences what it means; what can be typed stands by itself."""
    for each, told in vocabulary.EXPLAINED.items():
        assert told.meaning.endswith((".", "?")), each
        assert not told.remedy or told.remedy.endswith("."), each
        assert not told.command or told.remedy, each


@pytest.mark.parametrize(
    ("text", "turns"),
    [
        ("The server runs, or the operation gives servers their turns.", True),
        ("The operation succeeded. Of a server: all its containers ended.", True),
        ("The operation was cancelled. Of an operation with steps: more.", True),
        ("A retry goes on; of a Build, ask for another one.", True),
        ("The operation or Build was cancelled.", True),
        ("The Job of a step failed.", False),
        ("Servers of a failure domain are ill or failed.", False),
    ],
)
def test_an_explanation_of_two_kinds_would_be_found(text: str, *, turns: bool) -> None:
    """The search below sees a sentence that turns to another kind, and no other sentence."""
    assert bool(TURNS.search(text)) == turns


def test_an_explanation_is_of_one_kind() -> None:
    """Whoever asks why a server is as it is reads nothing of operations or Builds."""
    for each, told in vocabulary.EXPLAINED.items():
        assert not TURNS.search(told.meaning), each
        assert not TURNS.search(told.remedy), each


def test_reasons_are_explained_for_kinds_that_there_are() -> None:
    """A misspelt kind would leave what is said of it unread."""
    kinds = {place.kind for place in PLACES.values()} | {ANY}
    for each in vocabulary.KNOWN.values():
        assert each.explanations
        assert set(each.explanations) <= kinds, each


def members(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield each member of a list that is named to be given, and not to be compared with."""
    read = {
        id(each)
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare | ast.Set | ast.MatchValue)
        for each in ast.walk(node)
    }
    for node in ast.walk(tree):
        named = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if named and id(node) not in read:
            holder, _, name = ast.unparse(node).partition(".")
            yield holder, name


def test_a_reason_that_is_only_read_is_not_given() -> None:
    """Who compares with it, or has it in a set, gives it to nobody."""
    code = "if told.reason == Reason.A or told.reason in {Reason.B}: tell(Reason.C)"
    assert list(members(ast.parse(code))) == [("Reason", "C")]


def test_every_reason_is_given() -> None:
    """No list has a reason that nothing gives; Kubernetes' own come from pods, not from us."""
    given = {named for path in sources() for named in members(ast.parse(path.read_text()))}
    idle = {
        f"{room.__name__}.{each.name}"
        for room in vocabulary.ROOMS
        if room is not KubeletReason
        for each in room
        if (room.__name__, each.name) not in given
    }
    assert idle == set()


def test_the_page_has_every_reason_once() -> None:
    """Each reason has one line on the page, or one for each kind that means its own by it."""
    page = reference.things_that_go_wrong()
    for word, each in vocabulary.KNOWN.items():
        for kind in each.explanations:
            assert page.count(f"| `{word}`{vocabulary.of(kind)} |") == 1
