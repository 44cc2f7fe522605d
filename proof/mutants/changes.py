"""Mistakes with servers of a cloud that are changed where they are: half way, and back."""

from __future__ import annotations

from proof.mutants.mechanism import one

_RESIZING = "tests/providers/openstack/test_resizing.py"
_ROOM = "controller.providers.openstack"

MECHANISMS = (
    one(
        "what is half changed and taken back stays half changed",
        f"{_ROOM}.observation:_revision",
        "row.is_half and due and seen in (Phase.RUNNING, Phase.STOPPED)",
        "False",
        f"{_RESIZING}::test_what_is_taken_back_half_way_is_undone",
    ),
    one(
        "what is half changed is replaced as it is taken back",
        f"{_ROOM}.observation:_revision",
        "(revision, machine.incarnation) == (server.spec.revision, server.spec.incarnation)",
        "True",
        "tests/simulation/test_clouds.py::test_a_change_taken_back_half_way_keeps_the_servers",
    ),
    one(
        "the mark of a resize that was refused confirms that of another",
        f"{_ROOM}.machines:ServerRow.asked_for",
        "not self.is_half or named == self.flavor.name",
        "True",
        f"{_RESIZING}::test_a_resize_that_was_refused_confirms_none_by_hand",
    ),
)
