"""Mistakes of the dashboard: whom it lets act, and whether what is confirmed is what was shown."""

from __future__ import annotations

from proof.mutants.mechanism import one

_ACTS = "tests/dashboard/test_acts.py"
_LOBBY = "tests/dashboard/test_lobby.py"

MECHANISMS = (
    one(
        "a form of another site is taken for one of the dashboard's own",
        "controller.dashboard.entrance:own_forms",
        "isinstance(sent, str) and origins.is_same(sent, own)",
        "True",
        f"{_ACTS}::test_a_form_of_another_site_is_refused_whatever_it_says",
    ),
    one(
        "what has changed since it was shown is done all the same",
        "controller.dashboard.acting:Acting.carry_out",
        "sent.get('seen') != _seen(found)",
        "False",
        f"{_ACTS}::test_what_has_changed_since_it_was_shown_is_shown_again",
    ),
    one(
        "a right that was lost is remembered when something is written",
        "controller.dashboard.rights:Rights.missing",
        "known is not None and not fresh and now - known[0] < REMEMBERED_SECONDS",
        "known is not None",
        f"{_ACTS}::test_reviews_are_remembered_for_a_moment_and_asked_again_before_a_write",
    ),
    one(
        "a right is remembered for ever",
        "controller.dashboard.rights:Rights.missing",
        "now - known[0] < REMEMBERED_SECONDS",
        "True",
        "tests/dashboard/test_rights.py::test_an_answer_is_remembered_for_a_moment_and_no_longer",
    ),
    one(
        "looking at an act does it",
        "controller.dashboard.acting:Acting._told",
        "writing.send(self._pages.api, wanted, dry_run=True)",
        "writing.send(self._pages.api, wanted, dry_run=False)",
        f"{_ACTS}::test_an_act_is_shown_before_it_is_done",
    ),
    one(
        "a dashboard that only shows offers acts",
        "controller.dashboard.server:run",
        "Rights(api, clock) if settings.writes else None",
        "Rights(api, clock)",
        f"{_ACTS}::test_without_writes_nothing_is_offered_and_nothing_is_done",
    ),
    one(
        "what changes between a page and its stream is told to nobody",
        "controller.dashboard.live:lines",
        "since or board.mark(of)",
        "board.mark(of)",
        "tests/dashboard/test_scale.py::test_what_changed_before_the_stream_began_is_told",
    ),
    one(
        "a page is drawn for each who looks at it",
        "controller.dashboard.board:Board.one",
        "made is not None and self._stands(key, made, now, newest=newest)",
        "False",
        "tests/dashboard/test_scale.py::test_a_page_is_drawn_once_however_often_it_is_asked_for",
    ),
    one(
        "a page that is behind as it is shown stays so until the next change",
        "controller.dashboard.pages:Pages.page",
        "self.board.is_behind(pictured)",
        "False",
        "tests/dashboard/test_scale.py::test_what_changes_all_the_time_is_drawn_now_and_then_and_the_page_says_so",
    ),
    one(
        "what changes all the time is drawn for each who looks",
        "controller.dashboard.board:Board._stands",
        "time.perf_counter() < made.until",
        "False",
        "tests/dashboard/test_scale.py::test_what_changes_all_the_time_is_drawn_now_and_then_and_the_page_says_so",
    ),
    one(
        "rows are written anew for each viewer",
        "controller.dashboard.lists:Shelf.drawn",
        "known is not None and known[0] is found",
        "False",
        "tests/dashboard/test_lists.py::test_what_is_drawn_is_kept_for_whoever_asks_next_and_not_for_made_up_addresses",
    ),
    one(
        "every namespace is shown to everybody who has signed in",
        "controller.dashboard.part:Sight.sees",
        "known is not None and known.allowed",
        "known is not None",
        f"{_LOBBY}::test_nothing_of_another_tenant_is_told",
    ),
    one(
        "a right to see is remembered for ever",
        "controller.dashboard.part:Sight._review",
        "known is not None and now < known.when + seconds * known.holds",
        "known is not None",
        f"{_LOBBY}::test_a_right_that_is_taken_back_hides_the_namespace",
    ),
    one(
        "a form of one person is a form of everybody",
        "controller.dashboard.lobby:Lobby._viewer",
        "self._secret + key",
        "self._secret",
        f"{_LOBBY}::test_the_form_of_one_person_is_no_form_of_another",
    ),
    one(
        "any name that leads here is a name of the site",
        "controller.dashboard.lobby:Lobby._is_ours",
        "host in self._shared.hosts",
        "True",
        f"{_LOBBY}::test_another_site_gets_nothing_with_a_visitors_cookie",
    ),
    one(
        "somebody who went away is never forgotten",
        "controller.dashboard.lobby:Lobby._is_over",
        "now - viewer.here > IDLE_SECONDS",
        "False",
        f"{_LOBBY}::test_somebody_who_is_away_is_forgotten",
    ),
    one(
        "a stream tells of what its viewer may not see",
        "controller.dashboard.part:PartBoard.mark",
        "self._sight.sees(space)",
        "True",
        f"{_LOBBY}::test_a_stream_tells_of_what_its_viewer_sees_and_of_nothing_else",
    ),
    one(
        "an act hears what it does not ask for",
        "controller.presentation.acts:OfferedAct.request",
        "{key: each for key, each in given.items() if key in heard}",
        "dict(given)",
        "tests/cli/test_act_commands.py::test_the_command_of_an_act_asks_for_the_same",
    ),
)
