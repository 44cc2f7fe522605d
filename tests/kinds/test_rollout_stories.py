"""Whole rollouts, played from the first write to the last, and told as they were planned."""

from __future__ import annotations

import dataclasses
from typing import Any

from controller import contract
from controller.api import names, objects
from controller.api.resources import Resource
from tests.kinds.golden_files import hold
from tests.kinds.rehearsal import Rehearsal, component

WEB = "shop-web"


def rehearse(image: str = "web:v1", replicas: int | None = 4, **fields: Any) -> Rehearsal:
    """Return a rehearsal in which an application of one component has come up."""
    rehearsal = Rehearsal()
    rehearsal.apply("shop", component("web", image, replicas, **fields))
    rehearsal.run()
    assert rehearsal.condition(objects.Application, "shop") == ("True", "Available")
    rehearsal.lines.clear()
    return rehearsal


def update(rehearsal: Rehearsal, image: str, replicas: int | None = 4, **fields: Any) -> None:
    """Change the one component."""
    rehearsal.say(f"the user asks for {image}, {replicas} servers {fields or ''}".rstrip())
    rehearsal.apply("shop", component("web", image, replicas, **fields))


def incarnations(rehearsal: Rehearsal) -> list[int]:
    """Return how often each server has been made anew, by ordinal."""
    return [each.spec.incarnation for each in rehearsal.servers(WEB).values()]


def retry(rehearsal: Rehearsal, value: str) -> None:
    """Say on the application that it should try again now."""
    rehearsal.say("a person says: retry now")
    body = {"metadata": {"annotations": {names.RETRY_NOW_ANNOTATION: value}}}
    rehearsal.edit(Resource.APPLICATIONS, "shop", body)


def test_create_in_order_of_dependence() -> None:
    """A component is made once those that it depends on are available; others go ahead."""
    rehearsal = Rehearsal()
    rehearsal.apply(
        "shop",
        component("db", "db:v1", 2),
        component("cache", "cache:v1", 1),
        component("web", "web:v1", 3, dependsOn=["db"]),
    )
    rehearsal.run()
    assert rehearsal.condition(objects.Application, "shop") == ("True", "Available")
    assert len(rehearsal.machines) == 6
    hold("create", rehearsal.story)


def test_dependents_change_after_what_they_depend_on() -> None:
    """A change of both db and web reaches web only when db runs its new revision everywhere."""
    rehearsal = Rehearsal()
    for version in ("v1", "v2"):
        rehearsal.lines.clear()
        rehearsal.apply(
            "shop",
            component("db", f"db:{version}", 2),
            component("web", f"web:{version}", 2, dependsOn=["db"]),
        )
        rehearsal.run()
    assert set(rehearsal.images("shop-db").values()) == {"db:v2"}
    assert set(rehearsal.images(WEB).values()) == {"web:v2"}
    hold("update_in_order", rehearsal.story)


def test_what_grows_with_an_update_grows_at_the_new_revision() -> None:
    """More servers and another revision, asked for at once: no new server is made twice."""
    rehearsal = rehearse()
    update(rehearsal, "web:v2", 7)
    rehearsal.run()
    assert set(rehearsal.images(WEB).values()) == {"web:v2"}
    assert [each.metadata.generation for each in rehearsal.servers(WEB).values()][4:] == [1, 1, 1]
    hold("grow_and_update", rehearsal.story)


def test_a_bad_revision_that_comes_with_growth_costs_only_the_new_servers() -> None:
    """New servers at a revision that fails spend the budgets: those that run are not touched."""
    rollout = {"maxUnavailable": 1, "progressDeadlineSeconds": 30, "onDeadline": "RollBack"}
    rehearsal = rehearse(rollout=rollout)
    update(rehearsal, "web:broken", 6, rollout=rollout)
    rehearsal.run_for(30)
    assert rehearsal.images(WEB) == dict.fromkeys(range(4), "web:v1")
    rehearsal.run(quiet=40)
    assert rehearsal.images(WEB) == dict.fromkeys(range(6), "web:v1")
    assert rehearsal.condition(objects.Application, "shop") == ("False", "RolledBack")
    hold("grow_and_roll_back", rehearsal.story)


def test_growth_waits_with_the_revision() -> None:
    """While a new revision waits for a dependency so do new servers, fewer servers do not."""
    rehearsal = Rehearsal()
    for version, webs, bots in (("v1", 2, 2), ("v2", 4, 1)):
        rehearsal.lines.clear()
        rehearsal.apply(
            "shop",
            component("db", f"db:{version}", 2),
            component("web", f"web:{version}", webs, dependsOn=["db"]),
            component("bot", f"bot:{version}", bots, dependsOn=["db"]),
        )
        rehearsal.run()
    assert rehearsal.images(WEB) == dict.fromkeys(range(4), "web:v2")
    assert rehearsal.images("shop-bot") == {0: "bot:v2"}
    assert [each.metadata.generation for each in rehearsal.servers(WEB).values()][2:] == [1, 1]
    assert not rehearsal.events
    hold("grow_in_order", rehearsal.story)


def test_growth_does_not_wait_for_what_is_stuck() -> None:
    """Nobody knows when a halted dependency goes on: servers are made as those that run."""
    rollout = {"progressDeadlineSeconds": 20}
    rehearsal = Rehearsal()
    for database, version, webs in (("db:v1", "v1", 2), ("db:broken", "v2", 4)):
        rehearsal.lines.clear()
        rehearsal.apply(
            "shop",
            component("db", database, 2, rollout=rollout),
            component("web", f"web:{version}", webs, dependsOn=["db"]),
        )
        rehearsal.run(quiet=30)
    assert rehearsal.condition(objects.ServerSet, "shop-db", "Stalled")[0] == "True"
    assert rehearsal.images(WEB) == dict.fromkeys(range(4), "web:v1")
    assert not [each for each in rehearsal.events if each.reason == "ReplicasOverridden"]
    hold("grow_past_the_stuck", rehearsal.story)


def test_scale_up_and_down() -> None:
    """New servers take the lowest free ordinals; marked ones go first, then ill, then highest."""
    rehearsal = rehearse()
    update(rehearsal, "web:v1", 6)
    rehearsal.run()
    assert list(rehearsal.servers(WEB)) == [0, 1, 2, 3, 4, 5]
    rehearsal.say("a person marks server 0 to go first; server 2 falls ill")
    mark = {"metadata": {"annotations": {names.DELETE_FIRST_ANNOTATION: "true"}}}
    rehearsal.edit(Resource.SERVERS, "shop-web-0", mark)
    rehearsal.fall_ill("shop-web-2")
    rehearsal.run_for(3)
    update(rehearsal, "web:v1", 3)
    rehearsal.run()
    assert list(rehearsal.servers(WEB)) == [1, 3, 4]
    update(rehearsal, "web:v1", 5)
    rehearsal.run()
    assert list(rehearsal.servers(WEB)) == [0, 1, 2, 3, 4]
    hold("scale", rehearsal.story)


def test_rolling_update_by_percent() -> None:
    """25% of 4 is one: each server waits for the one before it to be available again."""
    rehearsal = rehearse(rollout={"maxUnavailable": "25%", "inPlace": "Never"})
    update(rehearsal, "web:v2", rollout={"maxUnavailable": "25%", "inPlace": "Never"})
    rehearsal.run()
    assert set(rehearsal.images(WEB).values()) == {"web:v2"}
    assert incarnations(rehearsal) == [2, 2, 2, 2]
    hold("rolling", rehearsal.story)


def test_rolling_update_with_surge() -> None:
    """With a surge no desired server is ever missed; the spare ones are gone at the end."""
    rollout = {"maxUnavailable": 0, "maxSurge": 2, "inPlace": "Never"}
    rehearsal = rehearse(rollout=rollout)
    update(rehearsal, "web:v2", rollout=rollout)
    rehearsal.run()
    assert rehearsal.images(WEB) == dict.fromkeys(range(4), "web:v2")
    hold("surge", rehearsal.story)


def test_partition_keeps_the_lowest_ordinals() -> None:
    """Below the partition servers keep what they run, also one that comes back; then all change."""
    rehearsal = rehearse()
    update(rehearsal, "web:v2", rollout={"partition": 2})
    rehearsal.run()
    assert rehearsal.images(WEB) == {0: "web:v1", 1: "web:v1", 2: "web:v2", 3: "web:v2"}
    rehearsal.say("server 0 is deleted by hand")
    rehearsal.delete(Resource.SERVERS, "shop-web-0")
    rehearsal.run()
    assert rehearsal.images(WEB)[0] == "web:v1"
    update(rehearsal, "web:v2")
    rehearsal.run()
    assert set(rehearsal.images(WEB).values()) == {"web:v2"}
    hold("partition", rehearsal.story)


def test_images_change_in_place() -> None:
    """A new image does not replace servers; a new volume, or inPlace: Never, does."""
    rehearsal = rehearse()
    update(rehearsal, "web:v2")
    rehearsal.run()
    assert incarnations(rehearsal) == [1, 1, 1, 1]
    assert set(rehearsal.images(WEB).values()) == {"web:v2"}
    changed = component("web", "web:v2", 4)
    changed["template"]["spec"]["hostname"] = "x"
    rehearsal.say("the user changes more than the image")
    rehearsal.apply("shop", changed)
    rehearsal.run()
    assert incarnations(rehearsal) == [2, 2, 2, 2]
    hold("in_place", rehearsal.story)


def test_recreate_takes_all_down_first() -> None:
    """With Recreate no server of the new revision is made while one of the old is left."""
    rehearsal = rehearse(rollout={"strategy": "Recreate"})
    update(rehearsal, "web:v2", rollout={"strategy": "Recreate"})
    rehearsal.run()
    assert rehearsal.images(WEB) == dict.fromkeys(range(4), "web:v2")
    hold("recreate", rehearsal.story)


def test_on_delete_changes_what_is_deleted() -> None:
    """With OnDelete servers keep their revision until somebody deletes them."""
    rehearsal = rehearse(rollout={"strategy": "OnDelete"})
    update(rehearsal, "web:v2", rollout={"strategy": "OnDelete"})
    rehearsal.run()
    assert set(rehearsal.images(WEB).values()) == {"web:v1"}
    rehearsal.say("server 1 is deleted by hand")
    rehearsal.delete(Resource.SERVERS, "shop-web-1")
    rehearsal.run()
    assert rehearsal.images(WEB) == {0: "web:v1", 1: "web:v2", 2: "web:v1", 3: "web:v1"}
    hold("on_delete", rehearsal.story)


def test_a_newer_revision_takes_over_from_a_stuck_one() -> None:
    """A rollout that hangs needs no deletes by hand: a newer one starts with what is down."""
    rehearsal = rehearse(rollout={"maxUnavailable": 2})
    update(rehearsal, "web:broken", rollout={"maxUnavailable": 2})
    rehearsal.run_for(10)
    assert len(rehearsal.images(WEB)) == 2
    update(rehearsal, "web:v3", rollout={"maxUnavailable": 2})
    rehearsal.run()
    assert rehearsal.images(WEB) == dict.fromkeys(range(4), "web:v3")
    hold("takeover", rehearsal.story)


def test_a_missed_deadline_halts() -> None:
    """After progressDeadlineSeconds without progress nothing more is touched, until told."""
    rollout = {"maxUnavailable": 1, "progressDeadlineSeconds": 30}
    rehearsal = rehearse(rollout=rollout)
    update(rehearsal, "web:broken", rollout=rollout)
    rehearsal.run_for(60)
    assert rehearsal.condition(objects.Application, "shop", "Stalled") == (
        "True",
        "ProgressDeadlineExceeded",
    )
    assert rehearsal.images(WEB) == dict.fromkeys(range(3), "web:v1")
    retry(rehearsal, "1")
    rehearsal.run_for(5)
    assert rehearsal.condition(objects.ServerSet, WEB) == ("False", "RollingOut")
    rehearsal.run_for(40)
    assert rehearsal.condition(objects.ServerSet, WEB) == ("False", "ProgressDeadlineExceeded")
    hold("deadline_halt", rehearsal.story)


def test_no_deadline_runs_while_calls_are_tried_again_after_an_outage() -> None:
    """A circuit that is half open holds nothing back, and its fleet is not well yet."""
    rollout = {"maxUnavailable": 1, "progressDeadlineSeconds": 30}
    rehearsal = rehearse(rollout=rollout)
    well = rehearsal.fleets.told
    away = contract.OutageSpan(began=rehearsal.now, lasts=True)
    rehearsal.fleets.told = dataclasses.replace(well, outage=away)
    update(rehearsal, "web:broken", rollout=rollout)
    rehearsal.run_for(300)
    assert rehearsal.condition(objects.ServerSet, WEB) == ("False", "RollingOut")
    rehearsal.fleets.told = well
    rehearsal.run_for(25)
    assert rehearsal.condition(objects.ServerSet, WEB) == ("False", "RollingOut")
    rehearsal.run_for(10)
    assert rehearsal.condition(objects.ServerSet, WEB) == ("False", "ProgressDeadlineExceeded")


def test_a_missed_deadline_rolls_back() -> None:
    """With onDeadline: RollBack the proven revision returns, until the template changes."""
    rollout = {"maxUnavailable": 1, "progressDeadlineSeconds": 30, "onDeadline": "RollBack"}
    rehearsal = rehearse(rollout=rollout)
    update(rehearsal, "web:broken", rollout=rollout)
    rehearsal.run(quiet=40)
    assert rehearsal.images(WEB) == dict.fromkeys(range(4), "web:v1")
    assert rehearsal.condition(objects.Application, "shop") == ("False", "RolledBack")
    assert rehearsal.condition(objects.Application, "shop", "Stalled") == ("True", "RolledBack")
    update(rehearsal, "web:v3", rollout=rollout)
    rehearsal.run()
    assert rehearsal.images(WEB) == dict.fromkeys(range(4), "web:v3")
    assert rehearsal.condition(objects.Application, "shop") == ("True", "Available")
    hold("deadline_roll_back", rehearsal.story)


def test_retry_now_ends_a_rollback() -> None:
    """Retry-now tries the rejected revision once more; it rolls back again if it fails again."""
    rollout = {"maxUnavailable": 1, "progressDeadlineSeconds": 10, "onDeadline": "RollBack"}
    rehearsal = rehearse(rollout=rollout)
    update(rehearsal, "web:broken", rollout=rollout)
    rehearsal.run(quiet=15)
    retry(rehearsal, "1")
    rehearsal.run_for(4)
    assert rehearsal.condition(objects.Application, "shop") == ("False", "Progressing")
    rehearsal.run(quiet=15)
    assert rehearsal.condition(objects.Application, "shop") == ("False", "RolledBack")
    assert rehearsal.images(WEB) == dict.fromkeys(range(4), "web:v1")
    hold("retry_after_roll_back", rehearsal.story)


def test_a_proven_revision_is_left_for_the_one_before() -> None:
    """Each RollBack goes one proven revision further back, past what is rejected, till the end."""
    rehearsal = rehearse()
    for image in ("web:broken", "web:v3", "web:v4"):
        update(rehearsal, image)
        rehearsal.run()
    rehearsal.lines.clear()
    for number, image in enumerate(("web:v3", "web:v1")):
        rehearsal.say("somebody asks to roll back")
        rehearsal.submit(f"back-{number}", "RollBack")
        rehearsal.run()
        assert rehearsal.images(WEB) == dict.fromkeys(range(4), image)
        assert rehearsal.condition(objects.Operation, f"back-{number}", "Succeeded") == (
            "True",
            "Completed",
        )
        assert rehearsal.condition(objects.Application, "shop") == ("False", "RolledBack")
    rehearsal.submit("back-2", "RollBack")
    rehearsal.run()
    told = rehearsal.get(objects.Operation, "back-2").status
    assert [each.message for each in told.conditions if each.type == "Succeeded"] == [
        "NothingProven: No earlier revision of web that is kept ever ran in good health."
    ]
    assert (told.progress, told.total, told.running, told.failed) == ("0/1", 1, 0, 1)
    assert rehearsal.images(WEB) == dict.fromkeys(range(4), "web:v1")
    hold("roll_back_twice", rehearsal.story)
    retry(rehearsal, "1")
    rehearsal.run()
    assert rehearsal.images(WEB) == dict.fromkeys(range(4), "web:v4")
    assert rehearsal.condition(objects.Application, "shop") == ("True", "Available")


def test_a_named_revision_is_gone_back_to() -> None:
    """A RollBack may name the revision by its number; one that never was good is refused."""
    rehearsal = rehearse()
    for image in ("web:broken", "web:v3", "web:v4"):
        update(rehearsal, image)
        rehearsal.run()
    rehearsal.submit("to-2", "RollBack", parameters={"revision": "2"})
    rehearsal.run()
    assert rehearsal.condition(objects.Operation, "to-2", "Succeeded") == ("False", "Failed")
    assert rehearsal.images(WEB) == dict.fromkeys(range(4), "web:v4")
    rehearsal.submit("to-1", "RollBack", parameters={"revision": "1"})
    rehearsal.run()
    assert rehearsal.condition(objects.Operation, "to-1", "Succeeded") == ("True", "Completed")
    assert rehearsal.images(WEB) == dict.fromkeys(range(4), "web:v1")


def test_what_a_missed_deadline_returned_to_can_be_left_too() -> None:
    """Rolled back by itself and then by hand: one further back, and a new template ends it all."""
    rollout = {"maxUnavailable": 1, "progressDeadlineSeconds": 30, "onDeadline": "RollBack"}
    rehearsal = rehearse(rollout=rollout)
    update(rehearsal, "web:v2", rollout=rollout)
    rehearsal.run()
    update(rehearsal, "web:broken", rollout=rollout)
    rehearsal.run(quiet=40)
    assert rehearsal.images(WEB) == dict.fromkeys(range(4), "web:v2")
    rehearsal.submit("further", "RollBack")
    rehearsal.run(quiet=40)
    assert rehearsal.condition(objects.Operation, "further", "Succeeded") == ("True", "Completed")
    assert rehearsal.images(WEB) == dict.fromkeys(range(4), "web:v1")
    update(rehearsal, "web:v4", rollout=rollout)
    rehearsal.run()
    assert rehearsal.images(WEB) == dict.fromkeys(range(4), "web:v4")
    assert rehearsal.condition(objects.Application, "shop") == ("True", "Available")


def test_a_newer_template_outranks_a_rollback_under_way() -> None:
    """Who changes the template while an operation rolls back gets what the template says."""
    rehearsal = rehearse(replicas=4)
    update(rehearsal, "web:v2")
    rehearsal.run()
    rehearsal.submit("back", "RollBack")
    rehearsal.run_for(6)
    update(rehearsal, "web:v3")
    rehearsal.run()
    assert rehearsal.images(WEB) == dict.fromkeys(range(4), "web:v3")
    assert rehearsal.condition(objects.Operation, "back", "Succeeded") == ("True", "Completed")
    assert rehearsal.condition(objects.Application, "shop") == ("True", "Available")


def operate(rehearsal: Rehearsal, name: str, **spec: object) -> None:
    """Change an operation's spec as a person would."""
    rehearsal.edit(Resource.OPERATIONS, name, {"spec": spec})


def test_a_rollback_is_not_done_before_its_servers_are_seen_to_be() -> None:
    """With OnDelete nothing moves by itself: the operation says so, and ends once all moved."""
    rollout = {"strategy": "OnDelete"}
    rehearsal = rehearse(rollout=rollout)
    update(rehearsal, "web:v2", rollout=rollout)
    rehearsal.run()
    for name in rehearsal.servers(WEB).values():
        rehearsal.delete(Resource.SERVERS, name.metadata.name)
    rehearsal.run()
    assert rehearsal.images(WEB) == dict.fromkeys(range(4), "web:v2")
    rehearsal.submit("back", "RollBack")
    rehearsal.run()
    told = rehearsal.get(objects.Operation, "back").status
    assert rehearsal.condition(objects.Operation, "back", "Succeeded") == ("Unknown", "Running")
    assert told.blocked_by[0].object == "ServerSet/shop-web"
    assert "4 servers must be deleted by hand" in told.blocked_by[0].message
    for name in rehearsal.servers(WEB).values():
        rehearsal.delete(Resource.SERVERS, name.metadata.name)
    rehearsal.run()
    assert rehearsal.images(WEB) == dict.fromkeys(range(4), "web:v1")
    assert rehearsal.condition(objects.Operation, "back", "Succeeded") == ("True", "Completed")


def test_a_paused_rollback_moves_nothing_and_goes_on_later() -> None:
    """Paused right after it began, a RollBack remembers what it is to leave."""
    rehearsal = rehearse()
    update(rehearsal, "web:v2")
    rehearsal.run()
    rehearsal.submit("back", "RollBack")
    rehearsal.run_for(1)
    operate(rehearsal, "back", paused=True)
    rehearsal.run_for(30)
    assert rehearsal.condition(objects.Operation, "back", "Succeeded") == ("Unknown", "Paused")
    assert rehearsal.images(WEB) == dict.fromkeys(range(4), "web:v2")
    operate(rehearsal, "back", paused=False)
    rehearsal.run()
    assert rehearsal.images(WEB) == dict.fromkeys(range(4), "web:v1")
    assert rehearsal.condition(objects.Operation, "back", "Succeeded") == ("True", "Completed")


def test_a_cancelled_rollback_is_taken_back() -> None:
    """Cancelled on its way, a RollBack clears its rejection: what the user asks for runs again.

    Its status says that nothing is in flight any more.
    """
    rehearsal = rehearse()
    update(rehearsal, "web:v2")
    rehearsal.run()
    rehearsal.submit("back", "RollBack")
    rehearsal.run_for(6)
    assert rehearsal.get(objects.Operation, "back").status.running == 1
    operate(rehearsal, "back", cancelled=True)
    rehearsal.run()
    told = rehearsal.get(objects.Operation, "back").status
    assert (told.progress, told.running) == ("0/1", 0)
    assert rehearsal.condition(objects.Operation, "back", "Succeeded") == ("False", "Cancelled")
    assert rehearsal.images(WEB) == dict.fromkeys(range(4), "web:v2")
    assert rehearsal.condition(objects.Application, "shop") == ("True", "Available")


def test_what_runs_is_put_on_record_only_when_it_is_left() -> None:
    """A component that is never changed costs no write for its proof; another one costs one."""
    rehearsal = rehearse()

    def proofs() -> list[int]:
        found = [body for (kind, _), body in rehearsal.store.items() if kind is Resource.REVISIONS]
        marked = [
            each
            for each in found
            if names.PROVEN_ANNOTATION in each["metadata"].get("annotations", {})
        ]
        return [each["revision"] for each in marked]

    assert proofs() == []
    for image in ("web:v2", "web:v3"):
        update(rehearsal, image)
        rehearsal.run()
    assert proofs() == [1, 2]


def test_one_component_takes_the_application_back() -> None:
    """RevertApplication: one component out of budget returns all to what is proven, and ends so."""
    fields: dict[str, Any] = {
        "recovery": {"failureBudget": 0, "onBudgetSpent": "RevertApplication"},
        "rollout": {"maxUnavailable": 1},
    }
    rehearsal = Rehearsal()
    rehearsal.apply("shop", component("api", "api:v1", 2), component("web", "web:v1", 2, **fields))
    rehearsal.run()
    rehearsal.lines.clear()
    rehearsal.say("the user changes both; web fails for good")
    rehearsal.apply(
        "shop", component("api", "api:v2", 2), component("web", "web:fatal", 2, **fields)
    )
    rehearsal.run()
    assert rehearsal.images("shop-api") == dict.fromkeys(range(2), "api:v1")
    assert rehearsal.images(WEB) == dict.fromkeys(range(2), "web:v1")
    assert rehearsal.condition(objects.Application, "shop") == ("False", "RolledBack")
    rehearsal.apply("shop", component("api", "api:v2", 2), component("web", "web:v3", 2, **fields))
    rehearsal.run()
    assert rehearsal.images("shop-api") == dict.fromkeys(range(2), "api:v2")
    assert rehearsal.images(WEB) == dict.fromkeys(range(2), "web:v3")
    hold("revert_application", rehearsal.story)


def test_nothing_proven_means_a_halt() -> None:
    """A first revision that fails has nothing to go back to: it halts, and says so."""
    rehearsal = Rehearsal()
    recovery = {"failureBudget": 0, "onBudgetSpent": "RevertComponent"}
    rehearsal.apply("shop", component("web", "web:fatal", 3, recovery=recovery))
    rehearsal.run()
    assert rehearsal.condition(objects.Application, "shop") == ("False", "NothingProven")
    hold("nothing_proven", rehearsal.story)


def test_the_last_of_many_fails_within_the_budget() -> None:
    """One server lost for good within the budget: the others stay, and dependents go on."""
    rehearsal = Rehearsal()
    rehearsal.apply(
        "shop",
        component("db", "db:v1", 3, recovery={"failureBudget": 1}),
        component("web", "web:v1", 1, dependsOn=["db"]),
    )
    rehearsal.run_for(3)
    rehearsal.machines["shop-db-2"].image = "db:fatal"
    rehearsal.run()
    assert rehearsal.condition(objects.ServerSet, "shop-db") == ("False", "ServersFailed")
    assert rehearsal.images("shop-db") == {0: "db:v1", 1: "db:v1"}
    assert rehearsal.condition(objects.ServerSet, WEB) == ("True", "Available")
    assert rehearsal.condition(objects.Application, "shop") == ("False", "ServersFailed")
    hold("lost_within_budget", rehearsal.story)


def test_delete_in_reverse_order() -> None:
    """Dependents go first; what they depend on is untouched until they are gone."""
    rehearsal = Rehearsal()
    rehearsal.apply(
        "shop", component("db", "db:v1", 2), component("web", "web:v1", 2, dependsOn=["db"])
    )
    rehearsal.run()
    rehearsal.lines.clear()
    rehearsal.say("the application is deleted")
    rehearsal.delete(Resource.APPLICATIONS, "shop")
    rehearsal.run()
    assert rehearsal.store == {}
    hold("delete", rehearsal.story)


def test_delete_in_the_middle_of_a_create() -> None:
    """Deletion stops every create at once; nothing is left behind."""
    rehearsal = Rehearsal()
    rehearsal.apply(
        "shop", component("db", "db:v1", 2), component("web", "web:v1", 2, dependsOn=["db"])
    )
    rehearsal.run_for(4)
    rehearsal.say("the application is deleted")
    rehearsal.delete(Resource.APPLICATIONS, "shop")
    made = set(rehearsal.store)
    for _ in range(20):
        rehearsal.tick()
        assert set(rehearsal.store) <= made
    assert rehearsal.store == {}
    hold("delete_while_creating", rehearsal.story)


def test_delete_in_the_middle_of_an_update() -> None:
    """A rollout under way ends with the delete: no server is updated any more."""
    rehearsal = rehearse(rollout={"maxUnavailable": 1})
    update(rehearsal, "web:v2", rollout={"maxUnavailable": 1})
    rehearsal.run_for(1)
    rehearsal.say("the application is deleted")
    rehearsal.delete(Resource.APPLICATIONS, "shop")
    rehearsal.run()
    assert rehearsal.store == {}
    hold("delete_while_updating", rehearsal.story)


def test_delete_in_the_middle_of_a_rollback() -> None:
    """Rolled back or not, a deleted application goes."""
    rollout = {"maxUnavailable": 1, "progressDeadlineSeconds": 5, "onDeadline": "RollBack"}
    rehearsal = rehearse(rollout=rollout)
    update(rehearsal, "web:broken", rollout=rollout)
    rehearsal.run_for(12)
    assert rehearsal.condition(objects.Application, "shop") == ("False", "RolledBack")
    rehearsal.say("the application is deleted")
    rehearsal.delete(Resource.APPLICATIONS, "shop")
    rehearsal.run()
    assert rehearsal.store == {}
    hold("delete_while_rolled_back", rehearsal.story)


def test_delete_while_paused() -> None:
    """A paused application changes nothing, but is deleted all the same."""
    rehearsal = rehearse()
    rehearsal.say("the user pauses it and asks for more servers")
    rehearsal.apply("shop", component("web", "web:v2", 6), paused=True)
    rehearsal.run()
    assert rehearsal.images(WEB) == dict.fromkeys(range(4), "web:v1")
    assert rehearsal.condition(objects.Application, "shop") == ("False", "Paused")
    rehearsal.say("the application is deleted")
    rehearsal.delete(Resource.APPLICATIONS, "shop")
    rehearsal.run()
    assert rehearsal.store == {}
    hold("delete_while_paused", rehearsal.story)


def test_orphaning_leaves_everything_as_it_is() -> None:
    """With --cascade=orphan nothing is written until the ties are cut; then only our finalizer."""
    rehearsal = rehearse()
    rehearsal.say("the application is deleted, its sets orphaned")
    rehearsal.delete(Resource.APPLICATIONS, "shop", propagation="Orphan")
    writes = rehearsal.writes
    rehearsal.run_for(5)
    assert rehearsal.writes == writes
    rehearsal.say("the garbage collector has cut the ties")
    rehearsal.release_orphans(Resource.APPLICATIONS, "shop")
    rehearsal.run()
    assert not rehearsal.has(Resource.APPLICATIONS, "shop")
    assert rehearsal.images(WEB) == dict.fromkeys(range(4), "web:v1")
    assert rehearsal.condition(objects.ServerSet, WEB) == ("False", "Orphaned")
    hold("orphan", rehearsal.story)


def test_replicas_change_hands() -> None:
    """Left out, replicas stay what they are and others may scale; named again, they win."""
    rehearsal = rehearse()
    update(rehearsal, "web:v1", None)
    rehearsal.run()
    assert len(rehearsal.servers(WEB)) == 4
    rehearsal.say("an autoscaler scales the set to 6")
    rehearsal.edit(Resource.SERVERSETS, WEB, {"spec": {"replicas": 6}})
    rehearsal.run()
    assert len(rehearsal.servers(WEB)) == 6
    rehearsal.say("the set is deleted by hand")
    rehearsal.delete(Resource.SERVERSETS, WEB)
    rehearsal.run()
    assert len(rehearsal.servers(WEB)) == 6
    update(rehearsal, "web:v1", 3)
    rehearsal.run()
    rehearsal.events.clear()
    rehearsal.say("somebody scales the set to 9 although the application names 3")
    rehearsal.edit(Resource.SERVERSETS, WEB, {"spec": {"replicas": 9}})
    rehearsal.run()
    assert len(rehearsal.servers(WEB)) == 3
    assert [each.reason for each in rehearsal.events] == ["ReplicasOverridden"]
    hold("replicas", rehearsal.story)


def test_a_component_is_removed() -> None:
    """A component that is gone from the spec goes, after those that depended on it let go of it."""
    rehearsal = Rehearsal()
    rehearsal.apply(
        "shop", component("db", "db:v1", 2), component("web", "web:v1", 2, dependsOn=["db"])
    )
    rehearsal.run()
    rehearsal.lines.clear()
    rehearsal.say("the user drops db; web no longer needs it")
    rehearsal.apply("shop", component("web", "web:v2", 2))
    rehearsal.run()
    assert not rehearsal.has(Resource.SERVERSETS, "shop-db")
    assert rehearsal.images(WEB) == dict.fromkeys(range(2), "web:v2")
    assert rehearsal.condition(objects.Application, "shop") == ("True", "Available")
    hold("remove_component", rehearsal.story)


def test_ill_servers_are_replaced_no_more_at_a_time_than_may_be_down() -> None:
    """Three of ten are ill: they are made anew one by one, as maxUnavailable allows one."""
    rehearsal = rehearse(replicas=10, rollout={"maxUnavailable": 1})
    for ordinal in (1, 4, 7):
        rehearsal.fall_ill(f"shop-web-{ordinal}")
    most = 0
    for _ in range(400):
        rehearsal.tick()
        most = max(
            most,
            sum(
                each.status.incarnation != each.spec.incarnation
                for each in rehearsal.servers(WEB).values()
            ),
        )
    assert most == 1
    assert incarnations(rehearsal) == [2 if each in (1, 4, 7) else 1 for each in range(10)]


def test_servers_that_fall_ill_are_replaced() -> None:
    """An ill server is made anew after a while; when many are ill at once, none is."""
    rehearsal = rehearse(replicas=5)
    rehearsal.say("server 3 falls ill")
    rehearsal.fall_ill("shop-web-3")
    rehearsal.run(seconds=400, quiet=320)
    assert incarnations(rehearsal) == [1, 1, 1, 2, 1]
    assert rehearsal.condition(objects.Application, "shop") == ("True", "Available")
    rehearsal.say("servers 0 to 2 fall ill together")
    for ordinal in range(3):
        rehearsal.fall_ill(f"shop-web-{ordinal}")
    rehearsal.run(seconds=400, quiet=320)
    assert incarnations(rehearsal) == [1, 1, 1, 2, 1]
    assert rehearsal.condition(objects.ServerSet, WEB) == ("False", "RemediationHeld")
    hold("remediation", rehearsal.story)


def test_a_spare_server_that_took_a_place_ends_the_rollout() -> None:
    """A server is lost while a spare one stands by, and is not missed: nothing is outstanding."""
    surge = {"maxUnavailable": 0, "maxSurge": 1}
    rehearsal = rehearse(replicas=3, rollout=surge)
    update(rehearsal, "web:broken", replicas=3, rollout=surge)
    rehearsal.run_for(5)
    rehearsal.delete(Resource.SERVERS, "shop-web-1")
    update(rehearsal, "web:v3", replicas=3, rollout={"maxUnavailable": 2})
    rehearsal.rest()
    assert set(rehearsal.images(WEB).values()) == {"web:v3"}
    assert rehearsal.condition(objects.Application, "shop") == ("True", "Available")
