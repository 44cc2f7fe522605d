"""The meaning of a dry run's answer for whoever applies: a refusal, a warning, or nothing.

`reviewer` asks. Refused is what the grammar of the object refuses, as the API server refuses a
Deployment for; all else may be otherwise by the time the object is really made, and is a warning.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from controller import errors
from controller.admission.probes import Probe
from controller.kube import faults

_UNKNOWN_FIELD = re.compile(r'(unknown|duplicate) field "([^"]+)"')
_OTHER_TYPE = re.compile(r"cannot unmarshal (\S+) into Go struct field \w+\.(\S+) of type (\S+)")
_NOT_READ = "cannot be handled as a"
# How our own reading of a template says where and what.
_UNREAD = re.compile(r"the template is not a pod template: (.+?)(?: - at `\$(?:\.([^`]+))?`)?$")
_TYPES = re.compile(r"Expected `(\w+)`, got `(\w+)`$")
_WORDS = {"str": "string", "int": "number", "float": "number", "bool": "bool"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReviewAnswer:
    """The words for whoever applies; with an error, nothing is stored."""

    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


PASSED = ReviewAnswer()


def judge(probe: Probe, error: errors.ArgosyError) -> ReviewAnswer:
    """Return what `error`, the answer to `probe`, means."""
    match error:
        case faults.AlreadyExists() | faults.NamespaceTerminating() | faults.NotFound():
            # The object was good, or what is applied fails for the same reason by itself.
            return PASSED
        case faults.Refused():
            refusals = tuple(_refusals(probe, error))
            return ReviewAnswer(errors=refusals) if refusals else _doubt(probe, error)
        case faults.Forbidden():
            return _unchecked(probe, error)
        case faults.Denied() | faults.QuotaExceeded():
            return _doubt(probe, error)
        case errors.Stalled() if not isinstance(error, faults.AlreadyExists):
            return ReviewAnswer(errors=(_unread(probe, str(error)),))
        case _:
            return _unchecked(probe, error)


def _refusals(probe: Probe, error: faults.Refused) -> Iterator[str]:
    """Yield each field that the API server refuses; none where a policy or a webhook does."""
    said = _said(error)
    if _NOT_READ in said:
        unknown = _UNKNOWN_FIELD.findall(said)
        for what, field in unknown:
            yield f"{probe.path(field)}: {what} field"
        other = _OTHER_TYPE.search(said)
        if other is not None:
            found, field, wanted = other.groups()
            yield f"{probe.path(field)}: must be of type {wanted}, and is of type {found}"
        elif not unknown:
            yield f"{probe.place}: {said}"
    for cause in error.causes:
        if cause.field:
            yield f"{probe.path(cause.field)}: {cause.message}"


def _unread(probe: Probe, said: str) -> str:
    found = _UNREAD.match(said)
    if found is None:
        return f"{probe.place}: {said}"
    what, field = found.groups()
    types = _TYPES.match(what)
    if types is not None:
        wanted, got = (_WORDS.get(each, each) for each in types.groups())
        what = f"must be of type {wanted}, and is of type {got}"
    return f"{probe.path(field or '')}: {what}"


def _doubt(probe: Probe, error: errors.ArgosyError) -> ReviewAnswer:
    return ReviewAnswer(warnings=(f"{probe.place} would be refused as things are: {_said(error)}",))


def _unchecked(probe: Probe, error: errors.ArgosyError) -> ReviewAnswer:
    return ReviewAnswer(warnings=(f"{probe.place} could not be checked: {_said(error)}",))


def _said(error: errors.ArgosyError) -> str:
    """Return the API server's words, without the request that they answer."""
    request, _, said = str(error).partition(": ")
    return said if request.startswith(("POST ", "create ")) else str(error)
