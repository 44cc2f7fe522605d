"""How the commands of guides are typed one after the other: `test_real_guides` types them.

A page shows what to type, and leaves open what is there already; that is said here for each page.
Commands are named as the page has them, the second of the same as `COMMAND (2)`. No name stands
here that the page does not show: `tests/docs/test_typed.py` holds that without a cluster.
"""

from __future__ import annotations

import dataclasses
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from tests.docs import pages

CTRL_C = "\x03"
ROW = re.compile(r"^\| `(kubectl [^`|]+)` \| (.*) \|$", re.MULTILINE)
CANNOT = "**cannot work**"
# How kubectl and our own command tell a failure.
FAILURES = ("error:", "Error from server", "Failed: ")
APPLY, READY = "kubectl apply -f shop.yaml", "kubectl argosy wait application/shop"
REACHED = r"(?P<at>127\.0\.0\.1:\d+)/? leads to port http"
NODE = "$(kubectl get nodes --selector 'type!=kwok' -o name)"
PYTHON = "python:3.{}-slim-bookworm"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Guide:
    """A page, and what is needed to type it."""

    page: str
    files: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Beside the page's own manifests, each of which has a file of its name."""
    first: tuple[str, ...] = ()
    """Typed before anything else."""
    before: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    """Typed before a command: a page's sections are about different moments."""
    inline: tuple[str, ...] = ()
    """Commands that the page says in a sentence, typed after its others."""
    instead: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """What is typed for a command, where a word of it is an example."""
    left: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Commands that are left out, and why."""
    stays: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    """Commands that stay: what they show then, what is typed to end them, and, where that is not
    the page of a `web`, what the page says that they lead `at`."""
    fails: frozenset[str] = frozenset()
    """Commands that must fail, where the page says so in words alone."""
    seen: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """What a command must show beside what the page shows: as the page says in words."""
    rows: bool = False
    """Whether a table of the page lists commands, each with its effect, to be typed, too."""
    loose: str = r"(?!)"
    """Lines that the page shows and that are others each time."""
    long: str = ""
    """Why it stands apart, where it takes long and another page tells most of it."""
    last: tuple[str, ...] = ()
    """Typed at the end; each must succeed. `[ … ]` is how a shell asserts."""

    @property
    def text(self) -> str:
        """The page, its blocks in lists included."""
        text = (pages.ROOT / self.page).read_text()
        block = re.compile(r"^( +)```yaml\n.*?^\1```$", re.MULTILINE | re.DOTALL)
        return block.sub(lambda found: textwrap.dedent(found[0]), text)

    def commands(self) -> Iterator[tuple[str, str, list[str]]]:
        """Yield for each command its name here, the command, and the lines that it shows."""
        shown = [*pages.typed(self.text)]
        shown += [(command, []) for command, _ in self._rows]
        shown += [(command, []) for command in self.inline]
        times: dict[str, int] = {}
        for command, lines in shown:
            times[command] = number = times.get(command, 0) + 1
            yield (command if number == 1 else f"{command} ({number})"), command, lines

    @property
    def _rows(self) -> list[tuple[str, str]]:
        return ROW.findall(self.text) if self.rows else []

    def named(self) -> set[str]:
        """Return every command that is named here."""
        given = (self.before, self.instead, self.left, self.stays, self.fails, self.seen)
        return {name for each in given for name in each}

    def must_fail(self, name: str, lines: list[str]) -> bool:
        """Whether the page says that a command fails."""
        cannot = {command for command, effect in self._rows if CANNOT in effect}
        return name in cannot | self.fails or any(each.startswith(FAILURES) for each in lines)

    def written(self) -> dict[str, str]:
        """Return the files that are there: the page's manifests by name, and those of the guide."""
        found = {}
        for each in pages.documents(self.text):
            if name := each.get("metadata", {}).get("name"):
                plain = each["kind"] in ("Application", "Operation")
                kind = "" if plain else f"-{each['kind'].lower()}"
                found[f"{name}{kind}.yaml"] = yaml.safe_dump(each)
        return {**found, **self.files}


def application(*components: Mapping[str, Any], name: str = "shop", **spec: Any) -> str:
    """Return the manifest of an application."""
    return yaml.safe_dump(
        {
            "apiVersion": "argosy.dev/v1alpha1",
            "kind": "Application",
            "metadata": {"name": name},
            "spec": {**spec, "components": [*components]},
        }
    )


def component(
    name: str,
    replicas: int | None,
    *,
    image: str = "",
    serves: bool = False,
    container: Mapping[str, Any] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """Return a component of the images that pages name; one that `serves` has a page of its own."""
    made: dict[str, Any] = {"name": name, "image": image or f"registry.example.com/{name}:1"}
    if serves:
        made["ports"] = [{"name": "http", "containerPort": 8080}]
        made["readinessProbe"] = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
    else:
        idle = "trap 'exit 0' TERM; echo serving; sleep infinity & wait"
        made["command"] = ["sh", "-c", idle]
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [made | dict(container or {})]},
    }
    numbers = {} if replicas is None else {"replicas": replicas}
    return {"name": name, **numbers, "template": template, **fields}


def shop(web: int | None, db: int = 0, **spec: Any) -> str:
    """Return a shop of so many web servers, and of databases that these need."""
    if not db:
        return application(component("web", web), **spec)
    return application(component("db", db), component("web", web, dependsOn=["db"]), **spec)


def until(command: str) -> str:
    """Return what waits until a command succeeds; the shell's patience is its deadline."""
    return f"until {command}; do sleep 0.2; done"


def fragment(page: str, key: str) -> Any:
    """Return what the first part of a manifest with this key says in a page."""
    text = (pages.ROOT / page).read_text()
    return next(each[key] for each in pages.fragments(text) if key in each)


def lives(file: str = "") -> str:
    """Return what writes UIDs and restarts of pods into a file, or compares them with `before`."""
    told = "{.metadata.name} {.metadata.uid} {.status.containerStatuses[*].restartCount}"
    asked = f"kubectl get pods -o jsonpath='{{range .items[*]}}{told}{{\"\\n\"}}{{end}}'"
    return f"{asked} > {file}" if file else f"{asked} | diff before -"
