"""What kustomize is given: it follows names into Applications, and merges their lists by name."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.api import crds
from controller.api.application import Application
from controller.api.manifest import Manifest
from controller.api.operation import Operation

GIVEN = Path(__file__).parents[2] / "plugins" / "kustomize"
SECONDS = 60
APPLICATION = """
apiVersion: argosy.dev/v1alpha1
kind: Application
metadata: {name: shop}
spec:
  components:
  - name: db
    replicas: 3
    template:
      spec:
        serviceAccountName: db
        containers:
        - name: main
          image: registry.example.com/db:1
          envFrom: [{secretRef: {name: words}}]
        - {name: beside, image: "registry.example.com/beside:1"}
        volumes: [{name: conf, configMap: {name: conf}}]
    volumeClaims:
    - {name: data, spec: {resources: {requests: {storage: 1Gi}}}}
  - name: web
    replicas: 2
    template: {spec: {containers: [{name: main, image: "registry.example.com/web:1"}]}}
---
apiVersion: argosy.dev/v1alpha1
kind: Operation
metadata: {name: again}
spec: {application: shop, action: Restart}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: db}
"""
PATCH = """
apiVersion: argosy.dev/v1alpha1
kind: Application
metadata: {name: shop}
spec:
  components:
  - name: web
    replicas: 9
  - name: db
    template: {spec: {containers: [{name: beside, args: [quiet]}]}}
    volumeClaims: [{name: data, whenScaled: Delete}]
"""
KUSTOMIZATION = """
namePrefix: eu-
resources: [shop.yaml]
configurations: [argosy.yaml]
openapi: {path: argosy-schema.json}
patches: [{path: patch.yaml}]
images: [{name: registry.example.com/web, newTag: "2"}]
configMapGenerator: [{name: conf, literals: [a=b]}]
secretGenerator: [{name: words, literals: [a=b]}]
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Return what kustomize builds, by kind."""
    if shutil.which("kubectl") is None:
        pytest.skip("there is no kubectl")
    folder = tmp_path_factory.mktemp("kustomize")
    for name in ("argosy.yaml", "argosy-schema.json"):
        shutil.copy(GIVEN / name, folder)
    for name, text in (
        ("shop.yaml", APPLICATION),
        ("patch.yaml", PATCH),
        ("kustomization.yaml", KUSTOMIZATION),
    ):
        (folder / name).write_text(text)
    done = subprocess.run(
        ["kubectl", "kustomize", str(folder)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {each["kind"]: each for each in yaml.safe_load_all(done.stdout)}


def components(built: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the components of the Application that was built."""
    return {each["name"]: each for each in built["Application"]["spec"]["components"]}


def test_names_are_followed(built: dict[str, dict[str, Any]]) -> None:
    """Prefixes, and the hashes of what is generated, are in the templates and Operations."""
    spec = components(built)["db"]["template"]["spec"]
    conf, words = (built[kind]["metadata"]["name"] for kind in ("ConfigMap", "Secret"))
    assert (conf[:8], words[:9]) == ("eu-conf-", "eu-words-")
    assert spec["volumes"][0]["configMap"]["name"] == conf
    (main,) = (each for each in spec["containers"] if each["name"] == "main")
    assert main["envFrom"][0]["secretRef"]["name"] == words
    assert spec["serviceAccountName"] == "eu-db"
    assert built["Application"]["metadata"]["name"] == "eu-shop"
    assert built["Operation"]["spec"]["application"] == "eu-shop"


def test_lists_are_merged_by_name(built: dict[str, dict[str, Any]]) -> None:
    """A patch of one component, container or claim keeps the others, and what it does not say."""
    found = components(built)
    assert sorted(found) == ["db", "web"]
    assert (found["db"]["replicas"], found["web"]["replicas"]) == (3, 9)
    containers = {each["name"]: each for each in found["db"]["template"]["spec"]["containers"]}
    assert sorted(containers) == ["beside", "main"]
    assert containers["beside"]["args"] == ["quiet"]
    assert containers["beside"]["image"] == "registry.example.com/beside:1"
    (claim,) = found["db"]["volumeClaims"]
    assert claim["whenScaled"] == "Delete"
    assert claim["spec"]["resources"]["requests"]["storage"] == "1Gi"


def test_images_are_changed_by_name(built: dict[str, dict[str, Any]]) -> None:
    """As in a Deployment, in the template of whichever component has them."""
    (container,) = components(built)["web"]["template"]["spec"]["containers"]
    assert container["image"] == "registry.example.com/web:2"


def test_what_is_built_is_an_application(built: dict[str, dict[str, Any]]) -> None:
    """It fits the schema."""
    body = built["Application"]
    Application.model_validate({**body, "metadata": {"name": body["metadata"]["name"]}})


def lists(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, list[str]]]:
    """Yield the lists of a schema that are merged by keys, with those."""
    for name, each in schema.get("properties", {}).items():
        here = f"{path}/{name}"
        if each.get("type") == "array":
            key = each.get("x-kubernetes-patch-merge-key")
            keys = each.get("x-kubernetes-list-map-keys", [key] if key else [])
            if keys:
                yield here, keys
            yield from lists(each["items"], here)
        else:
            yield from lists(each, here)


def test_the_schema_says_what_the_definition_says() -> None:
    """Each list that kustomize merges by a key is keyed so in the CustomResourceDefinition."""
    given = json.loads((GIVEN / "argosy-schema.json").read_text())
    (schema,) = given["definitions"].values()
    known = dict(lists(crds.schema(Application)))
    assert dict(lists(schema)).items() <= known.items()
    assert known["/spec/components"] == ["name"]


def test_the_references_begin_where_kinds_have_fields() -> None:
    """A path that leads into a template is free from there on; any other is of the definition."""
    kinds: dict[str, type[Manifest]] = {"Application": Application, "Operation": Operation}
    for each in yaml.safe_load((GIVEN / "argosy.yaml").read_text())["nameReference"]:
        for field in each["fieldSpecs"]:
            schema = crds.schema(kinds[field["kind"]])
            for key in field["path"].partition("/template/")[0].split("/"):
                schema = schema.get("items", schema)["properties"][key]
