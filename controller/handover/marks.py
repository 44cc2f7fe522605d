"""The mark that a run leaves in an annotation of what it wrote, and a later run goes by.

Pure. Whoever is killed half way loses nothing by that: how far it came stands in the cluster.
"""

from __future__ import annotations

import json
from typing import Any

from controller.presentation.translation import Json


def with_mark(body: Json, key: str, told: Any) -> Json:
    """Return a new object with a mark among its annotations."""
    meta = body["metadata"]
    text = json.dumps(told, sort_keys=True, separators=(",", ":"))
    marks = {**meta.get("annotations", {}), key: text}
    return {**body, "metadata": {**meta, "annotations": marks}}


def marked(item: Json, key: str) -> Any:
    """Return what an earlier run left in an annotation; None where it left nothing readable."""
    text = (item["metadata"].get("annotations") or {}).get(key, "")
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None
