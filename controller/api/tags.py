"""Values of annotations and labels, which anybody may write: bounded, and never trusted.

All layers read them here. A value that makes no sense reads as if it were absent; one that is too
long for the status that repeats it is cut.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from controller.api import clock, names
from controller.api.views.meta import Meta

# As the schema bounds a short text, and a list of them.
LONGEST = 253
LONGEST_LIST = 64 * LONGEST
# No number of ours is larger, and none that is read can overflow.
MOST = 2**53
_DIGITS = len(str(MOST))
# Reason/component-revision/fallback, of which only the first must be there.
_REJECTION = re.compile(
    r"[A-Za-z][A-Za-z0-9]{0,62}(/[a-z0-9]{1,63}-[-.\w]{1,63}(/[-.\w]{1,63})?)?", re.ASCII
)

# A whole commit; a short one may come to mean another.
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")

# A field manager, as far as it is repeated.
_MANAGER = re.compile(r"[A-Za-z0-9][-A-Za-z0-9._/:]{0,62}", re.ASCII)


def text(found: Mapping[str, str], key: str) -> str:
    """Return the value of `key`, cut to what a status can repeat; empty where there is none."""
    return found.get(key, "")[:LONGEST]


def number(value: str) -> int | None:
    """Return the number that `value` is in plain digits, or None."""
    if len(value) > _DIGITS or not (value.isascii() and value.isdecimal()):
        return None
    found = int(value)
    return found if found <= MOST else None


def items(found: Mapping[str, str], key: str) -> tuple[str, ...]:
    """Return the comma-separated parts of the value of `key`; none where they are too many."""
    value = found.get(key, "")
    if len(value) > LONGEST_LIST:
        return ()
    return tuple(each for each in value.split(",") if each)


def retry_now(meta: Meta) -> str:
    """Return the latest word of a person to try again, or nothing."""
    return text(meta.annotations, names.RETRY_NOW_ANNOTATION)


def requested_by(meta: Meta) -> str:
    """Return who is said to have asked for an operation."""
    return text(meta.annotations, names.REQUESTED_BY_ANNOTATION)


def skips_remediation(meta: Meta) -> bool:
    """Return whether a person wants an ill server left alone."""
    return meta.annotations.get(names.SKIP_REMEDIATION_ANNOTATION, "false") != "false"


def delete_first(meta: Meta) -> str | None:
    """Return what marks a server to go before others; None where nothing does."""
    return meta.annotations.get(names.DELETE_FIRST_ANNOTATION)


def domain(meta: Meta) -> str | None:
    """Return the failure domain that something was made for; None where it does not say."""
    return meta.annotations.get(names.DOMAIN_ANNOTATION)


def remediated(meta: Meta) -> tuple[int, float]:
    """Return how often in a row a server was made anew for falling ill, and when last."""
    count, _, when = text(meta.annotations, names.REMEDIATED_ANNOTATION).partition(" ")
    try:
        return (number(count) or 0), clock.parse(when)
    except ValueError:  # written by somebody else
        return 0, 0.0


def forces(meta: Meta, instance: str) -> bool:
    """Return whether a person wants this very instance gone without grace, once it is to go."""
    return bool(instance) and meta.annotations.get(names.FORCE_ANNOTATION) == instance


def collected(meta: Meta) -> tuple[str, ...]:
    """Return the ids of the instances without a Server that a person wants collected."""
    found = (each.strip() for each in items(meta.annotations, names.COLLECT_ANNOTATION))
    return tuple(each for each in found if each)


def depends_on(meta: Meta) -> tuple[str, ...]:
    """Return the components that a set was told it relies on."""
    return items(meta.annotations, names.DEPENDS_ON_ANNOTATION)


def changed_from(meta: Meta) -> tuple[str, ...] | None:
    """Return the containers that a change in place must replace, None where there was no change."""
    if names.CHANGED_FROM_ANNOTATION not in meta.annotations:
        return None
    return items(meta.annotations, names.CHANGED_FROM_ANNOTATION)


def own_generation(meta: Meta) -> int:
    """Return the generation that Argosy's own changes gave a pod; 0 where that is not known."""
    if names.GENERATION_ANNOTATION in meta.annotations:
        return number(meta.annotations[names.GENERATION_ANNOTATION]) or 0
    return 0 if names.CHANGED_FROM_ANNOTATION in meta.annotations else 1


def mended(meta: Meta) -> tuple[int, str]:
    """Return how often a pod was mended against others, and who they are where that is known."""
    count, _, who = text(meta.annotations, names.MENDED_ANNOTATION).partition(" ")
    return number(count) or 0, who if _MANAGER.fullmatch(who) else ""


def alternative(meta: Meta) -> int:
    """Return the alternative that a pod was made in; 0, the first, where that is not known."""
    return number(meta.annotations.get(names.ALTERNATIVE_ANNOTATION, "")) or 0


def incarnation(meta: Meta) -> int:
    """Return the incarnation that a pod says it is; 0 where that is not known."""
    return number(meta.labels.get(names.INCARNATION_LABEL, "")) or 0


def rejected(meta: Meta) -> str:
    """Return the rejection of a revision; empty where there is none, or none of Argosy's form."""
    former = meta.annotations.get(names.CONDEMNED_ANNOTATION, "")
    value = meta.annotations.get(names.REJECTED_ANNOTATION, former)
    return value if len(value) <= LONGEST and _REJECTION.fullmatch(value) else ""


class BuildRequest(NamedTuple):
    """A request for a Build: its whole value, and the commit and the component that it names."""

    value: str
    commit: str = ""
    component: str = ""

    def means(self, component: str) -> bool:
        """Return whether a component is meant."""
        return bool(self.value) and self.component in {"", component}


def is_commit(text: str) -> bool:
    """Return whether a text is a whole commit, of SHA-1 or SHA-256."""
    return _COMMIT.fullmatch(text) is not None


def build_requested(meta: Meta) -> BuildRequest:
    """Return the latest request for a Build of an application; an empty one where there is none."""
    value = text(meta.annotations, names.BUILD_REQUESTED_ANNOTATION)
    commit = component = ""
    for each in value.split():
        key, _, what = each.partition(":")
        if key == "sha" and is_commit(what):
            commit = what
        elif key == "component":
            component = what
    return BuildRequest(value=value, commit=commit, component=component)
