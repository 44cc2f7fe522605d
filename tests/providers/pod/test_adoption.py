"""What a StatefulSet's record says of its pods, whatever somebody has written into it."""

from __future__ import annotations

import json

import pytest

from controller.providers.pod import adoption

TEMPLATE = b'{"spec":{"containers":[{"name":"main","image":"web"}]}}'
DEEP = b'{"a":' * 100_000 + b"1" + b"}" * 100_000


def revision(data: bytes) -> bytes:
    """Return a ControllerRevision that holds `data`."""
    return b'{"metadata":{"name":"web-1","namespace":"d","uid":"u"},"data":' + data + b"}"


def test_a_revision_holds_the_template_that_it_was_made_from() -> None:
    """However its keys are ordered."""
    shuffled = json.dumps(json.loads(TEMPLATE), sort_keys=True, indent=1).encode()
    assert adoption.holds(revision(b'{"spec":{"template":' + shuffled + b"}}"), TEMPLATE)


@pytest.mark.parametrize(
    "data",
    [
        b"null",
        b"[]",
        b'{"spec":[]}',
        b'{"spec":{"template":null}}',
        b'{"spec":{"template":{"spec":1}}}',
        DEEP,
        b'{"spec":' + DEEP + b"}",
        b'{"spec":{"template":' + DEEP + b"}}",
    ],
    ids=["null", "list", "odd spec", "none", "odd", "deep", "deep spec", "deep template"],
)
def test_an_odd_revision_holds_nothing(data: bytes) -> None:
    """Whoever may write ControllerRevisions can put anything there: it is another's, no error."""
    assert not adoption.holds(revision(data), TEMPLATE)
