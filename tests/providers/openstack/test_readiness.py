"""When a server is ready, by how its template wants that to be told."""

import asyncio
from typing import Any

import msgspec
import pytest

from controller import contract
from controller.api import objects
from controller.api.conditions import Condition
from controller.contract import Phase, tasks
from controller.providers.openstack.refusals import Reply
from fakes.openstack import EPOCH, Fault, Machine
from tests.providers.openstack.coast import Coast, create, server, template
from tests.providers.openstack.test_snapshots import act

pytestmark = pytest.mark.looptime


async def running(coast: Coast, provider: contract.Provider, readiness: dict[str, Any]) -> str:
    """Make a server that has this readiness; return its token once it runs."""
    await provider.create(server(), create(template(readiness=readiness)))
    await coast.until(lambda: [each.status for each in coast.there()] == ["ACTIVE"])
    await coast.until(lambda: provider.observe(server()).phase is Phase.RUNNING)
    return coast.there()[0].metadata["argosy.token"]


async def test_a_console_that_says_so_makes_it_ready(coast: Coast) -> None:
    """Active is not enough; the line with this server's token is, and is noted for successors."""
    provider = await coast.provider()
    token = await running(coast, provider, {"console": {}})
    (machine,) = coast.there()
    machine.console = f"+ echo argosy-ready {token}\nargosy-ready another\n"
    await asyncio.sleep(30)
    assert not provider.observe(server()).ready
    machine.console += f"argosy-ready {token}\r\n"
    await coast.until(lambda: provider.observe(server()).ready)
    seen = provider.observe(server())
    machine.console = ""
    successor = await coast.provider()
    coast.cloud.requests.clear()
    await asyncio.sleep(120)
    assert successor.observe(server()) == seen
    assert coast.asked("POST") == []


async def test_a_console_that_tells_a_failure_fails_the_server_at_once(coast: Coast) -> None:
    """With the words of the guest, which are cut."""
    provider = await coast.provider()
    token = await running(coast, provider, {"console": {}, "startSeconds": 9999})
    coast.there()[0].console = f"argosy-failed {token} no disk {'x' * 999}\n"
    await coast.until(lambda: provider.observe(server()).phase is Phase.FAILED, seconds=30)
    seen = provider.observe(server())
    assert (seen.reason, seen.error_class) == ("GuestFailed", "Transient")
    assert seen.message.startswith("no disk")
    assert len(seen.message) <= 200


async def test_who_is_not_ready_in_time_has_failed(coast: Coast) -> None:
    """From active on, startSeconds; no earlier."""
    provider = await coast.provider()
    await running(coast, provider, {"console": {}, "startSeconds": 100})
    await asyncio.sleep(90)
    assert provider.observe(server()).phase is Phase.RUNNING
    coast.heard.clear()
    await asyncio.sleep(25)
    assert coast.heard == ["shop-web-0"]
    seen = provider.observe(server())
    assert (seen.phase, seen.reason) == (Phase.FAILED, "NotReadyInTime")


async def test_a_port_is_watched_for_as_long_as_the_server_runs(coast: Coast) -> None:
    """Ready while it listens, not ready after some failures, never failed once it was ready."""
    provider = await coast.provider(probeCIDRs=["10.0.0.0/8"])
    wanted = {"tcp": {"port": 80}, "startSeconds": 60, "periodSeconds": 5, "failureThreshold": 3}
    await running(coast, provider, wanted)
    listening = (coast.there()[0].address, 80)
    coast.cloud.listening.add(listening)
    await coast.until(lambda: provider.observe(server()).ready)
    coast.cloud.listening.clear()
    await asyncio.sleep(4)
    assert provider.observe(server()).ready
    await coast.until(lambda: not provider.observe(server()).ready, seconds=20)
    await asyncio.sleep(500)
    assert provider.observe(server()).phase is Phase.RUNNING
    coast.cloud.listening.add(listening)
    await coast.until(lambda: provider.observe(server()).ready, seconds=10)


async def test_a_page_is_asked_for_at_its_port(coast: Coast) -> None:
    """With the path of the template."""
    provider = await coast.provider(probeCIDRs=["10.0.0.0/8"])
    await running(coast, provider, {"http": {"port": 8080, "path": "/healthz"}})
    address = coast.there()[0].address
    coast.cloud.listening.add((address, 8080))
    await coast.until(lambda: provider.observe(server()).ready)
    assert f"{address}:8080/healthz" in coast.asked("PROBE")


async def test_a_successor_makes_nothing_unready(coast: Coast) -> None:
    """Until its first probe it says that it does not know."""
    provider = await coast.provider(probeCIDRs=["10.0.0.0/8"])
    await running(coast, provider, {"tcp": {"port": 80}})
    coast.cloud.listening.add((coast.there()[0].address, 80))
    await coast.until(lambda: provider.observe(server()).ready)
    successor = await coast.provider(probeCIDRs=["10.0.0.0/8"])
    seen = set()
    for _ in range(100):
        found = successor.observe(server())
        seen.add((found.phase, found.ready))
        await asyncio.sleep(0.05)
    assert seen <= {(Phase.UNKNOWN, False), (Phase.RUNNING, True)}
    assert (Phase.RUNNING, True) in seen


async def test_a_rebuild_must_show_again_that_it_is_ready(coast: Coast) -> None:
    """It has a new token, and the console of before says nothing any more."""
    provider = await coast.provider(rebuild="WhenPossible")
    token = await running(coast, provider, {"console": {}})
    (machine,) = coast.there()
    machine.console = f"argosy-ready {token}\n"
    await coast.until(lambda: provider.observe(server()).ready)
    wanted = server(revision="two")
    after = template(image="v2", readiness={"console": {}})
    call = contract.Call(verb=contract.Verb.CHANGE, why="test", template=after, instance=machine.id)
    await provider.change(wanted, call)
    await coast.until(lambda: machine.status == "ACTIVE")
    machine.console = f"argosy-ready {token}\n"
    await asyncio.sleep(60)
    assert not provider.observe(wanted).ready
    machine.console += f"argosy-ready {machine.metadata['argosy.token']}\n"
    await coast.until(lambda: provider.observe(wanted).ready)


async def test_new_metadata_leave_a_ready_server_ready(coast: Coast) -> None:
    """It is told its token when it boots: what changes without that keeps the token."""
    provider = await coast.provider()
    token = await running(coast, provider, {"console": {}})
    (machine,) = coast.there()
    machine.console = f"argosy-ready {token}\n"
    await coast.until(lambda: provider.observe(server()).ready)
    machine.console = ""
    wanted = server(revision="two")
    after = template(readiness={"console": {}}, metadata={"role": "web"})
    assert provider.can_change(template(readiness={"console": {}}), after)
    call = contract.Call(verb=contract.Verb.CHANGE, why="test", template=after, instance=machine.id)
    await provider.change(wanted, call)
    await coast.until(lambda: provider.observe(wanted).revision == "two")
    await asyncio.sleep(30)
    assert provider.observe(wanted).ready
    assert machine.metadata["role"] == "web"


async def test_whoever_is_cut_off_makes_nothing_unready(coast: Coast) -> None:
    """Neither the cloud nor its servers answer: that says nothing of the servers, also at first."""
    provider = await coast.provider(probeCIDRs=["10.0.0.0/8"])
    wanted = {"tcp": {"port": 80}, "startSeconds": 60, "periodSeconds": 5, "failureThreshold": 1}
    await running(coast, provider, wanted)
    listening = (coast.there()[0].address, 80)
    coast.cloud.listening.add(listening)
    await coast.until(lambda: provider.observe(server()).ready)
    successor = await coast.provider(probeCIDRs=["10.0.0.0/8"])
    coast.cloud.listening.clear()
    away = Fault(method="*", path="/", unsent=True, times=10_000)
    coast.cloud.faults.append(away)
    for _ in range(600):
        assert provider.observe(server()).ready
        assert successor.observe(server()).phase in {Phase.UNKNOWN, Phase.RUNNING}
        assert (
            successor.observe(server()).ready or successor.observe(server()).phase is Phase.UNKNOWN
        )
        await asyncio.sleep(1)
    coast.cloud.faults.clear()
    await coast.until(lambda: not provider.observe(server()).ready, seconds=90)
    await coast.until(lambda: successor.observe(server()).phase is Phase.RUNNING, seconds=90)
    assert not successor.observe(server()).ready


async def test_a_server_that_nobody_may_probe_says_so(coast: Coast) -> None:
    """Its address is outside the Fleet's probeCIDRs: told at once, and when its time is over."""
    provider = await coast.provider(probeCIDRs=["192.168.0.0/16"])
    await running(coast, provider, {"tcp": {"port": 80}, "startSeconds": 100})
    await coast.until(lambda: "probeCIDRs" in provider.observe(server()).message, seconds=10)
    assert coast.heard
    await coast.until(lambda: provider.observe(server()).phase is Phase.FAILED)
    assert "probeCIDRs" in provider.observe(server()).message
    assert coast.asked("PROBE") == []


async def begin_to_be_ready(coast: Coast, provider: contract.Provider) -> Machine:
    """Return a server that has shown on its console that it is ready, and shows it no more."""
    token = await running(coast, provider, {"console": {}})
    (machine,) = coast.there()
    machine.console = f"argosy-ready {token}\n"
    await coast.until(lambda: provider.observe(server()).ready)
    return machine


async def test_a_note_that_was_not_taken_is_written_again(coast: Coast) -> None:
    """The next operator would find a console without the line, and delete what is well."""
    provider = await coast.provider()
    coast.cloud.faults.append(
        Fault(method="POST", path="/metadata$", reply=Reply(status=503), times=3)
    )
    machine = await begin_to_be_ready(coast, provider)
    await asyncio.sleep(700)
    assert provider.observe(server()).ready
    machine.console = ""
    await coast.close()
    successor = await coast.provider()
    await asyncio.sleep(60)
    assert successor.observe(server()).ready


async def test_a_note_that_somebody_wrote_over_is_written_again(coast: Coast) -> None:
    """Whoever writes all metadata at the same moment does not know of it."""
    provider = await coast.provider()
    machine = await begin_to_be_ready(coast, provider)
    await coast.until(lambda: "argosy.ready" in machine.metadata)
    del machine.metadata["argosy.ready"]
    machine.updated = coast.cloud.now
    await coast.until(lambda: "argosy.ready" in machine.metadata)


async def test_a_restore_keeps_the_note_that_it_was_ready(coast: Coast) -> None:
    """No list has shown the note yet, and the rebuild empties the console for good."""
    provider = await coast.provider()
    await running(coast, provider, {"console": {}})
    (machine,) = coast.there()
    await provider.act(server(), act(machine.id, tasks.SNAPSHOT, "before"))
    machine.console = f"argosy-ready {machine.metadata['argosy.token']}\n"
    await coast.until(lambda: "argosy.ready" in machine.metadata)
    await provider.act(server(), act(machine.id, tasks.RESTORE, "before"))
    assert "argosy.ready" in machine.metadata
    await coast.close()
    successor = await coast.provider()
    await asyncio.sleep(700)
    assert successor.observe(server()).ready


async def change(
    coast: Coast, provider: contract.Provider, readiness: dict[str, Any]
) -> objects.Server:
    """Have the server told another readiness where it is; return its Server, as that is then."""
    wanted, after = server(revision="two"), template(readiness=readiness)
    call = contract.Call(
        verb=contract.Verb.CHANGE, why="test", template=after, instance=coast.there()[0].id
    )
    await provider.change(wanted, call)
    await coast.until(lambda: provider.observe(wanted).revision == "two")
    return wanted


async def test_a_readiness_that_is_changed_fails_no_server_that_was_ready(coast: Coast) -> None:
    """A wrong port makes servers unready that ran for days; it does not delete them."""
    provider = await coast.provider(probeCIDRs=["10.0.0.0/8"])
    await running(coast, provider, {})
    await asyncio.sleep(1000)
    wanted = await change(coast, provider, {"tcp": {"port": 80}, "startSeconds": 60})
    await coast.until(lambda: not provider.observe(wanted).ready)
    await asyncio.sleep(600)
    assert provider.observe(wanted).phase is Phase.RUNNING
    await coast.close()
    successor = await coast.provider(probeCIDRs=["10.0.0.0/8"])
    await asyncio.sleep(60)
    seen = successor.observe(wanted)
    assert (seen.phase, seen.ready) == (Phase.RUNNING, False)
    coast.cloud.listening.add((coast.there()[0].address, 80))
    await coast.until(lambda: successor.observe(wanted).ready)


async def test_a_server_that_was_ready_stays_so_once_its_console_is_to_tell(coast: Coast) -> None:
    """The line is printed at the start, and this one was over before anybody asked."""
    provider = await coast.provider()
    await running(coast, provider, {})
    await asyncio.sleep(1000)
    wanted = await change(coast, provider, {"console": {}})
    await asyncio.sleep(60)
    assert provider.observe(wanted).ready


async def test_a_server_that_was_not_ready_has_its_time_from_the_change_on(coast: Coast) -> None:
    """Whoever puts a wrong port right has that tried; the next operator counts from then, too."""
    provider = await coast.provider(probeCIDRs=["10.0.0.0/8"])
    await running(coast, provider, {"tcp": {"port": 81}, "startSeconds": 1000})
    await asyncio.sleep(900)
    wanted = await change(coast, provider, {"tcp": {"port": 80}, "startSeconds": 200})
    await asyncio.sleep(150)
    successor = await coast.provider(probeCIDRs=["10.0.0.0/8"])
    await asyncio.sleep(20)
    for each in (provider, successor):
        assert each.observe(wanted).phase is Phase.RUNNING
    await asyncio.sleep(60)
    for each in (provider, successor):
        assert each.observe(wanted).reason == "NotReadyInTime"


async def test_a_console_that_cannot_be_read_leaves_nobody_in_the_dark(coast: Coast) -> None:
    """By a policy, a hypervisor without consoles, a host that died: told, and not waited for."""
    provider = await coast.provider()
    await running(coast, provider, {"console": {}, "startSeconds": 600})
    refusal = b'{"forbidden": {"code": 403, "message": "Policy does not allow it."}}'
    coast.cloud.faults.append(
        Fault(
            method="POST", path="/action$", times=10_000, reply=Reply(status=403, body=refusal)
        )
    )  # fmt: skip
    successor = await coast.provider()
    assert successor.observe(server()).phase is Phase.UNKNOWN
    coast.heard.clear()
    await asyncio.sleep(200)
    for each in (provider, successor):
        seen = each.observe(server())
        assert (seen.phase, seen.ready) == (Phase.RUNNING, False)
        assert "console cannot be read: Policy does not allow it." in seen.message
    assert coast.heard
    await asyncio.sleep(600)
    assert successor.observe(server()).reason == "NotReadyInTime"


async def test_a_console_that_is_read_again_is_believed(coast: Coast) -> None:
    """Nothing is said of it any more, and a cloud that was away for that time makes no odds."""
    provider = await coast.provider()
    token = await running(coast, provider, {"console": {}, "startSeconds": 9999})
    broken = Fault(method="POST", path="/action$", reply=Reply(status=500), times=10_000)
    coast.cloud.faults.append(broken)
    await coast.until(lambda: "console" in provider.observe(server()).message)
    coast.cloud.faults.clear()
    await coast.until(lambda: "console" not in provider.observe(server()).message)
    away = Fault(method="*", path="/", unsent=True, times=10_000)
    successor = await coast.provider()
    coast.cloud.faults.append(away)
    await asyncio.sleep(600)
    assert successor.observe(server()).phase in {Phase.UNKNOWN, Phase.RUNNING}
    coast.cloud.faults.clear()
    coast.there()[0].console = f"argosy-ready {token}\n"
    await coast.until(lambda: successor.observe(server()).ready)


async def test_who_comes_up_again_is_ready_once_that_shows(coast: Coast) -> None:
    """After a stop and a start, by whomever, the guest has yet to boot: a rollout waits for that.

    However long that takes, the start of before was none that failed.
    """
    provider = await coast.provider(probeCIDRs=["10.0.0.0/8"])
    await running(coast, provider, {"tcp": {"port": 80}, "startSeconds": 60})
    (machine,) = coast.there()
    listening = (machine.address, 80)
    coast.cloud.listening.add(listening)
    await coast.until(lambda: provider.observe(server()).ready)
    coast.cloud.do(machine.id, "os-stop")
    await coast.until(lambda: provider.observe(server()).phase is Phase.STOPPED)
    coast.cloud.listening.clear()
    coast.cloud.do(machine.id, "os-start")
    for _ in range(6000):
        assert not provider.observe(server()).ready
        await asyncio.sleep(0.05)
    assert provider.observe(server()).phase is Phase.RUNNING
    began = EPOCH + coast.cloud.now
    coast.cloud.listening.add(listening)
    await coast.until(lambda: provider.observe(server()).ready)
    assert provider.observe(server()).ready_since >= began


async def test_a_first_start_that_was_cut_short_has_its_time_anew(coast: Coast) -> None:
    """Somebody stops a server before it is ready: that it was launched long ago fails nobody."""
    provider = await coast.provider(probeCIDRs=["10.0.0.0/8"])
    await running(coast, provider, {"tcp": {"port": 80}, "startSeconds": 60})
    (machine,) = coast.there()
    coast.cloud.do(machine.id, "os-stop")
    await coast.until(lambda: provider.observe(server()).phase is Phase.STOPPED)
    await asyncio.sleep(600)
    coast.cloud.do(machine.id, "os-start")
    await coast.until(lambda: provider.observe(server()).phase is Phase.RUNNING)
    await asyncio.sleep(40)
    assert provider.observe(server()).phase is Phase.RUNNING
    await asyncio.sleep(40)
    assert provider.observe(server()).reason == "NotReadyInTime"


async def test_a_cell_that_falls_silent_makes_nothing_unready(coast: Coast) -> None:
    """The servers are at work all the while: when it is back, they are what they were."""
    provider = await coast.provider(probeCIDRs=["10.0.0.0/8"])
    await running(coast, provider, {"tcp": {"port": 80}})
    (machine,) = coast.there()
    coast.cloud.listening.add((machine.address, 80))
    await coast.until(lambda: provider.observe(server()).ready)
    coast.cloud.silent_cell = machine.silent = True
    await coast.until(lambda: provider.observe(server()).phase is Phase.UNREACHABLE)
    coast.cloud.silent_cell = machine.silent = False
    back = (Phase.RUNNING, Phase.UNKNOWN)
    await coast.until(lambda: provider.observe(server()).phase in back, seconds=200)
    assert provider.observe(server()).ready


@pytest.mark.parametrize(
    ("status", "reason", "revision", "phase"),
    [
        ("True", "Running", "one", Phase.RUNNING),
        ("False", "Unhealthy", "one", Phase.RUNNING),
        ("False", "Progressing", "one", Phase.FAILED),
        ("True", "Running", "older", Phase.FAILED),
    ],
)
async def test_a_server_that_is_on_record_as_ready_has_not_failed_to_start(
    coast: Coast, status: str, reason: str, revision: str, phase: Phase
) -> None:
    """Where the cloud takes no note of it, what the status tells of this start counts."""
    provider = await coast.provider()
    await running(coast, provider, {"console": {}, "startSeconds": 60})
    await asyncio.sleep(120)
    told = Condition(type="Ready", status=status, reason=reason)
    known = server(recorded=coast.there()[0].id)
    on_record = msgspec.structs.replace(
        known.status, revision=revision, incarnation=1, conditions=(told,)
    )
    known = msgspec.structs.replace(known, status=on_record)
    assert provider.observe(known).phase is phase


WAYS = [{"console": {}}, {"tcp": {"port": 80}}]


async def becomes(coast: Coast, provider: contract.Provider, holds: Any) -> None:
    """Return once something holds of the server that is seen; fail where it has failed before."""
    async with asyncio.timeout(120):
        while not holds(provider.observe(server())):
            assert provider.observe(server()).phase is not Phase.FAILED
            await asyncio.sleep(0.05)
    assert [each.status for each in coast.there()] == ["ACTIVE"]


@pytest.mark.parametrize("way", WAYS)
async def test_whoever_could_not_be_asked_is_not_late(coast: Coast, way: dict[str, Any]) -> None:
    """The cloud is away while a guest starts that is ready in time: nothing of it has failed."""
    provider = await coast.provider(probeCIDRs=["10.0.0.0/8"])
    token = await running(coast, provider, {**way, "startSeconds": 100})
    (machine,) = coast.there()
    coast.cloud.cut_off()
    machine.console = f"argosy-ready {token}\n"
    for _ in range(300):
        assert provider.observe(server()).phase is not Phase.FAILED
        await asyncio.sleep(1)
    coast.cloud.listening.add((machine.address, 80))
    coast.cloud.restore()
    await becomes(coast, provider, lambda seen: seen.ready)


@pytest.mark.parametrize("way", WAYS)
async def test_whoever_is_not_ready_after_an_outage_is_late(
    coast: Coast, way: dict[str, Any]
) -> None:
    """Its time was over long before: it is asked once the cloud is heard, and has failed then."""
    provider = await coast.provider(probeCIDRs=["10.0.0.0/8"])
    await running(coast, provider, {**way, "startSeconds": 100})
    coast.cloud.cut_off()
    await asyncio.sleep(300)
    assert provider.observe(server()).phase is Phase.RUNNING
    coast.cloud.restore()
    coast.heard.clear()
    await coast.until(lambda: provider.observe(server()).reason == "NotReadyInTime", seconds=90)
    assert coast.heard


async def test_whoever_is_asked_too_late_is_not_late(
    coast: Coast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Probes that take their time, or wait for others, are no fault of the server."""
    told = asyncio.Event()

    async def hangs(*_: object) -> bool:
        return await told.wait()

    monkeypatch.setattr(coast.cloud, "http", hangs)
    provider = await coast.provider(probeCIDRs=["10.0.0.0/8"])
    await running(coast, provider, {"tcp": {"port": 80}, "startSeconds": 60})
    for _ in range(300):
        assert provider.observe(server()).phase is Phase.RUNNING
        await asyncio.sleep(1)
    told.set()
    await becomes(coast, provider, lambda seen: seen.ready)


async def test_a_cloud_that_asks_to_be_left_alone_makes_nobody_late(coast: Coast) -> None:
    """It says so of each read of a console, and answers lists meanwhile."""
    provider = await coast.provider()
    token = await running(coast, provider, {"console": {}, "startSeconds": 100})
    later = Reply(status=429, headers={"retry-after": "300"})
    coast.cloud.faults.append(Fault(method="POST", path="/action$", reply=later, times=10_000))
    coast.there()[0].console = f"argosy-ready {token}\n"
    for _ in range(400):
        assert provider.observe(server()).phase is Phase.RUNNING
        await asyncio.sleep(1)
    coast.cloud.restore()
    await becomes(coast, provider, lambda seen: seen.ready)
