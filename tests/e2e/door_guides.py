"""How the guides about declaring, changing, reaching and leaving are typed: see `guides`."""

from __future__ import annotations

import json
import re

import yaml

from devcluster import kwok
from tests.docs import pages
from tests.e2e.guides import (
    APPLY,
    CTRL_C,
    NODE,
    REACHED,
    READY,
    Guide,
    application,
    component,
    fragment,
    lives,
    shop,
    until,
)

HOW_TO = "docs/how-to"
GONE = "kubectl delete argapp shop --ignore-not-found"
ROLLED_OUT = "kubectl rollout status statefulset/shop-db"
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Gi"}}}
DOMAINS = "kubectl get argsrv -o jsonpath='{.items[*].spec.domain}'"
EVENTS = "kubectl get events --field-selector reason=ReplicasOverridden"
DRAIN = "kubectl drain {} --ignore-daemonsets --delete-emptydir-data"
LED = r"127\.0\.0\.1:\d+ leads to port"


def web(version: int, replicas: int, unavailable: int) -> str:
    """Return a shop of web servers at this version."""
    image = f"registry.example.com/web:{version}"
    rollout = {"maxUnavailable": unavailable}
    return application(component("web", replicas, image=image, rollout=rollout))


def claims(*names: str, deleted: str = "") -> list[dict[str, object]]:
    """Return claims of a component, of which one goes with the application."""
    return [
        {"name": each, "spec": CLAIM, "whenDeleted": "Delete" if each == deleted else "Retain"}
        for each in names
    ]


def stateful_set() -> str:
    """Return the StatefulSet that the page on coming from one is about, with its Service."""
    part = component("db", None, container={"volumeMounts": MOUNTS})
    template = part["template"]
    # As the page has the template: whatever else a template says stands in it, too.
    template["spec"].pop("terminationGracePeriodSeconds")
    template["spec"]["containers"][0].pop("command")
    labels = {"app": "db"}
    service = {"clusterIP": "None", "selector": labels, "ports": [{"port": 8080}]}
    spec = {
        "replicas": 3,
        "serviceName": "shop-db",
        "podManagementPolicy": "Parallel",
        "selector": {"matchLabels": labels},
        "template": template,
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": CLAIM}],
    }
    meta = {"name": "shop-db"}
    return yaml.safe_dump_all(
        [
            {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": service},
            {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": meta, "spec": spec},
        ]
    )


WHOLE = """
import json, sys
shop = json.load(open("shop.json"))
shop["spec"]["components"][0]["template"] = json.load(sys.stdin)["spec"]["template"]
print(json.dumps(shop))
"""
MOUNTS = [{"name": "data", "mountPath": "/var/lib/db"}]


# A new node takes pods once its taints are off: else all of them may have gone elsewhere.
SCHEDULABLE = (
    "kubectl wait --for=condition=Ready --timeout=300s -f nodes.yaml",
    until("! kubectl get -f nodes.yaml -o yaml | grep node.kubernetes.io/not-ready"),
)


def nodes(*zones: str) -> str:
    """Return simulated nodes, one in each zone."""
    made = []
    for number, each in enumerate(zones):
        made.append(node := kwok.node(number))
        node["metadata"]["labels"]["topology.kubernetes.io/zone"] = each
    return yaml.safe_dump_all({"apiVersion": "v1", "kind": "Node", **each} for each in made)


def deployment() -> str:
    """Return the Deployment that the page on coming from one is about."""
    template = component("web", None)["template"]
    labels = template["metadata"]["labels"]
    spec = {"replicas": 3, "selector": {"matchLabels": labels}, "template": template}
    meta = {"name": "shop-web"}
    return yaml.safe_dump(
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}
    )


def address(service: str) -> str:
    """Return what asks for the page at a Service's address."""
    at = f"kubectl get service {service} -o jsonpath='{{.spec.clusterIP}}'"
    return f"curl -s --max-time 5 http://$({at})"


def ill() -> str:
    """Return a shop whose servers are ill while they have a file."""
    probe = {"exec": {"command": ["test", "!", "-e", "/tmp/ill"]}, "periodSeconds": 1}  # noqa: S108 - of the server
    return application(component("web", 4, container={"readinessProbe": probe}))


def of(page: str, text: str) -> str:
    """Return a shop of what a page says of components."""
    components = yaml.safe_load(text) if text else fragment(f"{HOW_TO}/{page}", "components")
    return application(*components)


def blocks(page: str) -> list[str]:
    """Return the YAML blocks of a page, those in lists included."""
    return pages.blocks(Guide(page=f"{HOW_TO}/{page}").text, "yaml")


GUIDES = (
    Guide(
        page="docs/tutorial/first-application.md",
        long="eighteen servers, thrice anew; test_docs types it without a node",
        files={},
        left={
            "make setup": "the cluster is there",
            "source .venv/bin/activate": "the command is there",
            "python -m devcluster up --nodes 5": "the cluster is there, and its node is real",
            'eval "$(python -m devcluster env)"': "the shell has its kubeconfig",
            "python -m devcluster operator": "the chart is installed",
            "python -m devcluster down": "other pages are typed on it",
        },
        loose=r"^  [-+] |^(…|Servers:|  \d\. )|^restart-web +shop.*",
    ),
    Guide(
        page=f"{HOW_TO}/scale.md",
        long="twenty servers again and again; most of it is nobody's node's",
        files={
            "shop.yaml": shop(10, 3),
            "free.yaml": shop(None, 3),
            "one.yaml": application(component("web", None)),
        },
        first=(APPLY, READY),
        before={
            "kubectl scale argset shop-web --replicas 20": ("kubectl apply -f free.yaml",),
            "kubectl scale argapp shop --replicas 4": (
                "kubectl apply -f shop-web-horizontalpodautoscaler.yaml",
                "kubectl delete hpa shop-web",
                GONE,
                "kubectl apply -f one.yaml",
            ),
            EVENTS: (
                READY,
                "kubectl delete hpa shop",
                GONE,
                APPLY,
                READY,
                "kubectl scale argset shop-web --replicas 20",
                until(f"{EVENTS} | grep 10"),
            ),
            "kubectl annotate argsrv shop-web-7 argosy.dev/delete-first=true": (
                "kubectl apply -f free.yaml",
                "kubectl scale argset shop-web --replicas 20",
                until("kubectl get pod shop-web-19"),
                READY,
            ),
            'kubectl argosy hold shop-web-7 --for 2h --reason "core dump"': (
                until("! kubectl get argsrv shop-web-7"),
                "kubectl get argsrv shop-web-19",
                "kubectl scale argset shop-web --replicas 20",
                until("kubectl get argsrv shop-web-7"),
            ),
        },
    ),
    Guide(
        page=f"{HOW_TO}/roll-out.md",
        files={
            "before.yaml": application(component("db", 3), component("web", 15, dependsOn=["db"])),
            "shop.yaml": application(
                component("db", 3),
                component(
                    "web",
                    15,
                    image="registry.example.com/web:2",
                    dependsOn=["db"],
                    rollout={"maxUnavailable": 3},
                ),
            ),
        },
        first=("kubectl apply -f before.yaml", READY),
        loose=r"^default/shop|servers are available; under way",
    ),
    Guide(
        page=f"{HOW_TO}/roll-back.md",
        long="five rollouts of ten servers; the page on rolling out has one",
        files={f"{number}.yaml": web(number, 10, 5) for number in (1, 2, 3)},
        first=tuple(
            each for number in (1, 2, 3) for each in (f"kubectl apply -f {number}.yaml", READY)
        ),
        # The history is shorter than the page's.
        instead={
            "kubectl argosy rollback shop --component web --to 7": (
                "kubectl argosy rollback shop --component web --to 1"
            )
        },
        last=(READY, "kubectl get argapp shop | grep True"),
    ),
    Guide(
        page=f"{HOW_TO}/delete.md",
        files={
            "shop.yaml": application(
                component("db", 3, volumeClaims=claims("cache", "data", deleted="cache")),
                component("web", 12, dependsOn=["db"]),
            ),
            "protected.yaml": shop(2, deletion={"protected": True}),
        },
        first=(APPLY, READY),
        before={
            "kubectl delete argapp shop": ("kubectl apply -f protected.yaml", READY),
        },
        seen={
            "kubectl argosy delete shop": "(?s)"
            + r".*".join(
                re.escape(line)
                for line in pages.blocks((pages.ROOT / HOW_TO / "delete.md").read_text(), "text")[
                    0
                ].splitlines()
            )
        },
        last=(
            "[ $(kubectl get pvc -o name | wc -l) = 3 ]",
            "sed 's/protected: true/protected: false/' protected.yaml | kubectl apply -f -",
            "kubectl delete argapp shop",
        ),
    ),
    Guide(
        page=f"{HOW_TO}/failures.md",
        files={"shop.yaml": ill()},
        first=(
            APPLY,
            READY,
            "kubectl exec shop-web-3 -- touch /tmp/ill",
            until("kubectl get argapp shop | grep False"),
        ),
        stays={"kubectl argosy exec shop-web-3 -- sh": ("# ", "exit\n")},
        seen={"kubectl argosy why application/shop": "shop-web-3"},
        last=("kubectl exec shop-web-3 -- rm -f /tmp/ill", READY),
    ),
    Guide(
        page=f"{HOW_TO}/kubectl.md",
        rows=True,
        files={"shop.yaml": application(component("web", None))},
        first=(
            APPLY,
            "kubectl scale argapp shop --replicas 2",
            READY,
            "kubectl argosy restart shop --name restart-web --detach",
        ),
        before={
            "kubectl scale argapp shop --replicas 5": ("kubectl delete hpa shop-web",),
            "kubectl logs -l argosy.dev/component=web": (
                until("[ $(kubectl get pods | grep -c Running) = 5 ]"),
            ),
        },
        seen={
            "kubectl get argapp,argset,argsrv": "server.argosy.dev/shop-web-0",
            "kubectl logs -l argosy.dev/component=web": "serving",
            "kubectl autoscale argset shop-web --max 5": "autoscaled",
        },
        last=(READY,),
    ),
    Guide(
        page=f"{HOW_TO}/reach-servers.md",
        files={
            "world.yaml": application(
                component(
                    "db",
                    1,
                    container={"ports": [{"name": "db", "containerPort": 5432}]},
                ),
                component("web", 2, serves=True),
            )
        },
        first=("kubectl apply -f world.yaml", READY),
        # A free port: whatever else is at 8080 here is no matter of the page.
        instead={
            "kubectl argosy port-forward shop --component web 8080:http": (
                "kubectl argosy port-forward shop --component web :http"
            )
        },
        stays={
            "kubectl argosy open shop --component web": (REACHED, CTRL_C),
            "kubectl argosy open shop-web-0": (REACHED, CTRL_C),
            "kubectl argosy port-forward shop --component web 8080:http": (REACHED, CTRL_C),
            "kubectl argosy port-forward shop-db-0 :5432": (LED, CTRL_C),
        },
        last=(
            GONE,
            APPLY,
            READY,
            "kubectl apply -f shop-service.yaml -f shop-ingress.yaml",
            until(f"{address('shop-web')} | grep 'web 1'"),
            until(f"{address('shop')} | grep web"),
        ),
    ),
    Guide(
        page=f"{HOW_TO}/volumes.md",
        long="claims of real pods are kept in test_real_handover, too",
        files={"shop.yaml": of("volumes.md", "")},
        first=(APPLY, READY),
        inline=(
            "kubectl argosy plan -f shop.yaml",
            "kubectl argosy delete shop",
            "kubectl delete pvc --selector argosy.dev/application=shop",
        ),
        seen={
            "kubectl argosy delete shop": (
                "Claims kept, with their data: data-shop-db-0, data-shop-db-1, data-shop-db-2"
            ),
            "kubectl delete pvc --selector argosy.dev/application=shop": '"data-shop-db-2" deleted',
        },
    ),
    Guide(
        page=f"{HOW_TO}/come-from-a-statefulset.md",
        files={
            "set.yaml": stateful_set(),
            "shop.json": json.dumps(yaml.safe_load(blocks("come-from-a-statefulset.md")[0])),
            "whole.py": WHOLE,
        },
        first=("kubectl apply -f set.yaml", ROLLED_OUT, lives("before")),
        inline=(
            "kubectl get statefulset shop-db -o yaml",
            "kubectl delete statefulset shop-db --cascade=orphan",
            "kubectl argosy resume application/shop",
            "kubectl argosy status shop",
        ),
        before={
            "kubectl get statefulset shop-db -o yaml": (
                lives(),
                READY,
                "kubectl argosy delete shop --yes",
                "kubectl apply -f set.yaml",
                ROLLED_OUT,
                lives("before"),
            ),
            # The template is the cluster's own: the page's is cut short, as it says.
            "kubectl delete statefulset shop-db --cascade=orphan": (
                "kubectl get statefulset shop-db -o json | python3 whole.py > whole.json",
                "kubectl apply -f whole.json",
            ),
        },
        last=(READY, lives()),
    ),
    Guide(
        page=f"{HOW_TO}/leave-again.md",
        long="its two commands are typed under load in test_real_handover",
        files={"shop.yaml": application(component("db", 3))},
        first=(APPLY, READY, lives("before")),
        last=(
            ROLLED_OUT,
            lives(),
            "! kubectl get argapp shop",
            "kubectl delete statefulset shop-db",
        ),
    ),
    Guide(
        page=f"{HOW_TO}/come-from-a-deployment.md",
        long="its two commands are typed without a node in test_adopted_sets",
        files={"deployment.yaml": deployment()},
        first=("kubectl apply -f deployment.yaml", "kubectl rollout status deployment/shop-web"),
        last=(
            READY,
            "[ $(kubectl get pods -o name | grep -c pod/shop-web-[0-2]$) = 3 ]",
            "[ $(kubectl get deployment shop-web -o jsonpath='{.spec.replicas}') = 0 ]",
        ),
    ),
    Guide(
        page=f"{HOW_TO}/observe.md",
        files={"shop.yaml": shop(2, management=fragment(f"{HOW_TO}/observe.md", "management"))},
        first=(APPLY, until("kubectl get argapp shop | grep Observed")),
        inline=("kubectl argosy plan -f shop.yaml",),
        seen={"kubectl argosy plan -f shop.yaml": "2"},
        last=(
            '[ -z "$(kubectl get pods -o name)" ]',
            "sed 's/Observe/Full/' shop.yaml | kubectl apply -f -",
            READY,
        ),
    ),
    Guide(
        page=f"{HOW_TO}/editors.md",
        long="a misspelt field is refused by admission, which needs no node",
        files={"shop.yaml": blocks("editors.md")[0]},
        seen={"kubectl argosy plan -f shop.yaml": "3"},
        last=(APPLY, "kubectl argosy wait application/hello", "kubectl delete argapp hello"),
    ),
    Guide(
        page=f"{HOW_TO}/kustomize.md",
        long="shows no command; its manifests are applied without a node, too",
        files={
            "shop.yaml": shop(2, 1),
            "kustomization.yaml": blocks("kustomize.md")[0],
            "patch.yaml": blocks("kustomize.md")[1],
        },
        first=(
            "cp plugins/kustomize/* .",
            "kubectl apply -k .",
            "kubectl argosy wait application/eu-shop",
            "[ $(kubectl get pods -o name | grep -c eu-shop-web) = 9 ]",
            "kubectl get pod eu-shop-web-0 -o yaml | grep registry.example.com/web:2",
        ),
    ),
    # The real node is in one domain, and simulated nodes in the others.
    Guide(
        page=f"{HOW_TO}/failure-domains.md",
        long="the node is in one domain; test_drains has three",
        files={
            "nodes.yaml": nodes("eu-1b", "eu-1c"),
            "shop.yaml": web(1, 4, 2),
        },
        first=(
            f"kubectl label {NODE} topology.kubernetes.io/zone=eu-1a",
            "kubectl apply -f nodes.yaml -f pods-fleet.yaml",
            *SCHEDULABLE,
            APPLY,
            READY,
        ),
        seen={
            "kubectl argosy status shop -o wide": "eu-1a",
            "kubectl get argsrv -o wide": "DOMAIN(?s:.*)eu-1a",
        },
        last=(
            until(f"! {DOMAINS} | grep eu-1a"),
            READY,
            GONE,
            until("kubectl delete argfleet pods"),
            "kubectl delete -f nodes.yaml",
            f"kubectl label {NODE} topology.kubernetes.io/zone-",
        ),
    ),
    # A simulated node is drained, and the real one takes what moves.
    Guide(
        page=f"{HOW_TO}/drain-nodes.md",
        files={"nodes.yaml": nodes("eu-1b"), "shop.yaml": web(1, 6, 2)},
        first=(
            "kubectl apply -f nodes.yaml",
            *SCHEDULABLE,
            APPLY,
            READY,
            "kubectl get pods -o wide | grep fake-0",
        ),
        instead={DRAIN.format("NODE"): DRAIN.format("fake-0")},
        seen={"kubectl get poddisruptionbudgets -l argosy.dev/application=shop": "shop-web +4 "},
        last=(
            READY,
            "! kubectl get pods -o wide | grep fake-0",
            "[ $(kubectl get pods | grep -c 1/1) = 6 ]",
            "kubectl delete -f nodes.yaml",
        ),
    ),
)
