"""The target of a call: an object that is written, or what a fleet was asked for.

A type for each, so that a Fleet may be named like a resource, and a claim is told as a claim.
`outcomes` are kept by these; the dispatcher and the planners both take them from here.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Hashable

from controller import contract
from controller.api import objects, resources
from controller.api.resources import Resource
from controller.contract import Verb
from controller.planning import plan


class ObjectVerb(enum.StrEnum):
    """The verbs for the API server's objects alone, and for no provider."""

    STATUS = "status"
    READ = "read"
    START = "start"
    # To write how an act ended, into the status of its task.
    RECORD = "record the act of"


# The verb of a call, in the words of the contract wherever a provider could be asked for the same.
AnyVerb = Verb | ObjectVerb


@dataclasses.dataclass(frozen=True, slots=True)
class ObjectTarget:
    """An object of the API server's."""

    resource: Resource
    namespace: str
    name: str

    @property
    def label(self) -> str:
        """The word for it in the name of a span."""
        return self.resource

    @property
    def object(self) -> str:
        """The object, as `blockedBy` names it."""
        return self.subject

    @property
    def subject(self) -> str:
        """The object, as an Event names it."""
        return resources.thing(self.resource, self.name)

    @property
    def maker(self) -> str:
        """Who would make it: nobody but whoever asks for it."""
        return ""

    @property
    def shown(self) -> str:
        """The thing that a command shows of it: the object itself."""
        return self.object


@dataclasses.dataclass(frozen=True, slots=True)
class FleetTarget:
    """A thing that the provider of a fleet is asked about, by the name that it has there."""

    fleet: str
    name: str

    @property
    def label(self) -> str:
        """The word for it in the name of a span."""
        return self.fleet

    @property
    def object(self) -> str:
        """The thing asked about, as `blockedBy` names it: the fleet, where it is no object."""
        return self.maker

    @property
    def maker(self) -> str:
        """Who would make it, as `blockedBy` names that."""
        return resources.thing(Resource.FLEETS, self.fleet)

    @property
    def shown(self) -> str:
        """The thing that a command shows of it: the fleet."""
        return self.maker


@dataclasses.dataclass(frozen=True, slots=True)
class ServerTarget(FleetTarget):
    """A server: made, changed or deleted by its fleet."""

    @property
    def subject(self) -> str:
        """The server, as an Event names it."""
        return resources.thing(Resource.SERVERS, self.name)


@dataclasses.dataclass(frozen=True, slots=True)
class ClaimTarget(FleetTarget):
    """A claim that is no object, and that goes with its data."""

    @property
    def subject(self) -> str:
        """The claim, as an Event names it."""
        return f"Claim/{self.name}"


@dataclasses.dataclass(frozen=True, slots=True)
class InstanceTarget(FleetTarget):
    """An instance that is no server's any more, by its id: its Fleet sees to it, and tells."""

    @property
    def subject(self) -> str:
        """The instance, as an Event names it."""
        return f"Instance/{self.name}"

    @property
    def object(self) -> str:
        """The instance, as `blockedBy` names it: of several each by itself."""
        return self.subject


AnyFleetTarget = ServerTarget | ClaimTarget | InstanceTarget
Target = ObjectTarget | AnyFleetTarget

# How these went is told in the status of their task.
_ACTS = frozenset({Verb.ACT, Verb.RESUME, Verb.CANCEL})


def of(action: plan.Action, item: objects.Object) -> tuple[Target, AnyVerb] | None:
    """Return what an action planned for `item` is about; None for those that nothing answers."""
    if isinstance(action, plan.Create):
        meta = action.body["metadata"]
        made = ObjectTarget(action.resource, str(meta.get("namespace", "")), str(meta["name"]))
        return made, Verb.CREATE
    if isinstance(action, plan.Patch):
        status = action.subresource == "status"
        verb: AnyVerb = ObjectVerb.STATUS if status else Verb.CHANGE
        return ObjectTarget(action.resource, action.namespace, action.name), verb
    if isinstance(action, plan.Delete | plan.Hear):
        verb = Verb.DELETE if isinstance(action, plan.Delete) else ObjectVerb.START
        return ObjectTarget(action.resource, action.namespace, action.name), verb
    if isinstance(action, contract.Call):
        return of_call(action, item)
    if isinstance(action, plan.DeleteClaim | plan.DeleteOrphan):
        return of_what_is_left(action, item), Verb.DELETE
    return None


def of_what_is_left(
    action: plan.DeleteClaim | plan.DeleteOrphan, item: objects.Object
) -> ClaimTarget | InstanceTarget:
    """Return what a fleet is asked to delete that is no server's any more."""
    if isinstance(action, plan.DeleteClaim):
        return ClaimTarget(action.fleet, action.claim.name)
    return InstanceTarget(item.metadata.name, action.instance)


def of_call(call: contract.Call, item: objects.Object) -> tuple[Target, AnyVerb] | None:
    """Return what a call to a provider is about; acts tell how they went in their task."""
    if call.verb in _ACTS or not isinstance(item, objects.Server):
        return None
    return ServerTarget(item.spec.fleet, item.metadata.name), call.verb


def alike(server: objects.Server, call: contract.Call) -> Hashable:
    """Return the group of a server's create: the set's others, of its revision, in its way."""
    owner, spec = server.metadata.controller, server.spec
    return (owner.uid if owner else "", spec.fleet, spec.revision, call.alternative)
