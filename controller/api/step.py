"""A step of an Operation: one named checkpoint, and how to undo it."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic
from pydantic import Field

from controller.api import http_headers, names, schema
from controller.api.schema import Name, ShortText, Text, rule, rules
from controller.api.template import PodTemplate

WAYS = ("exec", "http", "job", "action")
EXACTLY_ONE = f"[{', '.join(f'has(self.{way})' for way in WAYS)}].filter(x, x).size() == 1"

_PLAIN_HEADERS = (
    "!has(self.headers) || self.headers.all(h, !(h.lowerAscii() in ["
    + ", ".join(f"'{each}'" for each in http_headers.OWN)
    + "]))"
)

Statuses = Annotated[
    list[Annotated[int, Field(ge=100, le=599)]],
    Field(min_length=1, max_length=32),
    schema.UNORDERED,
]


class Exec(schema.Model):
    """A command that runs inside the server."""

    command: Annotated[list[Text], Field(min_length=1, max_length=64)]
    """The program and its arguments. $(APPLICATION), $(COMPONENT), $(SERVER), $(SERVER_ORDINAL) and
    $(SERVER_ADDRESS) are replaced."""
    container: Annotated[str, Field(max_length=63)] | None = None
    """The container; the first one when left out."""
    detached: bool = False
    """Whether the command runs under a small wrapper, so that it outlives a lost connection."""


class SecretKey(schema.Model):
    """One value of a Secret in the application's namespace."""

    name: Annotated[
        str,
        schema.Matching(
            names.SUBDOMAIN,
            "a Secret's name must be lower-case letters, digits, dashes and dots",
            longest=253,
        ),
    ]
    """The Secret's name."""
    key: Annotated[str, Field(min_length=1, max_length=253)]
    """The key in it."""


class SecretHeader(schema.Model):
    """A header whose value is secret."""

    name: Annotated[str, Field(min_length=1, max_length=256)]
    """The header's name."""
    secret_key_ref: SecretKey
    """Where its value is."""


class Expectation(schema.Model):
    """The answers that count as success."""

    statuses: Statuses = Field(default=[200, 201, 202, 204])
    """Status codes."""


class Http(schema.Model):
    """A request that the operator makes, by default only to the server's own address."""

    model_config = pydantic.ConfigDict(
        json_schema_extra=rules(
            rule(
                _PLAIN_HEADERS,
                "headers must not be any that say how or where a request goes, such as Host",
            )
        )
    )

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    """The method."""
    url: Annotated[
        str,
        schema.Matching("^https?://.+", "url must begin with http:// or https://", longest=2048),
    ]
    """Where to; $(SERVER_ADDRESS) and its like are replaced. Redirects are not followed."""
    headers: Annotated[dict[str, Text], Field(max_length=32)] | None = None
    """Headers to send."""
    headers_from: (
        Annotated[list[SecretHeader], Field(max_length=32), schema.keyed("name")] | None
    ) = None
    """Headers to send whose values are in Secrets."""
    body: Annotated[str, Field(max_length=65536)] | None = None
    """The body to send."""
    expect: Expectation = Expectation()
    """The answers that count as success."""


class Job(schema.Model):
    """A Kubernetes Job in the application's namespace."""

    template: PodTemplate
    """The pod template of the Job; it names the ServiceAccount."""


Action = Literal["Restart", "Start", "Stop", "Replace", "Snapshot", "Restore"]


class Act(schema.Written):
    """One way to do something: exactly one of exec, http, job and action."""

    model_config = pydantic.ConfigDict(
        json_schema_extra=rules(
            rule(EXACTLY_ONE, "a step must have exactly one of exec, http, job and action")
        )
    )

    exec: Exec | None = None
    """A command that runs inside the server."""
    http: Http | None = None
    """A request that the operator makes."""
    job: Job | None = None
    """A Kubernetes Job in the application's namespace."""
    action: Action | None = None
    """A built-in act."""


class Compensation(Act):
    """An act that undoes a step."""


class Step(Act):
    """One named checkpoint of an operation: exactly one of exec, http, job and action."""

    name: Name
    """The step's name, unique in the operation."""
    scope: Literal["Server", "Component", "Once"] = "Server"
    """Server does it for each server, Component once for each component, Once for the whole
    operation. The latter two wait until all servers have passed the steps before."""
    timeout_seconds: Annotated[int, Field(ge=1, le=schema.YEAR)] = 600
    """How long one attempt may take."""
    on_unknown: Literal["Fail", "Rerun"] = "Fail"
    """The choice where the operator did not live to see the end: Fail, so that it is done at most
    once, or Rerun."""
    compensate: Compensation | None = None
    """The act that undoes the step, when the operation reverts."""


class StepStatus(schema.Model):
    """How far the servers are with a step."""

    name: ShortText
    """The step's name."""
    passed: schema.Tally = 0
    """How many servers have passed it."""
    running: schema.Tally = 0
    """How many are at it."""
    failed: schema.Tally = 0
    """How many failed in it."""
