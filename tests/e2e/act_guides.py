"""How the pages about acts are typed: `Guide` says what the parts mean."""

from __future__ import annotations

from tests.e2e.guides import (
    APPLY,
    CTRL_C,
    NODE,
    PYTHON,
    READY,
    Guide,
    application,
    component,
    shop,
    until,
)

FORGET = "kubectl delete argop --all"
LAB = """
apiVersion: argosy.dev/v1alpha1
kind: Fleet
metadata: {name: lab}
spec: {provider: memory}
---
apiVersion: argosy.dev/v1alpha1
kind: Application
metadata: {name: lab}
spec:
  fleet: lab
  components:
  - {name: db, replicas: 4, template: {spec: {image: "debian:13"}}}
"""
LAB_READY = ("kubectl apply -f lab.yaml", "kubectl argosy wait application/lab")
LAB_GOES = (
    "kubectl argosy delete lab --yes",
    until("kubectl delete argfleet lab"),
)
STOP_TWO = "kubectl argosy stop shop --component web --servers 0-1"
# Servers that are made anew meanwhile wait for the node, and what restarts them is under way.
CORDON, UNCORDON = f"kubectl cordon {NODE}", f"kubectl uncordon {NODE}"


def of(version: int) -> str:
    """Return the shop of the page on rolling back, whose history names images of Python."""
    image = PYTHON.format(version)
    return application(
        component("db", 3, image=image, rollout={"maxUnavailable": 3}),
        component("web", 10, image=image, rollout={"maxUnavailable": 5}, dependsOn=["db"]),
    )


def operation(name: str, action: str, more: str = "") -> str:
    """Return the manifest of an operation."""
    return f"""
apiVersion: argosy.dev/v1alpha1
kind: Operation
metadata: {{name: {name}}}
spec: {{application: {"shop" if action != "Restore" else "lab"}, action: {action}{more}}}
"""


def again(name: str, change: str) -> str:
    """Return what applies an operation of the page anew, with a change of its manifest."""
    return f"sed '{change}' {name}.yaml | kubectl apply -f -"


GUIDES = (
    Guide(
        page="docs/how-to/operations.md",
        files={"shop.yaml": shop(10)},
        first=(APPLY, READY),
        before={
            "kubectl argosy pause operation/restart-web": (
                FORGET,
                CORDON,
                "kubectl apply -f restart-web.yaml",
            ),
            "kubectl argosy retry restart-web --detach": (
                UNCORDON,
                until("kubectl get argop restart-web | grep Cancelled"),
            ),
            "kubectl get argop restart-web -o jsonpath='{.status.total} {.status.targets}'": (
                "kubectl argosy wait operation/restart-web",
                FORGET,
                again("restart-web", r"s/^spec:/spec:\n  paused: true/"),
                until("kubectl get argop restart-web -o jsonpath='{.status.targets}' | grep web"),
            ),
            "kubectl get argop": (
                CORDON,
                "kubectl argosy resume operation/restart-web",
                f"{STOP_TWO} --name stop-two --detach",
                until("kubectl get argop stop-two | grep Waiting"),
            ),
            "kubectl get argapp shop -o jsonpath='{.status.operations[-1:]}'": (
                UNCORDON,
                "kubectl argosy wait operation/stop-two",
                until("kubectl get argapp shop -o jsonpath='{.status.operations}' | grep two"),
            ),
        },
        stays={"kubectl get argop restart-web --watch": (r"restart-web .*\n", CTRL_C)},
        loose=r"^restart-web +shop",
    ),
    Guide(
        page="docs/how-to/acts/replace.md",
        long="an act by its command; test_real_operations has acts of real servers",
        files={"shop.yaml": shop(4)},
        first=(APPLY, READY),
    ),
    Guide(
        page="docs/how-to/acts/restart.md",
        long="three restarts of ten servers; the page on operations has one",
        files={"shop.yaml": shop(10, 3)},
        first=(APPLY, READY),
        before={
            "kubectl get argop": (
                FORGET,
                CORDON,
                again("restart-web", r"s/^spec:/spec:\n  timeoutSeconds: 45/"),
                "kubectl argosy wait operation/restart-web || true",
            ),
            "kubectl argosy retry restart-web": (UNCORDON,),
        },
        loose=r"^default/shop|servers are available: see|^  restart-web|nodes are available",
        last=(READY,),
    ),
    Guide(
        page="docs/how-to/acts/restore.md",
        long="pods have no snapshots, so its servers run on no node",
        files={
            "lab.yaml": LAB,
            "before.yaml": operation("before-upgrade", "Snapshot").replace("shop", "lab"),
            "nothing.yaml": operation(
                "nothing", "Restore", ", parameters: {snapshot: monday}, concurrency: 2"
            ),
        },
        first=(
            *LAB_READY,
            "kubectl apply -f before.yaml",
            "kubectl argosy wait operation/before-upgrade",
        ),
        before={"kubectl argosy wait operation/nothing": ("kubectl apply -f nothing.yaml",)},
        seen={
            "kubectl argosy retry nothing --parameter snapshot=before-upgrade": "Completed: Restore"
        },
        last=LAB_GOES,
    ),
    Guide(
        page="docs/how-to/acts/roll-back.md",
        long="four rollouts of thirteen servers; the page on rolling out has one",
        files={"before.yaml": of(11), "shop.yaml": of(12)},
        first=("kubectl apply -f before.yaml", READY, APPLY, READY),
        before={
            "kubectl argosy history shop": (
                FORGET,
                "kubectl argosy retry-now application/shop",
                READY,
            ),
        },
    ),
    Guide(
        page="docs/how-to/acts/snapshot.md",
        long="pods have no snapshots, so its servers run on no node",
        files={
            "lab.yaml": LAB,
            "shop.yaml": shop(1),
            "of-pods.yaml": operation("of-pods", "Snapshot"),
        },
        first=LAB_READY,
        before={
            "kubectl argosy wait operation/of-pods": (APPLY, READY, "kubectl apply -f of-pods.yaml")
        },
        last=LAB_GOES,
    ),
    Guide(
        page="docs/how-to/acts/start.md",
        long="an act by its command; test_real_operations has acts of real servers",
        files={"shop.yaml": shop(4, 2)},
        first=(APPLY, READY, "kubectl argosy stop shop"),
        before={
            "kubectl argosy start shop --component web --servers 0-1 --name start-two": (STOP_TWO,)
        },
        last=(READY,),
    ),
    Guide(
        page="docs/how-to/acts/steps.md",
        long="three runs of steps of seconds each; test_real_operations has such steps",
        files={
            "shop.yaml": application(component("web", 4, serves=True)),
            "tell.yaml": operation(
                "tell",
                "Steps",
                ', steps: [{name: tell, http: {url: "https://hooks.example.com/deploys"}}]',
            ),
        },
        first=(APPLY, READY),
        before={
            "kubectl argosy run shop --component web -- nginx -s reload": (
                "kubectl argosy wait operation/upgrade",
            ),
            # A link to nowhere: the page's `touch` fails on this server alone.
            "kubectl argosy wait operation/upgrade": (
                FORGET,
                "kubectl exec shop-web-2 -- ln -s /nowhere/none /tmp/draining",
                again("upgrade", "/onFailure/d"),
            ),
            "kubectl argosy retry upgrade": ("kubectl exec shop-web-2 -- rm /tmp/draining",),
            "kubectl argosy wait operation/upgrade (2)": (
                FORGET,
                "kubectl exec shop-web-2 -- ln -s /nowhere/none /tmp/draining",
                "kubectl apply -f upgrade.yaml",
            ),
            "kubectl get argop tell -o jsonpath='{.status.failures[0].message}'": (
                FORGET,
                "kubectl apply -f tell.yaml",
                "kubectl argosy wait operation/tell || true",
            ),
        },
        left={
            "kubectl get argop reindex -o jsonpath='{.status.failures}'": (
                "the operator is killed for it, as in test_operations and test_crashes"
            )
        },
        seen={
            "kubectl argosy run shop --component web -- nginx -s reload": "Completed",
            "kubectl get argop upgrade -o jsonpath='{.status.steps}'": (
                r'"failed":1,"name":"drain","passed":2,"running":0'
            ),
        },
        loose=r"^\[\{",
    ),
    Guide(
        page="docs/how-to/acts/stop.md",
        long="an act by its command; test_real_operations has acts of real servers",
        files={"shop.yaml": shop(3, 1)},
        first=(APPLY, READY),
        before={
            "kubectl get argsrv shop-web-0 shop-web-1 shop-web-2": (
                "kubectl argosy start shop",
                STOP_TWO,
            )
        },
    ),
)
