"""What anybody may write stops neither the engine nor a teardown: attacks, in virtual time.

Hypothesis writes annotations, labels, parameters and stored revisions as somebody would who means
harm and may write them. Whatever they are, nothing fails out of the engine, the applications that
are left alone converge, and every application can be deleted to nothing.
"""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import hypothesis
import looptime
import pytest
from hypothesis import strategies as st

from controller import errors
from controller.api import names
from controller.api.resources import PLACES, Resource
from controller.kinds.kind import Kind
from controller.kinds.registry import KINDS
from controller.kube.lease import Elector
from fakes.api_server import ApiServer
from fakes.universe import Universe, application, component, operation
from tests.simulation import sieges

Json = Any

ATTACKED = (
    Resource.APPLICATIONS,
    Resource.SERVERSETS,
    Resource.SERVERS,
    Resource.OPERATIONS,
    Resource.PODS,
    Resource.REVISIONS,
    Resource.SERVICES,
    Resource.CLAIMS,
)
BELOW = (
    Resource.APPLICATIONS, Resource.SERVERSETS, Resource.SERVERS, Resource.PODS,
    Resource.REVISIONS, Resource.SERVICES,
)  # fmt: skip
ANNOTATIONS = sorted(value for name, value in vars(names).items() if name.endswith("_ANNOTATION"))
LABELS = sorted(value for name, value in vars(names).items() if name.endswith("_LABEL"))

texts = st.one_of(
    st.sampled_from(
        (
            "9" * 5000, "-1", "1e400", "²", "٣" * 5000, "", "\x1b[31m\x07", "a" * 300,
            "x" * 20_000, "/" * 5000, "," * 70_000, "null", "{", "[" * 5000, "NaN", "a/b-c/d",
            "ProgressDeadlineExceeded/web-" + "f" * 5000, "spare", "true",
        )
    ),
    st.text(max_size=40),
)  # fmt: skip
# The API server takes no others.
label_values = st.one_of(
    st.sampled_from(("", "9" * 63, "0" * 63, "A.b_c-d", "x" * 63, "shop", "other", "web")),
    st.integers(0, 10**20).map(str),
)
values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(10**18), 10**18), st.floats(-1e300, 1e300), texts
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)  # fmt: skip
orders = st.dictionaries(
    st.sampled_from(
        (
            "incarnation", "given", "cancelled", "timeoutSeconds", "graceSeconds", "attempts",
            "backoff", "onUnknown", "passed", "compensates", "exec", "http", "job", "arguments",
            "fault",
        )
    ),
    values,
    min_size=1,
    max_size=4,
)  # fmt: skip
stored = st.dictionaries(
    st.sampled_from(("template", "volumeClaims", "alternatives", "other")), values, max_size=3
)


@dataclasses.dataclass(frozen=True, slots=True)
class Attack:
    """One write: which object of its resource, and what is merged into it."""

    resource: Resource
    number: int
    body: Json


def metadata(field: str, keys: list[str], content: st.SearchStrategy[str]) -> Any:
    """Return attacks on the labels, or on the annotations, of any object."""
    written = st.dictionaries(st.sampled_from(keys), content, min_size=1, max_size=4)
    return st.builds(
        Attack,
        st.sampled_from(ATTACKED),
        st.integers(0, 7),
        written.map(lambda each: {"metadata": {field: each}}),
    )


def task(parameters: Json) -> Json:
    """Return a task that nobody gave, with these parameters."""
    return {
        "spec": {
            "task": {
                "id": "forged", "operation": "act", "run": "0", "step": "run", "action": "Exec",
                "parameters": parameters,
            }
        }
    }  # fmt: skip


attacks = st.one_of(
    metadata("annotations", ANNOTATIONS, texts),
    metadata("labels", LABELS, label_values),
    st.builds(
        Attack,
        st.just(Resource.SERVERS),
        st.integers(0, 7),
        orders.map(lambda each: {"spec": {"task": {"parameters": each}}}),
    ),
    st.builds(Attack, st.just(Resource.SERVERS), st.integers(0, 7), orders.map(task)),
    st.builds(
        Attack,
        st.just(Resource.REVISIONS),
        st.integers(0, 7),
        st.one_of(values, stored).map(lambda each: {"data": each}),
    ),
)


def template(found: dict[str, str]) -> Json:
    """Return a component whose pods are to carry these annotations."""
    body = component("web", 2)
    body["template"]["metadata"] = {"annotations": found}
    return body


async def strike(universe: Universe, attack: Attack) -> None:
    """Write what the attack says, into an application that is not spared."""
    spared = ("other", "data-other")
    targets = [each for each in universe.names(attack.resource) if not each.startswith(spared)]
    if not targets:
        return
    name = targets[attack.number % len(targets)]
    task = attack.body.get("spec", {}).get("task")
    if task and "id" not in task and not universe.get(attack.resource, name)["spec"].get("task"):
        return  # the schema refuses a task that has nothing but parameters
    try:
        await universe.merge(attack.resource, name, attack.body)
    except errors.ArgosyError:
        return  # refused, or gone meanwhile


async def besiege(script: list[Attack], notes: dict[str, str]) -> None:
    """Attack two applications of three, then see the third converge and all of them go."""
    async with Universe() as universe:
        claims = [{"name": "data", "spec": {}}]
        await universe.apply(application("shop", template(notes), component("db", 1)))
        await universe.apply(application("blog", component("web", 1, volumeClaims=claims)))
        await universe.apply(application("other", component("web", 1)))
        await universe.settle()
        step = {"name": "run", "exec": {"command": ["work"]}}
        await universe.apply(operation("act", "shop", "Steps", steps=[step]))
        for number, attack in enumerate(script):
            await strike(universe, attack)
            await asyncio.sleep(0.5)
            if number == len(script) // 2:
                await universe.crash()
        await sieges.spared_grows(universe)
        for name in ("shop", "blog", "other"):
            await universe.delete(Resource.APPLICATIONS, name)
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS))
        await universe.settle()
        assert {each: universe.names(each) for each in BELOW} == {each: [] for each in BELOW}
        for name in universe.names(Resource.OPERATIONS):
            await universe.delete(Resource.OPERATIONS, name)
        await universe.until(lambda: not universe.names(Resource.OPERATIONS))


# Shrinking takes minutes, and scripts are short.
PHASES = (hypothesis.Phase.explicit, hypothesis.Phase.generate)


@hypothesis.seed(1)
@hypothesis.settings(max_examples=40, database=None, phases=PHASES)
@hypothesis.given(
    st.lists(attacks, min_size=1, max_size=10),
    st.dictionaries(st.sampled_from(ANNOTATIONS), texts, max_size=3),
)
@hypothesis.example([], {names.ALTERNATIVE_ANNOTATION: "9" * 5000})
@hypothesis.example([], {names.CHANGED_FROM_ANNOTATION: "," * 70_000})
@hypothesis.example([Attack(Resource.SERVERS, 0, task({"incarnation": None}))], {})
def test_nothing_that_anybody_may_write_stops_the_engine_or_a_teardown(
    script: list[Attack], notes: dict[str, str]
) -> None:
    """No attack is even caught by a guard; the spared application converges, and all can go."""
    sieges.play(besiege(script, notes))


@pytest.mark.looptime
@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("kind", ["servers", "serversets", "applications"])
async def test_what_cannot_be_read_can_still_be_deleted(kind: str, *, restart: bool) -> None:
    """An object past its schema is buried by its metadata alone, with all that is below it."""
    resource = Resource(kind)
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 2)))
        await universe.apply(application("other", component("web", 1)))
        await universe.settle()
        name = next(each for each in universe.names(resource) if each.startswith("shop"))
        odd: Json = (
            {"spec": {"task": {}}} if resource is Resource.SERVERS else {"spec": {"fleet": 7}}
        )
        await universe.merge(resource, name, odd)
        await universe.settle()
        if restart:
            await universe.crash()
            await universe.settle()
        await universe.delete(Resource.APPLICATIONS, "shop")
        await universe.until(lambda: not [n for n in universe.names(Resource.PODS) if "shop" in n])
        await universe.until(lambda: universe.names(Resource.APPLICATIONS) == ["other"])
        await universe.until(
            lambda: not [n for each in BELOW for n in universe.names(each) if "shop" in n]
        )
        assert universe.names(Resource.PODS) == ["other-web-0"]


@pytest.mark.looptime
async def test_planners_that_fail_on_what_is_deleted_block_no_teardown() -> None:
    """Whatever planning stumbles over, the delete goes through, and the data stays."""
    broken: set[str] = set()

    def breakable(kind: Kind[Any, Any]) -> Kind[Any, Any]:
        def plan(found: Any) -> Any:
            if broken:
                raise ZeroDivisionError("a bug")
            return kind.plan(found)

        return dataclasses.replace(kind, plan=plan)

    async with Universe(kinds=[breakable(each) for each in KINDS]) as universe:
        claims = [{"name": "data", "spec": {}, "whenDeleted": "Delete"}]
        await universe.apply(application("shop", component("web", 2, volumeClaims=claims)))
        await universe.apply(operation("act", "shop", "Restart"))
        await universe.settle()
        broken.add("all")
        await universe.delete(Resource.OPERATIONS, "act")
        await universe.delete(Resource.APPLICATIONS, "shop")
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS))
        await universe.until(lambda: not universe.names(Resource.OPERATIONS))
        await universe.until(lambda: not [n for each in BELOW for n in universe.names(each)])
        assert universe.names(Resource.CLAIMS) == ["data-shop-web-0", "data-shop-web-1"]
        for write in universe.server.writes:
            if write.cause.verb == "delete" and write.cause.actor == "argosy":
                assert write.cause.uid == write.object_uid


# The API server takes no more in the numbers of a Lease.
INT32 = 2**31 - 1
leases = st.fixed_dictionaries(
    {
        "holderIdentity": texts,
        "leaseDurationSeconds": st.integers(1, INT32),
        "leaseTransitions": st.integers(0, INT32),
        "renewTime": st.sampled_from(
            ("1970-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.000000Z")
        ),
    }
)


@hypothesis.seed(1)
@hypothesis.settings(max_examples=40, database=None)
@hypothesis.given(leases, st.dictionaries(st.sampled_from(ANNOTATIONS), texts, max_size=2))
@hypothesis.example(
    {"holderIdentity": "x", "leaseDurationSeconds": INT32, "leaseTransitions": INT32}, {}
)
def test_no_lease_that_somebody_forged_keeps_the_operator_from_leading(
    spec: Json, notes: dict[str, str]
) -> None:
    """Whoever does not renew a Lease loses it within minutes, whatever it says of itself."""

    async def stand() -> None:
        server = ApiServer()
        place = PLACES[Resource.LEASES]
        body = {
            "apiVersion": place.api_version,
            "kind": place.kind,
            "metadata": {"name": "argosy", "annotations": notes},
            "spec": spec,
        }
        await server.create(Resource.LEASES, "default", body)
        elector = Elector(server, "default", "argosy", "operator-1")
        async with asyncio.timeout(600):
            await elector.acquire()
        assert elector.leading
        taken = server.objects[Resource.LEASES]["default", "argosy"]["spec"]
        assert 1 <= taken["leaseTransitions"] <= INT32

    loop = looptime.new_event_loop()
    try:
        loop.run_until_complete(stand())
    finally:
        loop.close()
