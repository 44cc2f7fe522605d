"""The workloads that may come in, by the names of their kinds: a front end offers these."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Mapping

from controller.handover import deployment_import, stateful_set_import
from controller.handover.handover import Handover
from controller.presentation.translation import Translation


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """How a kind of workload comes in: shown first, then done.

    Both are given the workload's name and the application's, which is empty where it follows from
    the other.
    """

    preview: Callable[[Handover, str, str], Awaitable[Translation]]
    carry_out: Callable[[Handover, str, str], Awaitable[None]]


IMPORTS: Mapping[str, Import] = {
    "statefulset": Import(
        preview=stateful_set_import.preview, carry_out=stateful_set_import.carry_out
    ),
    "deployment": Import(preview=deployment_import.preview, carry_out=deployment_import.carry_out),
}
