"""The policies that people write on applications: deletion, rollout, recovery, claims."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic
from pydantic import Field

from controller.api import schema
from controller.api.metadata import Metadata
from controller.api.schema import Count, FreeForm, Seconds, Share, rule, rules


class Deletion(schema.Written):
    """How servers are taken down."""

    protected: bool = False
    """Whether deletion of the application is refused."""
    order: Literal["Reverse", "Parallel"] = "Reverse"
    """Reverse takes components down against dependsOn; Parallel takes all at once."""
    drain_seconds: Seconds | None = None
    """How long a server may take to finish its work before it is torn down. None: what its template
    says, as its terminationGracePeriodSeconds. Never less than the template says."""
    timeout_seconds: Seconds = 600
    """How long to try with a server that cannot be reached or torn down; then see onTimeout."""
    on_timeout: Literal["Wait", "Force", "Abandon"] = "Wait"
    """After timeoutSeconds: Wait goes on trying, Force deletes without grace, Abandon lets go and
    leaves an orphan record on the Fleet."""


class Rollout(schema.Model):
    """How servers come to a new revision."""

    model_config = pydantic.ConfigDict(
        json_schema_extra=rules(
            rule(
                f"!({schema.is_zero('self.maxUnavailable')} && {schema.is_zero('self.maxSurge')})",
                "maxUnavailable and maxSurge must not both be 0: no server could ever be replaced",
            ),
            rule(
                "self.progressDeadlineSeconds > self.minReadySeconds",
                "progressDeadlineSeconds must exceed minReadySeconds: a server counts as available"
                " only after the latter",
            ),
        )
    )

    strategy: Literal["RollingUpdate", "Recreate", "OnDelete"] = "RollingUpdate"
    """RollingUpdate replaces some at a time; Recreate all at once; OnDelete only those that
    somebody deletes, the Server or its pod."""
    max_unavailable: Share = "10%"
    """How many servers may be down at once, by rollout, operations, remediation and evictions
    together.
    A percentage is of the desired servers, rounded down."""
    evictions: Literal["Budget", "Ignore"] = "Budget"
    """Budget has evictions, as of a node drain, keep to maxUnavailable too, by a
    PodDisruptionBudget that Argosy keeps for the component's pods. Ignore keeps none: whoever
    drains a node takes down what is on it."""
    max_surge: Share = 0
    """How many spare servers a rollout may add. A percentage is of the desired servers, rounded
    up. With volumeClaims, 0 alone is allowed."""
    one_domain_at_a_time: bool = False
    """Whether rollouts, operations and drains together take servers down in one failure domain
    only, and in another once all are up again. Drains then evict one pod at a time, however large
    maxUnavailable is."""
    partition: Count = 0
    """Servers with a lower ordinal than this keep the revision that they have."""
    in_place: Literal["WhenPossible", "Never"] = "WhenPossible"
    """Whether a change that allows it, such as of an image, is made without replacing servers."""
    min_ready_seconds: Seconds = 0
    """How long a server must have been ready to count as available."""
    progress_deadline_seconds: Annotated[int, Field(ge=1, le=schema.YEAR)] = 600
    """How long a rollout may go without progress; then see onDeadline."""
    on_deadline: Literal["Halt", "RollBack"] = "Halt"
    """After progressDeadlineSeconds: Halt stops there, RollBack returns to the last proven
    revision."""


class Ordinals(schema.Model):
    """Which ordinals servers have."""

    start: Count = 0
    """The lowest ordinal. Servers below it go, those above stay: raise it, or lower it, together
    with replicas to hand servers over from one cluster to another, one by one."""


Start = Literal["Parallel", "Ordered"]


class Spread(schema.Model):
    """How servers are spread over the failure domains of their fleet."""

    max_skew: Annotated[int, Field(ge=1, le=1000)] = 1
    """By how many servers one domain may be ahead of another, their weights considered. Where it
    is by more, servers without volumeClaims move, one at a time, once all is well."""
    require: bool = False
    """Whether a server waits for room in its domain; else it may land in another one."""


DriftPath = Annotated[
    str,
    schema.Matching(
        r"^(activeDeadlineSeconds|ephemeralContainers"
        r"|(containers|initContainers)\[([*]|[a-z0-9]([-a-z0-9]*[a-z0-9])?)\][.]image)$",
        "must be activeDeadlineSeconds, ephemeralContainers, containers[NAME].image or"
        " initContainers[NAME].image, with * for all of them: nothing else of a living pod is"
        " compared",
        longest=128,
    ),
]


class Drift(schema.Model):
    """How changes that others make to a living pod are met."""

    ignore: Annotated[list[DriftPath], Field(max_length=16), schema.UNORDERED]
    """Fields that are somebody else's to change: containers[NAME].image, initContainers[NAME].image
    (* for all of them), activeDeadlineSeconds, ephemeralContainers. A change there is told and left
    as it is, and the server stays Ready; a rollout sets images all the same."""


class Adopt(schema.Model):
    """The workload that ran a component's servers before; its pods are taken up as they run."""

    kind: Literal["StatefulSet"]
    """The kind of what ran them. A Deployment's pods cannot keep their names: `kubectl argosy
    import` shifts them."""
    name: schema.Name
    """The name of the StatefulSet: <application>-<component>, so that its pods are named as
    servers are."""


class Backoff(schema.Model):
    """How long to wait between attempts."""

    model_config = pydantic.ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.maxSeconds >= self.initialSeconds",
                "maxSeconds must be at least initialSeconds",
            )
        )
    )

    initial_seconds: Seconds = 1
    """The wait after the first failure."""
    factor: Annotated[int, Field(ge=1, le=10)] = 2
    """By how much each wait is longer than the one before."""
    max_seconds: Seconds = 60
    """The longest wait."""
    jitter_percent: Annotated[int, Field(ge=0, le=100)] = 20
    """By how much waits are spread, so that many servers do not try at once."""


Attempts = Annotated[int, Field(ge=1, le=1000)]


class Alternative(schema.Model):
    """Another way to make a server, tried when those before it failed."""

    name: schema.Label
    """The name of the alternative in status."""
    patch: FreeForm
    """A JSON merge patch of the component's template."""


class Remediation(schema.Model):
    """How servers that were ready and are ill are made anew."""

    model_config = pydantic.ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.maxHoldSeconds >= self.afterSeconds",
                "maxHoldSeconds must be at least afterSeconds",
            )
        )
    )

    after_seconds: Seconds = 300
    """How long a server may be ill before it is replaced: longer than a node takes to restart.
    Doubled each time that the same server falls ill again within the hour, up to an hour."""
    max_ill: Share = "40%"
    """Above so many ill servers the cause is likely not theirs, and remediation is held: nobody is
    replaced until fewer are ill, and afterSeconds have passed since. A percentage is of the
    servers that are held together, rounded down, but at least 1."""
    per: Literal["Domain", "Component"] = "Domain"
    """The servers that are held together: those of one failure domain, or all of the component.
    maxIll is a share of them."""
    max_hold_seconds: Seconds = 1800
    """How long a hold may keep an ill server from being replaced; after that it is, one at a
    time."""


class Recovery(schema.Written):
    """How failing servers are tried again."""

    attempts: Attempts = 5
    """How often to try to make a server, in each alternative. Then it counts as failed, and is
    still tried every backoff.maxSeconds. Whatever is not the server's fault, such as a quota or a
    node that is not there yet, costs no attempt."""
    give_up: bool = False
    """Whether a server that used its attempts waits for a person instead of being tried on."""
    backoff: Backoff = Backoff()
    """How long to wait between attempts."""
    alternatives: (
        Annotated[list[Alternative], Field(max_length=16), schema.keyed("name")] | None
    ) = None
    """Ways to make a server, tried in turn, each server for itself. None: the template as it is."""
    failure_budget: Share = "10%"
    """How many servers may fail for good before onBudgetSpent. A percentage is of the desired
    servers, rounded down; 0 means at the first loss."""
    on_budget_spent: Literal["Halt", "RevertComponent", "RevertApplication"] = "Halt"
    """Halt makes no more servers; RevertComponent returns the component, RevertApplication every
    component, to the last proven revision."""
    remediation: Remediation = Remediation()
    """How servers that were ready and are ill are made anew."""


class VolumeClaim(schema.Written):
    """A PersistentVolumeClaim that each server has of its own."""

    name: Annotated[
        str,
        schema.Matching(
            schema.DNS_1035,
            "a claim's name must be lower-case letters, digits and dashes, and begin with a letter",
        ),
    ]
    """The volume's name in the template; the claim is called <name>-<server>."""
    spec: FreeForm
    """The spec of the PersistentVolumeClaim."""
    metadata: Metadata | None = None
    """Labels and annotations that claims get when they are made. Existing claims are not
    changed."""
    when_scaled: Literal["Retain", "Delete"] = "Retain"
    """The fate of the claim when its server is scaled away."""
    when_deleted: Literal["Retain", "Delete"] = "Retain"
    """The fate of the claim when the application is deleted. When its component is dropped or
    renamed, it goes only if both say Delete."""


VolumeClaims = Annotated[list[VolumeClaim], Field(max_length=16), schema.keyed("name")]
