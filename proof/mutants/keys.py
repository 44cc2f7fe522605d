"""Mistakes in what is remembered of keys, and at the gate; `mechanisms` lists them."""

from __future__ import annotations

from proof.mutants.mechanism import Mechanism, one

_PHASES = "tests/execution/test_phases.py"
_GATE = "tests/execution/test_gate.py"
_LIVES = "tests/simulation/test_key_moves.py"
_LACKS = "test_a_move_that_the_table_lacks_stops_nobody_and_is_told"
_GUARD = "tests/simulation/test_guard.py"

MECHANISMS: tuple[Mechanism, ...] = (
    one(
        "planners are not told how calls went",
        "controller.execution.key_state:KeyState.remembered",
        "tuple(self.outcomes.values())",
        "()",
        "tests/simulation/test_outcomes.py::test_a_full_zone_leads_to_the_next_alternative",
    ),
    one(
        "the table lacks a move that keys make",
        "controller.execution.phases:",
        "frozenset({IDLE, PARKED})",
        "frozenset({IDLE})",
        f"{_LIVES}::test_every_move_of_a_hard_life_is_legal_and_every_legal_one_is_made",
    ),
    one(
        "the table lets calls be made for a parked key",
        "controller.execution.phases:",
        "frozenset({IDLE})",
        "frozenset({IDLE, WRITING})",
        f"{_PHASES}::test_nothing_is_called_for_a_key_that_waits",
    ),
    one(
        "a key moves whatever the table says",
        "controller.execution.key_state:KeyState.move",
        "after not in MOVES[self.phase]",
        "False",
        f"{_PHASES}::test_a_key_moves_as_the_table_says_and_in_no_other_way",
    ),
    one(
        "reads that succeed end a row of failures",
        "controller.execution.key_state:KeyState.settle",
        "self.phase is not READING",
        "True",
        "tests/execution/test_key_state.py"
        "::test_a_key_backs_off_for_the_failures_of_its_last_calls_alone",
    ),
    one(
        "what is taken back leaves a key in flight",
        "controller.execution.key_state:KeyState.take_back",
        "self.phase in IN_FLIGHT",
        "False",
        f"{_PHASES}::test_whatever_happens_a_key_is_in_the_phase_that_its_calls_say",
    ),
    one(
        "a crash leaves a key in the phase that it was confused about",
        "controller.execution.failed_visits:FailedVisits.crashed",
        "state.mend()",
        "pass",
        f"{_LIVES}::{_LACKS}",
    ),
    one(
        "what fails as the calls of a key end is told to nobody",
        "controller.execution.engine:Engine._settle",
        "self._failed_visits.crashed(key, state, error)",
        "raise",
        f"{_LIVES}::{_LACKS}",
    ),
    one(
        "a hand-over ends over one key",
        "controller.execution.engine:Engine._take_back",
        "self._failed_visits.crashed(key, state, error)",
        "raise",
        f"{_LIVES}::test_no_watch_and_no_hand_over_ends_over_a_move",
    ),
    one(
        "a parked key stands in line once more at each visit",
        "controller.execution.gate:Gate._park",
        "self._awaited.get(key) == (cache, floor)",
        "False",
        f"{_GATE}::test_a_key_stands_in_line_once_however_often_it_is_visited",
    ),
    one(
        "a key that waits for another cache by now stands in no line",
        "controller.execution.gate:Gate._park",
        "self._awaited.get(key) == (cache, floor)",
        "key in self._awaited",
        f"{_GATE}::test_a_key_waits_for_one_cache_after_the_other",
    ),
    one(
        "a parked key is woken by nobody",
        "controller.execution.gate:Gate.advance",
        "self._wake(key)",
        "pass",
        f"{_GATE}::test_nobody_is_forgotten_at_the_gate",
    ),
    one(
        "a call is counted before it is known where it stands in line",
        "controller.execution.calls:Calls.make",
        "flow = self._flow(key, item)\nstate.ask(reads=verb is ObjectVerb.READ)",
        "state.ask(reads=verb is ObjectVerb.READ)\nflow = self._flow(key, item)",
        f"{_GUARD}::test_a_call_that_no_line_can_be_found_for_leaves_no_key_waiting",
    ),
)
