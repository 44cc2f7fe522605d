"""What `controller.contract.provider` promises, held against every provider."""

import asyncio
import contextlib
import dataclasses

import msgspec
import pytest

from controller import contract, errors
from controller.api import objects
from controller.contract import Capability, Phase, tasks
from controller.kinds.server import task
from tests.contracts.provider_stages import (
    BROKEN,
    Stage,
    change,
    create,
    delete,
    eventually,
    phase_of,
    watch_phase,
    watch_ready,
    with_spec,
)

pytestmark = pytest.mark.looptime


def act(instance: str, action: str, **given: object) -> contract.Call:
    """Return a plan's wish for an act."""
    parameters = msgspec.Raw(msgspec.json.encode(given))
    task = objects.Task(id=f"{action}-1", operation="op", action=action, parameters=parameters)
    return contract.Call(verb=contract.Verb.ACT, why="test", instance=instance, task=task)


def facts_for_programs(facts: contract.Facts) -> dict[str, str]:
    """Return what an act found out besides its message; all of it fits into a status."""
    for name, found in facts.items():
        assert len(name) <= task.LONGEST_NAME
        assert len(found) <= task.LONGEST_FACT
    return {name: found for name, found in facts.items() if name != "message"}


async def test_what_was_never_made_is_absent(stage: Stage) -> None:
    """A server without substance is seen as absent, and no more is claimed."""
    await stage.begin()
    server = await stage.server()
    assert stage.provider.observe(server) == contract.ABSENT


async def test_who_hears_of_its_servers_tells_of_no_silence(stage: Stage) -> None:
    """A fleet that works is Ready, whether or not there is a server in it."""
    await stage.begin()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    await watch_ready(stage.provider, server)
    assert stage.provider.silence() is None


async def test_a_created_server_becomes_ready_as_what_it_was_made(stage: Stage) -> None:
    """One instance appears, and is seen with its id, address, revision and incarnation."""
    await stage.begin()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1"), alternative=2))
    seen = await watch_ready(stage.provider, server)
    (instance,) = stage.instances()
    assert (instance.name, instance.template) == ("shop-web-0", "v1")
    assert (seen.phase, seen.id, seen.alternative) == (Phase.RUNNING, instance.id, 2)
    assert (seen.revision, seen.incarnation) == ("one", 1)
    assert seen.addresses
    assert not seen.changing
    assert seen.drift == ()


async def test_creating_twice_makes_one_instance(stage: Stage) -> None:
    """The second create of the same incarnation adopts what the first one made."""
    await stage.begin()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    before = stage.instances()
    await stage.provider.create(server, create(stage.template("v1")))
    assert stage.instances() == before


async def test_creating_at_the_same_time_makes_one_instance(stage: Stage) -> None:
    """Two operators that both believe to lead make one instance between them.

    Where the other side takes both creates, one is removed at sight, and both agree which.
    """
    await stage.begin()
    server = await stage.server()
    other = await stage.successor()
    call = create(stage.template("v1"))
    await asyncio.gather(stage.provider.create(server, call), other.create(server, call))
    await eventually(lambda: len(stage.instances()) == 1, seconds=stage.prompt_seconds)
    first, second = [await watch_ready(each, server) for each in (stage.provider, other)]
    assert first.id == second.id
    # A server that is deleted while Nova finds a host for it is listed once more before it goes.
    await eventually(
        lambda: [each.id for each in stage.instances()] == [first.id], seconds=stage.prompt_seconds
    )


async def test_a_create_whose_answer_was_lost_is_taken_up(stage: Stage) -> None:
    """The lost call is told as an unknown outcome, and repeating it doubles nothing."""
    await stage.begin()
    server = await stage.server()
    stage.disturb("create", lost=True)
    with pytest.raises(errors.UnknownOutcome):
        await stage.provider.create(server, create(stage.template("v1")))
    await stage.provider.create(server, create(stage.template("v1")))
    assert len(stage.instances()) == 1
    await watch_ready(stage.provider, server)


async def test_a_create_that_was_turned_away_made_nothing(stage: Stage) -> None:
    """What may pass is Transient, not unknown, and the next attempt succeeds."""
    await stage.begin()
    server = await stage.server()
    stage.disturb("create", lost=False)
    with pytest.raises(errors.Transient) as refused:
        await stage.provider.create(server, create(stage.template("v1")))
    assert not isinstance(refused.value, errors.UnknownOutcome)
    assert stage.instances() == []
    await stage.provider.create(server, create(stage.template("v1")))
    assert len(stage.instances()) == 1


async def test_a_template_that_cannot_be_used_is_refused_for_good(stage: Stage) -> None:
    """Stalled, TemplateRefused, and nothing is made."""
    await stage.begin()
    server = await stage.server()
    with pytest.raises(errors.Stalled) as refused:
        await stage.provider.create(server, create(BROKEN))
    assert refused.value.reason == "TemplateRefused"
    assert stage.instances() == []


async def test_what_is_another_servers_is_left_alone(stage: Stage) -> None:
    """A server made anew under the same name does not take over what the earlier one left.

    It waits where the cluster collects what that left, and says so where nobody does.
    """
    await stage.begin()
    earlier = await stage.server()
    await stage.provider.create(earlier, create(stage.template("v1")))
    await watch_ready(stage.provider, earlier)
    server = await stage.server()
    await watch_phase(stage.provider, server, Phase.FOREIGN)
    before = stage.instances()
    with pytest.raises((errors.NameTaken, errors.OwnerGone)) as refused:
        await stage.provider.create(server, create(stage.template("v2")))
    assert refused.value.reason in ("NameTaken", "OwnerGone")
    assert stage.instances() == before


async def test_another_incarnation_waits_until_the_older_one_is_gone(stage: Stage) -> None:
    """Never two of an ordinal: create says Waiting until the name is free, then makes a new one."""
    await stage.begin()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    older = await watch_ready(stage.provider, server)
    newer = with_spec(server, incarnation=2)
    with pytest.raises(errors.Waiting):
        await stage.provider.create(newer, create(stage.template("v1")))
    await stage.provider.delete(newer, delete(older.id))
    assert all(each.id == older.id for each in stage.instances())
    with pytest.raises(errors.Waiting):
        await stage.provider.create(newer, create(stage.template("v1")))
    await watch_phase(stage.provider, newer, Phase.ABSENT)
    await stage.provider.create(newer, create(stage.template("v1")))
    seen = await watch_ready(stage.provider, newer)
    assert seen.incarnation == 2
    assert seen.id != older.id
    assert len(stage.instances()) == 1


async def test_what_is_on_its_way_out_is_not_adopted(stage: Stage) -> None:
    """Not even by the very incarnation that it is: it would vanish under a healthy status."""
    await stage.begin()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    seen = await watch_ready(stage.provider, server)
    await stage.provider.delete(server, delete(seen.id))
    with pytest.raises(errors.Waiting):
        await stage.provider.create(server, create(stage.template("v1")))
    await watch_phase(stage.provider, server, Phase.ABSENT)
    await stage.provider.create(server, create(stage.template("v1")))
    assert (await watch_ready(stage.provider, server)).id != seen.id


async def test_an_older_plan_does_not_adopt_a_newer_incarnation(stage: Stage) -> None:
    """A stale leader's create changes nothing about what its successor made."""
    await stage.begin()
    server = await stage.server()
    newer = with_spec(server, incarnation=2)
    await stage.provider.create(newer, create(stage.template("v2")))
    before = stage.instances()
    with pytest.raises(errors.Waiting):
        await stage.provider.create(server, create(stage.template("v1")))
    assert stage.instances() == before


async def test_a_change_in_place_keeps_the_instance(stage: Stage) -> None:
    """The same instance comes to the new template; until it has, it is changing and not ready."""
    await stage.begin()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    before = await watch_ready(stage.provider, server)
    wanted = with_spec(server, revision="two")
    await stage.provider.change(wanted, change(before.id, stage.template("v2")))
    await eventually(lambda: stage.provider.observe(wanted).revision == "two")
    during = stage.provider.observe(wanted)
    assert during.changing
    assert not during.ready
    after = await watch_ready(stage.provider, wanted)
    assert not after.changing
    assert after.id == before.id
    assert after.ready_since > before.ready_since or stage.instances()[0].template == "v2"
    assert [each.template for each in stage.instances()] == ["v2"]


async def test_a_change_that_is_done_changes_nothing_more(stage: Stage) -> None:
    """Asked again, a change in place is not begun again."""
    await stage.begin()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    seen = await watch_ready(stage.provider, server)
    wanted = with_spec(server, revision="two")
    call = change(seen.id, stage.template("v2"))
    await stage.provider.change(wanted, call)
    await eventually(lambda: stage.provider.observe(wanted).revision == "two")
    await watch_ready(stage.provider, wanted)
    assert await stage.provider.change(wanted, call) == ()
    await asyncio.sleep(5)
    assert stage.provider.observe(wanted).ready


async def test_a_change_whose_answer_was_lost_can_be_repeated(stage: Stage) -> None:
    """The lost call is told as an unknown outcome; asked again, the change is made once."""
    await stage.begin()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    before = await watch_ready(stage.provider, server)
    wanted = with_spec(server, revision="two")
    call = change(before.id, stage.template("v2"))
    stage.disturb("change", lost=True)
    with pytest.raises(errors.UnknownOutcome):
        await stage.provider.change(wanted, call)
    await eventually(lambda: stage.provider.observe(wanted).revision == "two")
    await stage.provider.change(wanted, call)
    after = await watch_ready(stage.provider, wanted)
    assert (after.id, after.revision) == (before.id, "two")
    assert [each.template for each in stage.instances()] == ["v2"]


async def test_a_change_is_of_one_instance_only(stage: Stage) -> None:
    """A change planned for an instance that is gone does not befall another of its name."""
    await stage.begin()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    await watch_ready(stage.provider, server)
    before = stage.instances()
    with pytest.raises(errors.Waiting):
        await stage.provider.change(server, change("another", stage.template("v2")))
    assert stage.instances() == before


async def test_an_incarnation_is_not_changed_into_another(stage: Stage) -> None:
    """In place an instance keeps what it is: another incarnation takes another instance."""
    await stage.begin()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    seen = await watch_ready(stage.provider, server)
    before = stage.instances()
    newer = with_spec(server, incarnation=2)
    with pytest.raises(errors.Stalled) as refused:
        await stage.provider.change(newer, change(seen.id, stage.template("v2")))
    assert refused.value.reason == "NotSupported"
    assert stage.instances() == before


async def test_a_restart_is_of_the_instance_that_is_there(stage: Stage) -> None:
    """With the capability Restart it begins anew as the next incarnation; else it is refused."""
    await stage.begin()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    seen = await watch_ready(stage.provider, server)
    (before,) = stage.instances()
    newer = with_spec(server, incarnation=2, restart_as=2)
    wish = change(seen.id, stage.template("v1"))
    if Capability.RESTART not in stage.kind.capabilities:
        with pytest.raises(errors.Stalled) as refused:
            await stage.provider.change(newer, wish)
        assert refused.value.reason == "NotSupported"
        assert stage.instances() == [before]
        return
    while stage.provider.observe(newer).incarnation != 2:
        with contextlib.suppress(errors.Waiting):
            await stage.provider.change(newer, wish)
        await asyncio.sleep(1)
    after = await watch_ready(stage.provider, newer)
    assert (after.id, after.revision, after.incarnation) == (seen.id, "one", 2)
    assert stage.instances() == [dataclasses.replace(before, incarnation=2)]


async def stoppable(stage: Stage) -> tuple[objects.Server, contract.Observation]:
    """Return a server that runs, and what is seen of it; skip where none stops in place."""
    await stage.begin()
    if Capability.STOP not in stage.kind.capabilities:
        pytest.skip("its servers are stopped by deletion")
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    return server, await watch_ready(stage.provider, server)


async def test_what_is_stopped_changes_in_place_and_stays_stopped(stage: Stage) -> None:
    """With the capability Stop: it has the other template then, and runs it once it is started."""
    server, seen = await stoppable(stage)
    stopped = with_spec(server, power="Stopped")
    await stage.provider.change(stopped, change(seen.id, stage.template("v1")))
    await watch_phase(stage.provider, stopped, Phase.STOPPED)
    await eventually(lambda: not stage.provider.observe(stopped).changing)
    newer = with_spec(stopped, revision="two")
    await stage.provider.change(newer, change(seen.id, stage.template("v2")))
    await eventually(
        lambda: (
            stage.provider.observe(newer).phase is Phase.STOPPED
            and not stage.provider.observe(newer).changing
        )
    )
    assert stage.provider.observe(newer).revision == "two"
    assert [each.template for each in stage.instances()] == ["v2"]
    up = with_spec(newer, power="Running")
    await stage.provider.change(up, change(seen.id, stage.template("v2")))
    assert (await watch_ready(stage.provider, up)).id == seen.id


async def test_a_stop_and_a_start_need_no_template(stage: Stage) -> None:
    """With the capability Stop: the instance stays what it is, whatever its Server is by now."""
    server, seen = await stoppable(stage)
    before = stage.instances()
    down = with_spec(server, revision="two", incarnation=2, power="Stopped")
    await stage.provider.change(down, change(seen.id))
    await watch_phase(stage.provider, down, Phase.STOPPED)
    await eventually(lambda: not stage.provider.observe(down).changing)
    await stage.provider.change(server, change(seen.id))
    after = await watch_ready(stage.provider, server)
    assert (after.id, after.revision, after.incarnation) == (seen.id, "one", 1)
    assert stage.instances() == before


async def test_mending_without_drift_changes_nothing(stage: Stage) -> None:
    """A change without a template only mends, and there is nothing to mend."""
    await stage.begin()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    seen = await watch_ready(stage.provider, server)
    before = stage.instances()
    assert await stage.provider.change(with_spec(server, revision="two"), change(seen.id)) == ()
    assert stage.instances() == before


async def test_a_deleted_instance_goes_and_is_seen_to_go(stage: Stage) -> None:
    """It is terminating, then absent; deleting again, before and after, is success."""
    await stage.begin()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    seen = await watch_ready(stage.provider, server)
    await stage.provider.delete(server, delete(seen.id))
    await watch_phase(stage.provider, server, Phase.TERMINATING)
    await stage.provider.delete(server, delete(seen.id))
    await watch_phase(stage.provider, server, Phase.ABSENT)
    assert stage.instances() == []
    await stage.provider.delete(server, delete(seen.id))


async def test_a_delete_is_of_one_instance_only(stage: Stage) -> None:
    """A delete that comes late spares the instance that has taken the name."""
    await stage.begin()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    older = await watch_ready(stage.provider, server)
    await stage.provider.delete(server, delete(older.id))
    await watch_phase(stage.provider, server, Phase.ABSENT)
    newer = with_spec(server, incarnation=2)
    await stage.provider.create(newer, create(stage.template("v1")))
    await watch_ready(stage.provider, newer)
    before = stage.instances()
    await stage.provider.delete(newer, delete(older.id))
    assert stage.instances() == before


async def test_deleting_nothing_in_particular_deletes_nothing(stage: Stage) -> None:
    """Without an instance there is no telling which: nothing may be hit by its name alone."""
    await stage.begin()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    await watch_ready(stage.provider, server)
    before = stage.instances()
    await stage.provider.delete(server, delete(""))
    assert stage.instances() == before


async def test_a_delete_whose_answer_was_lost_can_be_repeated(stage: Stage) -> None:
    """The second call finds the first one's work done."""
    await stage.begin()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    seen = await watch_ready(stage.provider, server)
    stage.disturb("delete", lost=True)
    with pytest.raises(errors.UnknownOutcome):
        await stage.provider.delete(server, delete(seen.id))
    await stage.provider.delete(server, delete(seen.id))
    await watch_phase(stage.provider, server, Phase.ABSENT)
    assert stage.instances() == []


async def test_a_failure_is_seen_with_its_reason(stage: Stage) -> None:
    """What broke is Failed, says why, and is not ready."""
    await stage.begin()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    await watch_ready(stage.provider, server)
    stage.break_down(server)
    seen = await watch_phase(stage.provider, server, Phase.FAILED)
    assert seen.reason
    assert seen.error_class in ("Transient", "Waiting")
    assert not seen.ready


async def test_what_does_not_answer_goes_when_it_is_given_up(stage: Stage) -> None:
    """A teardown that nobody confirms is Unreachable, never Absent; without grace it ends."""
    await stage.begin()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    seen = await watch_ready(stage.provider, server)
    stage.silence(server, silent=True)
    with contextlib.suppress(errors.Transient):
        await stage.provider.delete(server, delete(seen.id))
    await watch_phase(stage.provider, server, Phase.UNREACHABLE)
    assert phase_of(stage.provider, seen.id) is Phase.UNREACHABLE
    assert [each.id for each in stage.instances()] == [seen.id]
    await stage.provider.delete(server, delete(seen.id, grace=0))
    await watch_phase(stage.provider, server, Phase.ABSENT)
    assert phase_of(stage.provider, seen.id) is Phase.ABSENT
    assert stage.instances() == []


async def test_an_orphan_that_returns_can_be_collected(stage: Stage) -> None:
    """By its id alone it is found, seen to answer again, and torn down; twice is once."""
    await stage.begin()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    seen = await watch_ready(stage.provider, server)
    stage.silence(server, silent=True)
    stage.silence(server, silent=False)
    await eventually(lambda: phase_of(stage.provider, seen.id) is Phase.RUNNING)
    await stage.provider.collect(seen.id, "default/shop-web-0")
    await eventually(lambda: phase_of(stage.provider, seen.id) is Phase.ABSENT)
    assert stage.instances() == []
    await stage.provider.collect(seen.id, "default/shop-web-0")


async def test_collecting_an_orphan_spares_what_has_its_name(stage: Stage) -> None:
    """The server may exist anew: only the instance of that id goes."""
    await stage.begin()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    orphan = await watch_ready(stage.provider, server)
    await stage.provider.delete(server, delete(orphan.id))
    await watch_phase(stage.provider, server, Phase.ABSENT)
    await stage.provider.create(server, create(stage.template("v1")))
    successor = await watch_ready(stage.provider, server)
    before = stage.instances()
    await stage.provider.collect(orphan.id, "default/shop-web-0")
    assert phase_of(stage.provider, orphan.id) is Phase.ABSENT
    assert stage.instances() == before
    assert stage.provider.observe(server) == successor


async def test_a_successor_sees_and_goes_on_with_what_is_there(stage: Stage) -> None:
    """What an operator made is not lost with it: the next sees the same and adopts it."""
    await stage.begin()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    before = await watch_ready(stage.provider, server)
    successor = await stage.successor()
    assert successor.observe(server) == before
    await successor.create(server, create(stage.template("v1")))
    assert [each.id for each in stage.instances()] == [before.id]


async def test_changes_that_happen_by_themselves_are_told(stage: Stage) -> None:
    """Whoever subscribed hears of a server when it becomes ready and when it fails."""
    await stage.begin()
    heard: list[tuple[str, bool, Phase]] = []
    server = await stage.server()

    def changed(namespace: str, name: str) -> None:
        seen = stage.provider.observe(server)
        heard.append((f"{namespace}/{name}", seen.ready, seen.phase))

    stage.listeners.append(changed)
    await stage.provider.create(server, create(stage.template("v1")))
    await eventually(lambda: ("default/shop-web-0", True, Phase.RUNNING) in heard)
    stage.break_down(server)
    await eventually(lambda: ("default/shop-web-0", False, Phase.FAILED) in heard)


async def test_addresses_are_those_of_the_very_server(stage: Stage) -> None:
    """What may be called for a server is its own instance: none before, none of another's."""
    await stage.begin()
    server = await stage.server()
    assert stage.provider.own_addresses(server) == ()
    await stage.provider.create(server, create(stage.template("v1")))
    seen = await watch_ready(stage.provider, server)
    assert set(stage.provider.own_addresses(server)) <= set(seen.addresses)
    other = await stage.server()
    await watch_phase(stage.provider, other, Phase.FOREIGN)
    assert stage.provider.own_addresses(other) == ()


async def test_cancelling_what_never_began_is_success(stage: Stage) -> None:
    """There is nothing to end, and the instance is not touched."""
    await stage.begin()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    seen = await watch_ready(stage.provider, server)
    before = stage.instances()
    call = act(seen.id, tasks.EXEC, exec={"command": ["true"]})
    await stage.provider.cancel(server, call)
    await stage.provider.cancel(server, call)
    assert stage.instances() == before
    assert stage.provider.observe(server) == seen


async def test_only_offered_acts_are_carried_out(stage: Stage) -> None:
    """An act whose capability is missing is Stalled, NotSupported; the others tell facts."""
    await stage.begin()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    seen = await watch_ready(stage.provider, server)
    acts = {
        Capability.EXEC: act(seen.id, tasks.EXEC, exec={"command": ["true"]}),
        Capability.SNAPSHOT: act(seen.id, tasks.SNAPSHOT, arguments={"snapshot": "a"}),
    }
    for capability, call in acts.items():
        if capability in stage.kind.capabilities:
            assert facts_for_programs(await stage.provider.act(server, call))
        else:
            with pytest.raises(errors.Stalled) as refused:
                await stage.provider.act(server, call)
            assert refused.value.reason == "NotSupported"


async def test_an_act_is_of_one_instance_only(stage: Stage) -> None:
    """A command meant for an instance that is gone does not run in another of its name."""
    await stage.begin()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    await watch_ready(stage.provider, server)
    with pytest.raises(errors.Waiting):
        await stage.provider.act(server, act("another", tasks.EXEC, exec={"command": ["true"]}))


async def test_a_command_that_nobody_saw_end_is_not_run_again(stage: Stage) -> None:
    """Resuming a plain command is an unknown outcome: whether it ran cannot be known."""
    await stage.begin()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    seen = await watch_ready(stage.provider, server)
    call = act(seen.id, tasks.EXEC, exec={"command": ["true"]})
    with pytest.raises(errors.UnknownOutcome) as lost:
        await stage.provider.resume(server, call)
    assert lost.value.reason == "NoTrace"


async def test_instances_are_told_with_the_server_that_they_were_made_for(stage: Stage) -> None:
    """Each by its id, its server's name and UID and its phase: orphans are known by these."""
    await stage.begin()
    server = await stage.server()
    assert list(stage.provider.instances() or ()) == []
    await stage.provider.create(server, create(stage.template("v1")))
    seen = await watch_ready(stage.provider, server)
    assert list(stage.provider.instances() or ()) == [
        contract.Instance(
            id=seen.id,
            server=f"{server.metadata.namespace}/{server.metadata.name}",
            uid=server.metadata.uid,
            phase=Phase.RUNNING,
        )
    ]


async def test_what_can_be_changed_in_place_is_said_beforehand(stage: Stage) -> None:
    """What the provider says of two templates is what a change then does; nonsense cannot."""
    await stage.begin()
    before, after = stage.template("v1"), stage.template("v2")
    assert stage.provider.can_change(before, after)
    for odd in (b"[]", b"null", b"{}"):
        assert not stage.provider.can_change(odd, b"[1]")
