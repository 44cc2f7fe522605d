"""Every remedy is a command that one can type as it is."""

from __future__ import annotations

import asyncio
import pathlib
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from controller import contract
from controller.api import objects
from controller.api.reasons import Reason
from controller.cli import session
from controller.kube import faults
from controller.planning import remedies
from controller.presentation import vocabulary
from tests.cli import typing_in

TESTS = pathlib.Path(__file__).parents[1]
PLANNING = TESTS.parent / "controller" / "planning"
META = objects.Meta(name="one", namespace="prod")
GOING = objects.Meta(name="one", namespace="prod", deletion_timestamp="2026-01-01T00:00:00Z")
SPEC = objects.ServerSpec(application="shop", component="web", ordinal=3)
SERVER = objects.Server(metadata=META, spec=SPEC)
GONE = objects.Server(metadata=GOING, spec=SPEC)
APPLICATION = objects.Application(metadata=META, spec=objects.ApplicationSpec())
ACT = objects.OperationSpec(application="shop", action="Restart")
OPERATION = objects.Operation(metadata=META, spec=ACT)
MADE = (
    *(remedies.why(kind, "one", "prod") for kind in ("application", "serverset", "server")),
    remedies.retry_now(APPLICATION),
    remedies.retry_now(SERVER),
    remedies.release(SERVER),
    remedies.force(SERVER),
    remedies.force(GONE),
    remedies.resume(APPLICATION),
    remedies.resume(OPERATION),
    remedies.cancel(OPERATION),
    remedies.applications("prod"),
    remedies.edit(SERVER),
    remedies.nodes(),
    remedies.show("pods", "one", "prod"),
    remedies.delete("argsrv", SERVER),
    remedies.fleet(contract.FleetFacts(name="one", problem=Reason.UNKNOWN_FLEET)),
    remedies.fleet(contract.FleetFacts(name="one", problem=Reason.FLEET_NOT_ALLOWED)),
)
# kubectl's own, for what has no verb of ours.
FOREIGN = {"get", "describe", "edit", "delete", "config"}
# OpenStack's own, for what is in a cloud alone: as `openstack help` has them, NAME being a server
# or a volume.
OF_CLOUDS = {
    "openstack console log show NAME",
    "openstack floating ip list",
    "openstack image list",
    "openstack volume show NAME",
    "openstack quota show --usage",
    "openstack server event list NAME",
    "openstack server unlock NAME",
}
TOLD = re.compile(r"(?:Remedy: |→ )(kubectl .*)")


class Empty:
    """An API server in which nothing is: whoever asks for something by name learns so."""

    def __getattr__(self, name: str) -> Any:
        async def refuse(*_: object, **__: object) -> bytes:
            raise faults.NotFound(f"{name}: there is nothing here", reason=Reason.NOT_FOUND)

        return refuse


def commands() -> Iterator[str]:
    """Yield all that is told: by planners, with each reason, and in golden narratives, screens."""
    yield from MADE
    for each in vocabulary.EXPLAINED.values():
        if each.command:
            yield f"{each.command} -n prod" if "argosy" in each.command[:16] else each.command
    for path in sorted(TESTS.glob("*/golden/*.txt")):
        yield from TOLD.findall(path.read_text())


def test_planners_take_their_remedies_from_one_list() -> None:
    """No planner words a command of its own, which no test would look at."""
    worded = [
        path.name
        for layer in (PLANNING, PLANNING.parent / "kinds")
        for path in layer.rglob("*.py")
        # Reasons have theirs beside them, and are looked at below.
        if path.name not in ("remedies.py", "reasons.py") and '"kubectl ' in path.read_text()
    ]
    assert not worded


@pytest.mark.parametrize("command", sorted(set(commands())))
def test_a_remedy_can_be_typed_as_it_is(command: str) -> None:
    """It is one command, of a verb that exists, and takes the kind of thing that it names."""
    words = shlex.split(command)
    assert not set(command) & set(";|&$<>`"), "more than a command"
    if words[0] == "openstack":
        assert command in OF_CLOUDS
        return
    if words[1] in FOREIGN:
        return
    work, target = typing_in.work(command)
    assert target.namespace, "it would act on whatever namespace is current"
    if words[2] == "report":
        return  # it names nothing, and leaves out what it cannot read
    here = session.Session(
        api=Empty(),  # type: ignore[arg-type]  # in which every request ends alike
        namespace=target.namespace,
        target=target,
        server="",
    )
    doing: Any = work(here)
    # A kind that the verb does not take would be a UsageError before anything is asked.
    with pytest.raises(faults.NotFound):
        asyncio.run(doing)


def test_each_reason_says_what_to_do_in_words_beside_the_command() -> None:
    """A command stands by itself, so that it can be copied; the words are a sentence."""
    for reason, each in vocabulary.EXPLAINED.items():
        assert "kubectl" not in each.remedy, reason
        assert not each.command or each.remedy, reason
        assert not each.remedy or each.remedy.endswith("."), reason
