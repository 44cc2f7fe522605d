"""Permissions: rows of RBAC, each with its reason, as kinds, providers and the process list theirs.

`controller.wiring.permissions` puts them together.
"""

from __future__ import annotations

import dataclasses
import enum

from controller.api.resources import PLACES, Resource

READ = ("get", "list", "watch")


class Scope(enum.StrEnum):
    """Where, and for whom, a permission is granted."""

    WORKLOAD = "workload"  # in every watched namespace
    CLUSTER = "cluster"  # cluster-wide installs alone
    FLEETS = "fleets"  # cluster-wide installs alone
    READ_FLEETS = "readFleets"  # namespaced installs, only where the chart value asks for it
    CLAIM = "claim"  # namespaced installs alone, in every watched namespace
    PUBLIC = "public"  # cluster-wide installs alone, in kube-public
    READ_PUBLIC = "readPublic"  # the same, for all ServiceAccounts
    OWN = "own"  # in the operator's own namespace
    CLOUDS = "clouds"  # the same, only where the chart value asks for it
    SECRETS = "secrets"  # in every watched namespace, only where the chart value asks for it
    HOOKS = "hooks"  # the receiver of webhooks, in all namespaces
    UNINSTALL = "uninstall"  # the pre-delete hook, in every watched namespace
    UNINSTALL_CLAIM = "uninstallClaim"  # the hook of namespaced installs, with either policy
    RELEASE = "release"  # the hook, too, where uninstall.policy is Release
    RELEASE_OWN = "releaseOwn"  # the same, in the operator's own namespace
    DASHBOARD = "dashboard"  # the dashboard's own account, only where the chart value asks for it


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """Verbs on one resource, or on a subresource of it, and what they are for."""

    of: Resource
    verbs: tuple[str, ...]
    why: str
    subresource: str = ""
    scope: Scope = Scope.WORKLOAD
    # The only objects of that name that are meant; all, where there is none.
    names: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """The API group; empty for the core."""
        return PLACES[self.of].api_version.rpartition("/")[0]

    @property
    def resource(self) -> str:
        """The resource as RBAC writes it: "pods/exec"."""
        return f"{self.of}/{self.subresource}" if self.subresource else self.of.value


def read(resource: Resource, *more: str, why: str, scope: Scope = Scope.WORKLOAD) -> Permission:
    """Return the permission to read, to watch, and to do more."""
    return Permission(of=resource, verbs=(*READ, *more), why=why, scope=scope)


def allow(
    resource: Resource,
    *verbs: str,
    why: str,
    subresource: str = "",
    scope: Scope = Scope.WORKLOAD,
    names: tuple[str, ...] = (),
) -> Permission:
    """Return the permission to do this and no more."""
    return Permission(
        of=resource, subresource=subresource, verbs=verbs, why=why, scope=scope, names=names
    )
