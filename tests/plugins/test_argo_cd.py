"""Argo CD's health and actions of our kinds, run in the Lua that Argo CD runs them in.

The cases beside the Lua have Argo CD's own form, so that its own harness can run them as well.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import yaml
from lupa import lua51

from controller.providers import models
from scripts import argo_cd

FOLDER = Path(__file__).parents[2] / "plugins" / "argo-cd" / "argosy.dev"
NOW = dt.datetime(2026, 11, 24, 12, 30, tzinfo=dt.UTC)
# Argo CD gives scripts the date alone, and nothing else of the machine.
SANDBOX = """
function(source, obj, date)
  local libraries = {os = {date = date}}
  local scope = {
    obj = obj, ipairs = ipairs, pairs = pairs, string = string, tostring = tostring,
    tonumber = tonumber, require = function(name) return libraries[name] end,
  }
  local chunk = assert(loadstring(source))
  setfenv(chunk, scope)
  return chunk()
end
"""


def load(path: Path) -> Any:
    """Return a YAML file's content."""
    return yaml.safe_load(path.read_text())


def run(script: Path, item: dict[str, Any]) -> Any:
    """Return what a script makes of an object."""
    lua = lua51.LuaRuntime(unpack_returned_tuples=True)
    given = lua.table_from(item, recursive=True)
    answer = lua.eval(SANDBOX)(script.read_text(), given, lambda form: NOW.strftime(form[1:]))
    return _python(answer)


def _python(value: Any) -> Any:
    """Return a Lua value as Python's: a table with a first element is a list."""
    if lua51.lua_type(value) != "table":
        return value
    if 1 in dict(value.items()):
        return [_python(value[at + 1]) for at in range(len(value))]
    return {key: _python(each) for key, each in value.items()}


def cases(name: str, field: str) -> list[Any]:
    """Return the cases of one kind in all files of that name, to be run one by one."""
    found = []
    for path in sorted(FOLDER.rglob(name)):
        for each in load(path)[field]:
            words = path.relative_to(FOLDER).parts[0], each.get("action", "")
            label = "-".join(filter(None, (*words, Path(each["inputPath"]).stem)))
            found.append(pytest.param(path.parent, each, id=label))
    return found


@pytest.mark.parametrize(("folder", "case"), cases("health_test.yaml", "tests"))
def test_health(folder: Path, case: dict[str, Any]) -> None:
    """Each state of an object has the health that a user of Argo CD expects, with its message."""
    assert run(folder / "health.lua", load(folder / case["inputPath"])) == case["healthStatus"]


@pytest.mark.parametrize(("folder", "case"), cases("action_test.yaml", "discoveryTests"))
def test_actions_are_offered(folder: Path, case: dict[str, Any]) -> None:
    """An action is offered where it would do something, and each that is offered has a script."""
    offered = run(folder / "discovery.lua", load(folder / case["inputPath"]))
    wanted = {each["name"]: {"disabled": each["disabled"]} for each in case["result"]}
    assert offered == wanted
    assert offered.keys() == {path.parent.name for path in folder.glob("*/action.lua")}


@pytest.mark.parametrize(("folder", "case"), cases("action_test.yaml", "actionTests"))
def test_actions_do(folder: Path, case: dict[str, Any]) -> None:
    """An action changes the object as people would, or makes an Operation that is valid."""
    before = load(folder / case["inputPath"])
    made = run(folder / case["action"] / "action.lua", before)
    wanted = load(folder / case["expectedOutputPath"])
    if isinstance(made, list):
        assert made == [{"operation": "create", "resource": wanted}]
    else:
        assert made == wanted
    if wanted["kind"] in {"Application", "Operation"}:
        status = wanted.pop("status", {})
        assert set(status) <= {"observedGeneration", "conditions", "run", "progress"}
        models.parse(wanted)


def test_every_action_is_tried() -> None:
    """No script is without a case."""
    tried = {
        (case.values[0], case.values[1]["action"])
        for case in cases("action_test.yaml", "actionTests")
    }
    scripts = {(path.parents[1], path.parent.name) for path in FOLDER.rglob("action.lua")}
    assert tried == scripts


def test_the_patch_has_all_of_it() -> None:
    """The patch of Argo CD's ConfigMap knows the health of every kind, and every action."""
    data = yaml.safe_load(argo_cd.config_map(FOLDER))["data"]
    prefix = "resource.customizations"
    for kind in models.MODELS:
        assert "return health" in data[f"{prefix}.health.argosy.dev_{kind}"]
    for path in FOLDER.rglob("action.lua"):
        kind, name = path.parents[2].name, path.parent.name
        actions = yaml.safe_load(data[f"{prefix}.actions.argosy.dev_{kind}"])
        found = {each["name"]: each["action.lua"] for each in actions["definitions"]}
        assert found[name] == path.read_text()
        assert "return" in actions["discovery.lua"]
