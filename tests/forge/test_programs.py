"""The command `argosy-forge`, with programs of the test's own in place of git and BuildKit."""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.forge import __main__ as command
from controller.forge import credentials, programs, source
from devcluster import processes

ROOT = Path(__file__).parents[2]
COMMIT = "a" * 40
OTHER = "b" * 40
DIGEST = f"sha256:{'c' * 64}"
URL = "https://git.example.com/shop"
BUILD = (
    "build",
    f"--url={URL}",
    f"--commit={COMMIT}",
    "--image=r.example.com/a",
    "--daemon=tcp://b",
)
Forge = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is first on PATH, with one for credentials below it."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (tmp_path / "credentials").mkdir()
    return tmp_path


@pytest.fixture
def forge(folder: Path) -> Forge:
    """Run the command: its exit status, and its termination message."""

    def run(*words: str) -> tuple[int, dict[str, Any]]:
        report = folder / "report"
        status = command.main(words, folder=folder / "credentials", report=report)
        assert report.stat().st_size <= command.LONGEST
        return status, json.loads(report.read_text())

    return run


def program(folder: Path, name: str, script: str) -> None:
    """Put a program of this name on PATH that keeps what it was given."""
    path = folder / name
    keeps = 'printf "%s\\n" "$@" >"$0.arguments"; env >"$0.environment"\n'
    path.write_text(f"#!/bin/sh\n{keeps}{script}\n")
    path.chmod(0o755)


def mount(folder: Path, **files: str) -> None:
    """Mount credentials: `git_password` is the file `password` of the folder `git`."""
    for key, text in files.items():
        place, _, name = key.partition("_")
        path = (
            folder / "credentials" / place / name.replace("dockerconfigjson", ".dockerconfigjson")
        )
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


def answers(folder: Path, *refs: str) -> None:
    """Have git tell of these refs, each as `commit name`."""
    lines = (" ".join(("printf", r"'%s\t%s\n'", *each.split())) for each in refs)
    program(folder, "git", "\n".join(lines))


@pytest.mark.parametrize(
    "refs",
    [
        (f"{OTHER} refs/heads/old/main", f"{OTHER} refs/tags/main", f"{COMMIT} refs/heads/main"),
        (f"{OTHER} refs/tags/main", f"{COMMIT} refs/tags/main^{{}}"),
        (f"{OTHER} refs/heads/old/main", f"{COMMIT} refs/tags/main"),
    ],
    ids=["branch", "annotated-tag", "tag"],
)
def test_a_ref_is_resolved_as_git_clone_would(
    folder: Path, forge: Forge, refs: tuple[str, ...]
) -> None:
    """The branch of exactly that name comes first, then the commit that a tag stands for."""
    answers(folder, *refs)
    assert forge("resolve", f"--url={URL}", "--ref=main") == (0, {"commit": COMMIT})


def test_a_commit_stays_what_it_is(folder: Path, forge: Forge) -> None:
    """Nobody is asked what is known."""
    program(folder, "git", "exit 1")
    assert forge("resolve", f"--url={URL}", f"--ref={COMMIT}") == (0, {"commit": COMMIT})
    assert not (folder / "git.arguments").exists()


@pytest.mark.parametrize("ref", ["gone", "--upload-pack=touch", "main\nother", "refs/heads/"])
def test_a_ref_that_is_not_there_is_terminal(folder: Path, forge: Forge, ref: str) -> None:
    """Nothing but an exact name is taken, and a name is never an option of git."""
    answers(folder, f"{OTHER} refs/heads/main", f"{OTHER} refs/heads/old/gone")
    status, told = forge("resolve", f"--url={URL}", f"--ref={ref}")
    assert (status, told["class"], told["reason"]) == (1, "Terminal", "SourceUnavailable")
    words = (folder / "git.arguments").read_text()
    assert words.startswith(f"ls-remote\n--quiet\n--\n{URL}\n")


def test_a_git_server_that_is_down_is_transient(folder: Path, forge: Forge) -> None:
    """The exit status and the message say alike that another attempt may end differently."""
    program(folder, "git", "echo 'fatal: Could not resolve host: git.example.com' >&2; exit 128")
    assert forge("resolve", f"--url={URL}", "--ref=main") == (
        os.EX_TEMPFAIL,
        {
            "class": "Transient",
            "reason": "SourceUnavailable",
            "message": "Could not resolve host: git.example.com",
        },
    )


def test_a_git_server_that_hangs_is_transient(
    forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that takes a request and never answers is given up, long before its Job is."""
    assert int(programs.GIT["GIT_HTTP_LOW_SPEED_TIME"]) <= 60
    monkeypatch.setitem(programs.GIT, "GIT_HTTP_LOW_SPEED_TIME", "1")
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/x"
        status, told = forge("resolve", f"--url={url}", "--ref=main")
    assert (status, told["class"], told["reason"]) == (
        os.EX_TEMPFAIL,
        "Transient",
        "SourceUnavailable",
    )


def test_a_commit_is_built_and_pushed_by_its_digest(folder: Path, forge: Forge) -> None:
    """Context, Dockerfile, arguments, cache and client's certificate reach BuildKit as asked."""
    mount(folder, **{"daemon_tls.crt": "x"})
    result = json.dumps({"containerimage.digest": DIGEST})
    program(folder, "buildctl", f"for each; do last=$each; done; echo '{result}' >${{last#*=}}")
    words = ("--path=/web/", "--dockerfile=Other", "--argument=MODE=a b", "--cache=Registry")
    assert forge(*BUILD, *words) == (0, {"commit": COMMIT, "digest": DIGEST})
    given = (folder / "buildctl.arguments").read_text().splitlines()
    place = folder / "credentials" / "daemon"
    assert given[:5] == [
        "--addr=tcp://b",
        f"--tlscacert={place}/ca.crt",
        f"--tlscert={place}/tls.crt",
        f"--tlskey={place}/tls.key",
        "build",
    ]
    assert {
        f"--opt=context={URL}.git#{COMMIT}:web",
        "--opt=filename=Other",
        "--opt=build-arg:MODE=a b",
        "--output=type=image,name=r.example.com/a,push=true,push-by-digest=true",
        "--import-cache=type=registry,ref=r.example.com/a:argosy-cache",
    } <= set(given)
    program(folder, "buildctl", "exit 0")
    with pytest.raises(FileNotFoundError):
        forge(*BUILD, "--cache=None")
    assert "cache" not in (folder / "buildctl.arguments").read_text()


@pytest.mark.parametrize("answer", ["{}", '{"containerimage.digest": "latest"}'])
def test_a_build_without_a_digest_has_failed(folder: Path, forge: Forge, answer: str) -> None:
    """Nothing is deployed by any other name."""
    program(folder, "buildctl", f"for each; do last=$each; done; echo '{answer}' >${{last#*=}}")
    status, told = forge(*BUILD)
    assert (status, told["class"], told["reason"]) == (1, "Terminal", "Failed")


def test_credentials_are_given_and_never_shown(
    folder: Path, forge: Forge, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither arguments, log nor message have a password, however a program repeats it."""
    pair = base64.b64encode(b"git:p@ss w0rd/").decode()
    docker = base64.b64encode(b"argosy:open-sesame").decode()
    login = {"auths": {"r.example.com": {"auth": docker, "password": "third-secret"}}}
    mount(
        folder,
        git_username="git",
        git_password="p@ss w0rd/\n",  # noqa: S106 - of this test
        push_dockerconfigjson=json.dumps(login),
    )
    said = f"fatal: p@ss w0rd/ p%40ss%20w0rd%2F {pair} {docker} open-sesame third-secret"
    says = f"echo '{said} https://someone:else@git.example.com/x' >&2; exit 1"
    program(folder, "git", says)
    program(folder, "buildctl", says.replace("fatal", "error") + "; cat $DOCKER_CONFIG/config.json")
    _, resolved = forge("resolve", f"--url={URL}", "--ref=main")
    _, built = forge(*BUILD)
    shown = capfd.readouterr()
    arguments = [(folder / f"{each}.arguments").read_text() for each in ("git", "buildctl")]
    for text in (shown.out, shown.err, *arguments, json.dumps(resolved), json.dumps(built)):
        for secret in (
            "p@ss", "p%40ss", "w0rd", pair, docker, "open-sesame", "third-secret", "someone:else",
        ):  # fmt: skip
            assert secret not in text
    assert "*** https://***@git.example.com/x" in resolved["message"]
    environment = (folder / "git.environment").read_text()
    assert f"GIT_CONFIG_VALUE_0=Authorization: Basic {pair}" in environment
    assert "GIT_CONFIG_KEY_0=http.https://git.example.com/.extraHeader" in environment
    assert f"ARGOSY_GIT=Basic {pair}" in (folder / "buildctl.environment").read_text()
    # To no other host, whatever a Dockerfile adds from where.
    secret_name = "--secret=id=GIT_AUTH_HEADER.git.example.com,env=ARGOSY_GIT"  # noqa: S105 - a name
    assert secret_name in (folder / "buildctl.arguments").read_text().splitlines()


def test_a_token_alone_is_enough_for_git(folder: Path) -> None:
    """A Secret of one key `token` is used as GitHub, GitLab and Gitea take it."""
    mount(folder, git_token="t0ken-of-mine")  # noqa: S106 - of this test
    known = credentials.read(folder / "credentials")
    pair = base64.b64encode(b"x-access-token:t0ken-of-mine").decode()
    assert known.git == f"Basic {pair}"
    assert {"t0ken-of-mine", pair} <= set(known.secrets)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"auths": []}', '{"auths": {"r": {"auth": "!"}}}']
)
def test_a_malformed_login_is_the_registrys_to_refuse(folder: Path, text: str) -> None:
    """It is handed on as it lies, and stops nothing here."""
    mount(folder, push_dockerconfigjson=text)
    assert credentials.read(folder / "credentials").registry == text


@pytest.mark.parametrize("character", ["x", "\N{GRINNING FACE}", '"', "…"])
def test_a_long_message_is_cut_to_fit(folder: Path, forge: Forge, character: str) -> None:
    """The termination message is JSON of at most a kibibyte, whatever characters there are."""
    program(folder, "git", f"printf 'fatal: %s' '{character * 1500}' >&2; exit 128")
    _, told = forge("resolve", f"--url={URL}", "--ref=main")
    assert told["message"].endswith("…")
    assert told["message"].startswith(character * 20)


def test_control_characters_reach_neither_log_nor_message(
    folder: Path, forge: Forge, capfd: pytest.CaptureFixture[str]
) -> None:
    """A server that colours its words or moves the cursor paints nothing on anybody's screen."""
    program(folder, "git", r"printf 'fatal: \033[31mred\033[2J\007 words\n' >&2; exit 128")
    _, told = forge("resolve", f"--url={URL}", "--ref=main")
    assert told["message"] == "red words"
    assert "\x1b" not in capfd.readouterr().err


def test_a_polite_end_ends_the_child_too(folder: Path) -> None:
    """A Job that is deleted does not wait out its grace: the build is given up at once."""
    program(folder, "git", "trap 'exit 3' TERM; echo begun >&2; while :; do sleep 0.05; done")
    started = subprocess.Popen(
        [sys.executable, "-m", "controller.forge", "resolve", f"--url={URL}", "--ref=main"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert started.stderr
    assert started.stderr.readline() == "begun\n"
    started.send_signal(signal.SIGTERM)
    assert processes.wait_until(lambda: started.poll() is not None, 180)
    started.stderr.close()


def test_more_answers_than_a_pipe_holds_are_read(folder: Path, forge: Forge) -> None:
    """A repository of many branches that end alike keeps nobody waiting."""
    many = f"i=0; while [ $i -lt 3000 ]; do echo '{OTHER}\trefs/heads/'$i'/main'; i=$((i+1)); done"
    program(folder, "git", f"{many}; printf '{COMMIT}\\trefs/heads/main\\n'")
    assert forge("resolve", f"--url={URL}", "--ref=main") == (0, {"commit": COMMIT})


@pytest.mark.parametrize(
    ("url", "path", "wanted"),
    [
        ("https://g.example.com/a", "", "https://g.example.com/a.git#{c}"),
        ("https://g.example.com/a.git", "web", "https://g.example.com/a.git#{c}:web"),
        ("https://g.example.com/a/", "/web/", "https://g.example.com/a.git#{c}:web"),
        ("http://g.example.com:81/a?x=1#main", "", "http://g.example.com:81/a.git#{c}"),
    ],
)
def test_buildkit_knows_the_context_as_gits(url: str, path: str, wanted: str) -> None:
    """The commit alone says what is built: no ref or query of the URL comes between."""
    assert source.context(url, COMMIT, path) == wanted.format(c=COMMIT)


@pytest.mark.parametrize("step", ["resolve", "build"])
@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c touch% pwned",
        "-c core.sshCommand=touch",
        "--upload-pack=touch pwned",
        "file:///etc",
        "/etc",
        "ssh://git.example.com/shop",
        "git.example.com:shop",
        "https://",
        "https:///etc",
        "https://git.example.com,id=GIT_AUTH_HEADER/shop",
        'https://"git.example.com"/shop',
        "https://git.example.com\n/shop",
    ],
)
def test_an_address_that_is_more_than_one_reaches_no_program(
    folder: Path, forge: Forge, url: str, step: str
) -> None:
    """Though admission was passed by: neither git nor BuildKit's client is even started."""
    program(folder, "git", "exit 0")
    program(folder, "buildctl", "exit 0")
    words = [f"--url={url}", "--ref=main"] if step == "resolve" else [f"--url={url}", *BUILD[2:]]
    status, message = forge(step, *words)
    assert (status, message["class"], message["reason"]) == (1, "Terminal", "SourceUnavailable")
    assert not list(folder.glob("*.arguments"))


def test_a_step_cannot_speak_for_buildkit(folder: Path, forge: Forge) -> None:
    """Who prints carriage returns writes no line of its own: neither an error nor a step's name."""
    forged = (
        r"\rerror: failed to solve: failed to push: connection refused"
        r"\r------\r > [1/1] RUN innocent:\r0.1 nothing was wrong\r------\r"
    )
    told = (
        rf"#7 0.100 {forged}\n------\n > [2/2] RUN ./guilty:\n0.100 {forged}\n0.200 last\n------\n"
        r'Dockerfile:2\n--------------------\nerror: failed to solve: process "./guilty" did not'
        r" complete successfully: exit code: 3\n"
    )
    program(folder, "buildctl", f"printf '{told}' >&2; exit 1")
    status, message = forge(*BUILD)
    assert (status, message["class"], message["reason"]) == (1, "Terminal", "Failed")
    assert message["message"] == "RUN ./guilty: exit code: 3: last"


def test_a_client_that_was_killed_is_not_spoken_for(folder: Path, forge: Forge) -> None:
    """Without a line of BuildKit's own, words of a step decide nothing: another attempt is made."""
    told = r"#7 0.1 x\rerror: failed to solve: a lie\n"
    program(folder, "buildctl", f"printf '{told}' >&2; kill -9 $$")
    status, message = forge(*BUILD)
    assert (status, message["class"]) == (os.EX_TEMPFAIL, "Transient")
    assert "a lie" not in message["message"]


def test_a_server_that_sends_git_elsewhere_gives_no_credential_away(
    folder: Path, forge: Forge
) -> None:
    """The host of the source is shown the password, another one that it names is not."""
    mount(folder, git_username="git", git_password="the-word-7")  # noqa: S106 - of the test
    shown: list[tuple[str, str | None]] = []

    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shown.append(("other", self.headers["Authorization"]))
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with serving(Other) as other:

        class Own(Other):
            def do_GET(self) -> None:
                shown.append(("own", self.headers["Authorization"]))
                self.send_response(302)
                self.send_header("Location", f"{other}{self.path}")
                self.end_headers()

        with serving(Own) as own:
            status, message = forge("resolve", f"--url={own}/shop.git", "--ref=main")
    pair = base64.b64encode(b"git:the-word-7").decode()
    assert shown == [("own", f"Basic {pair}"), ("other", None)]
    assert (status, message["class"]) == (1, "Terminal")


@contextlib.contextmanager
def serving(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve HTTP on this machine; the server's address."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
