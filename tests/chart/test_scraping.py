"""Metrics behind TLS in the chart: certificate, operator, Service and monitors agree."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]
Helm = Callable[..., subprocess.CompletedProcess[str]]
NAME = "argosy-metrics"
HOST = "argosy-metrics.argosy-system.svc"
SERVICE_MONITOR = "metrics.serviceMonitor.enabled=true"
POD_MONITOR = "metrics.podMonitor.enabled=true"


def named(manifests: list[Manifest], kind: str, name: str) -> list[Manifest]:
    """Return the manifests of that kind and name."""
    return [each for each in manifests if each["kind"] == kind and each["metadata"]["name"] == name]


def pod(manifests: list[Manifest]) -> Manifest:
    """Return the pod spec of the operator."""
    (found,) = named(manifests, "Deployment", "argosy")
    spec: Manifest = found["spec"]["template"]["spec"]
    return spec


def mounted(manifests: list[Manifest]) -> str:
    """Return the Secret in the folder that the operator is told of; empty where it is told none."""
    spec = pod(manifests)
    (container,) = spec["containers"]
    flag = "--metrics-certificates="
    folders = [word.removeprefix(flag) for word in container["args"] if word.startswith(flag)]
    mounts = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
    volumes = {each["name"]: each.get("secret") for each in spec["volumes"]}
    return "".join(volumes[mounts[each]]["secretName"] for each in folders)


def endpoint(manifests: list[Manifest]) -> Manifest:
    """Return how the one monitor scrapes."""
    (spec,) = (each["spec"] for each in manifests if each["kind"].endswith("Monitor"))
    (found,) = spec.get("endpoints") or spec["podMetricsEndpoints"]
    made: Manifest = found
    return made


def test_metrics_are_behind_tls_by_default(render: Render) -> None:
    """The operator is given a certificate for the name that the monitor verifies, and its CA."""
    manifests = render(SERVICE_MONITOR)
    (secret,) = named(manifests, "Secret", NAME)
    assert mounted(manifests) == NAME
    data = {key: base64.b64decode(text) for key, text in secret["data"].items()}
    served = x509.load_pem_x509_certificate(data["tls.crt"])
    served.verify_directly_issued_by(x509.load_pem_x509_certificate(data["ca.crt"]))
    names = served.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert HOST in names.get_values_for_type(x509.DNSName)
    scraped = endpoint(manifests)
    assert scraped["scheme"] == "https"
    assert scraped["bearerTokenFile"] == "/var/run/secrets/kubernetes.io/serviceaccount/token"
    assert scraped["tlsConfig"] == {
        "serverName": HOST,
        "ca": {"secret": {"name": NAME, "key": "ca.crt"}},
    }
    assert named(manifests, "Service", NAME)
    (container,) = pod(manifests)["containers"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["port"] == "health"
        assert "scheme" not in container[probe]["httpGet"]


def test_one_mechanism_makes_both_certificates(render: Render) -> None:
    """With cert-manager the webhook's and that of metrics are made alike, by the same issuer."""
    manager = "admission.certManager.enabled=true"
    manifests = render(manager)
    assert not [each for each in manifests if each["kind"] == "Secret"]
    (certificate,) = named(manifests, "Certificate", NAME)
    assert certificate["spec"]["secretName"] == NAME == mounted(manifests)
    assert HOST in certificate["spec"]["dnsNames"]
    assert named(manifests, "Issuer", NAME)
    issuer = [f"admission.certManager.issuerRef.{each}" for each in ("kind=Issuer", "name=own")]
    made = [each for each in render(manager, *issuer) if each["kind"] == "Certificate"]
    assert [each["spec"]["issuerRef"] for each in made] == [{"kind": "Issuer", "name": "own"}] * 2


def test_a_tenants_install_has_it_as_well(render: Render) -> None:
    """It takes nothing of the cluster: a Secret in the namespace, and no webhook beside it."""
    manifests = render("watchNamespaces={a}")
    assert named(manifests, "Secret", NAME)
    assert mounted(manifests) == NAME


def test_a_secret_of_ones_own_is_served(render: Render) -> None:
    """The chart makes none then; the monitor verifies by it, for the name that it is for."""
    given = ("metrics.tls.secretName=own", "metrics.tls.serverName=argosy.example.com")
    manifests = render(SERVICE_MONITOR, *given)
    assert not named(manifests, "Secret", NAME)
    assert mounted(manifests) == "own"
    assert endpoint(manifests)["tlsConfig"] == {
        "serverName": "argosy.example.com",
        "ca": {"secret": {"name": "own", "key": "ca.crt"}},
    }


def test_nothing_goes_unverified_unless_asked(render: Render) -> None:
    """Whoever says so has no authority asked for that a Secret may not have."""
    found = endpoint(render(SERVICE_MONITOR, "metrics.tls.insecureSkipVerify=true"))
    assert found["tlsConfig"] == {"insecureSkipVerify": True}


@pytest.mark.parametrize("monitor", [SERVICE_MONITOR, POD_MONITOR])
def test_a_token_can_come_from_a_secret(render: Render, monitor: str) -> None:
    """A PodMonitor can name no file, and some clusters let no ServiceMonitor name one."""
    found = endpoint(render(monitor, "metrics.tokenSecret.name=scraper"))
    assert found["scheme"] == "https"
    assert found["authorization"] == {
        "type": "Bearer",
        "credentials": {"name": "scraper", "key": "token"},
    }
    assert "bearerTokenFile" not in found
    assert found["tlsConfig"]["serverName"] == HOST


def test_a_pod_monitor_without_a_token_is_refused(helm: Helm, chart: Any) -> None:
    """It would scrape in vain; the error says which values would do."""
    done = helm("template", str(chart), "--set", POD_MONITOR)
    assert done.returncode != 0
    assert "metrics.tokenSecret.name" in done.stderr


def test_probes_and_metrics_do_not_share_a_port(helm: Helm, chart: Any) -> None:
    """A kubelet shows no token."""
    done = helm("template", str(chart), "--set", "metrics.port=8081")
    assert done.returncode != 0
    assert "metrics.port and health.port must differ" in done.stderr


@pytest.mark.parametrize("chosen", ["metrics.secure=false", "metrics.secure=null"])
@pytest.mark.parametrize("monitor", [SERVICE_MONITOR, POD_MONITOR])
def test_whoever_opts_out_has_plain_metrics(render: Render, chosen: str, monitor: str) -> None:
    """No certificate, no token; so is it where an older release's values are used again."""
    manifests = render(chosen, monitor)
    assert mounted(manifests) == ""
    assert not named(manifests, "Secret", NAME)
    assert endpoint(manifests) == {"port": "metrics", "interval": "30s"}
