"""The meaning of Builds to whoever reads them: for which source they are, and whose image is used.

Called by the planners of Applications and of Builds, which must agree on all of it.
"""

from __future__ import annotations

from collections.abc import Iterable

from controller.api import conditions, names, objects
from controller.api.conditions import ConditionType
from controller.planning import rendering


def source_key(source: objects.Source) -> str:
    """Return the hash of what of a source decides the image: never of policies or credentials.

    A source that only polls more often, or names another Secret, has its image already.
    """
    content = {
        "git": {"url": source.git.url, "ref": source.git.ref, "path": source.git.path},
        "builder": source.builder,
        "dockerfile": source.dockerfile,
        "arguments": dict(sorted(source.arguments.items())),
        "image": source.image,
        "test": list(source.test.command) if source.test is not None else [],
    }
    return names.digest(rendering.canonical(content))


def in_order(builds: Iterable[objects.Build]) -> tuple[objects.Build, ...]:
    """Return Builds by their numbers; of the same number by name."""
    return tuple(sorted(builds, key=lambda each: (each.spec.number, each.metadata.name)))


def has_succeeded(build: objects.Build) -> bool:
    """Return whether the Build has an image that may be used."""
    done = conditions.is_true(build.status.conditions, ConditionType.SUCCEEDED)
    return done and bool(build.status.image)


def good(builds: Iterable[objects.Build], key: str) -> tuple[objects.Build, ...]:
    """Return those that have an image of the source `key`, by their numbers: the last one counts.

    A slower older Build that ends later comes before it, so it never overtakes.
    """
    return in_order(
        each for each in builds if has_succeeded(each) and source_key(each.spec.source) == key
    )
