"""The kind Fleet: where servers come from. Administrators write it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import pydantic
from pydantic import Field

from controller.api import manifest, schema
from controller.api.schema import ShortText, Tally, Time, rule, rules
from controller.api.status import Status


class NamespaceSelector(schema.Model):
    """Namespaces, by their labels."""

    match_labels: Annotated[
        dict[str, Annotated[str, Field(max_length=63)]],
        Field(max_length=32),
    ]
    """The labels that a namespace must have, all of them."""


class Circuit(schema.Model):
    """When calls are held back because the provider does not work, and for how long at first."""

    failure_percent: Annotated[int, Field(ge=1, le=100)] = 50
    """The share of calls that must have failed: not reached, timed out, or answered with an error
    of the provider's own. A call that is refused has not failed."""
    minimum_calls: Annotated[int, Field(ge=1, le=100_000)] = 20
    """How many calls must have been made for the share to mean anything."""
    window_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    """How far back calls count."""
    open_seconds: Annotated[int, Field(ge=1, le=600)] = 30
    """After how long one call is tried; doubled each time it fails, up to ten minutes."""


class Limits(schema.Written):
    """How hard the provider may be called."""

    concurrent_calls: Annotated[int, Field(ge=1, le=1000)] | None = None
    """How many calls may be under way at once; 8 when left out. Pods without limits share the
    operator's own bound on writes to the API server."""
    calls_per_second: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """How many calls may begin in a second; 50 when left out, for pods without bound."""
    circuit: Circuit = Circuit()
    """When calls are held back because the provider does not work."""


class FailureDomain(schema.Model):
    """A part of the fleet that fails by itself, such as a zone."""

    name: Annotated[str, Field(min_length=1, max_length=63)]
    """The name that the provider knows it by: for pods the value of the label
    topology.kubernetes.io/zone of its nodes."""
    weight: Annotated[int, Field(ge=1, le=1000)] = 1
    """The share of the servers that the domain is to have, beside the weights of the others."""
    state: Literal["Active", "Cordoned", "Evacuating"] = "Active"
    """Active takes new servers. In one that is Cordoned nothing new lands. Out of one that is
    Evacuating its servers move as well, within the budget of each component."""


class FleetSpec(schema.Written):
    """Where servers come from."""

    provider: Annotated[str, Field(min_length=1, max_length=63), schema.IMMUTABLE]
    """The provider that makes the servers, by its name."""
    allowed_namespaces: NamespaceSelector | None = None
    """The namespaces whose applications may use the fleet; all when left out."""
    limits: Limits = Limits()
    """How hard the provider may be called."""
    failure_domains: (
        Annotated[list[FailureDomain], Field(max_length=64), schema.keyed("name")] | None
    ) = None
    """The parts of the fleet that servers are spread over."""


class Orphan(schema.Model):
    """A server let go because it could not be reached; collected when it returns."""

    id: ShortText
    """The provider's own identifier."""
    server: Annotated[str, Field(max_length=512)] | None = None
    """The Server that it was, as namespace/name."""
    since: Time | None = None
    """When it was let go."""


class Unclaimed(schema.Model):
    """An instance whose Server is gone; kept until somebody has it collected."""

    id: ShortText
    """The provider's own identifier."""
    server: Annotated[str, Field(max_length=512)] | None = None
    """The Server that it was made for, as namespace/name."""
    since: Time | None = None
    """Since when its Server was seen to be gone."""


class FleetStatus(Status):
    """The observed state of the fleet."""

    servers: Tally = 0
    """How many servers come from it."""
    circuit: Literal["Closed", "Open", "HalfOpen"] = "Closed"
    """Closed lets calls through; Open refuses them for a while after many failures; HalfOpen tries
    one."""
    next_trial_time: Time | None = None
    """When a circuit that is open is tried again."""
    orphans: Annotated[list[Orphan], Field(max_length=100)] | None = None
    """Servers let go because they could not be reached; the first hundred."""
    unclaimed: Annotated[list[Unclaimed], Field(max_length=100)] | None = None
    """Instances whose Servers have been gone for 15 minutes, though nobody let go of them; the
    first hundred."""
    home: Annotated[str, Field(max_length=512)] | None = None
    """Where its servers are, such as a project of a cloud, as its provider told first. Credentials
    of anywhere else are refused."""


class Fleet(manifest.Manifest):
    """Where servers come from: a provider, its limits, its failure domains."""

    model_config = pydantic.ConfigDict(
        json_schema_extra=rules(
            rule(
                f"self.metadata.name.matches('{schema.DNS_1123}')",
                "metadata.name must be a DNS label: lower-case letters, digits and dashes",
            ),
            rule(
                "self.metadata.name != 'pods' || self.spec.provider == 'pod'",
                "the fleet called pods is built in: its provider must be pod",
            ),
        )
    )
    definition = manifest.Definition(
        plural="fleets",
        short_name="argfleet",
        scope="Cluster",
        columns=manifest.columns(
            manifest.Column(
                name="Provider",
                path="spec.provider",
                description="The provider: the substance of the fleet's servers.",
            ),
            manifest.Column(
                name="Servers",
                path="status.servers",
                description="How many servers come from it.",
                type="integer",
            ),
            manifest.Column(
                name="Circuit", path="status.circuit", description="Whether calls go through."
            ),
        ),
        selectable=("spec.provider",),
    )

    kind: Literal["Fleet"]
    """The kind of the object."""
    spec: FleetSpec
    """Where servers come from."""
    status: FleetStatus = FleetStatus()
    """The state that Argosy observed."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A provider as the schema of Fleet names it: its name, what it makes, its settings' model."""

    name: str
    makes: str
    settings: type[schema.Model] | None = None


def model(offers: Sequence[Offer]) -> type[Fleet]:
    """Return the model of Fleet where these providers can be chosen, each with its settings.

    A provider whose settings have a field that must be given must be given them.
    """

    class Spec(FleetSpec):
        __doc__ = FleetSpec.__doc__
        model_config = pydantic.ConfigDict(
            json_schema_extra=rules(*(_rule(each) for each in offers if each.settings))
        )

    names = tuple(each.name for each in offers)
    choice = Field(
        description=f"The kind of servers: {', '.join(_makes(each) for each in offers)}."
    )
    # The names are known when this is called, which a type checker cannot follow.
    fields: dict[str, Any] = {
        "provider": (Annotated[Literal[names], schema.IMMUTABLE], choice),
        **{each.name: _settings(each) for each in offers if each.settings},
    }
    spec = pydantic.create_model("FleetSpec", __base__=Spec, **fields)
    return pydantic.create_model(
        "Fleet",
        __base__=Fleet,
        __doc__=Fleet.__doc__,
        spec=(spec, Field(description=Fleet.model_fields["spec"].description)),
    )


def _makes(offer: Offer) -> str:
    return f"{offer.name} for {offer.makes}"


def _settings(offer: Offer) -> Any:
    field = Field(default=None, description=f"Settings of the provider {offer.name}.")
    return (offer.settings | None if offer.settings else None, field)


def _rule(offer: Offer) -> schema.Extra:
    given, fields = f"has(self.{offer.name})", offer.settings.model_fields if offer.settings else {}
    if any(each.is_required() for each in fields.values()):
        return rule(
            f"(self.provider == '{offer.name}') == {given}",
            f"{offer.name} must be given if, and only if, provider is {offer.name}",
        )
    return rule(
        f"self.provider == '{offer.name}' || !{given}",
        f"{offer.name} must be given only if provider is {offer.name}",
    )
