"""Requests and Jobs of operations: sent once, bounded, and found again."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp import web

from controller import contract, errors
from controller.api import names, objects
from controller.api.resources import Resource
from controller.contract import tasks
from controller.kube import faults
from controller.kube.reasons import KubeReason
from controller.providers.steps import http_step
from controller.providers.steps.http_step import HttpStep
from controller.providers.steps.steps import Steps
from fakes.api_server import ApiServer, Verdict, chaos
from tests.contracts.provider_stages import NAMESPACE, PodStage, create, eventually, watch_ready

PATIENCE_SECONDS = 180
NEVER_SECONDS = 3600.0


@pytest.fixture
async def stage() -> AsyncIterator[PodStage]:
    """Give a cluster; the test begins it."""
    made = PodStage()
    yield made
    await made.end()


class Site:
    """A web server on this machine that remembers who asked for what."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], str]] = []
        self.answer = web.Response(status=200, text="a secret page")
        self.delay = 0.0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer as the test wants it."""
        body = await request.text()
        self.asked.append((request.method, request.path, dict(request.headers), body))
        await asyncio.sleep(self.delay)
        return web.Response(status=self.answer.status, headers=self.answer.headers, text="page")


@pytest.fixture
async def site() -> AsyncIterator[tuple[Site, str]]:
    """Give a site and its address."""
    made = Site()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    listening = web.TCPSite(runner, "127.0.0.1", 0)
    await listening.start()
    yield made, f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def task(action: str, **given: Any) -> contract.Call:
    """Return the wish for an act."""
    parameters = msgspec.Raw(msgspec.json.encode(given))
    wanted = objects.Task(id="op/run/step", operation="op", action=action, parameters=parameters)
    return contract.Call(verb=contract.Verb.ACT, why="test", task=wanted)


async def request(
    stage: PodStage, url: str, *, seconds: int = PATIENCE_SECONDS, **more: Any
) -> Any:
    """Have the operator send a request on behalf of a server that has this machine's address."""
    server = await stage.server()
    steps = Steps(stage.api)
    call = task(tasks.HTTP, timeoutSeconds=seconds, http={"url": url, **more})
    try:
        return await steps.run(server, call, ["127.0.0.1"])
    finally:
        await steps.close()


async def test_a_request_carries_its_key_and_nothing_of_the_answer_is_kept(
    stage: PodStage, site: tuple[Site, str]
) -> None:
    """Method, headers and body arrive as given; of the answer only the status is told."""
    await stage.begin()
    asked, url = site
    facts = await request(
        stage, f"{url}/drain?now=1", method="POST", headers={"X-Mode": "fast"}, body="go"
    )
    ((method, path, headers, body),) = asked.asked
    assert (method, path, body) == ("POST", "/drain", "go")
    assert headers["X-Mode"] == "fast"
    assert headers["Idempotency-Key"] == "op/run/step"
    assert facts == {"status": "200"}


@pytest.mark.parametrize(("method", "sent"), [("POST", 0), ("DELETE", 0), ("GET", 1)])
async def test_no_request_that_changes_things_is_sent_once_nothing_may_be_written(
    stage: PodStage, site: tuple[Site, str], method: str, sent: int
) -> None:
    """A leader that was frozen before its request went out does not send it as it wakes."""
    await stage.begin()
    asked, url = site
    server, steps = await stage.server(), Steps(stage.api, may_write=lambda: False)
    call = task(tasks.HTTP, timeoutSeconds=PATIENCE_SECONDS, http={"url": url, "method": method})
    refused = contextlib.nullcontext() if sent else pytest.raises(errors.LeaseLost)
    with refused:
        await steps.run(server, call, ["127.0.0.1"])
    await steps.close()
    assert len(asked.asked) == sent


async def test_secret_headers_come_from_the_applications_namespace(
    stage: PodStage, site: tuple[Site, str]
) -> None:
    """The value is sent; where the Secret or its key is missing the step is Stalled."""
    await stage.begin()
    secret = {"metadata": {"name": "hook"}, "data": {"token": base64.b64encode(b"s3").decode()}}
    await stage.api.create(Resource.SECRETS, NAMESPACE, secret)
    asked, url = site
    source = {"name": "Authorization", "secretKeyRef": {"name": "hook", "key": "token"}}
    await request(stage, url, headersFrom=[source])
    assert asked.asked[0][2]["Authorization"] == "s3"
    for name, key in (("hook", "other"), ("none", "token")):
        missing = {"name": "Authorization", "secretKeyRef": {"name": name, "key": key}}
        with pytest.raises(errors.Stalled) as refused:
            await request(stage, url, headersFrom=[missing])
        assert refused.value.reason == "SecretMissing"
    assert len(asked.asked) == 1


SERVER = objects.Server(
    metadata=objects.Meta(name="shop-web-0", namespace=NAMESPACE),
    spec=objects.ServerSpec(application="shop", component="web", ordinal=0),
)


async def send(api: ApiServer, url: str, **more: Any) -> Any:
    """Send a request for nobody in particular, who has this machine's address."""
    step = HttpStep(api)
    wanted = task(tasks.HTTP, timeoutSeconds=3600, http={"url": url, **more}).task
    assert wanted is not None
    try:
        return await step.run(SERVER, wanted, ["127.0.0.1"])
    finally:
        await step.close()


@pytest.mark.parametrize("name", ["../../other/secrets/hook", "..", "hook?x", "hook/", "Hook", ""])
async def test_what_is_no_secrets_name_is_not_asked_for(
    site: tuple[Site, str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """No dots and slashes lead the operator, or a proxy before the API server, elsewhere."""
    read: list[tuple[Any, ...]] = []

    async def get(*where: Any) -> bytes:
        read.append(where)
        return b"{}"

    asked, url = site
    api = ApiServer()
    monkeypatch.setattr(api, "get", get)
    source = {"name": "X-Token", "secretKeyRef": {"name": name, "key": "token"}}
    with pytest.raises(errors.Stalled) as refused:
        await send(api, url, headersFrom=[source])
    assert refused.value.reason == "SecretMissing"
    assert (read, asked.asked) == ([], [])


@contextlib.asynccontextmanager
async def saying(*lines: str, then: str = "") -> AsyncIterator[str]:
    """Give the address of a server that answers in these words, `then` the last without end."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            writer.write("".join(f"HTTP/1.1 {each}\r\n\r\n" for each in lines).encode())
            while then:
                writer.write(f"HTTP/1.1 {then}\r\n\r\n".encode())
                await writer.drain()
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"


async def test_a_server_that_only_announces_its_answer_is_not_listened_to() -> None:
    """Interim answers without end are cut off, long before the step's time is up."""
    async with asyncio.timeout(PATIENCE_SECONDS), saying(then="103 Early Hints") as url:
        with pytest.raises(errors.Transient) as failed:
            await send(ApiServer(), url)
        assert failed.value.reason == "HttpFailed"
        with pytest.raises(errors.UnknownOutcome):
            await send(ApiServer(), url, method="POST")


async def test_an_answer_may_be_announced() -> None:
    """A server that says a few times that it is at it is heard to its end."""
    async with saying(*["102 Processing"] * 8, "204 No Content") as url:
        assert await send(ApiServer(), url) == {"status": "204"}


async def test_redirects_are_not_followed(stage: PodStage, site: tuple[Site, str]) -> None:
    """A server cannot send the operator elsewhere: the redirect is an answer like another."""
    await stage.begin()
    asked, url = site
    asked.answer = web.Response(status=302, headers={"Location": f"{url}/elsewhere"})
    with pytest.raises(errors.Transient, match="302"):
        await request(stage, url)
    assert [path for _, path, _, _ in asked.asked] == ["/"]


async def test_only_expected_answers_are_success(stage: PodStage, site: tuple[Site, str]) -> None:
    """The step says which status codes are good; without the page, which may be secret."""
    await stage.begin()
    asked, url = site
    asked.answer = web.Response(status=503)
    with pytest.raises(errors.Transient, match="503") as failed:
        await request(stage, url)
    assert "page" not in str(failed.value)
    assert failed.value.facts == {"status": "503"}
    assert await request(stage, url, expect={"statuses": [503]}) == {"status": "503"}


@pytest.mark.parametrize(
    ("method", "kind"), [("POST", errors.UnknownOutcome), ("GET", errors.Transient)]
)
async def test_an_answer_that_does_not_come(
    stage: PodStage, site: tuple[Site, str], method: str, kind: type[errors.ArgosyError]
) -> None:
    """What may have taken effect is unknown; a harmless request just failed."""
    await stage.begin()
    asked, url = site
    asked.delay = NEVER_SECONDS
    # Were there no time to send it, that would be told: it is given more until it was heard.
    for seconds in (1, 10, 100):
        with pytest.raises(errors.Transient) as failed:
            await request(stage, url, method=method, seconds=seconds)
        if asked.asked:
            break
    assert type(failed.value) is kind


async def test_a_closed_port_is_no_unknown_outcome(stage: PodStage) -> None:
    """Without a connection nothing was sent."""
    await stage.begin()
    with pytest.raises(errors.Transient) as failed:
        await request(stage, "http://127.0.0.1:1/", method="POST")
    assert failed.value.reason == "HttpUnreachable"
    assert type(failed.value) is errors.Transient


def noisy(steps: Steps, url: str, count: int, **more: Any) -> list[asyncio.Future[Any]]:
    """Begin as many requests of another namespace, which may take an hour."""
    other = msgspec.structs.replace(
        SERVER, metadata=objects.Meta(name="shop-web-0", namespace="noisy")
    )
    given = {"timeoutSeconds": 3600, "http": {"url": url, "method": "POST"}, **more}
    call = task(tasks.HTTP, **given)
    return [asyncio.ensure_future(steps.run(other, call, ["127.0.0.1"])) for _ in range(count)]


@contextlib.asynccontextmanager
async def crowded(
    site: tuple[Site, str], **more: Any
) -> AsyncIterator[tuple[Steps, list[asyncio.Future[Any]]]]:
    """Give acts of which one namespace has as many requests under way as may be, and waiting."""
    asked, url = site
    steps, asked.delay = Steps(ApiServer(), **more), NEVER_SECONDS
    begun = noisy(steps, url, 150)
    try:
        await eventually(lambda: len(asked.asked) >= 100)
        asked.delay = 0.0
        yield steps, begun
    finally:
        for each in begun:
            each.cancel()
        await asyncio.gather(*begun, return_exceptions=True)
        await steps.close()


async def test_who_gets_no_answer_holds_up_no_other_namespace(site: tuple[Site, str]) -> None:
    """A hundred and fifty requests of one tenant hang: that of another is sent at once."""
    _, url = site
    async with crowded(site) as (steps, _):
        call = task(
            tasks.HTTP, timeoutSeconds=PATIENCE_SECONDS, http={"url": url, "method": "POST"}
        )
        assert await steps.run(SERVER, call, ["127.0.0.1"]) == {"status": "200"}


async def test_a_request_that_finds_no_place_is_not_sent(site: tuple[Site, str]) -> None:
    """Nothing of it is in doubt, it has cost no attempt, and its time is not taken whole."""
    asked, url = site
    async with crowded(site) as (steps, _):
        (late,) = noisy(steps, url, 1, timeoutSeconds=1)
        with pytest.raises(errors.NotSent, match="not sent") as refused:
            await late
        assert refused.value.reason == "HttpCrowded"
        assert len(asked.asked) == 100


async def test_places_are_free_again_once_requests_are_ended(site: tuple[Site, str]) -> None:
    """Those that hang, and those that wait behind them, may be ended."""
    _, url = site
    async with crowded(site) as (steps, begun):
        for each in begun:
            each.cancel()
        await asyncio.gather(*begun, return_exceptions=True)
        assert all(each.cancelled() for each in begun)
        after = await asyncio.gather(*noisy(steps, url, 100))
        assert after == [{"status": "200"}] * 100


async def test_who_waited_for_a_place_sends_nothing_once_nothing_may_be_written(
    site: tuple[Site, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another may lead by then: whether this process does is asked after the wait."""
    monkeypatch.setattr(http_step, "PLACE_SECONDS", NEVER_SECONDS)
    asked, _ = site
    leads = [True]
    async with crowded(site, may_write=lambda: leads[0]) as (_, begun):
        leads[0] = False
        for each in begun[:100]:
            each.cancel()
        ended = await asyncio.gather(*begun, return_exceptions=True)
        assert {type(each) for each in ended[100:]} == {errors.LeaseLost}
        assert len(asked.asked) == 100


async def test_only_harmless_requests_are_resumed(stage: PodStage, site: tuple[Site, str]) -> None:
    """After a crash a GET is sent again; whether a POST arrived nobody knows."""
    await stage.begin()
    asked, url = site
    server, steps = await stage.server(), Steps(stage.api)
    call = task(tasks.HTTP, http={"url": url, "method": "POST"})
    with pytest.raises(errors.UnknownOutcome):
        await steps.resume(server, call, ["127.0.0.1"])
    await steps.resume(server, task(tasks.HTTP, http={"url": url}), ["127.0.0.1"])
    assert [method for method, _, _, _ in asked.asked] == ["GET"]
    await steps.close()


async def test_a_pods_request_goes_to_its_own_address_only(stage: PodStage) -> None:
    """The provider tells which addresses are the pod's own."""
    await stage.begin()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    await watch_ready(stage.provider, server)
    call = task(tasks.HTTP, http={"url": "http://127.0.0.1/"})
    with pytest.raises(errors.Stalled) as refused:
        await stage.provider.act(server, call)
    assert refused.value.reason == "UrlRefused"


@pytest.mark.parametrize(
    "name",
    [
        "Host", "TRANSFER-ENCODING", "connection", "Content-Length", "X-Forwarded-For", "te",
        "X-Original-URL", "Proxy-Authorization", "Idempotency-Key", "X-HTTP-Method-Override",
        "a b", "a:b", "x\r\nHost",
    ],
)  # fmt: skip
async def test_headers_that_reach_past_the_url_are_refused(
    stage: PodStage, site: tuple[Site, str], name: str
) -> None:
    """Nothing is sent where a header says how, where or from whom: not even to an own address."""
    await stage.begin()
    asked, url = site
    with pytest.raises(errors.Stalled) as refused:
        await request(stage, url, headers={name: "x"})
    assert refused.value.reason == "HeaderRefused"
    assert asked.asked == []


TEMPLATE = {
    "metadata": {"labels": {"mine": "kept"}},
    "spec": {"serviceAccountName": "migrator", "containers": [{"name": "job", "image": "m:1"}]},
}
JOB = (NAMESPACE, names.job("op/run/step"))


def job_call() -> contract.Call:
    """Return the wish for a Job."""
    return task(tasks.JOB, timeoutSeconds=600, job={"template": TEMPLATE})


async def end_job(stage: PodStage, kind: str, name: str = JOB[1]) -> None:
    """End a Job once it is there, as its controller does."""
    await eventually(lambda: (NAMESPACE, name) in stage.api.objects[Resource.JOBS])
    condition = {"type": kind, "status": "True", "message": "BackoffLimitExceeded"}
    status = {"conditions": [condition]}
    stage.api.registry.set_status(Resource.JOBS, (NAMESPACE, name), status, actor="job-controller")


@pytest.mark.looptime
async def test_a_job_is_made_once_and_waited_for(stage: PodStage) -> None:
    """Two operators that run one task make one Job, and both see its end."""
    await stage.begin()
    server, steps = await stage.server(), Steps(stage.api)
    both = [asyncio.ensure_future(steps.run(server, job_call(), ())) for _ in range(2)]
    await end_job(stage, "Complete")
    assert await asyncio.gather(*both) == [{"job": JOB[1]}] * 2
    ((key, body),) = stage.api.objects[Resource.JOBS].items()
    assert key == JOB
    assert body["spec"]["backoffLimit"] == 0
    assert body["spec"]["activeDeadlineSeconds"] == 600
    assert body["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    assert body["spec"]["template"]["spec"]["serviceAccountName"] == "migrator"
    assert body["metadata"]["ownerReferences"][0]["uid"] == server.metadata.uid


@pytest.mark.looptime
async def test_a_job_that_is_run_once_is_taken_up_by_the_next_server(stage: PodStage) -> None:
    """It belongs to its Operation: whichever server carries the step waits for the same Job."""
    await stage.begin()
    steps = Steps(stage.api)
    operation = {
        "apiVersion": names.API_VERSION,
        "kind": "Operation",
        "metadata": {"name": "op"},
        "spec": {"application": "shop", "action": "Restart"},
    }
    answer = await stage.api.create(Resource.OPERATIONS, NAMESPACE, operation)
    uid: str = json.loads(answer)["metadata"]["uid"]
    call = task(
        tasks.JOB,
        timeoutSeconds=600,
        job={"template": TEMPLATE},
        operationUid=uid,
        jobKey="op-uid/run/migrate",
    )
    first, second = await stage.server(0), await stage.server(1)
    name = names.job("op-uid/run/migrate")
    carrying = asyncio.ensure_future(steps.run(first, call, ()))
    await eventually(lambda: (NAMESPACE, name) in stage.api.objects[Resource.JOBS])
    carrying.cancel()
    await asyncio.gather(carrying, return_exceptions=True)
    taken_up = asyncio.ensure_future(steps.run(second, call, ()))
    await end_job(stage, "Complete", name)
    assert await taken_up == {"job": name}
    ((_, made),) = stage.api.objects[Resource.JOBS].items()
    (owner,) = made["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"]) == ("Operation", uid)


@pytest.mark.looptime
async def test_a_jobs_pods_are_not_taken_for_servers(stage: PodStage) -> None:
    """Its pods carry the template's labels and none of ours."""
    await stage.begin()
    server, steps = await stage.server(), Steps(stage.api)
    running = asyncio.ensure_future(steps.run(server, job_call(), ()))
    await end_job(stage, "Complete")
    await running
    body = stage.api.objects[Resource.JOBS][JOB]
    assert body["spec"]["template"]["metadata"]["labels"] == {"mine": "kept"}


@pytest.mark.looptime
async def test_a_failed_job_fails_its_attempt_and_the_next_has_its_own(stage: PodStage) -> None:
    """Another attempt makes another Job; asking again for the same one finds its end."""
    await stage.begin()
    server, steps = await stage.server(), Steps(stage.api)
    running = asyncio.ensure_future(steps.run(server, job_call(), ()))
    await end_job(stage, "Failed")
    with pytest.raises(errors.Transient, match="BackoffLimitExceeded") as failed:
        await running
    assert failed.value.reason == "JobFailed"
    assert set(failed.value.facts) == {"job"}
    with pytest.raises(errors.Transient):
        await steps.resume(server, job_call(), ())
    assert len(stage.api.objects[Resource.JOBS]) == 1
    claimed = objects.TaskStatus(id="op/run/step", attempt=2, state="Started")
    asked = msgspec.structs.replace(
        server, status=msgspec.structs.replace(server.status, task=claimed)
    )
    again = asyncio.ensure_future(steps.run(asked, job_call(), ()))
    await end_job(stage, "Complete", names.job("op/run/step#2"))
    await again
    assert len(stage.api.objects[Resource.JOBS]) == 2


@pytest.mark.looptime
async def test_a_lost_answer_makes_no_second_job(stage: PodStage) -> None:
    """What was created is found in the same attempt: another would have another Job."""
    await stage.begin()
    server, steps = await stage.server(), Steps(stage.api)
    stage.faults.on("create", Resource.JOBS, verdict=Verdict(after=chaos.lost("test")))
    busy = Verdict(before=faults.Overloaded("busy", reason=KubeReason.TOO_MANY_REQUESTS))
    stage.faults.on("get", Resource.JOBS, verdict=busy)
    running = asyncio.ensure_future(steps.run(server, job_call(), ()))
    await end_job(stage, "Complete")
    assert await running == {"job": JOB[1]}
    assert len(stage.api.objects[Resource.JOBS]) == 1


@pytest.mark.looptime
@pytest.mark.parametrize(
    "refusal",
    [
        faults.QuotaExceeded("exceeded quota: one", reason=KubeReason.QUOTA_EXCEEDED),
        faults.WebhookFailed("failed calling webhook", reason=KubeReason.WEBHOOK_FAILED),
        faults.Denied("no Jobs any more", reason=KubeReason.DENIED),
    ],
    ids=lambda each: each.reason,
)
@pytest.mark.parametrize("verb", ["run", "resume"])
async def test_a_job_that_is_there_is_followed_whatever_refuses_another(
    stage: PodStage, refusal: errors.ArgosyError, verb: str
) -> None:
    """A quota counts the very Job that was made: it is no failed attempt, nor is there a second."""
    await stage.begin()
    server, steps = await stage.server(), Steps(stage.api)
    begun = asyncio.ensure_future(steps.run(server, job_call(), ()))
    await eventually(lambda: JOB in stage.api.objects[Resource.JOBS])
    begun.cancel()
    stage.faults.on("create", Resource.JOBS, verdict=Verdict(before=refusal), times=None)
    running = asyncio.ensure_future(getattr(steps, verb)(server, job_call(), ()))
    await end_job(stage, "Complete")
    assert await running == {"job": JOB[1]}
    assert list(stage.api.objects[Resource.JOBS]) == [JOB]


@pytest.mark.looptime
async def test_a_job_that_is_refused_and_not_there_has_failed_its_attempt(stage: PodStage) -> None:
    """What the API server said of it is passed on."""
    await stage.begin()
    server, steps = await stage.server(), Steps(stage.api)
    full = faults.QuotaExceeded("exceeded quota: one", reason=KubeReason.QUOTA_EXCEEDED)
    stage.faults.on("create", Resource.JOBS, verdict=Verdict(before=full))
    with pytest.raises(errors.Transient, match="exceeded quota") as refused:
        await steps.run(server, job_call(), ())
    assert refused.value.reason == "QuotaExceeded"


@pytest.mark.looptime
async def test_a_strangers_job_is_left_alone(stage: PodStage) -> None:
    """Neither waited for nor, when cancelled, deleted."""
    await stage.begin()
    server, steps = await stage.server(), Steps(stage.api)
    await stage.api.create(Resource.JOBS, NAMESPACE, {"metadata": {"name": JOB[1]}})
    with pytest.raises(errors.Stalled) as refused:
        await steps.run(server, job_call(), ())
    assert refused.value.reason == "NameTaken"
    with pytest.raises(errors.Stalled):
        await steps.cancel(server, job_call())
    assert JOB in stage.api.objects[Resource.JOBS]


@pytest.mark.looptime
async def test_a_cancelled_job_is_deleted(stage: PodStage) -> None:
    """It goes, and cancelling what is gone is success."""
    await stage.begin()
    server, steps = await stage.server(), Steps(stage.api)
    running = asyncio.ensure_future(steps.run(server, job_call(), ()))
    await eventually(lambda: JOB in stage.api.objects[Resource.JOBS])
    assert await steps.cancel(server, job_call())
    await eventually(lambda: JOB not in stage.api.objects[Resource.JOBS])
    with pytest.raises(errors.UnknownOutcome):
        await running
    assert await steps.cancel(server, job_call())


@pytest.mark.looptime
@pytest.mark.parametrize("loses", [False, True])
async def test_a_job_that_is_being_made_is_deleted_when_cancelled(
    stage: PodStage, monkeypatch: pytest.MonkeyPatch, *, loses: bool
) -> None:
    """Its request is under way, or its answer lost: the cancel ends once no Job can come of it."""
    await stage.begin()
    server, steps, real = await stage.server(), Steps(stage.api), stage.api.create
    posts: list[asyncio.Future[bytes]] = []

    async def late(*given: Any, **more: Any) -> bytes:
        await asyncio.sleep(3)
        return await real(*given, **more)

    async def slow(*given: Any, **more: Any) -> bytes:
        posts.append(asyncio.ensure_future(late(*given, **more)))
        if loses:
            raise faults.UnknownOutcome("simulated", reason=KubeReason.CONNECTION_LOST)
        return await asyncio.shield(posts[-1])

    monkeypatch.setattr(stage.api, "create", slow)
    running = asyncio.ensure_future(steps.run(server, job_call(), ()))
    await eventually(lambda: bool(posts))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await steps.cancel(server, job_call())
    assert [each.done() for each in posts] == [True]
    await eventually(lambda: JOB not in stage.api.objects[Resource.JOBS], seconds=1)
    await steps.close()
