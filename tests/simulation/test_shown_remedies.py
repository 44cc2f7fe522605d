"""Every remedy that shows or opens something is typed, shows what is there, and leads to the end.

`test_remedies` types those that act. Here the situation is made, the command is typed as it is
told: it finds its object and changes nothing. Then a person does what the words say, and it is
better. A reason that has no story here is one of four, and each is held to that: its act ends with
an operation, whose story is typed; it is given before any cluster is asked, and typed where that is
tested; a program at the person's own end gives it; or nothing need be done.
"""

from __future__ import annotations

import ast
import asyncio
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from controller.api import names
from controller.api.resources import PLACES, Resource
from controller.presentation import vocabulary
from fakes.api_server import Faults, Kubelet, chaos
from fakes.api_server.refusal import refuse
from fakes.universe import Json, Universe, component, operation
from proof.history import waiting
from tests.simulation import answers, clouded, stateful, test_deleted_claims, test_remedies
from tests.simulation.plights import PLIGHTS
from tests.simulation.stripping import Stripping
from tests.simulation.test_remedies import WEB, World
from tests.simulation.troubles import TROUBLES, Story

pytestmark = pytest.mark.looptime

TESTS = Path(__file__).parents[1]
EXPLAINED = vocabulary.EXPLAINED


def unable(fate: str, *, edited: bool) -> Story:
    """Return the story of pods that do not come up: the template is edited, or the cause mended."""

    async def make(world: World) -> None:
        world.broken, world.fate = {"app:1"}, fate
        await world.apply(WEB)

    async def mend(world: World) -> None:
        if edited:
            await world.apply(component("web", 3, image="app:2"))
            return
        world.mend()
        for name in world.universe.names(Resource.PODS):
            world.universe.kubelet.place("default", name)

    return Story(make=make, mend=mend, name="shop-web-0")


async def _waits_for_db(world: World) -> None:
    world.broken = {"db:1"}
    db = component("db", 1, image="db:1")
    await world.apply(db, component("web", 1, dependsOn=["db"]))


async def _mends(world: World) -> None:
    world.mend()


async def _falls_ill(world: World) -> None:
    await world.up(WEB)
    world.universe.kubelet.unready("default", "shop-web-1")


async def _is_well(world: World) -> None:
    world.universe.kubelet.ready("default", "shop-web-1")


async def _targets_nothing(world: World) -> None:
    await world.up(WEB)
    await world.run("none", "Restart", components=["web"], servers="7-9")


async def _targets_some(world: World) -> None:
    await world.run("some", "Restart", components=["web"], servers="0")


async def _goes_nowhere(world: World) -> None:
    await world.up(WEB)
    node = world.found(Resource.PODS, "shop-web-1")["spec"]["nodeName"]
    world.universe.kubelet.lost.add(node)
    await world.universe.delete(Resource.APPLICATIONS, "shop")


async def _nodes_return(world: World) -> None:
    for each in list(world.universe.kubelet.lost):
        world.universe.kubelet.return_node(each)


async def _is_taken(world: World) -> None:
    spec: Json = {"containers": [{"name": "main", "image": "own:1"}]}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "shop-web-1"}, "spec": spec}
    world.universe.server.registry.create(Resource.PODS, "default", body, actor="user")
    await world.apply(WEB)


async def _is_named_otherwise(world: World) -> None:
    await world.apply(component("site", 3))


async def _rolls_behind(world: World) -> None:
    rollout = {"maxUnavailable": 1, "inPlace": "Never"}
    await world.up(component("web", 3, rollout=rollout))
    world.broken, world.fate = {"shop-web-2"}, "Unschedulable"
    await world.run("again", "Restart", servers="2", timeoutSeconds=3600)
    await asyncio.sleep(20)
    await world.apply(component("web", 3, image="app:2", rollout=rollout))


async def _finds_room(world: World) -> None:
    world.broken = set()
    for name in world.universe.names(Resource.PODS):
        world.universe.kubelet.place("default", name)


async def _has_no_fleet(world: World) -> None:
    await world.apply(WEB, fleet="cloud")


async def _has_its_fleet(world: World) -> None:
    body = {
        "apiVersion": "argosy.dev/v1alpha1", "kind": "Fleet", "metadata": {"name": "cloud"},
        "spec": {"provider": "memory"},
    }  # fmt: skip
    world.universe.server.registry.create(Resource.FLEETS, "", body, actor="user")


async def _is_refused(world: World) -> None:
    broken = component("web", 3)
    broken["template"]["metadata"] = {"labels": "none"}
    await world.apply(broken)


async def _is_put_right(world: World) -> None:
    await world.apply(WEB)


async def _is_held_by_a_finalizer(world: World) -> None:
    await world.up(WEB)
    held = {"metadata": {"finalizers": ["example.com/hold"]}}
    await world.universe.merge(Resource.PODS, "shop-web-1", held)
    await world.universe.delete(Resource.PODS, "shop-web-1")


async def _is_let_go(world: World) -> None:
    free: Json = {"metadata": {"finalizers": None}}
    await world.universe.merge(Resource.PODS, "shop-web-1", free)


async def _meets_a_quota(world: World) -> None:
    guard, _ = answers.quota(world.universe, 2)
    world.ends.append(guard.over)
    await world.apply(WEB)


async def _meets_a_webhook(world: World) -> None:
    down = refuse(500, "InternalError", answers.WEBHOOK)
    guard = answers.Answer(world.universe, "create", Resource.PODS, lambda _: down)
    world.ends.append(guard.over)
    await world.apply(WEB)


async def _is_over(world: World) -> None:
    for end in world.ends:
        end()


async def _has_an_owned_claim(world: World) -> None:
    await stateful.begin(world.universe)
    await stateful.let_go(world.universe)
    meta = world.found(Resource.PODS, f"{stateful.NAME}-1")["metadata"]
    owner = {"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "uid": meta["uid"]}
    owned = {"metadata": {"ownerReferences": [owner]}}
    await world.universe.merge(Resource.CLAIMS, OWNED_CLAIM, owned)
    await world.universe.apply(stateful.successor())


async def _has_free_claims(world: World) -> None:
    free: Json = {"metadata": {"ownerReferences": []}}
    await world.universe.merge(Resource.CLAIMS, OWNED_CLAIM, free)


async def _is_observed(world: World) -> None:
    await world.apply(WEB, management="Observe")


async def _is_managed(world: World) -> None:
    await world.apply(WEB, management="Full")


async def _loses_a_claim(world: World) -> None:
    await test_deleted_claims.begin(world.universe)
    await world.universe.apply(operation("act", "shop", "Restart"))


async def _lets_it_go(world: World) -> None:
    await test_deleted_claims.let_go(world.universe)


STRIPPING = Stripping(lambda key: key.startswith(f"{names.GROUP}/"), always=True)


async def _loses_its_labels(world: World) -> None:
    STRIPPING.enter(world.universe)
    await world.apply(WEB)


async def _keeps_its_labels(_world: World) -> None:
    STRIPPING.leave()


OWNED_CLAIM = f"data-{stateful.NAME}-1"
EDITED = (
    "ErrImageNeverPull", "ErrImagePull", "ImageInspectError", "ImagePullBackOff",
    "InvalidImageName", "RegistryUnavailable", "CreateContainerConfigError",
    "CreateContainerError", "PostStartHookError", "RunContainerError",
)  # fmt: skip
MENDED = ("CrashLoopBackOff", "Unschedulable")
STORIES: Mapping[str, Story] = {
    **TROUBLES,
    **PLIGHTS,
    **{each: unable(each, edited=True) for each in EDITED},
    **{each: unable(each, edited=False) for each in MENDED},
    "WaitingForDependency": Story(make=_waits_for_db, mend=_mends),
    "Unhealthy": Story(make=_falls_ill, mend=_is_well, name="shop-web-1"),
    "NothingTargeted": Story(
        make=_targets_nothing,
        mend=_targets_some,
        better=lambda world: world.ended("some", "Completed"),
        told_as="Failed",
    ),
    "Deleting": Story(make=_goes_nowhere, mend=_nodes_return, better=lambda w: not w.found()),
    "NameTaken": Story(make=_is_taken, mend=_is_named_otherwise),
    "BehindOperation": Story(make=_rolls_behind, mend=_finds_room),
    "UnknownFleet": Story(make=_has_no_fleet, mend=_has_its_fleet),
    "TemplateRefused": Story(make=_is_refused, mend=_is_put_right),
    "Finalizers": Story(
        make=_is_held_by_a_finalizer, mend=_is_let_go, name="shop-web-1", told_as="Terminating"
    ),
    "QuotaExceeded": Story(make=_meets_a_quota, mend=_is_over),
    "WebhookFailed": Story(make=_meets_a_webhook, mend=_is_over),
    "ClaimOwned": Story(make=_has_an_owned_claim, mend=_has_free_claims, name=OWNED_CLAIM),
    "DataWouldGo": Story(make=_loses_a_claim, mend=_lets_it_go, name=test_deleted_claims.CLAIM),
    "LabelsRemoved": Story(make=_loses_its_labels, mend=_keeps_its_labels, name="shop-web-0"),
    "Observed": Story(make=_is_observed, mend=_is_managed),
    "CloudUnreachable": Story(make=clouded.is_unreachable, mend=clouded.answers_again),
    "CloudThrottled": Story(make=clouded.asks_for_long_pauses, mend=clouded.is_asked_less),
    "CloudTooOld": Story(make=clouded.is_too_old, mend=clouded.is_upgraded),
    "CloudQuotaExceeded": Story(make=clouded.meets_its_quota, mend=clouded.has_more_quota),
    "CloudVolumeRefused": Story(
        make=clouded.has_a_broken_volume,
        mend=clouded.has_its_volume_mended,
        better=clouded.has_one,
        name="data-shop-web-0",
    ),
    "CloudFloatingIPRefused": Story(
        make=clouded.has_another_floating_ip, mend=clouded.is_without_it
    ),
    "CloudPowerFailed": Story(
        make=clouded.cannot_be_started, mend=clouded.has_its_host_mended, name="shop-web-0"
    ),
    "Unclaimed": Story(
        make=clouded.loses_its_server,
        mend=clouded.has_it_collected,
        name="west",
        words="default/shop-web-0",
    ),
    "CredentialsMissing": Story(make=clouded.has_no_secret, mend=clouded.has_its_secret),
    "CredentialsRefused": Story(make=clouded.refuses_credentials, mend=clouded.takes_credentials),
    "CloudProjectChanged": Story(
        make=clouded.has_credentials_of_another_project, mend=clouded.has_those_of_its_own
    ),
    "NotReadyInTime": Story(
        make=clouded.says_nothing, mend=clouded.gets_a_better_image, name="shop-web-0"
    ),
    "GuestFailed": Story(
        make=clouded.says_that_it_failed, mend=clouded.gets_a_better_image, name="shop-web-0"
    ),
}
# An act ends with its operation, whose remedy is typed once the cause is mended.
OF_ACTS = frozenset({
    "ExecFailed", "ExecTimeout", "StreamCut", "NoTrace", "JobFailed", "JobTimeout", "HttpFailed",
    "HttpUnreachable", "AnswerLost", "SecretMissing", "UrlRefused",
    "HeaderRefused", "NotSupported", "SnapshotMissing", "CloudSnapshotMissing", "CloudActTimeout",
})  # fmt: skip
# Those that are given before any cluster is asked, with the test that types what is told.
ELSEWHERE: Mapping[str, str] = {
    "BadKubeconfig": "cli/test_bad_kubeconfigs.py::test_a_kubeconfig_that_is_put_right_is_used",
}
# Why no story could show an end: who reads the words has it in hand, or there is none to see to.
WHY_NONE: Mapping[str, str] = {
    "Pending": "it stands until the operator has looked: without one nothing here would end it",
    "ClaimsKept": "an Event, of what stays as was asked: nothing is to become better",
    "Moving": "passes by itself; `test_replicas` has an operation that waits for its slot to move",
    "EvictionsGoOn": "it is one look at the set; what keeps the set has a reason of its own",
    "ServersUnavailable": "a sum: each of the servers gives its own reason, which has a story",
    "FailedUpdate": "an Event, of what blockedBy tells with a reason that has a story",
    "SchedulingGated": "whoever set the gate lifts it: for Argosy it is as Unschedulable",
    "DuplicateStays": "an Event, of a lock that a person set; `test_lister` has its end",
    "Abandoned": "an Event, of a policy that a person set: the object is gone by then",
    "CredentialsFailed": "given by the command line, before any cluster is asked",
    "NotSynced": "given by a process that is starting, and over when it has started",
    "Usage": "given by the command line, before any cluster is asked",
    "Timeout": "given by the command line, which stopped waiting: nothing failed",
    "Impossible": "given by the command line, whose message says what to do",
}


def shown() -> set[str]:
    """Return the reasons with something to do that no command of ours does by itself."""
    return {
        each
        for each, told in EXPLAINED.items()
        if told.remedy and not (told.command and test_remedies.acts(told.command))
    }


def test_every_remedy_has_a_story_or_says_why_not() -> None:
    """Of all reasons with a remedy; none is in two lists, and none is in a list for nothing."""
    lists = [set(STORIES), set(OF_ACTS), set(ELSEWHERE), set(WHY_NONE)]
    assert sum(map(len, lists)) == len(set().union(*lists)), "a reason is in two lists"
    assert set().union(*lists) == shown()


@pytest.mark.parametrize("reason", sorted(ELSEWHERE))
def test_a_story_elsewhere_is_there(reason: str) -> None:
    """The test that is named exists, in a file that gives the reason its name."""
    path, _, name = ELSEWHERE[reason].partition("::")
    text = (TESTS / path).read_text()
    defined = {
        each.name
        for each in ast.walk(ast.parse(text))
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert name in defined
    word = vocabulary.KNOWN[reason]
    assert reason in text or f".{word.name}" in text


def look(world: World, line: str) -> str:
    """Hold a command of kubectl's to what is there, and return what it shows.

    Its kind is served, and its object exists; describe shows the Events of an object, too.
    """
    words = shlex.split(line)
    assert words[1] in test_remedies.SHOWS | test_remedies.EDITS, line
    if words[1] == "auth":
        return _may(world, words)
    resource, *rest = [each for each in words[2:] if not each.startswith("-")]
    if resource.partition(",")[0] not in NAMED:
        return ""  # of Kubernetes alone, which the cluster in memory does not have
    kinds = [NAMED[each] for each in resource.split(",")]
    known = [world.universe.server.objects.get(kind, {}) for kind in kinds]
    every = [dict(each) for found in known for each in found.values()]
    if "-l" in words:
        label, value = words[words.index("-l") + 1].split("=")
        every = [each for each in every if each["metadata"].get("labels", {}).get(label) == value]
        assert every, line
    names = [each for each in rest if each not in ("default", "yaml")]
    if names and "-A" not in words and "-l" not in words:
        every = [each for each in every if each["metadata"]["name"] == names[0]]
        assert every, line
    if words[1] == "describe":
        told = {each["metadata"]["name"] for each in every}
        events = world.universe.server.objects.get(Resource.EVENTS, {}).values()
        every += [each for each in events if each["regarding"]["name"] in told]
    return json.dumps(every)


def _may(world: World, words: list[str]) -> str:
    """Return whether the operator may do something, as the API server answers it."""
    assert words[1:3] == ["auth", "can-i"], words
    verb, kind = words[3:5]
    named = Resource(kind.partition(".")[0])
    asked = chaos.Request(verb=verb, resource=named, namespace="default", name="any")
    refused = any(each.matches(asked) for each in world.universe.faults.rules)
    return "no" if refused else "yes"


NAMED: Mapping[str, Resource] = {"pvc": Resource.CLAIMS} | {
    word: resource
    for resource, place in PLACES.items()
    for word in (resource.value, resource.value.removesuffix("s"), *place.short_names)
}


@pytest.mark.parametrize("explained", sorted(STORIES))
async def test_what_is_shown_is_there_and_its_words_lead_to_the_end(
    explained: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The command finds what it names and changes nothing; the words, followed, make it better."""
    monkeypatch.chdir(tmp_path)
    story, sky = STORIES[explained], clouded.Sky()
    reason = test_remedies.word(explained)
    universe = Universe(faults=Faults(), kubelet=Kubelet(), providers=[sky.kind()])
    world = World(universe, sky)
    universe.kubelet.behave = world.behave
    async with universe:
        await story.make(world)
        said = story.told_as or reason
        await universe.until(lambda: world.says(said) or bool(world.told(said)))
        told = world.told(reason).get("remedy", "")
        assert is_there(world, world.told(reason)), world.told(reason)
        known = test_remedies.filled(EXPLAINED[explained].command, story.name)
        # What is told there may be to try at once, which mends nothing by itself.
        line = known if not told or test_remedies.acts(told) else told
        assert not story.better(world)
        assert not story.words or line.startswith("kubectl "), f"{reason} is told without a command"
        if EXPLAINED[explained].command or told:
            capsys.readouterr()
            shown = await type_in(world, line) + capsys.readouterr().out
            assert story.words in shown, shown
        await story.mend(world)
        await universe.until(lambda: story.better(world))


def is_there(world: World, told: Json) -> bool:
    """Return whether what is named as in the way exists, unless it is said to be missing."""
    kind, _, name = told.get("object", "").partition("/")
    if kind not in waiting.TOLD or told["reason"] in waiting.MISSING:
        return True
    if (waiting.TOLD[kind], name) == waiting.BUILT_IN:
        return True
    known = world.universe.server.objects.get(Resource(waiting.TOLD[kind]), {})
    return any(each == name for _, each in known)


async def type_in(world: World, line: str) -> str:
    """Type a command that shows or opens: it finds its object and writes nothing."""
    words: list[Any] = shlex.split(line)
    if words[0] == "openstack":
        await world.type_in(line)
        return ""
    if words[1] != "argosy":
        return look(world, line)
    own = [each for each in world.universe.server.writes if each.cause.actor == "user"]
    await world.type_in(line)
    after = [each for each in world.universe.server.writes if each.cause.actor == "user"]
    assert after == own
    return ""
