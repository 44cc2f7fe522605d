"""How the pages about acts are typed: `Guide` says what the parts mean."""

from __future__ import annotations

from tests.e2e.guides import (
    APPLY,
    READY,
    Guide,
    shop,
    until,
)

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


def operation(name: str, action: str, more: str = "") -> str:
    """Return the manifest of an operation."""
    return f"""
apiVersion: argosy.dev/v1alpha1
kind: Operation
metadata: {{name: {name}}}
spec: {{application: {"shop" if action != "Restore" else "lab"}, action: {action}{more}}}
"""


GUIDES = (
    Guide(
        page="docs/how-to/acts/replace.md",
        long="an act by its command; test_real_operations has acts of real servers",
        files={"shop.yaml": shop(4)},
        first=(APPLY, READY),
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
