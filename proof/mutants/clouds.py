"""Mistakes with servers of a cloud: made twice, taken for gone, taken for ready, or not ours."""

from __future__ import annotations

from proof.mutants import changes, clouds_data, readiness
from proof.mutants.mechanism import one

_CREATION = "tests/providers/openstack/test_creation.py"
_LISTER = "tests/providers/openstack/test_lister.py"
_READINESS = "tests/providers/openstack/test_readiness.py"
_ATTACKS = "tests/providers/openstack/test_attacks.py"
_REFUSALS = "tests/providers/openstack/test_refusals.py"
_TIMES = "tests/providers/openstack/test_times.py"
_SNAPSHOTS = "tests/providers/openstack/test_snapshots.py"
_FLOATING = "tests/providers/openstack/test_floating_ips.py"
_SECURITY = "tests/providers/openstack/test_security_groups.py"
_UNCLAIMED = "tests/simulation/test_unclaimed.py"
_FLEET = "tests/kinds/fleet/test_planner.py"
_SIGHTINGS = "tests/kinds/fleet/test_unclaimed_sightings.py"
_ROOM = "controller.providers.openstack"

_RESTARTING = "tests/providers/openstack/test_restarting.py"
_SERVER = "tests/kinds/server/test_planner.py"
_CLOUDS = "tests/simulation/test_clouds.py"
_POWERING = "tests/providers/openstack/test_powering.py"

_RESTARTED = (
    one(
        "a server is stopped that has no room for another tag",
        f"{_ROOM}.restarting:prove",
        "len(_marked(machine, server, 1.0)) > MOST_TAGS",
        "False",
        f"{_RESTARTING}::test_a_server_without_room_for_a_tag_is_not_stopped",
    ),
    one(
        "a server is stopped that nobody may tag",
        f"{_ROOM}.restarting:prove",
        "await _write(client, server, machine, machine.row.tags)",
        "None",
        f"{_RESTARTING}::test_a_cloud_that_lets_nobody_tag_has_no_server_stopped",
    ),
    one(
        "a restarted server is another's to an operator of before",
        f"{_ROOM}.machines:began_tag",
        "f'{_BEGAN}{int(began)}'",
        "f'argosy.began.{int(began)}'",
        f"{_RESTARTING}::test_a_restarted_server_is_known_to_releases_of_before",
    ),
    one(
        "a restart keeps what had to be replaced before",
        "controller.contract.incarnations:is_restart",
        "incarnation == spec.incarnation - 1",
        "incarnation < spec.incarnation",
        f"{_SERVER}::test_a_restart_keeps_the_instance_where_it_can",
    ),
    one(
        "a restart of before makes a restart of each later replacement",
        "controller.contract.incarnations:is_restart",
        "spec.restart_as == spec.incarnation",
        "bool(spec.restart_as)",
        "tests/kinds/server/test_incarnations.py::test_a_restart_is_said_of_one_incarnation",
    ),
    one(
        "a restart that is asked for makes a restart of a replacement",
        "controller.contract.incarnations:raised",
        "restart and server.status.incarnation == spec.incarnation",
        "restart",
        "tests/kinds/server/test_incarnations.py::test_an_incarnation_says_how_it_comes_about",
    ),
    one(
        "an instance that cannot begin anew is asked for ever",
        "controller.kinds.server.changing:begins_anew",
        "_refusal(situation) is None",
        "True",
        f"{_SERVER}::test_a_restart_keeps_the_instance_where_it_can",
    ),
    one(
        "a server that was restarted is ready by what it showed before",
        f"{_ROOM}.readiness:_noted",
        "_number(time) >= machine.began",
        "True",
        f"{_RESTARTING}::test_who_has_a_page_is_ready_once_that_is_there_again",
    ),
    one(
        "a restarted server's start is counted from its first launch",
        f"{_ROOM}.observation:launched",
        "max(times.ours(machine.row.launched), machine.began)",
        "times.ours(machine.row.launched)",
        f"{_RESTARTING}::test_who_has_a_page_is_ready_once_that_is_there_again",
    ),
    one(
        "a restart takes the tags of others away",
        f"{_ROOM}.restarting:_marked",
        "(*new, *(each for each in machine.row.tags if each not in (*old, *new)))",
        "new",
        f"{_RESTARTING}::test_a_restart_keeps_the_server",
    ),
    one(
        "a server is restarted that tells once alone that it is ready",
        f"{_ROOM}.restarting:check",
        "readiness.is_printed(machine)",
        "False",
        f"{_RESTARTING}::test_what_prints_that_it_is_ready_is_replaced",
    ),
)

_STOPPED = (
    one(
        "what is stopped is replaced at each change",
        "controller.kinds.serverset.updates:Upkeep._is_kept",
        "self._stops and told.power == Power.STOPPED",
        "False",
        f"{_CLOUDS}::test_what_is_stopped_changes_in_place_and_stays_stopped",
    ),
    one(
        "what is stopped cannot change in place",
        "controller.kinds.server.changing:is_able",
        "up or kept",
        "up",
        f"{_SERVER}::test_what_is_stopped_changes_and_stays_so",
    ),
)

_POWERED = (
    one(
        "what somebody paused is stopped before it is up",
        f"{_ROOM}.powering:Powering.begin_anew",
        "_STOP if status == 'ACTIVE' else _UP[status]",
        "_STOP",
        f"{_RESTARTING}::test_what_somebody_paused_comes_up_before_it_is_restarted",
    ),
    one(
        "a start that came to nothing is asked for again without a word",
        f"{_ROOM}.powering:Powering._ask",
        "known is not None and dataclasses.replace(known, vain='') == asked",
        "False",
        f"{_POWERING}::test_a_yes_that_came_to_nothing_is_told",
    ),
    one(
        "a start that has come about counts as failed when it is asked for anew",
        f"{_ROOM}.powering:Powering._heard",
        "after is None or after.row.status == goal",
        "after is None",
        f"{_POWERING}::test_what_has_come_about_may_be_asked_for_anew",
    ),
    one(
        "what has failed is forgotten while it is tried again",
        "controller.kinds.server.changing:asks",
        "situation.seen.changing and not failed",
        "situation.seen.changing",
        f"{_CLOUDS}::test_a_start_that_fails_on_the_host_is_told_and_tried_less_and_less",
    ),
)

_IN_HAND = (
    one(
        "a server that somebody rescues is like any",
        f"{_ROOM}.observation:in_hand",
        "row.status == 'RESCUE'",
        "False",
        f"{_RESTARTING}::test_what_somebody_rescues_is_restarted_after_that",
    ),
    one(
        "who has a server in hand is told nowhere",
        "controller.kinds.server.changing:in_other_hands",
        "verdict is not None and verdict.trouble",
        "False",
        f"{_SERVER}::test_what_is_in_other_hands_is_told",
    ),
)

_MARKS = "tests/providers/openstack/test_marks.py"
_STRIPPED = (
    one(
        "an operator that starts takes a server without tags for gone",
        f"{_ROOM}.register:MachineRegister.see",
        "machines.machine(row, self.fleet) or self._unmarked_of(row, known)",
        "machines.machine(row, self.fleet)",
        f"{_MARKS}::test_an_operator_that_starts_then_makes_no_second_one",
    ),
    one(
        "a server that somebody took out of our hands is deleted",
        f"{_ROOM}.provider:CloudProvider._is_of",
        "known is not None and known.marked and (not uid or known.uid == uid)",
        "known is not None and (not uid or known.uid == uid)",
        f"{_MARKS}::test_what_is_taken_off_while_it_runs_is_told",
    ),
    one(
        "the id of a server that lost its tags is forgotten",
        "controller.kinds.server.summary:_provider",
        "seen.phase is contract.Phase.FOREIGN and seen.id",
        "False",
        f"{_CLOUDS}::test_a_server_that_lost_its_tags_is_told_and_not_made_twice",
    ),
    one(
        "nobody looks whether tags are back",
        f"{_ROOM}.register:MachineRegister.missing",
        "lacking | back | self._unmarked",
        "lacking | back",
        f"{_MARKS}::test_what_is_taken_off_while_it_runs_is_told",
    ),
)

_AWAY = (
    one(
        "what a silent cell has is of no incarnation",
        f"{_ROOM}.observation:silent",
        "told.incarnation",
        "0",
        "tests/providers/openstack/test_lister.py"
        "::test_what_a_cell_has_that_is_down_is_what_it_was",
    ),
    one(
        "what cannot say as which it is there is replaced",
        "controller.kinds.server.changing:awaits_word",
        "seen.phase is not Phase.UNREACHABLE or not seen.incarnation",
        "seen.phase is not Phase.UNREACHABLE",
        f"{_SERVER}::test_what_is_asked_of_the_provider",
    ),
    one(
        "a silent cell's server is replaced where it was to be restarted",
        "controller.kinds.server.changing:awaits_word",
        "able and incarnations.is_restart(spec, seen.incarnation)",
        "False",
        f"{_SERVER}::test_a_restart_keeps_the_instance_where_it_can",
    ),
    one(
        "a silent cell's servers are made anew as ill ones",
        "controller.kinds.server.removal:why_away",
        "situation.seen.hidden",
        "False",
        f"{_CLOUDS}::test_a_cell_that_is_down_for_long_costs_no_server",
    ),
    one(
        "a rollout replaces what it cannot see",
        "controller.kinds.serverset.updates:Upkeep.bring",
        "facts.ready or _is_unheard(facts.server) or self._is_kept(told)",
        "facts.ready or self._is_kept(told)",
        f"{_CLOUDS}::test_whoever_is_in_a_silent_cell_is_changed_and_restarted_once_it_is_back",
    ),
    one(
        "a cell that falls silent before a restart costs the server",
        f"{_ROOM}.provider:CloudProvider._current",
        "found.row.status == 'UNKNOWN'",
        "False",
        f"{_RESTARTING}::test_a_cell_that_falls_silent_before_a_restart_is_waited_for",
    ),
)

_LOST = (
    one(
        "an instance is collected though its Server is back",
        "controller.execution.writer:Writer.is_claimed",
        "found is not None and found.uid == whose.uid",
        "False",
        f"{_UNCLAIMED}::test_what_is_brought_back_has_its_instance_again",
    ),
    one(
        "another Server of the name claims an instance",
        "controller.kinds.fleet.unclaimed_sightings:UnclaimedSightings._sightings",
        "one is not None and one.metadata.uid == each.uid",
        "one is not None",
        f"{_SIGHTINGS}::test_an_instance_is_claimed_by_its_servers_name_and_uid",
    ),
    one(
        "a Server that cannot be read counts as gone",
        "controller.kinds.fleet.unclaimed_sightings:UnclaimedSightings._sightings",
        "(cache.objects.get(each.path), cache.malformed.get(each.path))",
        "(cache.objects.get(each.path),)",
        f"{_SIGHTINGS}::test_a_server_that_cannot_be_read_has_its_instance",
    ),
    one(
        "an operator of some namespaces takes all other Servers for gone",
        "controller.execution.caches:Caches.is_whole",
        "self._everywhere and found is not None and found.synced and (not found.by_slot)",
        "found is not None and found.synced and not found.by_slot",
        f"{_SIGHTINGS}::test_nothing_is_known_before_all_servers_are",
    ),
    one(
        "all that is unclaimed is collected, whoever asked for it",
        "controller.planning.unclaimed:collected",
        "each.id in asked and each.id in known",
        "each.id in known",
        f"{_FLEET}::test_only_what_is_told_and_named_is_collected",
    ),
    one(
        "an instance is told at once when its Server is gone",
        "controller.planning.unclaimed:_is_due",
        "found.is_here and now >= found.since + TELL_AFTER",
        "found.is_here",
        f"{_UNCLAIMED}::test_what_lost_its_server_is_told_kept_and_collected_on_demand",
    ),
    one(
        "what is unclaimed is told and forgotten by lists that fail",
        f"{_ROOM}.provider:CloudProvider.instances",
        "self._register.synced and self.silence() is None",
        "self._register.synced",
        f"{_UNCLAIMED}::test_a_cloud_that_is_away_or_tells_half_changes_nothing_of_it",
    ),
    one(
        "a collect that is refused is told nowhere",
        "controller.kinds.fleet.summary:tell",
        "failed.blocked(fleet)[:MOST_BLOCKED]",
        "()",
        f"{_UNCLAIMED}::test_a_collect_that_the_cloud_refuses_is_told",
    ),
    one(
        "of instances that are refused one alone is told",
        "controller.planning.targets:InstanceTarget.object",
        "self.subject",
        "self.maker",
        "tests/planning/test_outcomes.py::test_a_fleet_tells_of_its_instances_each_by_its_id",
    ),
    one(
        "an operator that starts beside a silent cell forgets what was told",
        f"{_ROOM}.opening:_register",
        "(*recorded, *(one.id for one in fleet.status.unclaimed))",
        "recorded",
        f"{_UNCLAIMED}::test_a_cloud_that_is_away_or_tells_half_changes_nothing_of_it",
    ),
)

MECHANISMS = (
    *_RESTARTED,
    *_STOPPED,
    *_POWERED,
    *_IN_HAND,
    *_STRIPPED,
    *_AWAY,
    *_LOST,
    *changes.MECHANISMS,
    *readiness.MECHANISMS,
    *clouds_data.MECHANISMS,
    one(
        "a server is ready without its floating IP",
        f"{_ROOM}.floating_ips:FloatingIPs.observed",
        "seen.phase is not Phase.RUNNING or not any(self._lacking(machine))",
        "True",
        f"{_FLOATING}::test_a_server_is_ready_once_it_has_its_floating_ip",
    ),
    one(
        "a server is gone before its floating IP",
        f"{_ROOM}.floating_ips:FloatingIPs.left",
        "not self._leaves(uid)",
        "True",
        f"{_FLOATING}::test_a_floating_ip_goes_with_its_server",
    ),
    one(
        "a floating IP goes whose server is in no list",
        f"{_ROOM}.floating_ips:FloatingIPs._delete",
        "not known and not self._register.is_gone(owned.instance)",
        "False",
        f"{_FLOATING}::test_a_silent_cell_costs_no_floating_ip",
    ),
    one(
        "nobody waits for the floating IP of a lost answer",
        f"{_ROOM}.floating_ips:FloatingIPs._leaves",
        "uid in self._doubts or going",
        "going",
        f"{_FLOATING}::test_a_server_whose_answer_was_lost_is_seen_until_that_is_known",
    ),
    one(
        "ports keep their security groups",
        f"{_ROOM}.changes:Changes._secure",
        "machine.row.metadata.get(machines.SECURITY) == template.security(spec)",
        "True",
        f"{_SECURITY}::test_a_running_server_gets_other_groups",
    ),
    one(
        "a double stays",
        f"{_ROOM}.register:MachineRegister.doubles",
        "[each for key in self._crowded for each in _younger(self.of(key))]",
        "[]",
        f"{_CREATION}::test_of_two_the_older_stays",
    ),
    one(
        "of two the younger stays",
        f"{_ROOM}.register:_younger",
        "sorted(same, key=lambda found: found.age)[1:]",
        "sorted(same, key=lambda found: found.age)[:-1]",
        f"{_CREATION}::test_of_two_the_older_stays",
    ),
    one(
        "what was let go of is in the way of another",
        f"{_ROOM}.register:MachineRegister.of",
        "each.id not in left",
        "True",
        "tests/providers/openstack/test_abandoned.py"
        "::test_another_is_made_beside_what_was_let_go_of",
    ),
    one(
        "nobody waits for what another provider has posted",
        f"{_ROOM}.creation:Creation._ended",
        "max(self._doubts.get(uid, -math.inf), self._alone_since(*key))",
        "self._doubts.get(uid, -math.inf)",
        "tests/simulation/test_cloud_successors.py"
        "::test_a_fleet_that_is_edited_among_creates_makes_nothing_twice",
    ),
    one(
        "nobody waits for what a lost POST has made",
        f"{_ROOM}.creation:Creation._settled",
        "begun >= ended + DOUBT_SECONDS",
        "True",
        f"{_CREATION}::test_what_shows_up_late_is_taken_up",
    ),
    one(
        "a POST that was given up is forgotten",
        f"{_ROOM}.creation:in_doubt",
        "not certain",
        "False",
        f"{_CREATION}::test_what_shows_up_late_is_taken_up",
    ),
    one(
        "one look is proof",
        f"{_ROOM}.lister:Lister._missed",
        "doubt.expected or doubt.missed",
        "True",
        f"{_LISTER}::test_one_answer_that_it_is_not_there_proves_nothing",
    ),
    one(
        "an id on record is not looked for",
        f"{_ROOM}.provider:CloudProvider._is_absent",
        "not recorded or self._register.is_gone(recorded)"
        " or self._register.is_anothers(recorded, uid) or recorded in self._register.orphans()",
        "True",
        f"{_LISTER}::test_an_operator_that_starts_beside_a_silent_cell_makes_nothing",
    ),
    one(
        "any line with the words makes a server ready",
        f"{_ROOM}.readiness:ReadinessProbes._read_console",
        "text == ready",
        "ready in text",
        f"{_READINESS}::test_a_console_that_says_so_makes_it_ready",
    ),
    one(
        "any address may be called",
        f"{_ROOM}.probes:Reach.of",
        "self._has(each)",
        "True",
        f"{_ATTACKS}::test_nobody_aims_the_operator_at_its_own_network",
    ),
    one(
        "an id is whatever somebody wrote",
        f"{_ROOM}.listing:is_id",
        "_ID.match(text) is not None",
        "True",
        f"{_ATTACKS}::test_an_id_that_is_none_is_never_part_of_a_url",
    ),
    one(
        "a server whose cell is back is unheard until the hourly list",
        f"{_ROOM}.register:MachineRegister.missing",
        "lacking | back | self._unmarked",
        "lacking | self._unmarked",
        "tests/providers/openstack/test_lister.py"
        "::test_what_a_silent_cell_has_is_ready_again_once_it_is_back",
    ),
    one(
        "whoever is tagged is ours",
        f"{_ROOM}.machines:machine",
        "incarnation is not None and uid != _FLEET and name",
        "incarnation is not None and uid != _FLEET",
        "tests/providers/openstack/test_observation.py"
        "::test_a_server_is_ours_when_all_its_marks_agree",
    ),
    one(
        "the cloud's clock counts as ours",
        f"{_ROOM}.times:CloudTimes.ours",
        "theirs - self._ahead",
        "theirs",
        f"{_TIMES}::test_a_start_has_its_seconds_by_one_clock",
    ),
    one(
        "what is told wavers with each answer",
        f"{_ROOM}.times:CloudTimes.hear",
        "not least - SLACK <= self._ahead <= most + SLACK",
        "True",
        f"{_TIMES}::test_clocks_that_agree_are_left_alone",
    ),
    one(
        "a failure after a POST is no doubt",
        f"{_ROOM}.refusals:_failed",
        "method == 'POST'",
        "False",
        f"{_REFUSALS}::test_answers_to_a_create",
    ),
    one(
        "a snapshot that was begun is taken again",
        f"{_ROOM}.snapshots:Snapshots.take",
        "found[0].id if found else await self._begin(machine, task, name)",
        "await self._begin(machine, task, name)",
        f"{_SNAPSHOTS}::test_a_snapshot_that_was_begun_is_followed",
    ),
    one(
        "a restore is begun again",
        f"{_ROOM}.snapshots:Snapshots.restore",
        "machine.row.metadata.get(RESTORED) != task.id",
        "True",
        f"{_SNAPSHOTS}::test_a_restore_rebuilds_from_the_latest_of_the_name",
    ),
)
