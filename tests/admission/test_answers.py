"""What the API server's answers to dry runs mean for whoever applies."""

from __future__ import annotations

import pytest

from controller import errors
from controller.admission.answers import PASSED, ReviewAnswer, judge
from controller.admission.probes import Probe
from controller.api.resources import Resource
from controller.contract.reasons import ProviderReason
from controller.kube import faults
from controller.kube.reasons import KubeReason

PLACE = "spec.components[web].template"
WHAT = "POST /api/v1/namespaces/shops/pods"


def probe(within: str = "", place: str = PLACE) -> Probe:
    """Return a probe whose body nobody sends."""
    return Probe(
        place=place,
        within=within,
        resource=Resource.PODS,
        content=b"",
        build=lambda _: b"",
    )


def answer(code: int, message: str, reason: str = "", **causes: str) -> errors.ArgosyError:
    """Return what the client raises for such an answer; causes are messages by field."""
    details = faults.Details(
        causes=[faults.Cause(field=field, message=text) for field, text in causes.items()]
    )
    status = faults.ApiStatus(message=message, reason=reason, code=code, details=details)
    return faults.from_status(code, status, what=WHAT, writes=True)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            answer(
                400,
                'Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown'
                ' field "spec.containers[0].imgae", unknown field "spec.restartPolcy"',
            ),
            (
                f"{PLACE}.spec.containers[0].imgae: unknown field",
                f"{PLACE}.spec.restartPolcy: unknown field",
            ),
        ),
        (
            answer(
                400,
                'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal number'
                " into Go struct field Container.spec.containers.image of type string",
            ),
            (f"{PLACE}.spec.containers.image: must be of type string, and is of type number",),
        ),
        (
            answer(400, 'Pod in version "v1" cannot be handled as a Pod: unexpected end of text'),
            (f'{PLACE}: Pod in version "v1" cannot be handled as a Pod: unexpected end of text',),
        ),
        (
            answer(
                422,
                'Pod "shop-web-abcde" is invalid: …',
                **{"spec.containers": "Required value", "metadata.labels": "Invalid value: a"},
            ),
            (
                f"{PLACE}.spec.containers: Required value",
                f"{PLACE}.metadata.labels: Invalid value: a",
            ),
        ),
        (
            errors.Stalled(
                "the template is not a pod template: Expected `str`, got `bool` - at"
                " `$.metadata.annotations[...]`",
                reason=ProviderReason.TEMPLATE_REFUSED,
            ),
            (f"{PLACE}.metadata.annotations[...]: must be of type string, and is of type bool",),
        ),
    ],
)
def test_grammar_is_an_error(error: errors.ArgosyError, told: tuple[str, ...]) -> None:
    """Each field that is wrong is named by its path in the user's manifest."""
    assert judge(probe(), error) == ReviewAnswer(errors=told)


@pytest.mark.parametrize(
    "error",
    [
        answer(403, 'pods "x" is forbidden: exceeded quota: small, requested: pods=1'),
        answer(403, 'pods "x" is forbidden: violates PodSecurity "restricted:latest"'),
        answer(403, 'pods "x" is forbidden: error looking up service account shops/late'),
        answer(400, 'admission webhook "a.example.com" does not support dry run'),
        answer(403, 'admission webhook "a.example.com" denied the request: no'),
        answer(
            422,
            "pods \"x\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'p' denied"
            " request: no",
            **{"": "no"},
        ),
    ],
)
def test_what_may_pass_by_itself_is_a_warning(error: errors.ArgosyError) -> None:
    """A Deployment would be stored, too; the API server's own words are told, and no request."""
    verdict = judge(probe(), error)
    assert not verdict.errors
    (warning,) = verdict.warnings
    assert warning.startswith(f"{PLACE} would be refused as things are: ")
    assert str(error).partition(": ")[2] in warning
    assert "POST" not in warning


@pytest.mark.parametrize(
    "error",
    [
        answer(500, "etcd is away"),
        answer(429, "too many requests"),
        answer(401, "who are you"),
        answer(
            403, 'pods is forbidden: User "argosy" cannot create resource "pods" in API group ""'
        ),
        errors.UnknownOutcome("no answer", reason=KubeReason.CONNECTION_LOST),
    ],
)
def test_what_says_nothing_of_the_manifest_refuses_nobody(error: errors.ArgosyError) -> None:
    """Whoever applies learns that this part was not looked at."""
    verdict = judge(probe(), error)
    assert not verdict.errors
    assert "could not be checked" in verdict.warnings[0]


@pytest.mark.parametrize(
    "error",
    [
        answer(409, "exists", reason="AlreadyExists"),
        answer(404, "namespaces not found"),
    ],
)
def test_a_name_that_is_taken_is_no_fault(error: errors.ArgosyError) -> None:
    """The object was looked at before its name was; a namespace that is not, fails the apply."""
    assert judge(probe(), error) == PASSED


def test_paths_of_jobs_begin_where_the_step_does() -> None:
    """What a Job has in its spec stands right in the step's job."""
    step = probe(within="spec", place="spec.steps[migrate].job")
    error = answer(
        400,
        'Job in version "v1" cannot be handled as a Job: strict decoding error: unknown field'
        ' "spec.template.spec.containers[0].comand"',
    )
    assert judge(step, error).errors == (
        "spec.steps[migrate].job.template.spec.containers[0].comand: unknown field",
    )
