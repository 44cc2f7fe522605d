"""What the client makes of connections that break, credentials that expire, and streams."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from controller import contract, errors
from controller.api.resources import Resource
from controller.execution import fleet_branch
from controller.kube import connection, credentials, faults, reviews
from controller.kube.client import Client
from controller.kube.sockets import broken
from controller.kube.streams import TAIL, ExecFailed

PATIENCE_SECONDS = 180
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@contextlib.asynccontextmanager
async def serving(
    handler: Handler, who: credentials.Credentials | None = None
) -> AsyncIterator[Client]:
    """A client of a server on this machine that answers everything with `handler`."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    where = connection.Connection(
        server=f"http://{host}:{port}", tls=None, credentials=who or credentials.Fixed()
    )
    try:
        async with Client(where) as client:
            yield client
    finally:
        await runner.cleanup()


async def test_refused_connection_was_not_sent() -> None:
    """Where nobody listens, nothing was sent: that is no unknown outcome."""
    where = connection.Connection(
        server="http://127.0.0.1:1", tls=None, credentials=credentials.Fixed()
    )
    async with Client(where) as client:
        with pytest.raises(faults.Unreachable):
            await client.create(Resource.PODS, "default", {})


async def test_lost_answer_of_a_write_is_an_unknown_outcome() -> None:
    """A connection that breaks after a write was sent leaves its outcome unknown; a read's not."""

    async def hang_up(request: web.Request) -> web.StreamResponse:
        await request.read()
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with serving(hang_up) as client:
        with pytest.raises(errors.UnknownOutcome):
            await client.create(Resource.PODS, "default", {})
        with pytest.raises(errors.UnknownOutcome):
            await client.patch(Resource.PODS, "default", "a", {})
        with pytest.raises(faults.ServerFailed):
            await client.get(Resource.PODS, "default", "a")


async def test_texts_are_sent_as_go_writes_them() -> None:
    """Else data of a ControllerRevision seems to change with any patch, which is refused."""
    sent = b""

    async def take(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        sent = await request.read()
        return web.json_response({})

    text = "a <b >/tmp/c && d \u2028\u2029 é"
    async with serving(take) as client:
        await client.create(Resource.REVISIONS, "default", {"data": text})
    shown = rb"a \u003cb \u003e/tmp/c \u0026\u0026 d \u2028\u2029 " + "é".encode()
    assert sent == b'{"data":"' + shown + b'"}'
    assert msgspec.json.decode(sent) == {"data": text}


class Interrupting(credentials.Fixed):
    """Credentials that have something happen while a request is made ready."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], None] | None = None

    async def renew(self) -> None:
        """Let it happen."""
        await asyncio.sleep(0)
        if self.meanwhile is not None:
            self.meanwhile()
            self.fresh_until = float("inf")


async def test_a_guarded_write_is_not_sent_once_it_may_not_be() -> None:
    """A guard that changes its mind within a request stops it; reads and other clients go on."""
    seen: list[str] = []
    who = Interrupting()

    async def note(request: web.Request) -> web.StreamResponse:
        await request.read()
        seen.append(request.method)
        return web.Response(body=b"{}")

    answers = [True]
    async with serving(note, who) as client:
        guarded = client.guarded(lambda: answers[0])
        await guarded.create(Resource.PODS, "default", {})
        # From Python 3.12 on aiohttp sends in the first step of a request that has a connection:
        # so the moment between is made by what a request waits for.
        who.meanwhile, who.fresh_until = lambda: answers.__setitem__(0, False), 0.0
        with pytest.raises(errors.Transient):
            await guarded.patch(Resource.PODS, "default", "a", {})
        with pytest.raises(errors.Transient):
            await guarded.delete(Resource.PODS, "default", "a", uid="1")
        await guarded.get(Resource.PODS, "default", "a")
        await client.create(Resource.PODS, "default", {})
    assert seen == ["POST", "GET", "POST"]


async def test_each_write_of_a_guarded_client_is_told_with_its_status() -> None:
    """Whoever bounds what is in flight learns how far the server is, and that it is too busy."""
    told: list[tuple[float, int]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=200 if request.method != "DELETE" else 429, body=b"{}")

    async with serving(answer) as client:
        guarded = client.guarded(
            lambda: True, lambda seconds, status: told.append((seconds, status))
        )
        await guarded.create(Resource.PODS, "default", {})
        await guarded.get(Resource.PODS, "default", "a")
        with pytest.raises(errors.Transient):
            await guarded.delete(Resource.PODS, "default", "a", uid="1")
        await client.create(Resource.PODS, "default", {})
    assert [status for _, status in told] == [200, 429]
    assert all(seconds > 0 for seconds, _ in told)


def test_a_write_that_is_not_answered_in_time_may_be_its_namespaces_own_trouble() -> None:
    """A connection that breaks is not: then it is whatever stands in between."""
    late, lost = broken(TimeoutError(), "x", writes=True), broken(OSError(), "x", writes=True)
    assert isinstance(late, faults.Unanswered)
    assert late.policy.local
    assert isinstance(lost, faults.UnknownOutcome)
    assert not lost.policy.local
    assert isinstance(broken(TimeoutError(), "x", writes=False), faults.ServerFailed)


async def test_an_api_server_that_hangs_up_on_a_write_it_gave_up_on_has_not_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A slow webhook of one namespace ends so as well: that is no word on all the others."""

    async def hang_up(request: web.Request) -> web.StreamResponse:
        await request.read()
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    monkeypatch.setattr("controller.kube.client.BOUND_SECONDS", 0.0)
    async with serving(hang_up) as client:
        with pytest.raises(faults.Unanswered):
            await client.create(Resource.PODS, "default", {})
        with pytest.raises(faults.ServerFailed):
            await client.get(Resource.PODS, "default", "a")


async def test_half_an_answer_is_an_unknown_outcome() -> None:
    """An answer that is cut within its body says that the write arrived, not how it went."""

    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"kind":')
        assert request.transport is not None
        request.transport.abort()
        return response

    async with serving(cut) as client:
        with pytest.raises(errors.UnknownOutcome):
            await client.create(Resource.PODS, "default", {})


async def test_expired_token_is_renewed_once(tmp_path: Path) -> None:
    """A 401 makes the client renew its token and try again; a second one is Unauthorized."""
    token = tmp_path / "token"
    token.write_text("old")
    sent: list[str] = []

    async def guard(request: web.Request) -> web.StreamResponse:
        sent.append(request.headers["Authorization"])
        if sent[-1] == "Bearer new":
            return web.Response(body=b"{}")
        token.write_text("new")
        return web.Response(status=401)

    async with serving(guard, credentials.TokenFile(token)) as client:
        assert await client.create(Resource.PODS, "default", {}) == b"{}"
        assert sent == ["Bearer old", "Bearer new"]

    async def reject(_: web.Request) -> web.StreamResponse:
        return web.Response(status=401)

    async with serving(reject, credentials.TokenFile(token)) as client:
        with pytest.raises(faults.Unauthorized):
            await client.create(Resource.PODS, "default", {})


async def test_a_token_that_nobody_renews_is_not_tried_twice() -> None:
    """Whoever brings wrong tokens has the API server asked once for each."""
    sent: list[str] = []

    async def reject(request: web.Request) -> web.StreamResponse:
        sent.append(request.headers["Authorization"])
        return web.Response(status=401)

    async with serving(reject, credentials.Fixed("Bearer wrong")) as client:
        with pytest.raises(faults.Unauthorized):
            await client.review_path("get", "/metrics")
    assert sent == ["Bearer wrong"]


async def test_a_review_of_a_path_is_of_the_path() -> None:
    """No object is named, and the answer is the API server's."""
    asked: list[object] = []

    async def review(request: web.Request) -> web.StreamResponse:
        asked.append((request.path, await request.json()))
        return web.json_response({"status": {"allowed": True, "reason": "by a role"}})

    async with serving(review) as client:
        found = await client.review_path("get", "/metrics")
    assert (found.allowed, found.reason) == (True, "by a role")
    attributes = {"verb": "get", "path": "/metrics"}
    assert asked == [(reviews.PATH, {"spec": {"nonResourceAttributes": attributes}})]


async def test_who_asks_is_told_who_they_are() -> None:
    """By the API server, which knows whose a token is."""
    asked: list[str] = []

    async def review(request: web.Request) -> web.StreamResponse:
        asked.append(f"{request.method} {request.path}")
        return web.json_response({"status": {"userInfo": {"username": "alice", "groups": []}}})

    async with serving(review) as client:
        assert await client.whoami() == "alice"
    assert asked == [f"POST {reviews.SELF}"]


async def test_watch_drops_what_was_cut_within_a_line() -> None:
    """A watch yields whole lines only, however they are split, and then says that it broke."""

    async def tell(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in (b'{"a"', b":1}\n{", b'"b":2}\n', b'{"c":'):
            await response.write(piece)
            await asyncio.sleep(0.01)
        assert request.transport is not None
        request.transport.abort()
        return response

    seen: list[bytes] = []
    async with serving(tell) as client:
        watch = client.watch(Resource.PODS, resource_version="1")
        seen += [await anext(watch), await anext(watch)]
        with pytest.raises(faults.ServerFailed):
            await anext(watch)
    assert seen == [b'{"a":1}', b'{"b":2}']


async def test_logs_are_yielded_to_the_last_character() -> None:
    """Log lines come as printed, blank ones and an unfinished last one too."""

    async def printed(request: web.Request) -> web.StreamResponse:
        assert request.query["tailLines"] == "0"
        return web.Response(body=b"one\n\nthree")

    async with serving(printed) as client:
        lines = [each async for each in client.logs("default", "a", tail_lines=0)]
    assert lines == [b"one", b"", b"three"]


def container(*frames: bytes, wait: float = 0.0, protocol: str = "v5.channel.k8s.io") -> Handler:
    """Return a handler that upgrades and sends `frames`, then closes."""

    async def run(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=(protocol,))
        await socket.prepare(request)
        # Who is sent too much hangs up.
        with contextlib.suppress(ConnectionError):
            for each in frames:
                await socket.send_bytes(each)
        await asyncio.sleep(wait)
        await socket.close()
        return socket

    return run


def ended(status: str, **rest: object) -> bytes:
    """Return the frame that says how a command ended."""
    return b"\x03" + msgspec.json.encode({"status": status, **rest})


FAILED = ended(
    "Failure",
    reason="NonZeroExitCode",
    details={"causes": [{"reason": "ExitCode", "message": "7"}]},
)


async def test_exec_tells_exit_code_and_tails() -> None:
    """A command's exit code and the last of what it printed are returned."""
    long = b"x" * TAIL
    for frames, expected in (
        ((b"\x01out", b"\x02err", ended("Success")), (0, b"out", b"err")),
        ((b"\x01a" + long, b"\x01end", FAILED), (7, (long + b"end")[-TAIL:], b"")),
    ):
        async with serving(container(*frames)) as client:
            done = await client.exec(
                "default", "a", command=["do", "it & so"], timeout=PATIENCE_SECONDS
            )
            assert (done.exit_code, done.stdout, done.stderr) == expected


async def test_a_guarded_command_is_not_run_once_nothing_may_be_written() -> None:
    """A leader that was frozen before its command ran does not run it as it wakes."""
    asked: list[str] = []

    async def note(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return await container(ended("Success"))(request)

    answers = [True]
    async with serving(note) as client:
        guarded = client.guarded(lambda: answers[0])
        await guarded.exec("default", "a", command=["x"], timeout=PATIENCE_SECONDS)
        answers[0] = False
        with pytest.raises(errors.LeaseLost):
            await guarded.exec("default", "a", command=["x"], timeout=PATIENCE_SECONDS)
    assert len(asked) == 1


@pytest.mark.parametrize("told", ["²", "9" * 5000, "-1", "", "7.5"])
async def test_an_exit_code_that_is_none_is_no_crash(told: str) -> None:
    """What a node says of a command that it ran is text like any other."""
    causes = [{"reason": "ExitCode", "message": told}]
    odd = ended("Failure", message="odd", details={"causes": causes})
    async with serving(container(odd)) as client:
        with pytest.raises(ExecFailed, match="odd"):
            await client.exec("default", "a", command=["x"], timeout=PATIENCE_SECONDS)


@pytest.mark.parametrize("code", [500, 502, 503])
async def test_a_command_that_a_node_refuses_tells_nothing_of_the_cluster(code: int) -> None:
    """A kubelet answers 500 for a container that has ended, which a tenant has at will.

    The command did not run, so it costs no attempt, and no circuit of the fleet counts it.
    """

    async def refuse(_: web.Request) -> web.StreamResponse:
        return web.Response(status=code, text="container not running")

    async with serving(refuse) as client:
        with pytest.raises(errors.ArgosyError) as refused:
            await client.exec("default", "a", command=["x"], timeout=PATIENCE_SECONDS)
    policy = refused.value.policy
    assert (policy.works, policy.sent, policy.kind) == (None, False, errors.FailureKind.FAILED)
    assert fleet_branch.ended(refused.value, contract.Verb.ACT, "web-0").failed is None


async def test_exec_passes_its_arguments() -> None:
    """Arguments arrive as they were given, whatever characters they have."""
    asked: list[list[str]] = []

    async def note(request: web.Request) -> web.StreamResponse:
        asked.append(request.query.getall("command"))
        return await container(ended("Success"))(request)

    command = ["sh", "-c", "echo 'a&b=c' | cat; true\n", "é"]
    async with serving(note) as client:
        await client.exec(
            "default", "a", command=command, container="main", timeout=PATIENCE_SECONDS
        )
    assert asked == [command]


async def test_exec_that_is_cut_or_late_is_an_unknown_outcome() -> None:
    """A stream without an end, or one that does not come in time, leaves the outcome unknown."""
    async with serving(container(b"\x01half")) as client:
        with pytest.raises(errors.UnknownOutcome):
            await client.exec("default", "a", command=["x"], timeout=PATIENCE_SECONDS)
    async with serving(container(wait=PATIENCE_SECONDS)) as client:
        with pytest.raises(errors.UnknownOutcome):
            await client.exec("default", "a", command=["x"], timeout=0.2)


LARGE = bytes(2**21)


@pytest.mark.parametrize(
    "frames",
    [(b"\x01" + LARGE, ended("Success")), (b"\x03" + LARGE,), (b"\x03" + LARGE[: 2**16],) * 32],
    ids=["printed", "ended", "ended piece by piece"],
)
async def test_exec_keeps_nothing_of_what_no_kubelet_sends(frames: tuple[bytes, ...]) -> None:
    """A message, or an end, that is larger than any is a stream that was cut, like another."""
    async with serving(container(*frames)) as client:
        with pytest.raises(errors.UnknownOutcome, match="cut") as refused:
            await client.exec("default", "a", command=["x"], timeout=PATIENCE_SECONDS)
    assert refused.value.reason == "StreamCut"


async def test_exec_hears_all_that_a_kubelet_may_send() -> None:
    """However much a command prints, by the 32 KiB or in larger pieces."""
    for size, count in ((2**15, 100), (2**20 - 2, 3)):
        frames = (b"\x01" + LARGE[:size],) * count
        async with serving(container(*frames, ended("Success"))) as client:
            done = await client.exec("default", "a", command=["x"], timeout=PATIENCE_SECONDS)
            assert (done.exit_code, len(done.stdout)) == (0, TAIL)


async def test_a_terminal_and_a_tunnel_take_no_message_that_no_kubelet_sends() -> None:
    """Whoever sits before one is told that it was cut, and takes half of it for no whole."""
    async with serving(container(b"\x01" + LARGE, ended("Success"))) as client:
        async with client.open_exec("default", "a", command=["x"], tty=False) as seat:
            assert [each async for each in seat.output()] == []
        with pytest.raises(errors.UnknownOutcome, match="cut"):
            _ = seat.exit_code
    greeting = b"\x50\x00"
    frames = (b"\x00" + greeting, b"\x01" + greeting, b"\x00" + LARGE)
    async with (
        serving(container(*frames, protocol="v4.channel.k8s.io")) as client,
        client.open_port("default", "a", 80) as tunnel,
    ):
        with pytest.raises(errors.UnknownOutcome, match="cut"):
            assert [each async for each in tunnel.output()] == []


async def test_exec_that_never_ran_says_so() -> None:
    """A command that could not start, or a pod that is not there, is no unknown outcome."""
    not_started = ended("Failure", reason="InternalError", message="no such file")
    async with serving(container(not_started)) as client:
        with pytest.raises(ExecFailed, match="no such file"):
            await client.exec("default", "a", command=["x"], timeout=PATIENCE_SECONDS)

    async def absent(_: web.Request) -> web.StreamResponse:
        return web.Response(status=404)

    async with serving(absent) as client:
        with pytest.raises(faults.NotFound):
            await client.exec("default", "a", command=["x"], timeout=PATIENCE_SECONDS)


async def test_writes_are_bounded_on_the_server_too() -> None:
    """Every write tells the API server to give up before the client does."""
    asked: list[str] = []

    async def note(request: web.Request) -> web.StreamResponse:
        asked.append(request.query.get("timeout", ""))
        return web.Response(body=b"{}")

    async with serving(note) as client:
        await client.create(Resource.PODS, "default", {})
        await client.patch(Resource.PODS, "default", "a", {})
        await client.delete(Resource.PODS, "default", "a", uid="u")
    assert asked == ["4s"] * 3


async def test_replicas_are_told_apart_by_their_user_agents() -> None:
    """Each request carries the agent that the client was made with."""
    heard: list[str] = []

    async def listen(request: web.Request) -> web.StreamResponse:
        heard.append(request.headers["User-Agent"])
        return web.json_response({})

    runner = web.AppRunner(_answering(listen), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    where = connection.Connection(
        server=f"http://{host}:{port}", tls=None, credentials=credentials.Fixed()
    )
    try:
        for agent in ("argosy/1 one", "argosy/1 two"):
            async with Client(where, agent=agent) as client:
                await client.get(Resource.PODS, "default", "a")
    finally:
        await runner.cleanup()
    assert heard == ["argosy/1 one", "argosy/1 two"]


def _answering(handler: Handler) -> web.Application:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    return application
