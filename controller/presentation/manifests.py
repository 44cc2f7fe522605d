"""The applications in a text of YAML, which anybody may have written to do harm.

`plan`, the dashboard's preview and the assistant's come here.
"""

from __future__ import annotations

from typing import Any

import yaml

from controller.api import names
from controller.presentation.problems import UsageError

# The most that an API server takes as one request. A text of a kilobyte, in which each alias stands
# for ten others, comes to more than any memory holds.
MOST_CHARACTERS = 3 << 20


def read(text: str, source: str) -> list[dict[str, Any]]:
    """Return the applications in a text; the rest of it is another's to plan.

    Raises UsageError for what is no YAML, holds no application, or is too much when written out.
    """
    try:
        documents = [each for each in yaml.safe_load_all(text) if each]
    except RecursionError:
        raise UsageError(f"{source} is nested too deeply to be read") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # A date that there is not, or a number of thousands of digits, is no error of YAML's own.
        raise UsageError(f"{source} is not YAML: {error}") from error
    found = [
        each
        for each in documents
        if isinstance(each, dict)
        and each.get("kind") == "Application"
        and str(each.get("apiVersion", "")).startswith(f"{names.GROUP}/")
    ]
    if not found:
        raise UsageError(f"{source} holds no Application of {names.API_VERSION}")
    if not _is_bounded(found):
        raise UsageError(
            f"{source} is more than {MOST_CHARACTERS:,} characters when its aliases are written out"
        )
    for each in found:
        wrong = _wrong(each)
        if wrong:
            raise UsageError(f"{source} has an Application whose {wrong}")
    return found


def _wrong(found: dict[str, Any]) -> str:
    """Return what of an application is not what it must be for anybody to read on."""
    meta = found.setdefault("metadata", {})
    if not isinstance(meta, dict):
        return "metadata is no mapping"
    for name in ("name", "namespace"):
        if not isinstance(meta.get(name, ""), str):
            return f"metadata.{name} is no text"
    return "" if isinstance(found.get("spec", {}), dict) else "spec is no mapping"


def _is_bounded(found: list[Any]) -> bool:
    """Return whether everything is short when written out; an alias to itself never ends."""
    left, ahead = MOST_CHARACTERS, [*found]
    while ahead and left > 0:
        each = ahead.pop()
        if isinstance(each, dict):
            ahead.extend(each)
            ahead.extend(each.values())
        elif isinstance(each, (list, set, tuple)):
            ahead.extend(each)
        left -= 2 + (len(each) if isinstance(each, (str, bytes)) else 0)
    return left > 0
