"""Who may read the metrics, and how little those cost who may not."""

from __future__ import annotations

import asyncio
import itertools

import pytest
import structlog.testing

from controller import errors
from controller.api.reasons import Reason
from controller.kube import faults
from controller.telemetry import allowances, scrapers
from controller.telemetry.scrapers import Scrapers, UnknownTokenError

OFTEN = 5_000


class Cluster:
    """An API server that knows some tokens, and a clock that goes when it is told to."""

    def __init__(self) -> None:
        self.rights = {"prometheus": True, "tenant": False}
        self.asked: list[str] = []
        self.now = 1000.0
        self.failure: errors.ArgosyError | None = None
        self.scrapers = Scrapers(self.ask, lambda: self.now)

    async def ask(self, token: str) -> bool:
        """Answer as the API server would."""
        self.asked.append(token)
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        if token not in self.rights:
            raise UnknownTokenError
        return self.rights[token]

    async def status(self, token: str, address: str = "10.0.0.1") -> int:
        """Return how a scrape with this token is answered."""
        return await self.said(f"Bearer {token}", address)

    async def said(self, header: str, address: str = "10.0.0.1") -> int:
        """Return how a scrape with this header is answered."""
        refusal = await self.scrapers.refusal(header, address)
        return 200 if refusal is None else refusal.status

    def kept(self) -> int:
        """Return how much is remembered of all that came."""
        mine = self.scrapers
        of_addresses = len(mine._addresses._of)
        return len(mine._known) + len(mine._refused) + len(mine._asking) + of_addresses


@pytest.fixture
def cluster() -> Cluster:
    """An API server that answers."""
    return Cluster()


async def test_only_who_may_get_the_path_is_let_in(cluster: Cluster) -> None:
    """The right decides, and neither a token alone nor one that nobody issued."""
    assert await cluster.status("prometheus") == 200
    assert await cluster.status("tenant") == 403
    assert await cluster.status("made-up") == 401
    assert cluster.asked == ["prometheus", "tenant", "made-up"]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "prometheus",
        "Basic prometheus",
        "Bearer prometheus tenant",
        "Bearer prometheus\ttenant",
        "Bearer prome\u00e9theus",
        "Bearer =",
        "Bearer prometheus\r\nImpersonate-User: admin",
        "Bearer prometheus\n",
        "Bearer , Bearer prometheus",
        "Bearer " + "a" * 9_000,
    ],
)
async def test_what_is_no_token_is_never_sent_on(cluster: Cluster, header: str) -> None:
    """An API server takes some of these for nobody, and nobody may have rights there."""
    assert await cluster.said(header) == 401
    assert cluster.asked == []


async def test_a_yes_lasts_no_longer_than_it_says(cluster: Cluster) -> None:
    """A right that was taken back is gone within a minute, as is a token that was."""
    assert await cluster.status("prometheus") == 200
    cluster.now += scrapers.YES_SECONDS - 1
    assert await cluster.status("prometheus") == 200
    assert len(cluster.asked) == 1
    cluster.rights["prometheus"] = False
    cluster.now += 1
    assert await cluster.status("prometheus") == 403
    del cluster.rights["prometheus"]
    cluster.now += scrapers.NO_SECONDS
    assert await cluster.status("prometheus") == 401


async def test_a_right_that_is_given_is_seen_soon(cluster: Cluster) -> None:
    """A no is remembered for a moment alone."""
    assert await cluster.status("tenant") == 403
    cluster.rights["tenant"] = True
    assert await cluster.status("tenant") == 403
    assert len(cluster.asked) == 1
    cluster.now += scrapers.NO_SECONDS
    assert await cluster.status("tenant") == 200


async def test_without_an_api_server_nobody_new_is_let_in(cluster: Cluster) -> None:
    """A yes serves to its end and not longer; the answer says why, and is not remembered."""
    assert await cluster.status("prometheus") == 200
    cluster.failure = faults.Unreachable("secret detail", reason=Reason.UNREACHABLE)
    cluster.now += scrapers.YES_SECONDS - 1
    assert await cluster.status("prometheus") == 200
    refusal = await cluster.scrapers.refusal("Bearer tenant", "10.0.0.1")
    assert refusal is not None
    assert refusal.status == 503
    assert "API server cannot be asked" in refusal.text
    assert "secret" not in refusal.text
    cluster.now += 1
    assert await cluster.status("prometheus") == 503
    cluster.failure = None
    assert await cluster.status("prometheus") == 200


async def test_an_answer_that_is_none_lets_nobody_in() -> None:
    """A proxy may answer in an API server's place; the log tells it without any text of it."""

    async def odd(_: str) -> bool:
        raise ValueError("secret detail")

    with structlog.testing.capture_logs() as logged:
        refusal = await Scrapers(odd).refusal("Bearer prometheus", "10.0.0.1")
    assert refusal is not None
    assert refusal.status == 503
    assert [each["error"] for each in logged] == ["ValueError"]
    assert "secret" not in f"{logged}{refusal}"


async def test_a_slow_yes_counts_from_when_it_was_asked_for(cluster: Cluster) -> None:
    """What the API server said may have been true at the beginning of its answer alone."""

    async def slow(token: str) -> bool:
        cluster.now += 4
        return cluster.rights[token]

    cluster.scrapers = Scrapers(slow, lambda: cluster.now)
    began = cluster.now
    assert await cluster.status("prometheus") == 200
    ((asked),) = cluster.scrapers._known.values()
    assert asked == began


async def test_many_at_once_cost_one_question(cluster: Cluster) -> None:
    """Whoever shows the same token waits for the same answer; who goes away takes it from none."""
    many = [asyncio.create_task(cluster.status("prometheus")) for _ in range(100)]
    await asyncio.sleep(0)
    many[0].cancel()
    found = await asyncio.gather(*many, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert set(found[1:]) == {200}
    assert cluster.asked == ["prometheus"]


async def test_a_flood_from_one_address_shuts_out_nobody_else(cluster: Cluster) -> None:
    """Wrong tokens without end cost a question a second, and no memory; others come in anew."""
    seconds = 100
    for number in range(OFTEN):
        cluster.now += seconds / OFTEN
        assert await cluster.status(f"wrong-{number}", "10.6.6.6") in {401, 429}
    bound = scrapers.ADDRESS_BURST + seconds * scrapers.ADDRESS_RATE + 1
    assert len(cluster.asked) <= bound
    assert await cluster.status("prometheus", "10.0.0.1") == 200
    assert cluster.kept() <= bound + 3


async def test_a_flood_from_everywhere_shuts_out_nobody_who_was_in(cluster: Cluster) -> None:
    """Questions and memory are bounded; a scraper that was let in is asked about beside them."""
    assert await cluster.status("prometheus") == 200
    cluster.asked.clear()
    seconds, numbers = 10 * (scrapers.YES_SECONDS + 1), itertools.count()
    for _ in range(10):
        for _ in range(OFTEN):
            number = next(numbers)
            cluster.now += seconds / 10 / OFTEN
            where = f"10.{number // 65536}.{number // 256 % 256}.{number % 256}"
            assert await cluster.status(f"wrong-{number}", where) in {401, 429}
        assert await cluster.status("prometheus") == 200
    wrong = [each for each in cluster.asked if each != "prometheus"]
    assert len(wrong) <= scrapers.ALL_BURST + seconds * scrapers.ALL_RATE + 1
    assert len(cluster.asked) - len(wrong) >= 9
    most = scrapers.MOST_KNOWN + scrapers.MOST_REFUSED + allowances.MOST_ADDRESSES
    assert cluster.kept() <= most


async def test_whoever_has_many_tokens_takes_no_more_memory(cluster: Cluster) -> None:
    """One who may read metrics can have any number of tokens issued."""
    for number in range(500):
        cluster.rights[f"own-{number}"] = True
        cluster.now += 1
        assert await cluster.status(f"own-{number}") == 200
    assert len(cluster.scrapers._known) == scrapers.MOST_KNOWN


async def test_no_token_is_kept(cluster: Cluster) -> None:
    """What is remembered tells nobody a token, also whoever reads all of the memory."""
    for each in ("prometheus", "tenant", "made-up"):
        await cluster.status(each)
    mine = cluster.scrapers
    kept = repr([mine._known, mine._refused, mine._asking, vars(mine._addresses)])
    for each in ("prometheus", "tenant", "made-up"):
        assert each not in kept
