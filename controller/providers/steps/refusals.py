"""The refusals of the API server for pods and claims, in the words of the provider contract.

`pod.py` and the acts ask here, so that one refusal has one reason wherever it is met.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from controller import errors
from controller.api import objects
from controller.contract.reasons import ProviderReason
from controller.kube import faults
from controller.kube.reasons import KubeReason
from controller.providers.steps.reasons import StepReason

T = TypeVar("T", bound=objects.Object)

_NO_ACCOUNT = re.compile(
    r'^\S+ "[^"]*" is forbidden: error looking up service account [^/\s]+/(?P<name>[^:\s]+)'
)


class AccountMissing(errors.Transient):
    """The pod's ServiceAccount is not there (yet): no failure of the server."""

    policy = dataclasses.replace(errors.Transient.policy, costs_attempt=False, shared=True)


class PolicyRefused(errors.TemplateRefused):
    """The template is refused by what admits content here, which others may change."""

    policy = dataclasses.replace(errors.TemplateRefused.policy, longest_wait=60.0)


class _Deleted(msgspec.Struct, frozen=True, rename="camel"):
    uid: str = ""
    resource_version: str = ""
    deletion_timestamp: str | None = None


class _Answer(msgspec.Struct, frozen=True):
    metadata: _Deleted = _Deleted()


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn refusals of a template into Stalled, `TemplateRefused`; everything else passes.

    Quotas, namespaces that go and permissions that lack keep the reasons that `kube` gave them.
    """
    try:
        yield
    except faults.Refused as error:
        # Content is as it is.
        raise _told(error, errors.TemplateRefused) from error
    except faults.Denied as error:
        # The verdict of somebody's policy on it may change.
        raise _told(error, PolicyRefused) from error


def _told(error: errors.Stalled, refused: type[errors.TemplateRefused]) -> errors.ArgosyError:
    if (missing := _NO_ACCOUNT.match(error.words)) is not None:
        # The default account of a young namespace comes by itself.
        return AccountMissing(
            str(error),
            reason=StepReason.SERVICE_ACCOUNT_MISSING,
            words=error.words,
            blocker=f"ServiceAccount/{missing['name']}",
        )
    return refused(
        str(error),
        reason=ProviderReason.TEMPLATE_REFUSED,
        words=error.words,
        blocker=error.blocker,
    )


def decode(answer: bytes, kind: type[T]) -> T:
    """Return the object that the API server answered with."""
    try:
        return msgspec.json.decode(answer, type=kind)
    except msgspec.DecodeError as error:
        message = f"the API server's answer cannot be read as a {kind.__name__}: {error}"
        raise errors.UnknownOutcome(message, reason=KubeReason.GARBLED) from error


def version_of(answer: bytes, uid: str) -> int:
    """Return the resourceVersion at which the object `uid` began to go; 0 when it went at once."""
    try:
        meta = msgspec.json.decode(answer, type=_Answer).metadata
    except msgspec.DecodeError:
        return 0
    if meta.uid != uid or meta.deletion_timestamp is None:
        return 0
    return int(meta.resource_version or 0)
