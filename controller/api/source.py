"""Where a component's image is built from: the `source` of a component, which a Build copies."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic
from pydantic import Field

from controller.api import schema
from controller.api.policies import Attempts, Backoff
from controller.api.schema import Text, rule, rules

DAY = 86_400
# A repository of a registry: no scheme, no tag, no digest.
REPOSITORY = (
    r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[0-9]{1,5})?"
    r"(/[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*)+$"
)
# A whole commit, of SHA-1 or SHA-256; never a short one, which may come to mean another.
COMMIT = "^([0-9a-f]{40}|[0-9a-f]{64})$"

Path = Annotated[str, Field(max_length=512, pattern=r"^([A-Za-z0-9._][-A-Za-z0-9._/]*)?$")]
RepositoryName = Annotated[
    str,
    schema.Matching(
        REPOSITORY,
        "image must be a repository such as registry.example.com/shop/web, without a tag or digest",
        longest=255,
    ),
]
Commit = Annotated[str, Field(max_length=64, pattern=COMMIT)]


class SecretReference(schema.Written):
    """A Secret in the application's namespace: it is mounted by name, and never read by Argosy."""

    name: schema.ShortText
    """The Secret's name."""


class GitRepository(schema.Written):
    """A git repository, and what of it is built."""

    model_config = pydantic.ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.path) || !self.path.split('/').exists(p, p == '..')",
                "path must stay inside the repository",
            )
        )
    )

    url: Annotated[
        str,
        Field(min_length=1, max_length=1024, pattern=r"^https?://[^@\s]+$"),
        schema.must(
            "self.matches(r'^https?://[^@\\s]+$')",
            "url must begin with https:// or http:// and have no user or password in it",
        ),
    ]
    """The address of the repository: https:// or http://, without a user or password."""
    ref: Annotated[
        str, Field(min_length=1, max_length=255, pattern=r"^[A-Za-z0-9][-A-Za-z0-9._/+]*$")
    ] = "main"
    """The branch, tag or commit that is built, resolved once for each Build."""
    path: Path | None = None
    """The folder in the repository that is the context of the build; its root when left out."""
    secret_ref: SecretReference | None = None
    """The Secret with the credentials: `username` and `password`, or `token`."""


class BuildTest(schema.Written):
    """A command that must succeed in the built image before the image is deployed."""

    command: Annotated[list[Text], Field(min_length=1, max_length=64)]
    """The program and its arguments."""
    timeout_seconds: Annotated[int, Field(ge=1, le=DAY)] = 600
    """How long it may take."""


class BuildRecovery(schema.Written):
    """How failures that may pass are tried again: a compile error is none of them."""

    attempts: Attempts = 2
    """How often each phase of a Build is tried."""
    backoff: Backoff = Backoff()
    """How long to wait between attempts."""


class BuildsKept(schema.Written):
    """How many Builds that have ended are kept, with their Jobs and logs."""

    succeeded: Annotated[int, Field(ge=0, le=100)] = 3
    """Of those that succeeded; the one whose image is in use is always kept."""
    failed: Annotated[int, Field(ge=0, le=100)] = 3
    """Of all others; the latest Build is always kept."""


class Source(schema.Written):
    """Where a component's image is built from, and how."""

    model_config = pydantic.ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.dockerfile) || !self.dockerfile.split('/').exists(p, p == '..')",
                "dockerfile must stay inside the context of the build",
            ),
            rule(
                "!has(self.arguments)"
                " || self.arguments.all(k, k.matches('^[A-Za-z_][A-Za-z0-9_]{0,62}$'))",
                "the name of a build argument must be letters, digits and underscores",
            ),
            rule(
                "!has(self.pollSeconds) || self.pollSeconds == 0 || self.pollSeconds >= 300",
                "pollSeconds must be 0, or at least 300",
            ),
        )
    )

    git: GitRepository
    """The git repository."""
    builder: Literal["Dockerfile"] = "Dockerfile"
    """How the image is built: by a Dockerfile."""
    dockerfile: Path = "Dockerfile"
    """The Dockerfile, from the context's folder."""
    arguments: Annotated[dict[str, Text], Field(max_length=64)] | None = None
    """The build arguments. No place for secrets: whoever sees the image sees the arguments."""
    image: RepositoryName
    """The repository that the image is pushed to, without a tag: images are used by digest."""
    push_secret_ref: SecretReference | None = None
    """The Secret of the type kubernetes.io/dockerconfigjson that allows pushing there."""
    container: Annotated[str, Field(max_length=63)] | None = None
    """The container of the template whose image is set; the first one when left out."""
    test: BuildTest | None = None
    """A command that must succeed in the built image before the image is deployed."""
    run_policy: Literal["SerialLatestOnly", "Serial", "Parallel"] = "SerialLatestOnly"
    """Which of several Builds of the component run: Serial runs one after the other,
    SerialLatestOnly leaves out those that a later one has overtaken before they began, Parallel
    runs all at once."""
    cache: Literal["Registry", "None"] = "Registry"
    """Registry keeps the build cache beside the image; None keeps no other than the daemon's."""
    poll_seconds: Annotated[int, Field(ge=0, le=schema.YEAR)] = 0
    """How often to look for a new commit; 0: only when asked, else at least 300."""
    service_account_name: schema.Name = "default"
    """The ServiceAccount of the Jobs, for its image pull secrets; its token is never mounted."""
    timeout_seconds: Annotated[int, Field(ge=1, le=DAY)] = 1800
    """How long building may take."""
    recovery: BuildRecovery = BuildRecovery()
    """How failures that may pass are tried again."""
    keep: BuildsKept = BuildsKept()
    """How many Builds that have ended are kept."""
