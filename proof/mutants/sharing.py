"""Mistakes of replicas that share the work: taken too early, given too early, not given up."""

from __future__ import annotations

from proof.mutants.mechanism import one

_REPLICAS = "tests/simulation/test_replicas.py"
_SHARING = "controller.execution.sharing:Sharing"
_MEMBERS = "controller.kube.members:Members"
_HANDS = f"{_REPLICAS}::test_a_slots_lease_in_a_persons_hands_never_makes_two_owners"
_MOVES = f"{_REPLICAS}::test_a_slot_waits_for_a_command_that_runs_before_it_moves"
_SLEPT = f"{_REPLICAS}::test_a_process_that_slept_knows_before_its_next_write"
_BLIND = f"{_REPLICAS}::test_who_cannot_look_at_leases_stops_writing"

_PARTED = "tests/kube/test_parted_informer.py"
_BY_SLOT = "tests/simulation/test_replicas_by_slot.py"
_LABELS = "tests/execution/test_labels.py"
_GONE = f"{_PARTED}::test_a_gone_by_one_watch_after_the_new_one_told_is_no_deletion"
_FORGOTTEN = f"{_PARTED}::test_a_slot_that_is_closed_is_forgotten_without_a_word"

_WATCHES = (
    one(
        "a label that changes is believed to be a deletion",
        "controller.kube.follower:Follower._change",
        "not self._cache.is_older(where, version)",
        "False",
        _GONE,
    ),
    one(
        "callbacks on forget",
        "controller.kube.cache:Cache.forget",
        "self._pass(self.keepers, old, None, old)",
        "self._tell(old, None, old)",
        _FORGOTTEN,
    ),
    one(
        "what is kept of objects stays when they are forgotten",
        "controller.kube.cache:Cache.forget",
        "self._pass(self.keepers, old, None, old)",
        "pass",
        _FORGOTTEN,
    ),
    one(
        "a slot that is closed stays in the cache",
        "controller.kube.informer:Informer.close",
        "self._cache.forget(each.scope.holds)",
        "pass",
        _FORGOTTEN,
    ),
    one(
        "who waits for a slot that is closed waits for ever",
        "controller.kube.informer:Informer.close",
        "each.close()",
        "pass",
        f"{_PARTED}::test_nobody_waits_for_a_slot_that_is_closed[True]",
    ),
    one(
        "a key that waits for a write in a slot that is closed is never looked at",
        "controller.kube.informer:Informer.close",
        "self._advance(slot, ALL)",
        "pass",
        f"{_PARTED}::test_who_waits_for_a_write_in_a_slot_that_is_closed_looks_again",
    ),
    one(
        "all slots are listed at once",
        "controller.execution.sharing:Sharing._follow",
        "opening >= _AT_ONCE",
        "False",
        f"{_BY_SLOT}::test_slots_are_listed_few_at_a_time",
    ),
    one(
        "a list drops what others feed",
        "controller.kube.scope:WatchScope.holds",
        "not self.by_slot or slots.labelled(meta.labels) == self.slot",
        "True",
        f"{_PARTED}::test_a_list_of_one_follower_drops_nothing_that_others_feed[False]",
    ),
    one(
        "an object with a senseless label is watched by nobody",
        "controller.kube.slots:selector",
        """f"{names.BUCKET_LABEL} notin ({','.join(_BY_LABEL)})\"""",
        """f"!{names.BUCKET_LABEL}\"""",
        "tests/kube/test_slots.py::test_every_object_is_in_one_part_whatever_its_label_says",
    ),
    one(
        "a write waits for a watch that never tells of it",
        "controller.kube.informer:Informer.reached",
        "slot if self.by_slot else None",
        "None",
        f"{_PARTED}::test_a_write_is_seen_by_the_watch_of_its_slot",
    ),
    one(
        "a new owner catches up with no slot",
        "controller.kube.informer:Informer.catch_up",
        "slots is None or slot in slots",
        "slots is None or slot is None",
        f"{_PARTED}::test_catching_up_with_one_slot_asks_nothing_of_the_others",
    ),
    one(
        "a new owner by slot plans before it has seen the slot",
        f"{_SHARING}._catch_up.see",
        "await self._engine.catch_up({slot})",
        "await asyncio.sleep(0)",
        f"{_BY_SLOT}::test_a_slot_that_is_slow_holds_up_no_other",
    ),
    one(
        "a slot that is slow keeps others from being planned",
        f"{_SHARING}._catch_up",
        "_in_batches([see(*each) for each in begun.items()], patience=ROUND_SECONDS)",
        "_in_batches([see(*each) for each in begun.items()])",
        f"{_BY_SLOT}::test_a_slot_that_is_slow_holds_up_no_other",
    ),
    one(
        "a slot that cannot be listed delays each look at the Leases",
        f"{_SHARING}._follow",
        "wanted - before <= followed or self._now() >= until",
        "wanted <= followed or self._now() >= until",
        f"{_BY_SLOT}::test_a_slot_that_cannot_be_listed_delays_no_look_at_leases",
    ),
    one(
        "a slot is said to be looked after as soon as its Lease is taken",
        f"{_SHARING}.owned",
        "sum(map(self.plans, self._held))",
        "len(self._held)",
        f"{_BY_SLOT}::test_a_slot_that_is_slow_holds_up_no_other",
    ),
    one(
        "a slot's Lease is taken before the slot is followed",
        f"{_SHARING}._follow",
        "wanted - before <= followed or self._now() >= until",
        "followed.update(wanted) or True",
        f"{_BY_SLOT}::test_who_cannot_list_a_slot_does_not_take_it",
    ),
    one(
        "a slot is forgotten before its Lease is written",
        f"{_SHARING}.turn",
        "await self._follow(mine | named)",
        "await self._follow(mine)",
        f"{_BY_SLOT}::test_a_slot_is_forgotten_once_its_lease_says_so",
    ),
    one(
        "a slot that was given is never forgotten",
        f"{_SHARING}._follow",
        "await self._caches.close(slot)",
        "pass",
        f"{_BY_SLOT}::test_each_caches_what_is_its_own_and_together_they_cache_all_once",
    ),
    one(
        "servers that other replicas plan take no room in a namespace",
        "controller.kinds.serverset.occupancy:_present",
        "seen.sum(namespace, caches.shows) + hidden",
        "seen.sum(namespace, caches.shows)",
        f"{_BY_SLOT}::test_a_namespaces_bound_holds_by_slot",
    ),
    one(
        "a fleet counts the servers of one replica alone",
        "controller.execution.counts:KindCounts.total",
        "(own, *self._told)",
        "(own,)",
        f"{_BY_SLOT}::test_a_fleet_counts_all_servers_by_slot",
    ),
    one(
        "a fleet in use says that it has no servers while slots move",
        "controller.kinds.fleet.summary:servers",
        "snapshot.all_counted",
        "True",
        f"{_BY_SLOT}::test_a_fleet_counts_all_servers_by_slot",
    ),
    one(
        "a slot that two replicas tell of is counted twice",
        "controller.kube.tallies:add_up",
        "each.slots & seen",
        "False",
        "tests/kube/test_tallies.py::test_a_slot_that_two_tell_of_is_not_counted_twice",
    ),
    one(
        "a heartbeat that nests without end ends every replica",
        "controller.kube.tallies:read",
        "wire.UNREADABLE",
        "msgspec.DecodeError",
        "tests/simulation/test_replicas.py::test_a_forged_heartbeat_ends_no_replica[bottomless]",
    ),
    one(
        "a copy of a heartbeat takes its place",
        "controller.kube.members:Members.look",
        """{
            name: told
            for name, each in beats.items()
            if each.holder in alive - {self.identity}
            and (told := tallies.read(each.metadata.annotations)) is not None
        }""",
        """{
            each.holder: told
            for name, each in beats.items()
            if each.holder in alive - {self.identity}
            and (told := tallies.read(each.metadata.annotations)) is not None
        }""",
        f"{_BY_SLOT}::test_a_fleet_in_use_counts_what_a_copied_heartbeat_denies",
    ),
    one(
        "what bears the label of another slot is never seen by its owner",
        "controller.execution.labels:Labels.turn",
        "self._before.get(what, '') == each.value",
        "each.value and self._before.get(what, '') == each.value",
        f"{_BY_SLOT}::test_what_goes_with_the_label_of_anothers_part_goes_all_the_same",
    ),
    one(
        "all older objects are labelled at once",
        "controller.execution.labels:Labels.turn",
        "asyncio.sleep(1 / PER_SECOND)",
        "asyncio.sleep(0)",
        f"{_BY_SLOT}::test_older_objects_get_the_label_one_after_another",
    ),
    one(
        "labels that are refused are written again before others",
        "controller.execution.labels:Labels._ordered",
        "self._tried.get(odd.what, 0)",
        "0",
        f"{_LABELS}::test_labels_that_are_refused_keep_no_other_from_being_written",
    ),
    one(
        "a namespace with much to label comes before others",
        "controller.execution.labels:Labels._ordered",
        "sorted(found, key=lambda placed: placed[0])",
        "found",
        f"{_LABELS}::test_a_namespace_with_much_to_label_delays_no_other",
    ),
    one(
        "labels are taken off what somebody else controls",
        "controller.execution.labels:Labels._whose",
        "above is None or not owner.api_version.startswith(f'{names.GROUP}/')",
        "above is None",
        f"{_BY_SLOT}::test_what_somebody_else_controls_keeps_its_labels",
    ),
    one(
        "labels are written of an application that is paused or observed",
        "controller.planning.management:may_label",
        "bool(goes) or rest(found) is None",
        "True",
        f"{_BY_SLOT}::test_labels_of_an_application_at_rest_are_left_alone",
    ),
    one(
        "labels are put right where another install looks after things",
        "controller.execution.labels:Labels._odd",
        "is_enough or not self._covers(meta.namespace)",
        "is_enough",
        "tests/execution/test_labels.py::test_only_what_this_install_looks_after_is_labelled",
    ),
    one(
        "the checker lets any write pass that takes a label off",
        "proof.history.journal:_unlabels",
        "bool(seen) and not body and (meta == {'labels': {_BUCKET: None}})",
        "True",
        "tests/proof/history/test_owners.py::test_anybody_of_them_may_take_off_the_label_of_a_part",
    ),
    one(
        "an upgrade writes the label on all there is",
        "controller.providers.pod.manifest:labels",
        "wanted[names.REVISION_LABEL] = revision",
        "wanted[names.REVISION_LABEL] = revision; wanted |= _bucket(server)",
        "tests/simulation/test_buckets.py"
        "::test_an_upgrade_with_a_thousand_servers_writes_nothing_and_restarts_nothing",
    ),
    one(
        "what is older never gets the label",
        "controller.planning.buckets:beside",
        "not lacking",
        "True",
        "tests/simulation/test_buckets.py::test_an_older_object_gets_it_with_the_next_write"
        "[none-Never]",
    ),
)

MECHANISMS = (
    *_WATCHES,
    one(
        "a slot is taken as soon as its Lease is not as it was",
        f"{_MEMBERS}._is_free",
        "now - self._since[slot] < self._patience",
        "False",
        f"{_HANDS}[delete]",
    ),
    one(
        "a slot whose holder was cleared is believed to be handed over",
        "controller.kube.members:_Lease.given",
        "self.metadata.annotations.get(GIVEN_ANNOTATION) == str(self.epoch)",
        "True",
        f"{_HANDS}[nobody]",
    ),
    one(
        "a hand-over that a backup tells of is believed",
        f"{_MEMBERS}._is_free",
        "seen is not None and seen.given and (seen.epoch == self._epochs[slot])",
        "seen is not None and seen.given",
        f"{_HANDS}[restored]",
    ),
    one(
        "after the highest epoch each has the same",
        f"{_MEMBERS}._note",
        "found.epoch if known == _MOST_EPOCHS else max(known, found.epoch)",
        "max(known, found.epoch)",
        f"{_HANDS}[counted on]",
    ),
    one(
        "a slot that was lost is still planned on",
        f"{_SHARING}._check",
        "shown is None or (shown.holder, shown.epoch) != (me, held.epoch)",
        "False",
        f"{_REPLICAS}::test_a_slot_that_is_lost_is_planned_no_more_whatever_runs_in_it",
    ),
    one(
        "a slot without a Lease is still planned on",
        f"{_SHARING}._check",
        "shown is None or (shown.holder, shown.epoch) != (me, held.epoch)",
        "shown is not None and (shown.holder, shown.epoch) != (me, held.epoch)",
        f"{_REPLICAS}::test_a_slot_whose_lease_is_deleted_has_one_again",
    ),
    one(
        "operations begin new acts while their slot waits to move",
        f"{_SHARING}.moving",
        "not held.awaited",
        "True",
        _MOVES,
    ),
    one(
        "heartbeats of replicas that are gone stay for ever",
        f"{_MEMBERS}.sweep",
        "next(gone, None)",
        "None",
        f"{_REPLICAS}::test_heartbeats_of_replicas_long_gone_are_swept_away",
    ),
    one(
        "a slot that is owed is taken back",
        f"{_SHARING}._take",
        "self._held.keys() | self._ending | self._owed.keys()",
        "self._held.keys() | self._ending",
        f"{_REPLICAS}::test_a_slot_whose_giving_is_not_written_is_not_taken_back",
    ),
    one(
        "the checker lets who has lost a slot write on",
        "proof.history.tenures:tenure",
        "line.verb == _DELETE",
        "False",
        "tests/proof/history/test_owners.py::test_who_has_lost_a_slot_may_not_write_on[delete]",
    ),
    one(
        "a slot is taken from a replica that lives",
        f"{_MEMBERS}._is_free",
        "now - self._heard[seen.holder] >= self._patience",
        "True",
        _MOVES,
    ),
    one(
        "a new owner plans before it has seen what the last one wrote",
        f"{_SHARING}._catch_up",
        "await self._engine.catch_up({None})",
        "await asyncio.sleep(0)",
        f"{_REPLICAS}::test_a_new_owner_whose_watch_lags_plans_nothing_before_it_sees",
    ),
    one(
        "a slot is given while calls of it are in flight",
        "controller.execution.engine:Engine.let_go",
        "any(ANY_each.in_flight for ANY_each in due.values())",
        "False",
        f"{_REPLICAS}::test_calls_in_flight_end_before_a_slot_is_given",
    ),
    one(
        "a slot is given while a command runs in it",
        f"{_SHARING}._hand_over",
        "late or s not in busy",
        "True",
        _MOVES,
    ),
    one(
        "a replica writes on though its heartbeat was not renewed",
        f"{_SHARING}.fresh",
        "self._confirmed_at is None or not (self._heartbeat.leading and self._guard.leading)",
        "self._confirmed_at is None or not self._guard.leading",
        _SLEPT,
    ),
    one(
        "a replica writes on though another may lead alone",
        f"{_SHARING}.fresh",
        "self._confirmed_at is None or not (self._heartbeat.leading and self._guard.leading)",
        "self._confirmed_at is None or not self._heartbeat.leading",
        _SLEPT,
    ),
    one(
        "a replica writes on though it has not seen its slots for long",
        f"{_SHARING}.fresh",
        "self._now() - self._confirmed_at < BELIEVED_SECONDS",
        "True",
        _BLIND,
    ),
    one(
        "where the clock stands still nobody sees that a Lease is renewed",
        "controller.kube.lease:Elector._stamp",
        "before is not None and stamp == before.spec.renew_time",
        "False",
        f"{_REPLICAS}::test_a_wall_clock_that_jumps_changes_nothing[-60]",
    ),
    one(
        "a replica that others renew for goes on leading",
        "controller.kube.lease:Elector.leading",
        "self._now() - self._renewed_at < self._renew_deadline",
        "self._shared or self._now() - self._renewed_at < self._renew_deadline",
        "tests/kube/test_lease.py::test_processes_of_a_shared_identity_lead_together",
    ),
    one(
        "each of several processes has the whole width",
        "controller.execution.pool:Pool.width",
        "max(1, whole // self._sharers())",
        "whole",
        "tests/execution/test_pool.py"
        "::test_pools_of_several_processes_keep_to_their_limits_together",
    ),
    one(
        "replicas count themselves alone where limits are divided",
        f"{_SHARING}.sharers",
        "self._others + 1",
        "1",
        f"{_REPLICAS}::test_replicas_divide_what_there_is_to_do",
    ),
    one(
        "more slots move than must",
        "controller.kube.assignment:assign",
        "held.get(slot) in wanted",
        "False",
        "tests/kube/test_assignment.py::test_nobody_has_too_much_and_as_few_move_as_can",
    ),
)
