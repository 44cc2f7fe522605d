"""Histories come out in the order of their commits, however the log was written."""

from __future__ import annotations

import random
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from proof.history import audit_reader, journal

STEPS = st.lists(st.sampled_from(["make", "change", "idle", "delete", "let go"]), max_size=30)


def written(steps: list[str]) -> audit_reader.AuditLog:
    """Write a log of pods that come and go; the order of its lines is the order of commits."""
    log = audit_reader.AuditLog()
    live: list[audit_reader.Object] = []
    for number, step in enumerate(steps):
        if step == "make" or not live:
            finalizers = (audit_reader.FINALIZER,) if number % 2 else ()
            live.append(log.create("pods", f"pod-{number}", finalizers=finalizers))
        elif step == "change":
            log.patch(live[0], status={"phase": str(number)})
        elif step == "idle":
            log.patch(live[0], status={})
        elif step == "delete":
            log.delete(live[0])
            if not live[0]["metadata"]["finalizers"]:
                live.pop(0)
        elif "deletionTimestamp" in live[0]["metadata"]:
            log.patch(live.pop(0), finalizers=())
    return log


@given(STEPS, st.randoms(use_true_random=False))
def test_shuffled_lines_tell_the_same_history(steps: list[str], chance: random.Random) -> None:
    """The order of lines in the log does not matter to what is read from it."""
    log = written(steps)
    shuffled = list(log.lines)
    chance.shuffle(shuffled)
    straight, mixed = journal.read(log.lines), journal.read(shuffled)

    def told(history: journal.History) -> list[tuple[float, str, str]]:
        return [(each.received, each.effect, each.meta.uid) for each in history.changes]

    assert told(straight) == sorted(told(straight))
    effective = [each for each in told(mixed) if each[1] in ("created", "changed", "gone")]
    assert effective == [e for e in told(straight) if e[1] in ("created", "changed", "gone")]


@given(STEPS)
def test_lives_end_when_they_end(steps: list[str]) -> None:
    """An object is born by its create, and is gone exactly if its last holder was let go."""
    log = written(steps)
    history = journal.read(log.lines)
    ends = [each for each in history.changes if each.effect is journal.Effect.GONE]
    assert len(ends) == sum(life.gone is not None for life in history.lives.values())
    for life in history.lives.values():
        assert life.seen_born
        assert life.gone is None or life.gone.place > life.versions[0].place


@given(st.integers(0, 20))
def test_an_end_without_a_version_is_after_what_was_answered_before(others: int) -> None:
    """A final delete comes after every change that was answered before it was asked."""
    log = audit_reader.AuditLog()
    pod = log.create("pods", "going")
    for number in range(others):
        log.create("pods", f"other-{number}")
    log.delete(pod)
    assert journal.read(log.lines).changes[-1].effect is journal.Effect.GONE


def test_an_unseen_end_is_inferred() -> None:
    """A name that is taken again tells that its former owner has gone."""
    log = audit_reader.AuditLog()
    first = log.create("pods", "pod")
    second = log.create("pods", "pod")
    lives = journal.read(log.lines).lives
    assert lives[first["metadata"]["uid"]].gone is lives[second["metadata"]["uid"]].born


def test_namespaces_are_told_apart(tmp_path: Path) -> None:
    """Only the namespaces that are asked for are read; half a last line is left out."""
    one, two = audit_reader.AuditLog("one"), audit_reader.AuditLog("two")
    one.create("pods", "a")
    two.create("pods", "b")
    path = tmp_path / "audit.log"
    path.write_bytes(b"\n".join([*one.lines, *two.lines, two.lines[0][:50]]))
    assert [each.name for each in journal.read(path, namespaces=["two"]).changes] == ["b"]
    assert len(journal.read(path).changes) == 2


def test_dry_runs_are_no_writes() -> None:
    """A request that was asked with dryRun changes nothing and is not in the history."""
    log = audit_reader.AuditLog()
    log.create("pods", "a")
    dry = log.lines[0].replace(b'"requestURI": "/"', b'"requestURI": "/?dryRun=All"')
    assert not journal.read([dry]).changes
