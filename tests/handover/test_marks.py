"""What one run leaves in an annotation, and the next one goes by."""

from __future__ import annotations

import pytest

from controller.handover import marks

KEY = "argosy.dev/import"


def test_a_later_run_reads_what_an_earlier_one_left() -> None:
    """Beside what people annotated, and without touching the object that was given."""
    body = {"kind": "Application", "metadata": {"name": "shop", "annotations": {"note": "b"}}}
    marked = marks.with_mark(body, KEY, {"shop-db-0": ["u", 3]})
    assert marks.marked(marked, KEY) == {"shop-db-0": ["u", 3]}
    assert marked["metadata"]["annotations"]["note"] == "b"
    assert body["metadata"] == {"name": "shop", "annotations": {"note": "b"}}


@pytest.mark.parametrize("annotations", [None, {}, {KEY: ""}, {KEY: "{"}, {"other": "{}"}])
def test_what_cannot_be_read_is_no_mark(annotations: dict[str, str] | None) -> None:
    """An annotation that somebody wrote by hand begins nothing, and breaks no command."""
    assert marks.marked({"metadata": {"annotations": annotations}}, KEY) is None
