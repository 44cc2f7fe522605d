"""Single decisions about Builds: Jobs, results, run policies, sources."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from controller.api import clock, conditions, names, objects, tags
from controller.api.choices import ErrorClass
from controller.api.resources import Resource
from controller.kinds.build import jobs, phases, results, run_policies
from controller.kinds.build.snapshot import BuildSnapshot
from controller.kinds.revisions import contents, images
from controller.planning import builds, ownership
from controller.planning.builders import Builder
from fakes.forge import digest_of

NOW = 1_790_000_000.0
COMMIT = "a" * 40
BUILDER = Builder(image="forge:1", address="tcp://daemon:1234", client_secret="client")  # noqa: S106


def source(**more: Any) -> dict[str, Any]:
    """Return a source that uses all there is."""
    return {
        "git": {
            "url": "https://git.example.com/shop.git",
            "path": "web",
            "secretRef": {"name": "git"},
        },
        "image": "registry.example.com/shop/web",
        "pushSecretRef": {"name": "push"},
        "arguments": {"MODE": "release"},
        "test": {"command": ["./test", "$(HOME)"]},
        **more,
    }


def build(number: int = 1, *, uid: str = "", ended: str = "", **more: Any) -> objects.Build:
    """Return a Build; `ended` is True or False where it has."""
    body = {
        "metadata": {
            "name": f"shop-web-b{number}",
            "namespace": "default",
            "uid": uid or f"uid-{number}",
            "ownerReferences": [reference()],
        },
        "spec": {
            "application": "shop",
            "component": "web",
            "number": number,
            "source": source(**more),
        },
        "status": {"commit": COMMIT, "digest": digest_of(COMMIT)},
    }
    made = msgspec.json.decode(json.dumps(body), type=objects.Build)
    if not ended:
        return made
    done = conditions.Condition(type="Succeeded", status=ended)
    status = msgspec.structs.replace(
        made.status, conditions=(done,), image=f"image-{number}", completion_time="2026-01-01"
    )
    return msgspec.structs.replace(made, status=status)


def reference() -> dict[str, Any]:
    """Return the reference of the application."""
    return ownership.reference(Resource.APPLICATIONS, "shop", "app")


def application(**more: Any) -> objects.Application:
    """Return the application of the Builds."""
    part = {"name": "web", "template": {}, "source": source(**more)}
    body = {
        "metadata": {"name": "shop", "namespace": "default", "uid": "app"},
        "spec": {"components": [part]},
    }
    return msgspec.json.decode(json.dumps(body), type=objects.Application)


def job_of(phase: str, **more: Any) -> Mapping[str, Any]:
    """Return the Job of a phase's first attempt."""
    made = build(**more)
    snapshot = BuildSnapshot(now=NOW, build=made, application=application(), builder=BUILDER)
    return jobs.manifest(snapshot, phases.begun(made, phase, NOW))


PHASES = (phases.RESOLVE, phases.BUILD, phases.TEST)


@pytest.mark.parametrize("phase", PHASES)
def test_jobs_are_valid_under_the_restricted_profile(phase: str) -> None:
    """No privilege, no token, no host; and only by name the Secrets that the source says."""
    spec = job_of(phase)["spec"]["template"]["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers"} & spec.keys()
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = spec["containers"]
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    kinds = [next(iter(each.keys() - {"name"})) for each in spec.get("volumes", ())]
    assert set(kinds) <= {"emptyDir", "secret"}
    secrets = {each["secret"]["secretName"] for each in spec.get("volumes", ()) if "secret" in each}
    wanted = {phases.RESOLVE: {"git"}, phases.BUILD: {"git", "push", "client"}, phases.TEST: set()}
    assert secrets == wanted[phase]
    assert spec.get("imagePullSecrets") == ([{"name": "push"}] if phase == phases.TEST else None)


@pytest.mark.parametrize("phase", PHASES)
def test_pods_of_builds_are_of_no_component(phase: str) -> None:
    """What selects servers by their component selects no Build."""
    job = job_of(phase)
    for labels in (job["metadata"]["labels"], job["spec"]["template"]["metadata"]["labels"]):
        assert names.COMPONENT_LABEL not in labels
        assert labels[names.BUILD_LABEL] == "shop-web-b1"
    pod = job["spec"]["template"]["metadata"]["labels"]
    assert pod[names.BUCKET_LABEL] == str(names.bucket("default", "shop"))
    assert job["spec"]["backoffLimit"] == 0


@pytest.mark.parametrize(
    ("phase", "timeout", "most"),
    [
        (phases.RESOLVE, 1800, 300),
        (phases.RESOLVE, 60, 60),
        (phases.BUILD, 1800, 1800),
        (phases.TEST, 1800, 77),
    ],
)
def test_an_attempt_has_the_time_of_its_phase(phase: str, timeout: int, most: int) -> None:
    """A commit is looked for in five minutes; building and testing have each their own bound."""
    more = {"timeoutSeconds": timeout, "test": {"command": ["./test"], "timeoutSeconds": 77}}
    assert job_of(phase, **more)["spec"]["activeDeadlineSeconds"] == most


def test_attempts_are_as_many_and_as_far_apart_as_recovery_says() -> None:
    """Each wait is longer than the one before, up to the longest; after the last there is none."""
    backoff = {"initialSeconds": 4, "factor": 3, "maxSeconds": 20, "jitterPercent": 0}
    made = build(recovery={"attempts": 4, "backoff": backoff})
    phase = phases.begun(made, phases.BUILD, NOW)
    waits = []
    for attempt in range(1, 4):
        assert phase.attempts == attempt
        error = results.never_ran("away", phases.RESOLVE, NOW)
        phase = phases.failed(made, phase, error, NOW)
        waits.append(round(clock.parse(phase.next_attempt_time) - NOW))
        phase = phases.again(made, phase)
    assert waits == [4, 12, 20]
    last = phases.failed(made, phase, error, NOW)
    assert (last.next_attempt_time, last.end_time) == (None, clock.stamp(NOW))


def test_what_people_wrote_is_one_argument_and_stays_as_it_is() -> None:
    """An option is an argument of its own, whatever is in it; Kubernetes expands nothing there."""
    job = job_of(phases.BUILD, arguments={"A": "$(HOME) --daemon=x; rm", "B": "c"})
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["command"] == [
        "argosy-forge",
        "build",
        "--url=https://git.example.com/shop.git",
        f"--commit={COMMIT}",
        "--path=web",
        "--dockerfile=Dockerfile",
        "--argument=A=$$(HOME) --daemon=x; rm",
        "--argument=B=c",
        "--image=registry.example.com/shop/web",
        "--cache=Registry",
        "--daemon=tcp://daemon:1234",
    ]


def test_the_test_runs_the_image_by_its_digest() -> None:
    """What is tested is what will run, and its command is expanded as in any pod."""
    (container,) = job_of(phases.TEST)["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"registry.example.com/shop/web@{digest_of(COMMIT)}"
    assert container["command"] == ["./test", "$(HOME)"]


def test_jobs_are_named_by_their_attempt() -> None:
    """Another Build, phase or attempt has another Job; the same one has the same."""
    made = [build(uid="u1"), build(uid="u2")]
    found = [phases.job_name(*each) for each in itertools.product(made, PHASES, (1, 2))]
    assert len(set(found)) == len(found) == 12
    assert found[0] == phases.job_name(build(uid="u1"), phases.RESOLVE, 1)


def ended_job(kind: str, reason: str = "", at: str = "") -> objects.Job:
    """Return a Job that has ended, or one that runs."""
    end = objects.PodCondition(
        type=kind, status="True", reason=reason, last_transition_time=at or None
    )
    return objects.Job(
        metadata=objects.Meta(name="j", namespace="default"),
        status=objects.JobStatus(conditions=(end,) if kind else ()),
    )


def pod_that_said(message: str, code: int = 0, *, name: str = phases.BUILD) -> objects.Pod:
    """Return a pod whose container ended with that message."""
    end = objects.ContainerEnd(message=message, exit_code=code)
    told = objects.ContainerStatus(name=name, state=objects.ContainerState(terminated=end))
    return objects.Pod(
        metadata=objects.Meta(name="p", namespace="default"),
        status=objects.PodStatus(container_statuses=(told,)),
    )


@pytest.mark.parametrize(
    ("phase", "message"),
    [
        (phases.RESOLVE, ""),
        (phases.RESOLVE, "not json"),
        (phases.RESOLVE, "[1]"),
        (phases.RESOLVE, '{"commit": "main"}'),
        (phases.RESOLVE, '{"commit": 5}'),
        (phases.BUILD, '{"digest": "latest"}'),
        (phases.BUILD, f'{{"digest": "{digest_of(COMMIT)[:-1]}"}}'),
        (phases.BUILD, f'{{"digest": "evil.example.com/x@{digest_of(COMMIT)}"}}'),
        (phases.BUILD, f'{{"commit": "{COMMIT}"}}'),
    ],
)
def test_a_result_that_looks_like_none_is_none(phase: str, message: str) -> None:
    """A Job that succeeds without a commit, or a digest, is tried again: neither is made up."""
    found = results.read(ended_job("Complete"), (pod_that_said(message),), phase, NOW)
    assert isinstance(found, results.Result)
    assert found.error is not None
    assert found.error.class_ == ErrorClass.TRANSIENT


def test_the_word_of_a_pod_that_is_not_seen_yet_is_waited_for() -> None:
    """The watch of pods may be behind that of Jobs; but not for ever."""
    at = "2026-09-21T14:13:20Z"
    fresh = results.read(ended_job("Complete", at=at), (), phases.BUILD, NOW)
    assert isinstance(fresh, results.Unseen)
    assert fresh.seconds == results.UNSEEN_SECONDS
    late = results.read(
        ended_job("Complete", at=at), (), phases.BUILD, NOW + results.UNSEEN_SECONDS
    )
    assert isinstance(late, results.Result)
    assert results.read(ended_job(""), (), phases.BUILD, NOW) is None


def test_a_container_that_has_ended_is_enough() -> None:
    """The Job says so a second later, and is not waited for."""
    found = results.read(
        ended_job(""), (pod_that_said(f'{{"commit": "{COMMIT}"}}'),), phases.RESOLVE, NOW
    )
    assert found == results.Result(commit=COMMIT)
    failed = results.read(ended_job(""), (pod_that_said("", 1),), phases.RESOLVE, NOW)
    assert isinstance(failed, results.Result)
    assert failed.error is not None
    nameless = results.read(ended_job(""), (pod_that_said("main"),), phases.RESOLVE, NOW)
    assert isinstance(nameless, results.Result)
    assert nameless.error is not None


def test_a_container_that_somebody_put_into_the_pod_has_no_say() -> None:
    """One that ends before the build does, as sidecars may, ends nothing, and its word is none."""
    forged = json.dumps({"commit": COMMIT, "digest": digest_of("other")})
    beside = pod_that_said(forged, name="proxy")
    assert results.read(ended_job(""), (beside,), phases.BUILD, NOW) is None
    assert not results.over(ended_job(""), (beside,))
    own = pod_that_said(json.dumps({"commit": COMMIT, "digest": digest_of(COMMIT)}))
    both = msgspec.structs.replace(
        own,
        status=msgspec.structs.replace(
            own.status,
            container_statuses=(*own.status.container_statuses, *beside.status.container_statuses),
        ),
    )
    found = results.read(ended_job(""), (both,), phases.BUILD, NOW)
    assert found == results.Result(commit=COMMIT, digest=digest_of(COMMIT))


@pytest.mark.parametrize("end", ["out of time", "deleted"])
def test_a_container_that_was_made_to_end_has_said_nothing(end: str) -> None:
    """Its Job is heard instead: with that it becomes known why."""
    word = json.dumps({"class": "Terminal", "reason": "Failed", "message": "I was ended"})
    job, pod = ended_job(""), pod_that_said(word, 1)
    if end == "deleted":
        going = msgspec.structs.replace(pod.metadata, deletion_timestamp="2026-09-21T14:13:20Z")
        pod = msgspec.structs.replace(pod, metadata=going)
    else:
        job = ended_job("FailureTarget", "DeadlineExceeded")
    assert results.read(job, (pod,), phases.BUILD, NOW) is None
    assert not results.over(job, (pod,))
    late = results.read(ended_job("Failed", "DeadlineExceeded"), (pod,), phases.BUILD, NOW)
    assert isinstance(late, results.Result)
    assert late.error is not None
    assert late.error.reason == "TimedOut"


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("fatal: https://bob:secret@git.example.com/x", "fatal: https://git.example.com/x"),
        ("a\x1b[31mb\nc", "a [31mb c"),
        ("x" * 5000, "x" * 1024),
        ("ssh://git@git.example.com/x", "ssh://git.example.com/x"),
    ],
)
def test_messages_are_bare_of_credentials_and_of_what_steers(message: str, told: str) -> None:
    """One line, short, without what stands before an address's host."""
    assert results.told(message) == told


@pytest.mark.parametrize(
    ("policy", "others", "waits", "overtaken"),
    [
        ("Serial", {1: "", 3: ""}, 1, None),
        ("Serial", {1: "True", 3: ""}, None, None),
        ("SerialLatestOnly", {1: "", 3: ""}, 1, 3),
        ("SerialLatestOnly", {1: "False", 3: "False"}, None, None),
        ("SerialLatestOnly", {1: "True", 3: "True"}, None, 3),
        ("SerialLatestOnly", {1: ""}, 1, None),
        ("Parallel", {1: "", 3: ""}, None, None),
    ],
)
def test_run_policies(
    policy: str, others: dict[int, str], waits: int | None, overtaken: int | None
) -> None:
    """Of Build 2, beside others that run or have ended: for whom it waits, who takes its place."""
    snapshot = BuildSnapshot(
        now=NOW,
        build=build(2),
        application=application(runPolicy=policy),
        others=tuple(build(number, ended=how) for number, how in others.items()),
    )
    before, after = run_policies.waited_for(snapshot), run_policies.overtaken_by(snapshot)
    assert (before.spec.number if before else None) == waits
    assert (after.spec.number if after else None) == overtaken


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({"runPolicy": "Serial", "pollSeconds": 300, "timeoutSeconds": 5, "cache": "None"}, True),
        ({"pushSecretRef": {"name": "x"}, "serviceAccountName": "x"}, True),
        ({"keep": {"failed": 1}, "recovery": {"attempts": 9}}, True),
        ({"image": "registry.example.com/other"}, False),
        ({"arguments": {"MODE": "debug"}}, False),
        ({"git": {"url": "https://git.example.com/shop.git", "path": "api"}}, False),
        ({"dockerfile": "Other"}, False),
        ({"test": {"command": ["./other"]}}, False),
        ({"test": None}, False),
    ],
)
def test_only_what_decides_the_image_asks_for_another(changed: dict[str, Any], same: bool) -> None:
    """Policies and the names of Secrets are no part of what a source is."""
    one, other = build().spec.source, build(**changed).spec.source
    assert (builds.source_key(one) == builds.source_key(other)) is same


def test_the_highest_number_counts_and_not_the_latest_end() -> None:
    """A slow older Build never overtakes; one of another source, or that failed, does not count."""
    found = (
        build(3, ended="True"),
        build(1, ended="True"),
        build(4, ended="False"),
        build(5, ended="True", dockerfile="Other"),
        build(6),
    )
    key = builds.source_key(build().spec.source)
    assert [each.spec.number for each in builds.good(found, key)] == [1, 3]


def component(**more: Any) -> objects.Component:
    """Return a component of two containers."""
    containers = [{"name": "side", "image": "side:1"}, {"name": "app"}]
    body = {"name": "web", "template": {"spec": {"containers": containers}}, **more}
    return msgspec.json.decode(json.dumps(body), type=objects.Component)


def test_revisions_without_a_source_keep_their_names() -> None:
    """The hash of what is not built is what it was: an upgrade restarts nothing."""
    plain = component()
    assert contents.of_component(plain).revision == "bec76b2153"
    assert images.with_image(plain, "x@sha256:1") is plain


@pytest.mark.parametrize(("container", "place"), [("", 0), ("app", 1)])
def test_the_image_takes_the_place_of_its_containers(container: str, place: int) -> None:
    """Of the first container, or of the one that is named; the others stay."""
    more = {"container": container} if container else {}
    made = images.with_image(component(source=source(**more)), "built@sha256:1")
    found = json.loads(bytes(made.template))["spec"]["containers"]
    assert found[place]["image"] == "built@sha256:1"
    assert found[1 - place].get("image") == ("side:1" if place else None)
    assert contents.of_component(made).revision != contents.of_component(component()).revision


@pytest.mark.parametrize(
    ("value", "commit", "meant"),
    [
        ("", "", ()),
        ("anything", "", ("web", "api")),
        (f"sha:{COMMIT}", COMMIT, ("web", "api")),
        ("sha:abc", "", ("web", "api")),
        (f"component:web sha:{COMMIT} 17", COMMIT, ("web",)),
        ("component:other", "", ()),
    ],
)
def test_requests(value: str, commit: str, meant: tuple[str, ...]) -> None:
    """A commit counts only whole; a component that is named is the only one that is meant."""
    meta = objects.Meta(name="shop", annotations={names.BUILD_REQUESTED_ANNOTATION: value})
    found = tags.build_requested(meta)
    assert found.commit == commit
    assert tuple(each for each in ("web", "api") if found.means(each)) == meant
