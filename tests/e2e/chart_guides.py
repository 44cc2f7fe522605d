"""How the pages about the install itself are typed: `Guide` says what the parts mean.

Each leaves the operator as the next one expects it: installed from the chart, with its defaults.
"""

from __future__ import annotations

from tests.e2e.guides import (
    APPLY,
    CTRL_C,
    READY,
    Guide,
    lives,
    shop,
    until,
)

HOW_TO = "docs/how-to"
SYSTEM = "--namespace argosy-system"
FIRST = (
    "helm install argosy charts/argosy --namespace argosy-system --create-namespace"
    " --set image.repository=registry.example.com/argosy --set image.tag=0.1.0"
)
TRIED = "helm test argosy --namespace argosy-system"
UPGRADE = "helm upgrade argosy charts/argosy --namespace argosy-system --reset-then-reuse-values"
TEAM = (
    "helm install argosy charts/argosy --namespace team-a"
    " --set 'watchNamespaces={team-a,team-b}' --set crds.enabled=false"
)
TEAM_GOES = "helm uninstall argosy --namespace team-a"
# Beside an install for the whole cluster, that of a team says so and waits.
STEPS_BACK = until(
    "kubectl logs deployment/argosy --namespace team-a | grep 'not looked after here'"
)
HISTORY = "helm history argosy --namespace argosy-system"
STANDS = "kubectl rollout status deployment/argosy --namespace argosy-system --timeout=120s"

# Asks the receiver as a git server does, with its secret or another; prints what is answered.
PUSH = """
import hashlib, hmac, sys, urllib.error, urllib.request
address, secret = sys.argv[1:]
body = b"{}"
signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
headers = {"X-Hub-Signature-256": signature, "X-GitHub-Event": "push"}
asked = urllib.request.Request(f"http://{address}/default/shop", body, headers)
try:
    print(urllib.request.urlopen(asked, timeout=30).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""
RECEIVER = f"$(kubectl get service argosy-hooks {SYSTEM} -o jsonpath='{{.spec.clusterIP}}')"
SECRET = (
    f"$(kubectl get secret argosy-hooks {SYSTEM} -o jsonpath='{{.data.default\\.shop}}'"
    " | base64 -d)"
)


def stands(name: str) -> str:
    """Return what waits until a Deployment of the release has rolled out."""
    return f"kubectl rollout status deployment/{name} {SYSTEM} --timeout=120s"


GUIDES = (
    Guide(
        page=f"{HOW_TO}/webhooks.md",
        long="rolls the chart out twice; tests/hooks have every answer of it",
        files={"push.py": PUSH, "shop.yaml": shop(1)},
        first=(APPLY, READY),
        last=(
            stands("argosy-hooks"),
            # Signed, with nothing to do; then by somebody without the secret.
            until(f'python3 push.py {RECEIVER} "{SECRET}" | grep 200'),
            f"python3 push.py {RECEIVER} another-secret-than-that | grep 401",
            f"{UPGRADE} --set hooks.enabled=false",
            f"kubectl delete secret argosy-hooks {SYSTEM}",
            stands("argosy"),
        ),
    ),
    Guide(
        page=f"{HOW_TO}/dashboard-in-cluster.md",
        long="rolls the chart out twice; test_install visits every page of it",
        files={"shop.yaml": shop(1)},
        first=(APPLY, READY),
        before={
            f"kubectl {SYSTEM} port-forward service/argosy-dashboard 8100:80": (
                stands("argosy-dashboard"),
            )
        },
        # A free port: whatever else is at 8100 here is no matter of the page.
        instead={
            f"kubectl {SYSTEM} port-forward service/argosy-dashboard 8100:80": (
                f"kubectl {SYSTEM} port-forward service/argosy-dashboard :80"
            )
        },
        stays={
            f"kubectl {SYSTEM} port-forward service/argosy-dashboard 8100:80": (
                r"Forwarding from (?P<at>127\.0\.0\.1:\d+)",
                CTRL_C,
                "Sign in",
            )
        },
        last=(f"{UPGRADE} --set dashboard.enabled=false", stands("argosy")),
    ),
    Guide(
        page=f"{HOW_TO}/replicas.md",
        long="replicas begin half a minute after the last one of before; test_real_replicas",
        files={"shop.yaml": shop(2)},
        before={
            f"kubectl {SYSTEM} get lease": (
                stands("argosy"),
                until(f"[ $(kubectl {SYSTEM} get lease | grep -c argosy-slot-) = 64 ]"),
            )
        },
        seen={f"kubectl {SYSTEM} get lease": "argosy-slot-17 +argosy-"},
        last=(
            APPLY,
            READY,
            "kubectl argosy why application/shop | grep 'this object, by Lease argosy-slot-'",
            f"{UPGRADE} --set replicas=2 --set sharing.enabled=false",
            stands("argosy"),
            "kubectl argosy restart shop --component web",
        ),
    ),
    Guide(
        page=f"{HOW_TO}/argo-cd.md",
        long="one patch of a ConfigMap, which no node has a part in",
        files={"shop.yaml": shop(1)},
        first=(
            APPLY,
            READY,
            "kubectl create namespace argocd",
            "kubectl -n argocd create configmap argocd-cm",
        ),
        last=(
            "kubectl -n argocd get configmap argocd-cm -o yaml | grep health.argosy.dev_Server:",
            "kubectl delete namespace argocd",
        ),
    ),
)
INSTALL = Guide(
    page=f"{HOW_TO}/install.md",
    files={
        "shop.yaml": shop(2).replace("image:", "imgae:", 1),
        # Another name: kubectl says it in other words of what is there already.
        "running.yaml": shop(2, name="running"),
    },
    first=(
        "kubectl apply -f running.yaml",
        "kubectl argosy wait application/running",
        lives("before"),
    ),
    before={
        TEAM: ("kubectl create namespace team-a", "kubectl create namespace team-b"),
        f"{TEAM} --set admissionPolicies.inWatchedNamespaces=true": (STEPS_BACK, TEAM_GOES),
        f"{UPGRADE} --set limits.serversPerNamespace=500": (
            STEPS_BACK,
            TEAM_GOES,
            "kubectl delete namespace team-a team-b",
        ),
        f"{UPGRADE} --set uninstall.policy=Release --set uninstall.pods=Keep": (STANDS,),
    },
    # The page says: by the last number that the history shows.
    instead={
        "helm rollback argosy 1 --namespace argosy-system": (
            f"helm rollback argosy $({HISTORY} | awk 'END{{print $1}}') --namespace argosy-system"
        )
    },
    left={
        **dict.fromkeys((FIRST, TRIED), "typed before all other pages"),
        "make plugin": "packs for a minute; tests/cli/test_packed",
        "install -D dist/kubectl-argosy_linux_amd64 ~/.local/bin/kubectl-argosy": "as make plugin",
        f"{UPGRADE} --set admission.certManager.enabled=true": "needs cert-manager",
    },
    fails=frozenset({"helm uninstall argosy --namespace argosy-system"}),
    last=(lives(), "! kubectl get deployment argosy --namespace argosy-system"),
)
