"""A release is signed as the page on verifying it says: whoever follows that page finds it so."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / ".github" / "workflows" / "release.yml"
PAGE = (ROOT / "docs" / "how-to" / "verify.md").read_text()
DIGEST = f"sha256:{'a' * 64}"


def image() -> dict[str, Any]:
    """Return the job that makes image and chart."""
    job: dict[str, Any] = yaml.safe_load(WORKFLOW.read_text())["jobs"]["image"]
    return job


def scripts() -> str:
    """Return all that the job runs in a shell."""
    return "\n".join(step.get("run", "") for step in image()["steps"])


def test_signatures_are_of_the_workflow_that_the_page_names() -> None:
    """No key signs: the job may ask for a token that says which workflow it is, at which tag."""
    (identity,) = re.findall(r"^IDENTITY=\S+/(\S+)@(\S+)$", PAGE, re.MULTILINE)
    assert identity == (WORKFLOW.name, "refs/tags/v$VERSION")
    # YAML 1.1 takes the word `on` for true.
    assert yaml.safe_load(WORKFLOW.read_text())[True] == {"push": {"tags": ["v*"]}}
    assert image()["permissions"]["id-token"] == "write"
    assert "--key" not in scripts()


def test_what_the_page_verifies_is_signed_and_by_its_digest_alone() -> None:
    """Image, contents, origin and chart: a tag that was moved carries no signature with it."""
    runs = scripts()
    assert len(re.findall(r"^cosign verify ", PAGE, re.MULTILINE)) == len(
        re.findall(r"^cosign sign ", runs, re.MULTILINE)
    )
    signed = re.findall(r"^cosign (?:sign|attest) .*\"(\S+)\"$", runs, re.MULTILINE)
    assert signed == ["$IMAGE@$DIGEST", "$IMAGE@$DIGEST", "$REGISTRY/$OWNER/charts/argosy@$digest"]
    (kind,) = re.findall(r"cosign verify-attestation .* --type (\S+)", PAGE)
    assert f"cosign attest --yes --type {kind} " in runs
    used = {step["uses"].partition("@")[0]: step for step in image()["steps"] if "uses" in step}
    built = "${{ steps.build.outputs.digest }}"
    assert used["actions/attest-build-provenance"]["with"]["subject-digest"] == built
    listed = used["anchore/sbom-action"]["with"]["output-file"]
    assert f"`{listed}`" in PAGE
    assert listed in runs.partition("gh release create")[2]


def test_the_chart_of_a_release_names_the_image_by_its_digest_and_nothing_else(
    tmp_path: Path,
) -> None:
    """The lines that write the digest into the chart change the operator's image alone."""
    values = tmp_path / "charts" / "argosy" / "values.yaml"
    values.parent.mkdir(parents=True)
    shutil.copy(ROOT / "charts" / "argosy" / "values.yaml", values)
    before = yaml.safe_load(values.read_text())
    lines = [line for line in scripts().splitlines() if line.startswith("sed -i")]
    assert lines
    script = "\n".join(("set -eu", f"DIGEST={DIGEST}", "IMAGE=ghcr.io/someone/argosy", *lines))
    subprocess.run(["sh", "-c", script], cwd=tmp_path, check=True, timeout=60)
    before["image"] |= {"repository": "ghcr.io/someone/argosy", "digest": DIGEST}
    assert yaml.safe_load(values.read_text()) == before
