"""What runs by itself, before a commit and in the public workflows, is there, and is pinned."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z0-9-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
PINNED = re.compile(r"uses: [\w/-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+")


def steps(workflow: Path) -> list[dict[str, Any]]:
    """Return the steps of all jobs of a workflow."""
    jobs = yaml.safe_load(workflow.read_text())["jobs"].values()
    return [step for job in jobs for step in job["steps"]]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_their_commits(workflow: Path) -> None:
    """A tag can be moved to other code, a commit cannot; the version stands beside it."""
    used = [line.strip(" -") for line in workflow.read_text().splitlines() if "uses:" in line]
    assert len(used) == sum("uses" in step for step in steps(workflow))
    assert [line for line in used if not PINNED.fullmatch(line)] == []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_one_action_has_one_version(workflow: Path) -> None:
    """The workflows agree on the commit of every action."""
    everywhere = [step["uses"] for each in WORKFLOWS for step in steps(each) if "uses" in step]
    here = {step["uses"] for step in steps(workflow) if "uses" in step}
    for each in here:
        name = each.partition("@")[0]
        assert {other for other in everywhere if other.startswith(f"{name}@")} == {each}


def test_workflows_make_what_can_be_made() -> None:
    """Every target that a workflow names is in the Makefile; proofs run on a schedule."""
    runs = "\n".join(step.get("run", "") for each in WORKFLOWS for step in steps(each))
    named = set(re.findall(r"\bmake ([a-z][\w-]*)", runs))
    assert named <= TARGETS
    proof = yaml.safe_load((ROOT / ".github/workflows/proof.yml").read_text())
    # YAML 1.1 takes the word `on` for true.
    assert proof[True]["schedule"]
    assert set(proof["jobs"]["prove"]["strategy"]["matrix"]["proof"]) <= TARGETS


def test_the_cloud_tier_runs_where_it_is_not_skipped() -> None:
    """`make test-cloud` is green where it skips: the workflow gives it root, and the packages."""
    workflow = yaml.safe_load((ROOT / ".github/workflows/cloud.yml").read_text())
    assert workflow[True]["schedule"]
    job = workflow["jobs"]["openstack"]
    assert job["container"]["image"] == "debian:12"
    assert job["container"]["options"].split() == ["--privileged", "--user", "root"]
    (tier,) = [each for each in job["steps"] if "test-cloud" in each.get("run", "")]
    # Nothing between the tests and the job's own colour.
    assert tier == {"run": "make test-cloud"}


@pytest.mark.parametrize(
    ("marker", "name"), [("e2e", "E2E"), ("realnode", "NODE"), ("browser", "BROWSER")]
)
def test_a_tier_is_given_all_of_its_tests(marker: str, name: str) -> None:
    """The folders that a tier of the Makefile reads have every test with its marker."""
    (folders,) = re.findall(rf"^{name} := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    marked = re.compile(rf"^(pytestmark|@pytest|    pytest).*mark\.{marker}\b", re.MULTILINE)
    found = {
        str(each.parent.relative_to(ROOT))
        for each in (ROOT / "tests").rglob("test_*.py")
        if marked.search(each.read_text())
    }
    assert found
    assert found <= set(folders.split())


def test_no_long_test_is_in_a_tier_that_nobody_runs() -> None:
    """`make test-long` runs three tiers: every file with a long test is in one of them."""
    files = [each for each in (ROOT / "tests").rglob("test_*.py") if each != Path(__file__)]
    long = {each: each.read_text() for each in files if each.parent.name != "suite"}
    long = {each: said for each, said in long.items() if "pytest.mark.long(" in said}
    assert long
    assert [
        each for each, said in long.items() if not re.search(r"mark\.(e2e|realnode|cloud)\b", said)
    ] == []


def test_every_python_that_is_promised_is_tried() -> None:
    """The workflow's matrix, with the oldest beside it, is what the package says it runs on."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    prefix = "Programming Language :: Python :: "
    promised = [each.removeprefix(prefix) for each in project["classifiers"] if prefix in each]
    assert project["requires-python"] == f">={promised[0]}"
    jobs = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text())["jobs"]
    tried = [
        step["with"]["python-version"]
        for step in jobs["all"]["steps"]
        if "with" in step and "python-version" in step["with"]
    ]
    assert [*tried, *jobs["unit"]["strategy"]["matrix"]["python"]] == promised


def hooks() -> dict[str, dict[str, Any]]:
    """Return what git runs, by name: none of it is fetched."""
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [each["repo"] for each in config["repos"]] == ["local"]
    return {each["id"]: each for each in config["repos"][0]["hooks"]}


@pytest.mark.parametrize(
    ("message", "passes"),
    [
        ("Wait for the cache\n\nA plan of before would be made twice.\n", True),
        (f"{'x' * 72}\n\nWhy.\n", True),
        (f"{'x' * 72}\n\nWhy.\n\n# Lines of git's own, which it takes out.\n", True),
        (f"{'x' * 73}\n\nWhy.\n", False),
        ("Wait for the cache\nA body in the wrong line.\n", False),
        ("Wait for the cache\n", False),
        ("Wait for the cache\n\n# Please enter the commit message.\n# On branch main\n", False),
        ("Wait for the cache\n\n# ------ >8 ------\ndiff --git a/x b/x\n+why\n", False),
        ("Merge branch 'cache'\n", True),
        ("fixup! Wait for the cache\n", True),
    ],
)
def test_a_commit_says_what_and_why(message: str, passes: bool) -> None:
    """The hook refuses a subject that is cut off in lists, and a message that gives no reason."""
    hook = hooks()["commit-message"]
    assert (hook["language"], hook["args"]) == ("pygrep", ["--multiline"])
    # How pygrep reads a pattern that may span lines.
    wrong = re.compile(hook["entry"].encode(), re.MULTILINE | re.DOTALL)
    assert (wrong.search(message.encode()) is None) is passes


def test_hooks_run_the_projects_own_tools() -> None:
    """A commit fetches nothing: each hook is a program of .venv, or a target of the Makefile."""
    check = (ROOT / "Makefile").read_text().replace("$(BIN)/", ".venv/bin/")
    check = check.replace("$(PY)", ".venv/bin/python")
    for hook in hooks().values():
        if hook["language"] == "pygrep":  # a pattern, which pre-commit itself looks for
            continue
        assert hook["language"] == "system"
        program, *words = hook["entry"].split()
        if program == "make":
            assert words[0] in TARGETS
        else:
            # What a hook finds, `make check` finds too.
            known = [program, *(each for each in words[:2] if each != "--force-exclude")]
            assert " ".join(known) in check


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_tools_that_workflows_fetch_have_one_version(workflow: Path) -> None:
    """A tool fetched for one run is the one that was looked at, and not whatever is the latest."""
    fetched = re.findall(r"\b(?:pipx run|go install|npx) (\S+)", workflow.read_text())
    assert [each for each in fetched if not re.search(r"(==|@v?)\d+\.\d+\.\d+$", each)] == []
