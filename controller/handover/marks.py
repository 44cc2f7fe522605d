"""What a run leaves in an annotation of what it wrote, and a later run goes by.

Pure. Whoever is killed half way loses nothing by that: how far it came stands in the cluster.
"""

from __future__ import annotations

import json
from typing import Any

from controller.presentation.translation import Json


def mark(text: Any) -> str:
    """Return what an annotation holds that a later run goes by."""
    return json.dumps(text, sort_keys=True, separators=(",", ":"))


def with_mark(body: Json, key: str, text: Any) -> Json:
    """Return a new object with a mark among its annotations."""
    meta = body["metadata"]
    marks = {**meta.get("annotations", {}), key: mark(text)}
    return {**body, "metadata": {**meta, "annotations": marks}}


def marked(item: Json, key: str) -> Any:
    """Return what an earlier run left in an annotation; None where it left nothing readable."""
    text = (item["metadata"].get("annotations") or {}).get(key, "")
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None
