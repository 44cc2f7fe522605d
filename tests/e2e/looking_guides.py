"""How the pages about looking at applications are typed: `Guide` says what the parts mean."""

from __future__ import annotations

from tests.e2e.guides import APPLY, CTRL_C, REACHED, READY, Guide, shop

HOW_TO = "docs/how-to"
PRINTED = r"http://127\.0\.0\.1:\d+/#token="

DEVELOP = "for who changes the code, in a checkout"
QUICK = "typed by test_newcomer, as somebody who has nothing else"

GUIDES = (
    Guide(
        page="README.md",
        long="every act of thirteen servers; other pages have each",
        left={
            "make demo": "a cluster of its own: test_demo",
            "docker buildx build --push --tag registry.example.com/argosy:0.1.0 .": QUICK,
            "helm install argosy charts/argosy --namespace argosy-system --create-namespace --wait"
            " --set image.repository=registry.example.com/argosy --set image.tag=0.1.0": QUICK,
            "helm test argosy --namespace argosy-system": QUICK,
            "pip install .": QUICK,
            "make setup": DEVELOP,
            "make test": DEVELOP,
            "make check": DEVELOP,
            'python -m devcluster up && eval "$(python -m devcluster env)"'
            " && python -m devcluster operator": DEVELOP,
        },
        stays={"kubectl argosy open shop --component web": (REACHED, CTRL_C, "Shop 1")},
        # The shop that is applied again finds its volumes.
        before={"kubectl argosy status shop (2)": (APPLY, READY)},
        seen={
            "kubectl argosy status shop (2)": "10/10 available",
            "kubectl argosy logs shop --component web": "web-3 .*GET /",
            "kubectl argosy plan -f shop.yaml": "10 to replace",
            "kubectl argosy diff shop --component web": "Shop 2",
            "kubectl argosy rollback shop --component web": "Completed",
            "kubectl argosy history shop": "rejected: RollBack",
            "kubectl argosy restart shop --component web (2)": "Completed",
            "kubectl argosy run shop --component db -- sync": "Completed",
            "kubectl argosy scale shop --component web --replicas 12": "10 → 12",
            "kubectl argosy exec shop-web-3 -- echo hello": "hello",
            "kubectl argosy report shop": "files",
            "kubectl argosy delete shop": "shop is gone",
        },
        last=("[ $(kubectl get pvc -o name | grep -c data-shop-db-) = 3 ]",),
    ),
    Guide(
        page=f"{HOW_TO}/dashboard.md",
        long="reads alone; test_cli_seeing visits what it serves",
        files={"shop.yaml": shop(1)},
        first=(APPLY, READY),
        stays={
            "kubectl argosy dashboard": (PRINTED, CTRL_C),
            "kubectl argosy dashboard --writes": (PRINTED, CTRL_C),
        },
    ),
    Guide(
        page=f"{HOW_TO}/browse.md",
        files={"shop.yaml": shop(1)},
        first=(APPLY, READY),
        left={"pip install 'argosy[tui]'": "the extra is there"},
        stays={"kubectl argosy browse -A": ("shop", "q")},
    ),
    Guide(
        page="docs/reference/alerts.md",
        long="two commands of other pages",
        files={"shop.yaml": shop(1)},
        first=(APPLY, READY),
        instead={
            "kubectl argosy why application/NAME --namespace NAMESPACE": (
                "kubectl argosy why application/shop"
            )
        },
        seen={"kubectl get argapp --all-namespaces": "shop +True"},
    ),
    Guide(
        page=f"{HOW_TO}/monitor.md",
        files={"shop.yaml": shop(1)},
        first=(APPLY, READY),
        left={
            "helm upgrade argosy charts/argosy --namespace argosy-system --reset-then-reuse-values"
            " --set metrics.serviceMonitor.enabled=true"
            " --set metrics.prometheusRule.enabled=true"
            " --set metrics.dashboard.enabled=true": "needs the Prometheus operator"
        },
        seen={"kubectl argosy top -A": "shop"},
    ),
)
