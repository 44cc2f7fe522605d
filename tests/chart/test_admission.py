"""The admission webhook in the chart: certificate, Service, configuration and operator agree."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]
NAME = "argosy-admission"


def one(manifests: list[Manifest], kind: str, name: str = NAME) -> Manifest:
    """Return the manifest of that kind and name."""
    (found,) = (
        each for each in manifests if each["kind"] == kind and each["metadata"]["name"] == name
    )
    return found


def operator_spec(manifests: list[Manifest]) -> Manifest:
    """Return the pod spec of the operator."""
    spec: Manifest = one(manifests, "Deployment", "argosy")["spec"]["template"]["spec"]
    return spec


def test_certificate_is_for_the_service_that_the_webhook_calls(render: Render) -> None:
    """An API server verifies the Service's name by the authority that the configuration names."""
    manifests = render()
    data = {key: base64.b64decode(text) for key, text in one(manifests, "Secret")["data"].items()}
    authority = x509.load_pem_x509_certificate(data["ca.crt"])
    served = x509.load_pem_x509_certificate(data["tls.crt"])
    served.verify_directly_issued_by(authority)
    names = served.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    for each in one(manifests, "ValidatingWebhookConfiguration")["webhooks"]:
        service = each["clientConfig"]["service"]
        host = f"{service['name']}.{service['namespace']}.svc"
        assert host in names.get_values_for_type(x509.DNSName)
        assert base64.b64decode(each["clientConfig"]["caBundle"]) == data["ca.crt"]
    assert b"KEY" not in data["ca.crt"]


def test_nobody_has_to_wait_for_a_review(render: Render) -> None:
    """While no replica answers, applying goes on; nothing but specs of our kinds is reviewed."""
    webhooks = one(render(), "ValidatingWebhookConfiguration")["webhooks"]
    assert {each["name"] for each in webhooks} == {
        "applications.admission.argosy.dev",
        "operations.admission.argosy.dev",
    }
    for each in webhooks:
        assert each["failurePolicy"] == "Ignore"
        assert each["timeoutSeconds"] == 5
        assert each["sideEffects"] == "None"
        (rule,) = each["rules"]
        assert each["clientConfig"]["service"]["path"] == f"/{rule['resources'][0]}"
        assert any(
            "object.spec != oldObject.spec" in one["expression"] for one in each["matchConditions"]
        )
        (selected,) = each["namespaceSelector"]["matchExpressions"]
        assert selected["values"] == ["kube-system"]


def test_service_leads_to_where_every_replica_listens(render: Render) -> None:
    """Port, flag and Service are the same, and the certificate is where the operator looks."""
    manifests = render("admission.port=7443")
    spec = operator_spec(manifests)
    (container,) = spec["containers"]
    assert "--admission-port=7443" in container["args"]
    assert {"name": "admission", "containerPort": 7443} in container["ports"]
    (folder,) = (
        each["mountPath"] for each in container["volumeMounts"] if each["name"] == "admission"
    )
    assert f"--admission-certificates={folder}" in container["args"]
    (volume,) = (each for each in spec["volumes"] if each["name"] == "admission")
    assert volume["secret"]["secretName"] == NAME
    service = one(manifests, "Service")["spec"]
    assert service["ports"][0]["targetPort"] == "admission"
    assert not service.get("publishNotReadyAddresses")
    labels = one(manifests, "Deployment", "argosy")["spec"]["template"]["metadata"]["labels"]
    assert service["selector"].items() <= labels.items()


@pytest.mark.parametrize("chosen", ["admission.enabled=false", "watchNamespaces={a}"])
def test_without_admission_there_is_no_trace_of_it(render: Render, chosen: str) -> None:
    """Turned off, or in an install that may have nothing cluster-wide: no port, no certificate."""
    manifests = render(chosen)
    assert not any(each["metadata"]["name"] == NAME for each in manifests)
    assert "ValidatingWebhookConfiguration" not in {each["kind"] for each in manifests}
    assert "admission" not in str(operator_spec(manifests))


def test_cert_manager_makes_the_certificate(render: Render) -> None:
    """The certificate's Secret is the mounted one, and its authority is injected."""
    manifests = render("admission.certManager.enabled=true")
    certificate = one(manifests, "Certificate")
    assert certificate["spec"]["secretName"] == NAME
    assert certificate["spec"]["issuerRef"] == {"kind": "Issuer", "name": NAME}
    assert one(manifests, "Issuer")["spec"] == {"selfSigned": {}}
    assert "Secret" not in {each["kind"] for each in manifests}
    configuration = one(manifests, "ValidatingWebhookConfiguration")
    assert configuration["metadata"]["annotations"] == {
        "cert-manager.io/inject-ca-from": f"argosy-system/{NAME}"
    }
    for each in configuration["webhooks"]:
        assert "caBundle" not in each["clientConfig"]


def test_an_issuer_can_be_named(render: Render) -> None:
    """With an issuer of one's own the chart makes none."""
    manifests = render(
        "admission.certManager.enabled=true",
        "admission.certManager.issuerRef.kind=ClusterIssuer",
        "admission.certManager.issuerRef.name=corporate",
    )
    assert "Issuer" not in {each["kind"] for each in manifests}
    assert one(manifests, "Certificate")["spec"]["issuerRef"]["name"] == "corporate"


def test_a_fence_lets_api_servers_in(render: Render, chart: Path) -> None:
    """A NetworkPolicy that lets nobody but Prometheus in would silence the webhook."""
    manifests = render(values=chart / "ci" / "monitored-values.yaml")
    rules = one(manifests, "NetworkPolicy", "argosy")["spec"]["ingress"]
    assert {"ports": [{"port": "admission", "protocol": "TCP"}]} in rules
