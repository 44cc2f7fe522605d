"""The rights that the chart grants: exactly those of the operator's own table, and no wildcard."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from controller.api import crds, names
from controller.api.permissions import Scope
from controller.api.resources import Resource
from controller.api.rights import Lack
from controller.cli.roles import granting
from controller.providers import models
from controller.wiring.permissions import PERMISSIONS

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]
Right = tuple[str, str, str]


def granted(manifests: list[Manifest], kind: str, name: str, namespace: str = "") -> set[Right]:
    """Return the (group, resource, verb) that one role grants."""
    found = [
        each
        for each in manifests
        if each["kind"] == kind
        and each["metadata"]["name"] == name
        and (not namespace or each["metadata"]["namespace"] == namespace)
    ]
    assert len(found) == 1, f"{kind}/{name}: {len(found)}"
    return {
        (group, resource, verb)
        for rule in found[0]["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def declared(*scopes: Scope) -> set[Right]:
    """Return what the table declares for `scopes`."""
    return {
        (each.group, each.resource, verb)
        for each in PERMISSIONS
        if each.scope in scopes
        for verb in each.verbs
    }


def roles(manifests: list[Manifest]) -> Iterable[Manifest]:
    """Return all roles."""
    return (each for each in manifests if each["kind"] in {"Role", "ClusterRole"})


def test_cluster_install_grants_the_table(render: Render) -> None:
    """The operator may do what the table says in every namespace, and lead in its own."""
    manifests = render()
    wanted = declared(Scope.WORKLOAD, Scope.CLUSTER, Scope.FLEETS)
    assert granted(manifests, "ClusterRole", "argosy") == wanted
    assert granted(manifests, "Role", "argosy-leader") == declared(Scope.OWN)
    assert granted(manifests, "Role", "argosy-claim") == declared(Scope.PUBLIC)
    assert granted(manifests, "Role", "argosy-claim-reader") == declared(Scope.READ_PUBLIC)


def test_rights_to_single_objects_are_rights_to_no_others(render: Render) -> None:
    """Of other people's Leases the operator can read and write none but the claims."""
    leases = (each for each in PERMISSIONS if each.of is Resource.LEASES)
    wanted = {each.names for each in leases if each.names}
    found: set[tuple[str, ...]] = set()
    for role in roles([*render(), *render("watchNamespaces={a}")]):
        for rule in role["rules"]:
            if "leases" in rule.get("resources", ()) and not role["metadata"]["name"].endswith(
                "-leader"
            ):
                named = tuple(rule.get("resourceNames", ()))
                assert named or rule["verbs"] == ["create"], role["metadata"]["name"]
                found.add(named)
    assert found - {()} == wanted


def test_namespaced_install_grants_the_table(render: Render, chart: Path) -> None:
    """In each namespace named, and nowhere else; Secrets because these values ask for them."""
    manifests = render(values=chart / "ci" / "namespaced-values.yaml")
    for namespace in ("team-a", "team-b"):
        assert granted(manifests, "Role", "argosy", namespace) == declared(
            Scope.WORKLOAD, Scope.CLAIM, Scope.SECRETS
        )
    assert granted(manifests, "Role", "argosy-leader") == declared(Scope.OWN)


def test_namespaced_install_may_read_fleets(render: Render) -> None:
    """Asked for, the table's rows for reading Fleets are granted cluster-wide; by default not."""
    chosen = ("watchNamespaces={a}", "crds.enabled=false")
    manifests = render(*chosen, "fleets.clusterRole=true")
    assert granted(manifests, "ClusterRole", "argosy-fleets") == declared(Scope.READ_FLEETS)
    assert granted(manifests, "Role", "argosy", "a") == declared(Scope.WORKLOAD, Scope.CLAIM)
    assert not [each for each in render(*chosen) if each["kind"] == "ClusterRole"]


def test_the_dashboard_only_reads_what_it_lists(render: Render) -> None:
    """Its account lists and watches four kinds; in a namespaced install, there alone."""
    wanted = declared(Scope.DASHBOARD)
    assert {verb for _, _, verb in wanted} == {"get", "list", "watch"}
    assert {resource for _, resource, _ in wanted} == {
        "applications",
        "serversets",
        "servers",
        "operations",
    }
    everywhere = render("dashboard.enabled=true")
    assert granted(everywhere, "ClusterRole", "argosy-dashboard") == wanted
    named = render("dashboard.enabled=true", "watchNamespaces={a}")
    assert granted(named, "Role", "argosy-dashboard", "a") == wanted
    assert not [each for each in named if each["kind"] == "ClusterRole"]


def test_secrets_are_not_read_unless_asked_for(render: Render) -> None:
    """By default no role may read a Secret."""
    for role in roles(render()):
        for rule in role["rules"]:
            assert "secrets" not in rule.get("resources", ()), role["metadata"]["name"]


def test_fleets_of_clouds_read_one_secret(render: Render) -> None:
    """Asked for, the operator may read the Secret argosy-clouds beside it, and no other one."""
    found = [
        (role["metadata"]["name"], rule["resourceNames"], rule["verbs"])
        for role in roles(render("fleets.clouds=true"))
        for rule in role["rules"]
        if "secrets" in rule.get("resources", ())
    ]
    assert found == [("argosy-leader", ["argosy-clouds"], ["get", "list", "watch"])]


def test_the_hook_has_only_what_its_policy_needs(render: Render) -> None:
    """Refusing needs a list of applications; releasing needs what the table says.

    The claim on a namespace is read where there is one; all may read that on the cluster.
    """
    assert granted(render(), "ClusterRole", "argosy-uninstall") == declared(Scope.UNINSTALL)
    release = render("uninstall.policy=Release")
    assert granted(release, "ClusterRole", "argosy-uninstall") == declared(Scope.RELEASE)
    assert granted(release, "Role", "argosy-uninstall-stop") == declared(Scope.RELEASE_OWN)
    namespaced = ("watchNamespaces={a}", "crds.enabled=false")
    for policy, scope in (("Refuse", Scope.UNINSTALL), ("Release", Scope.RELEASE)):
        there = render(*namespaced, f"uninstall.policy={policy}")
        wanted = declared(scope, Scope.UNINSTALL_CLAIM)
        assert granted(there, "Role", "argosy-uninstall", "a") == wanted


def test_no_wildcards(render: Render, values_file: Path) -> None:
    """No rule anywhere says `*`, may escalate, or may impersonate."""
    for role in roles(render(values=values_file)):
        for rule in role["rules"]:
            named = [*rule.get("resources", ()), *rule.get("nonResourceURLs", ())]
            words = {*rule.get("apiGroups", ()), *named, *rule["verbs"]}
            assert words.isdisjoint({"*", "escalate", "bind", "impersonate"}), role["metadata"]


def test_every_binding_finds_its_role_and_subject(render: Render, values_file: Path) -> None:
    """Each binding's role is rendered, and its subject too unless made by hand."""
    manifests = render(values=values_file)
    made = {
        (each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"])
        for each in manifests
    }
    for each in manifests:
        if not each["kind"].endswith("RoleBinding"):
            continue
        role = each["roleRef"]
        namespace = each["metadata"].get("namespace", "") if role["kind"] == "Role" else ""
        assert (role["kind"], namespace, role["name"]) in made
        for subject in each["subjects"]:
            if subject["kind"] == "Group":
                # The claim on the cluster is for all to see.
                assert each["metadata"]["name"] == "argosy-claim-reader"
                continue
            assert ("ServiceAccount", subject["namespace"], subject["name"]) in made


def test_nothing_is_granted_without_rbac(render: Render) -> None:
    """`rbac.create: false` makes no role of the operator's, and no binding at all."""
    manifests = render("rbac.create=false", "userRoles.create=false", "test.enabled=false")
    kinds = {each["kind"] for each in manifests}
    assert kinds.isdisjoint({"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"})


def test_operations_are_created_only_with_exec(render: Render) -> None:
    """Every role for people that may create Operations may run commands in pods as well."""
    found = 0
    for role in roles(render()):
        if "argosy-uninstall" in role["metadata"]["name"] or role["metadata"]["name"] == "argosy":
            continue
        rights = {
            (group, resource, verb)
            for rule in role["rules"]
            for group in rule.get("apiGroups", ())
            for resource in rule.get("resources", ())
            for verb in rule["verbs"]
        }
        if ("argosy.dev", "operations", "create") in rights:
            found += 1
            assert ("", "pods/exec", "create") in rights
    assert found == 1


def test_roles_for_people_are_aggregated(render: Render) -> None:
    """Viewing goes to view, edit and admin; changing to edit and admin; the rest to admin."""
    prefix = "rbac.authorization.k8s.io/aggregate-to-"
    found = {
        role["metadata"]["name"]: {
            label.removeprefix(prefix)
            for label in role["metadata"]["labels"]
            if label.startswith(prefix)
        }
        for role in roles(render())
    }
    assert found["argosy-viewer"] == {"view", "edit", "admin"}
    assert found["argosy-editor"] == {"edit", "admin"}
    assert found["argosy-operation-editor"] == {"edit", "admin"}
    assert found["argosy-admin"] == {"admin"}
    assert found["argosy"] == found["argosy-fleet-admin"] == set()


def test_the_command_line_names_the_role_that_grants(render: Render) -> None:
    """Whoever lacks a right to one of Argosy's kinds is told of a role that has it, if one has."""
    people = {
        role["metadata"]["name"]: granted([role], "ClusterRole", role["metadata"]["name"])
        for role in roles(render())
        if "nonResourceURLs" not in role["rules"][0]
        and role["metadata"]["name"].startswith("argosy-")
        and role["kind"] == "ClusterRole"
        and "uninstall" not in role["metadata"]["name"]
    }
    rights = {right for all_of_it in people.values() for right in all_of_it}
    asked = {each for each in rights if each[0] == names.GROUP}
    asked |= {(names.GROUP, resource, verb) for _, resource, _ in asked for _, _, verb in asked}
    for group, resource, verb in asked:
        lack = Lack(user="eve", verb=verb, resource=resource, group=group, namespace="default")
        role = granting(lack)
        assert ((group, resource, verb) in people.get(role, set())) == (role != "")
        assert (role != "") == ((group, resource, verb) in rights)


def test_one_role_reads_metrics_and_nothing_else(render: Render) -> None:
    """Nobody has it by view or edit: metrics tell of all namespaces. No review takes a right."""
    (role,) = (
        each for each in roles(render()) if each["metadata"]["name"] == "argosy-metrics-reader"
    )
    assert role["rules"] == [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]
    assert not [each for each in role["metadata"]["labels"] if "aggregate-to" in each]
    for chosen in ("metrics.secure=false", "metrics.enabled=false", "watchNamespaces={a}"):
        names = {each["metadata"]["name"] for each in roles(render(chosen))}
        assert "argosy-metrics-reader" not in names
    reviewed = {"subjectaccessreviews", "selfsubjectaccessreviews", "tokenreviews"}
    asked = {resource for _, resource, _ in declared(*Scope)}
    assert not asked & reviewed


def test_the_receiver_of_webhooks_has_one_right(render: Render) -> None:
    """It may patch Applications, which a policy narrows to one annotation; by default it is not."""
    building = ("hooks.enabled=true", "hooks.secretName=hooks")
    manifests = render(*building)
    assert granted(manifests, "ClusterRole", "argosy-hooks") == declared(Scope.HOOKS)
    assert declared(Scope.HOOKS) == {("argosy.dev", "applications", "patch")}
    policies = [each for each in manifests if each["kind"] == "ValidatingAdmissionPolicy"]
    assert "argosy-hooks" in {each["metadata"]["name"] for each in policies}
    names = {each["metadata"]["name"] for each in render()}
    assert "argosy-hooks" not in names


# What says how many servers there are and how they are changed, and nothing of what they are.
FREE = {"name", "replicas", "dependsOn", "rollout", "start", "ordinals", "spread", "drift"}


def test_fields_that_no_rule_names_take_rights(render: Render) -> None:
    """Every field of a component but those few is compared, and so is whatever comes one day."""
    (found,) = (
        each
        for each in render()
        if each["kind"] == "ValidatingAdmissionPolicy"
        and each["metadata"]["name"] == "argosy-rights-of-applications"
    )
    (condition,) = found["spec"]["matchConditions"]
    schema = crds.schema(models.MODELS["Application"])["properties"]["spec"]["properties"]
    known = schema["components"]["items"]["properties"]
    assert not FREE - set(known)
    compared = {each for each in known if f"c.{each} == o.{each}" in condition["expression"]}
    assert compared == set(known) - FREE
    assert "o.name == c.name" in condition["expression"]


def test_policies_of_a_namespaced_install_are_bound_to_its_namespaces(render: Render) -> None:
    """Where an administrator asks for them, all but the one of Fleets, under names of their own."""
    chosen = ("watchNamespaces={a,b}", "crds.enabled=false")
    kinds = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
    assert not [each for each in render(*chosen) if each["kind"] in kinds]

    def named(manifests: list[Manifest], kind: str) -> set[str]:
        return {each["metadata"]["name"] for each in manifests if each["kind"] == kind}

    made = render(*chosen, "admissionPolicies.inWatchedNamespaces=true")
    policies = {each.removeprefix("argosy-system-") for each in named(made, kinds[0])}
    whole = named(render(), kinds[0])
    assert whole - policies == {"argosy-fleet-in-use"}
    assert not policies - whole
    assert named(made, kinds[0]) == named(made, kinds[1])
    for each in made:
        if each["kind"] == kinds[1]:
            ((selector,),) = (
                each["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"],
            )
            assert selector["key"] == "kubernetes.io/metadata.name"
            assert (selector["operator"], selector["values"]) == ("In", ["a", "b"])
    for each in render():
        if each["kind"] == kinds[1]:
            assert "matchResources" not in each["spec"]
