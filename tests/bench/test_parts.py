"""What the benchmark reads: /proc, audit logs, watches."""

from __future__ import annotations

import json
import os
import resource
import signal
import types
from pathlib import Path
from typing import Any

import pytest

from bench import cpu_unit, etcd, machine, meters, table, watcher
from bench.ratios import Book
from bench.tally import Tally
from devcluster import errors

OPERATOR = "system:serviceaccount:argosy:argosy"


def test_cpu_is_of_user_and_system(tmp_path: Path) -> None:
    """Both kinds of CPU time count, also of a program with a bracket in its name."""
    (tmp_path / "7").mkdir()
    fields = ["S", *("0" for _ in range(10)), "250", "50", *("0" for _ in range(30))]
    (tmp_path / "7" / "stat").write_text(f"7 (odd) name) {' '.join(fields)}\n")
    assert meters.cpu_seconds(7, tmp_path) == pytest.approx(300 / meters.TICKS)


def test_what_has_ended_uses_nothing(tmp_path: Path) -> None:
    """A process that is gone costs no CPU and no memory, and is no error."""
    assert meters.cpu_seconds(7, tmp_path) == 0
    assert meters.peak_bytes(7, tmp_path) == 0


def test_memory_is_read_in_bytes() -> None:
    """This process has memory resident, and never more than at its peak."""
    resident, peak = meters.resident_bytes(os.getpid()), meters.peak_bytes(os.getpid())
    assert 1 << 20 < resident <= peak


def test_a_yardstick_measures_work_and_no_waiting() -> None:
    """However long it lies beside something, it tells what one piece of the same work took.

    Also once it has been put away: a trial divides by it when all is measured.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with cpu_unit.Yardstick() as yard:
        seconds = yard.seconds
    assert yard.seconds > 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert 0 < seconds < used


def test_a_yardstick_that_has_ended_is_told() -> None:
    """Nothing is divided by what was measured in other minutes."""
    with cpu_unit.Yardstick() as yard:
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        (own,) = [each for each in children if b"bench.cpu_unit" in _command(each)]
        os.kill(int(own), signal.SIGKILL)
        os.waitid(os.P_PID, int(own), os.WEXITED | os.WNOWAIT)
        with pytest.raises(errors.DevclusterError, match="has ended"):
            _ = yard.seconds


def _command(pid: str) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def test_machine_is_described(tmp_path: Path) -> None:
    """The report names the processor and what ran on it."""
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Abacus 3\n")
    (tmp_path / "meminfo").write_text("MemTotal:       8388608 kB\n")
    described = machine.describe(tmp_path)
    assert described["cpu"] == "Abacus 3"
    assert described["memory"] == "8 GiB"
    assert described["kubernetes"].startswith("v1.")


def _line(verb: str, resource: str, user: str = OPERATOR, sub: str = "", code: int = 200) -> bytes:
    event = {
        "stage": "ResponseComplete",
        "verb": verb,
        "user": {"username": user},
        "objectRef": {"resource": resource, "subresource": sub},
        "responseStatus": {"code": code},
        "requestReceivedTimestamp": "2026-01-01T00:00:00.000000Z",
        "stageTimestamp": "2026-01-01T00:00:00.000000Z",
    }
    return json.dumps(event).encode() + b"\n"


def test_tally_counts_the_operators_writes_from_now_on(tmp_path: Path) -> None:
    """Reads, Leases, others' writes and what was before do not count; refused writes do."""
    log = tmp_path / "audit.log"
    log.write_bytes(_line("create", "pods"))
    tally = Tally(log)
    with log.open("ab") as file:
        file.write(_line("create", "pods"))
        file.write(_line("create", "pods", code=409))
        file.write(_line("patch", "servers", sub="status"))
        file.write(_line("update", "leases"))
        file.write(_line("list", "pods"))
        file.write(_line("patch", "pods", user="kwok", sub="status"))
        file.write(_line("create", "pods")[:-20])  # being written
    assert tally.counts() == {("pods", "", "create"): 2, ("servers", "status", "patch"): 1}
    assert Tally(log).counts() == {}


def test_tally_counts_lists_where_asked(tmp_path: Path) -> None:
    """Whoever wants to know of relists counts lists, and no writes."""
    log = tmp_path / "audit.log"
    tally = Tally(log, verbs=frozenset({"list"}))
    log.write_bytes(_line("list", "servers") + _line("create", "pods") + _line("list", "servers"))
    assert tally.counts() == {("servers", "", "list"): 2}


def test_tally_of_a_log_that_is_not_there_yet(tmp_path: Path) -> None:
    """An API server that has served nothing yet has written nothing."""
    log = tmp_path / "audit.log"
    tally = Tally(log)
    log.write_bytes(_line("create", "pods"))
    assert tally.counts() == {("pods", "", "create"): 1}


def _meta(name: str, uid: str, deleted: str = "") -> watcher.Meta:
    return watcher.Meta(name=name, uid=uid, deletion_timestamp=deleted)


def test_sight_notes_when_each_state_was_first_seen() -> None:
    """An object is created once, ready once, going once and gone once, whatever repeats."""
    track = watcher.Track()
    track.take("ADDED", _meta("fleet-web-0", "a"), 1.0, ready=False)
    track.take("MODIFIED", _meta("fleet-web-0", "a"), 2.0, ready=True)
    track.take("MODIFIED", _meta("fleet-web-0", "a"), 3.0, ready=True)
    track.take("MODIFIED", _meta("fleet-web-0", "a", "now"), 4.0, ready=True)
    track.take("DELETED", _meta("fleet-web-0", "a", "now"), 5.0, ready=False)
    track.take("BOOKMARK", _meta("", ""), 6.0, ready=False)
    assert track.all == watcher.Times(created=[1.0], ready=[2.0], going=[4.0], gone=[5.0])


def test_sight_tells_applications_and_incarnations_apart() -> None:
    """A successor of the same name is another object, and belongs to the same application."""
    track = watcher.Track()
    track.take("ADDED", _meta("fleet-web-0", "a"), 1.0, ready=True)
    track.take("DELETED", _meta("fleet-web-0", "a"), 2.0, ready=True)
    track.take("ADDED", _meta("fleet-web-0", "b"), 3.0, ready=False)
    track.take("ADDED", _meta("guest-web-0", "c"), 4.0, ready=False)
    assert track.of["fleet"].created == [1.0, 3.0]
    assert track.of["guest"].created == [4.0]
    assert track.all.going == [2.0]
    assert track.born["fleet-web-0"] == 1.0


def test_ranges_end_after_all_that_begin_alike() -> None:
    """A wiped namespace takes no other with it whose name begins like it."""
    end = etcd.end_of("/registry/pods/arm-1/")
    assert end > "/registry/pods/arm-1/~"
    assert end < "/registry/pods/arm-10/a"


def test_a_namespace_is_empty_although_controllers_talk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their Events go as well, and keep nobody waiting; budgets of evictions are not forgotten."""
    gone: list[str] = []

    def delete(_owner: object, prefix: str) -> int:
        gone.append(prefix)
        return 7 if prefix == "/registry/events/arm-1/" else 0

    monkeypatch.setattr(etcd, "_delete", delete)
    assert etcd.wipe(emptied([]), "arm-1") == 0
    assert {"/registry/events/arm-1/", "/registry/poddisruptionbudgets/arm-1/"} < set(gone)


def test_services_go_by_the_api_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before what is made for them, after who would make them anew; and they count as gone."""
    gone: list[str] = []

    def delete(_owner: object, prefix: str) -> int:
        gone.append(prefix)
        return 0

    monkeypatch.setattr(etcd, "_delete", delete)
    services = "/api/v1/namespaces/arm-1/services"
    assert etcd.wipe(emptied([{}, {}], gone), "arm-1") == 2
    places = ["/registry/argosy.dev/applications/arm-1/", services]
    places.append("/registry/services/endpoints/arm-1/")
    assert [each for each in gone if each in places] == places


def emptied(services: list[Any], gone: list[str] | None = None) -> Any:
    """Return a cluster with these Services, which notes what is deleted by its API server."""
    client = types.SimpleNamespace(
        get=lambda _path: {"items": services},
        delete=(gone if gone is not None else []).append,
    )
    return types.SimpleNamespace(client=client)


def test_tables_have_a_row_for_each_ratio() -> None:
    """A person sees the target, the median, the spread, and whether it was met."""
    book = Book()
    book.add("1", 1.0)
    book.add("1", 1.25)
    book.add("3", 1.5, "500 servers")
    book.add("6", 0)
    rows = list(table.rows(book.findings))
    assert [row[0] for row in rows] == ["1", "3", "6"]
    assert rows[0][2:] == ("≤ 1.15", "1.12", "1..1.25", "2", "hint: pass")
    assert rows[1][1].endswith("(500 servers)")
    assert rows[1][6] == "MISSED"
    assert rows[2][2:4] == ("0", "0")
    assert table.markdown(book.findings).splitlines()[1].startswith("| --- |")
