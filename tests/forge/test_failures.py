"""What a failure of git or BuildKit is: by the words that both were seen to say."""

from __future__ import annotations

import pytest

from controller.forge import failures
from controller.forge.failures import Class, Reason

TRANSIENT, TERMINAL = Class.TRANSIENT, Class.TERMINAL
URL = "http://git.example.com/shop.git/"
GIT = {
    f"fatal: unable to access '{URL}': Failed to connect to 10.0.0.1 port 80 after 0 ms: Couldn't "
    "connect to server": TRANSIENT,
    f"fatal: unable to access '{URL}': Could not resolve host: git.example.com": TRANSIENT,
    f"fatal: unable to access '{URL}': The requested URL returned error: 503": TRANSIENT,
    f"fatal: unable to access '{URL}': The requested URL returned error: 429": TRANSIENT,
    f"fatal: unable to access '{URL}': gnutls_handshake() failed: The TLS connection was "
    "non-properly terminated.": TRANSIENT,
    "error: RPC failed; curl 56 Recv failure: Connection reset by peer\n"
    "fatal: expected flush after ref listing": TRANSIENT,
    "fatal: the remote end hung up unexpectedly": TRANSIENT,
    "words that nobody has seen": TRANSIENT,
    f"fatal: Authentication failed for '{URL}'": TERMINAL,
    "fatal: could not read Username for 'http://git.example.com': terminal prompts disabled": (
        TERMINAL
    ),
    f"fatal: repository '{URL}' not found": TERMINAL,
    "remote: Repository not found.\nfatal: repository 'x' not found": TERMINAL,
    f"fatal: unable to access '{URL}': The requested URL returned error: 403": TERMINAL,
    f"fatal: unable to access '{URL}': server certificate verification failed. CAfile: none": (
        TERMINAL
    ),
    "fatal: transport 'file' not allowed": TERMINAL,
}
SOLVE = "error: failed to solve: "
HEAD = 'failed to do request: Head "https://r.example.com/v2/a/blobs/sha256:96"'
BUILD = {
    "error: listing workers for Build: failed to list workers: Unavailable: connection error: desc "
    '= "transport: Error while dialing: dial tcp 10.0.0.6:9: connect: connection refused"': (
        TRANSIENT,
        Reason.FAILED,
    ),
    f"{SOLVE}dockerfile parse error on line 1: unknown instruction: FORM": (
        TERMINAL,
        Reason.FAILED,
    ),
    f"{SOLVE}failed to read dockerfile: open Dockerfile: no such file or directory": (
        TERMINAL,
        Reason.FAILED,
    ),
    f"{SOLVE}nosuch:1: failed to resolve source metadata for docker.io/library/nosuch:1: "
    "docker.io/library/nosuch:1: not found": (TERMINAL, Reason.FAILED),
    f"{SOLVE}base:1: failed to resolve source metadata for r.example.com/base:1: {HEAD}: dial tcp "
    "10.0.0.1:443: i/o timeout": (TRANSIENT, Reason.FAILED),
    f"{SOLVE}failed to read dockerfile: failed to fetch remote {URL}: git stderr:\n"
    "fatal: could not read Username for 'http://git.example.com': terminal prompts disabled\n"
    ": exit status 128": (TERMINAL, Reason.SOURCE),
    f"{SOLVE}failed to read dockerfile: failed to fetch remote {URL}: git stderr:\n"
    f"fatal: unable to access '{URL}': Failed to connect to 10.0.0.1 port 80\n"
    ": exit status 128": (TRANSIENT, Reason.SOURCE),
    f"{SOLVE}failed to read dockerfile: failed to checkout remote {URL}: git stderr:\n"
    "fatal: reference is not a tree: 0001\n: exit status 128": (TERMINAL, Reason.SOURCE),
    "error: failed to run Build function: failed to read dockerfile: failed to update submodules "
    f"for {URL}: git stderr:\nfatal: repository '/part' does not exist\n: exit status 1": (
        TERMINAL,
        Reason.SOURCE,
    ),
    f'{SOLVE}failed to read dockerfile: invalid subdir nope: failed to lstat "nope": statat nope: '
    "no such file or directory": (TERMINAL, Reason.SOURCE),
    f"{SOLVE}failed to push r.example.com/a: {HEAD}: dial tcp 10.0.0.1:443: connect: connection "
    "refused": (TRANSIENT, Reason.PUSH),
    f"{SOLVE}failed to push r.example.com/a: {HEAD}: dial tcp: lookup r.example.com on "
    "10.0.0.10:53: server misbehaving": (TRANSIENT, Reason.PUSH),
    f"{SOLVE}failed to push r.example.com/a: unexpected status from HEAD request to "
    "http://r.example.com/v2/a/blobs/sha256:96: 503 Service Unavailable": (TRANSIENT, Reason.PUSH),
    f"{SOLVE}failed to push r.example.com/a: unexpected status from HEAD request to "
    "http://r.example.com/v2/a/blobs/sha256:96: 401 Unauthorized": (TERMINAL, Reason.PUSH),
    f"{SOLVE}failed to push r.example.com/a: push access denied, repository does not exist or may "
    "require authorization": (TERMINAL, Reason.PUSH),
}
STEP = f"""\
#3 importing cache manifest from r.example.com/a:argosy-cache
#3 ERROR: connection refused
#6 0.036 ahoy
#6 ERROR: process "/bin/sh -c make && true" did not complete successfully: exit code: 2
------
 > importing cache manifest from r.example.com/a:argosy-cache:
------
------
 > [2/3] RUN make && true:
0.034 cc -c main.c
0.035 main.c:3:5: error: expected ';' before '}}' token

------
Dockerfile:3
--------------------
   3 | >>> RUN make && true
--------------------
{SOLVE}process "/bin/sh -c make && true" did not complete successfully: exit code: 2"""


@pytest.mark.parametrize("told", GIT)
def test_git_that_is_away_may_come_back_and_a_wrong_word_stays_wrong(told: str) -> None:
    """Networks and servers recover; passwords, repositories and certificates do not by waiting."""
    found = failures.of_git(told)
    assert (found.kind, found.reason) == (GIT[told], Reason.SOURCE)
    assert found.message


@pytest.mark.parametrize("told", BUILD)
def test_a_build_fails_for_good_unless_a_server_was_away(told: str) -> None:
    """What is wrong in the source is terminal; what a network or a server did not do is not."""
    found = failures.of_build(["#1 DONE 0.1s", *told.splitlines()])
    assert (found.kind, found.reason) == BUILD[told]
    assert found.message
    assert "\n" not in found.message


def test_a_step_that_fails_is_told_by_its_instruction_and_its_last_words() -> None:
    """People read which line failed, how, and what it printed last; nothing of the cache."""
    found = failures.of_build(STEP.splitlines())
    assert (found.kind, found.reason) == (TERMINAL, Reason.FAILED)
    assert found.message == (
        "RUN make && true: exit code: 2: main.c:3:5: error: expected ';' before '}' token"
    )


def test_what_a_step_prints_cannot_make_its_failure_pass() -> None:
    """A step whose words or command are those of a lost network fails for good all the same."""
    lines = [
        "#6 0.036 error: failed to solve: dial tcp: connection refused",
        "------",
        " > [2/2] RUN curl x || (echo connection refused && false):",
        "0.1 curl: (7) connection refused",
        "------",
        f'{SOLVE}process "echo connection refused" did not complete successfully: exit code: 1',
    ]
    assert failures.of_build(lines).kind is TERMINAL


def test_a_client_that_was_ended_may_be_begun_again() -> None:
    """Without an error of its own there is nothing that the source could be blamed for."""
    assert failures.of_build(["#1 DONE 0.1s"]).kind is TRANSIENT
    assert failures.of_build([]).kind is TRANSIENT
