"""Mistakes with servers of a cloud that are asked whether they are ready: late, or in vain."""

from __future__ import annotations

from proof.mutants.mechanism import one

_READINESS = "tests/providers/openstack/test_readiness.py"
_PROBES = "tests/providers/openstack/test_probes.py"
_ROOM = "controller.providers.openstack"

MECHANISMS = (
    one(
        "whoever could not be asked is late",
        f"{_ROOM}.readiness:ReadinessProbes.proof",
        "watch.denied >= self._over(watch, machine)",
        "self._over(watch, machine) <= asyncio.get_running_loop().time()",
        f"{_READINESS}::test_whoever_could_not_be_asked_is_not_late",
    ),
    one(
        "servers of one namespace have all places",
        "controller.providers.steps.places:Places.__init__",
        "max(1, number // 2)",
        "number",
        f"{_PROBES}::test_whoever_does_not_answer_holds_up_no_other_namespace",
    ),
    one(
        "what is asked in an outage counts",
        f"{_ROOM}.readiness:ReadinessProbes._doubt",
        "begun.heard >= watch.doubted",
        "True",
        f"{_READINESS}::test_whoever_could_not_be_asked_is_not_late",
    ),
)
