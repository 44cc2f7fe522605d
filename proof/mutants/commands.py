"""Mistakes about commands in pods: run twice, a stranger ended, failed as nobody answered."""

from __future__ import annotations

from proof.mutants.mechanism import one

_EXEC = "tests/providers/pod/test_exec.py"
_STRANGERS = "tests/providers/pod/test_exec_strangers.py"
_ROOM = "controller.providers.pod.commands"

MECHANISMS = (
    one(
        "a command that runs has failed with the first outage of those who ask about it",
        f"{_ROOM}:PodExec._follow",
        "lost or begun",
        "lost",
        f"{_EXEC}::test_a_command_that_has_begun_is_followed_through_an_outage",
    ),
    one(
        "a successor that is not let in takes a command for failed",
        f"{_ROOM}:PodExec.resume",
        "_is_away(error) or _is_refused(error)",
        "True",
        f"{_EXEC}::test_what_befalls_the_asking_is_no_failure_of_the_command",
    ),
    one(
        "a command that cannot be told from a stranger counts as ended",
        f"{_ROOM}:PodExec.cancel",
        "b'argosy:unsure' in result.stdout",
        "False",
        f"{_STRANGERS}::test_a_process_whose_start_was_not_noted_is_waited_for_and_not_ended",
    ),
    one(
        "a command that speaks of a missing shell is run again without one",
        f"{_ROOM}:PodExec._try",
        "lacks and b'argosy:' not in result.stdout",
        "lacks",
        f"{_EXEC}::test_a_command_that_speaks_of_a_missing_shell_runs_once",
    ),
    one(
        "a retry finds the end of the attempt before",
        f"{_ROOM}:_trace",
        "f'{task.id}#{_attempt(server, task)}'",
        "task.id",
        f"{_EXEC}::test_another_attempt_is_another_run",
    ),
)
