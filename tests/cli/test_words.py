"""What people type and what they are told: references, errors, redaction, selectors, patches."""

from __future__ import annotations

import re
import types
from pathlib import Path
from typing import Any

import msgspec
import pytest

from controller import errors
from controller.api import names
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.cli import arguments, failures, operations
from controller.cli.app import EXIT_CODES
from controller.cli.target import ClusterTarget
from controller.kube import faults
from controller.kube.reasons import KubeReason
from controller.presentation import applications, desired, problems, references, spans, waiting
from tests.cli import typing_in
from tests.docs import pages

ROOT = Path(__file__).resolve().parents[2]
DENIED = (
    'operations.argosy.dev is forbidden: User "eve" cannot create resource "operations" in API'
    ' group "argosy.dev" in the namespace "prod"'
)


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["server/shop-web-3"], (Resource.SERVERS, "shop-web-3")),
        (["server", "shop-web-3"], (Resource.SERVERS, "shop-web-3")),
        (["argsrv/shop-web-3"], (Resource.SERVERS, "shop-web-3")),
        (["Server/shop-web-3"], (Resource.SERVERS, "shop-web-3")),
        (["operations.argosy.dev/x"], (Resource.OPERATIONS, "x")),
        (["application.argosy.dev/shop"], (Resource.APPLICATIONS, "shop")),
        (["op", "x"], (Resource.OPERATIONS, "x")),
        (["shop"], (Resource.APPLICATIONS, "shop")),
        (["fleet/metal"], (Resource.FLEETS, "metal")),
    ],
)
def test_references_mean_one_object(words: list[str], meant: tuple[Resource, str]) -> None:
    """KIND/NAME, KIND NAME, short kinds and a bare name all lead to one object."""
    found = references.parse(words)
    assert (found.resource, found.name) == meant


@pytest.mark.parametrize("words", [["pod/x"], ["a", "b", "c"], ["server/"], [], ["a/b", "c"]])
def test_what_means_nothing_is_refused(words: list[str]) -> None:
    """Unknown kinds and too many words are told, not guessed at."""
    with pytest.raises(problems.UsageError):
        references.parse(words)


def test_kinds_that_a_command_does_not_take_are_refused() -> None:
    """`hold application/shop` says which kinds can be held."""
    with pytest.raises(problems.UsageError, match="server/NAME"):
        references.parse(["application/shop"], Resource.SERVERS)


ERRORS: list[tuple[errors.ArgosyError, int, str]] = [
    (faults.Unreachable("no route", reason=Reason.UNREACHABLE), 6, "at https://k8s:6443: no route"),
    (faults.Unauthorized("401", reason=KubeReason.UNAUTHORIZED), 6, "does not know you"),
    (
        faults.Forbidden(DENIED, reason=Reason.FORBIDDEN),
        3,
        "create operations.argosy.dev in namespace",
    ),
    (faults.NotFound("GET /x: no such thing", reason=Reason.NOT_FOUND), 4, "no such thing"),
    (
        faults.NotFound(
            "the server could not find the requested resource", reason=Reason.NOT_FOUND
        ),
        4,
        "does not know Argosy's kinds",
    ),
    (
        faults.Refused("PATCH /x: spec.replicas must be", reason=Reason.REFUSED),
        3,
        "spec.replicas must",
    ),
    (faults.Overloaded("busy", reason=KubeReason.SERVICE_UNAVAILABLE), 1, "busy"),
    (problems.UsageError("wrong"), 2, "wrong"),
    (problems.TookTooLongError("slow"), 5, "slow"),
    (problems.Refusal("impossible"), 1, "impossible"),
    (errors.Stalled("no kubeconfig", reason=KubeReason.BAD_KUBECONFIG), 6, "no kubeconfig"),
]


@pytest.mark.parametrize(("error", "code", "said"), ERRORS)
def test_errors_end_with_their_code_and_say_why(
    error: errors.ArgosyError, code: int, said: str
) -> None:
    """Each kind of failure has its documented exit code and says what matters."""
    found, message, _ = failures.explain(error, ClusterTarget(), server="https://k8s:6443")
    assert found == code
    assert code in EXIT_CODES
    assert said in message


def test_a_missing_permission_is_named() -> None:
    """Who is refused learns which permission is missing, and how to see it."""
    error = faults.Forbidden(DENIED, reason=Reason.FORBIDDEN)
    _, message, advice = failures.explain(error, ClusterTarget(), server="")
    assert message == ("you lack a permission: create operations.argosy.dev in namespace prod")
    assert any("can-i create operations.argosy.dev -n prod --as eve" in each for each in advice)
    assert "The chart's role argosy-operation-editor grants this permission." in advice


@pytest.mark.parametrize(
    ("verb", "resource", "group"),
    [("get", "pods", ""), ("create", "serversets/scale", "argosy.dev"), ("get", "x", "argosy.com")],
)
def test_no_role_is_named_that_does_not_grant_the_permission(
    verb: str, resource: str, group: str
) -> None:
    """Pods and others' kinds are not what the chart's roles for people are about."""
    words = f'User "eve" cannot {verb} resource "{resource}" in API group "{group}"'
    error = faults.Forbidden(words, reason=Reason.FORBIDDEN)
    _, message, advice = failures.explain(error, ClusterTarget(), server="")
    assert message.startswith("you lack a permission")
    assert not [each for each in advice if "role" in each]


@pytest.mark.parametrize("said", ["operation/up: Failed: db failed.", "operation/up: Failed: db"])
async def test_a_wait_in_vain_ends_in_the_command_that_says_why(
    monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    """The sentence of the condition and the command are parted by one sign."""
    work, target = typing_in.work("kubectl argosy wait operation/up")

    async def find(*_: Any, **__: Any) -> references.Reference:
        return references.parse(["operation/up"])

    async def look(*_: Any) -> waiting.WaitStanding:
        return waiting.WaitStanding(outcome=waiting.WaitResult.OVER, message=said)

    monkeypatch.setattr(waiting, "look", look)
    session: Any = types.SimpleNamespace(find=find, target=target, api=None, namespace="prod")
    with pytest.raises(problems.Refusal, match=r"db( failed)?: kubectl argosy why operation/up$"):
        await work(session)


def test_advice_is_for_whoever_has_the_plugin_alone() -> None:
    """No path of a checkout is named, neither of the chart nor of a page."""
    missing = faults.NotFound(
        "the server could not find the requested resource", reason=Reason.NOT_FOUND
    )
    for error in (missing, faults.Forbidden(DENIED, reason=Reason.FORBIDDEN)):
        _, _, advice = failures.explain(error, ClusterTarget(), server="k8s")
        words = " ".join(advice).split()
        for path in ("charts/", "docs/"):
            assert not [each for each in words if each.startswith(path)]


def test_pages_and_charts_that_advice_names_are_there() -> None:
    """The page has that heading, and the chart is where a release is pushed to."""
    repository, _, rest = failures._PERMISSIONS.partition("/blob/main/")
    page, _, anchor = rest.partition("#")
    assert repository == "https://github.com/argosy-dev/argosy"
    assert anchor in pages.anchors((ROOT / page).read_text())
    chart = next(each for each in failures._INSTALL.split() if each.startswith("oci://"))
    owner, name = re.fullmatch(r"oci://ghcr\.io/([^/]+)/charts/([^/]+)", chart).groups()  # type: ignore[union-attr]
    assert (owner, name) == (repository.split("/")[3], "argosy")
    pushed = (ROOT / ".github" / "workflows" / "release.yml").read_text()
    assert f'helm push "dist/{name}-$VERSION.tgz" "oci://$REGISTRY/$OWNER/charts"' in pushed


@pytest.mark.parametrize(
    ("selector", "holds"),
    [
        ("", True),
        ("team=a", True),
        ("team==a,tier", True),
        ("team=b", False),
        ("team!=b", True),
        ("team!=a", False),
        ("absent", False),
    ],
)
def test_selectors_of_a_live_screen(selector: str, holds: bool) -> None:
    """-w chooses by labels as the API server does."""
    assert applications.matches({"team": "a", "tier": "x"}, selector) is holds


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0s"), (119, "119s"), (150, "2m30s"), (720, "12m"), (4 * 3600 + 300, "4h5m"),
     (30 * 3600, "30h"), (51 * 3600, "2d3h"), (40 * 86400, "40d"), (-3, "0s")],
)  # fmt: skip
def test_ages_read_as_kubectl_writes_them(seconds: float, said: str) -> None:
    """Spans are told in kubectl's words."""
    assert spans.age(seconds) == said


def _live(last: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    applied = msgspec.json.encode({"spec": last}).decode()
    return {"metadata": {"annotations": {names.LAST_APPLIED: applied}}, "spec": spec}


@pytest.mark.parametrize(
    ("last", "live", "wanted", "patch"),
    [
        # What others set stays; what was dropped goes; lists are replaced whole.
        ({"a": 1}, {"a": 1, "paused": True}, {"a": 2}, {"a": 2}),
        ({"a": 1, "b": 1}, {"a": 1, "b": 1}, {"a": 1}, {"b": None}),
        ({"a": {"x": 1, "y": 1}}, {"a": {"x": 1, "y": 1}}, {"a": {"x": 1}}, {"a": {"y": None}}),
        ({"b": 1}, {}, {}, {}),
        ({"l": [1]}, {"l": [1, 2]}, {"l": [3]}, {"l": [3]}),
        ({"a": {"x": 1}}, {"a": {"x": 1, "d": 0}}, {"a": {"x": 1, "z": 2}}, {"a": {"z": 2}}),
    ],
)
def test_plan_sends_what_apply_would(
    last: dict[str, Any], live: dict[str, Any], wanted: dict[str, Any], patch: dict[str, Any]
) -> None:
    """The dry run of `plan -f` is the three-way patch of `kubectl apply`."""
    assert desired.three_way(_live(last, live), {"spec": wanted}) == {"spec": patch}


def test_counts_and_percentages_are_told_apart() -> None:
    """--concurrency takes 5 as a number and 25% as it stands."""
    assert [arguments.share(each) for each in ("5", "25%", "")] == [5, "25%", None]


def test_steps_of_a_command_line(tmp_path: Any) -> None:
    """A command becomes one step; a file gives its own; neither is refused."""
    made = operations.steps(None, ["nginx", "-s", "reload"], "web")
    act = {"command": ["nginx", "-s", "reload"], "container": "web"}
    assert made == {"steps": [{"name": "run", "exec": act}]}
    file = tmp_path / "steps.yaml"
    file.write_text("[{name: a, action: Restart}]")
    assert operations.steps(file, (), "")["steps"][0]["name"] == "a"
    file.write_text("kind: Operation\nspec: {application: x, action: Steps, concurrency: 1}")
    assert operations.steps(file, (), "") == {"concurrency": 1}
    with pytest.raises(problems.UsageError):
        operations.steps(None, (), "")
    with pytest.raises(problems.UsageError):
        operations.pairs(["novalue"])


@pytest.mark.parametrize("text", ["2", "h", "2w", "-1h", "0h", "2h30m", "9999999d"])
def test_how_long_a_hold_lasts_is_said_in_one_way(text: str) -> None:
    """A number and a unit; whatever else is told before anything is written."""
    with pytest.raises(problems.UsageError, match="such as 2h"):
        typing_in.work(f"kubectl argosy hold shop-web-0 --for={text}")
