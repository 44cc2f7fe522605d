"""`python -m bench.builds`: rebuilds beside plain `buildctl`, and what builds cost everybody else.

It starts a real node with git, a registry and the chart's BuildKit: root. Three arms give the same
daemon and cache a commit with one changed line, in turns: `buildctl` on the node, a Job that runs
`buildctl` for a commit that it is told, as anything that builds in a cluster must, and Argosy, who
has to find the commit. Seconds are from the request, as any
client sees them; a change that is looked for is seen a twentieth of a second late at most.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import dataclasses
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import arena, interrupts, machine, manual, report, watcher
from bench.arms import small
from controller.api import names, resources
from controller.api.resources import PLACES, Resource
from controller.forge import building, credentials
from devcluster import (
    binaries,
    client,
    cluster,
    controlplane,
    errors,
    forge,
    images,
    operator,
    repositories,
)

NAMESPACE = "default"
LOOK_SECONDS = 0.05
RESULT = "builds.json"
QUEUED = 50
DAEMON, DAEMONS = "argosy-buildkitd", "argosy-build"
CLIENT_SECRET = "argosy-build-client"  # noqa: S105 - its name
IMAGE = "docker.io/argosy-dev/bench:1"
# A compiler's work, all of it done again when one line has changed, as a Dockerfile has it.
DOCKERFILE = """
FROM python:3.11-slim-bookworm
ARG PAUSE=0
COPY modules /app/modules
RUN python -m compileall -q /app/modules && sleep $PAUSE
CMD ["python", "-c", "import time; time.sleep(1e9)"]
"""
FUNCTION = "def f{0}(a, b):\n    return [a * {0} + each for each in range(b) if each % 7]\n\n\n"
FUNCTIONS = 100
Object = dict[str, Any]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rebuild:
    """One changed line, by each arm: seconds since it was asked for."""

    modules: int
    plain: float
    job: float  # a plain Job that runs the same client is Complete
    commit: float  # the Build knows its commit
    image: float  # the Build is Completed
    server: float  # the first pod of the image is there
    ready: float  # and Ready


class Site:
    """A real node with all that builds, and an operator."""

    def __init__(self, owner: cluster.Cluster) -> None:
        self.owner = owner
        self.api = owner.client
        self.started = forge.start(owner)
        operator.run(owner, files=[forge.values(owner, self.started)])
        self.wait("BuildKit is ready", lambda: self._address() is not None)
        self._client = owner.dir / "build-client"
        self._client.mkdir()
        given = self.api.get(f"/api/v1/namespaces/{NAMESPACE}/secrets/{CLIENT_SECRET}")["data"]
        for name, data in given.items():
            (self._client / name).write_bytes(base64.b64decode(data))

    def wait(self, what: str, condition: Callable[[], bool]) -> None:
        """Return as soon as something is so."""
        deadline = time.monotonic() + arena.PATIENCE_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise errors.DevclusterError(f"not within {arena.PATIENCE_SECONDS:.0f} s: {what}")
            time.sleep(LOOK_SECONDS)

    def get(self, resource: Resource, name: str) -> Object:
        """Return an object, or nothing."""
        try:
            found: Object = self.api.get(resources.path(resource, NAMESPACE, name))
        except client.ApiError as error:
            if error.status != client.NOT_FOUND:
                raise
            return {}
        return found

    def items(self, resource: Resource, application: str) -> list[Object]:
        """Return the objects of an application."""
        path = resources.path(resource, NAMESPACE)
        query = f"labelSelector={names.APPLICATION_LABEL}={application}"
        found: list[Object] = self.api.get(f"{path}?{query}")["items"]
        return found

    def builds(self, application: str) -> list[Object]:
        """Return the Builds of an application, those that people made among them."""
        found = self.api.get(resources.path(Resource.BUILDS, NAMESPACE))["items"]
        return [each for each in found if each["spec"]["application"] == application]

    def create(self, resource: Resource, name: str, spec: Object) -> Object:
        """Create one of our objects."""
        place = PLACES[resource]
        body = {
            "apiVersion": place.api_version,
            "kind": place.kind,
            "metadata": {"name": name},
            "spec": spec,
        }
        made: Object = self.api.create(resources.path(resource, NAMESPACE), body)
        return made

    def buildctl(self, order: building.Order) -> float:
        """Build as Argosy's Job does, by the same words to the same daemon; how long it took."""
        known = credentials.Credentials(daemon=self._client)
        with tempfile.TemporaryDirectory() as scratch:
            told = Path(scratch, "result.json")
            near = dataclasses.replace(order, daemon=f"tcp://{self._address()}:1234")
            program, *words = building.command(near, known, told)
            path = binaries.ensure(binaries.BUILDKIT, self.owner.say) / program
            server = f"--tlsservername={DAEMON}.{DAEMONS}.svc"
            began = time.monotonic()
            subprocess.run([path, server, *words], check=True, capture_output=True)
            return time.monotonic() - began

    def _address(self) -> str | None:
        pods = self.api.get(f"/api/v1/namespaces/{DAEMONS}/pods")["items"]
        return next((each["status"]["podIP"] for each in pods if _is(each, "Ready")), None)


class Shop:
    """A repository of so many modules, and where its images go."""

    def __init__(self, site: Site, modules: int) -> None:
        self.site = site
        self.modules = modules
        self.name = f"shop{modules}"
        self.repository = repositories.create(site.owner, self.name)
        self.image = f"{site.started.registry}/{self.name}/web"
        self._lines = 0
        body = "".join(FUNCTION.format(number) for number in range(FUNCTIONS))
        files = {f"modules/m{number}.py": body for number in range(modules)}
        self.repository.commit({"Dockerfile": DOCKERFILE, **files})

    def change(self) -> str:
        """Change one line; return the commit."""
        self._lines += 1
        return self.repository.commit({"modules/changed.py": f"LINE = {self._lines}\n"})

    def source(self, **more: Any) -> Object:
        """Return the source of a component."""
        return {"git": {"url": self.repository.url}, "image": self.image, **more}

    def apply(self, name: str, **more: Any) -> None:
        """Create an application of the newest commit and wait until it is Ready."""
        self.site.create(Resource.APPLICATIONS, name, _spec(self.source(**more)))
        self.site.wait(
            f"{name} is Ready", lambda: _is(self.site.get(Resource.APPLICATIONS, name), "Ready")
        )


def rebuild(shop: Shop, number: int) -> Rebuild:
    """Change one line for each arm; each is the first in every third round."""
    found: dict[str, float] = {}

    def plain() -> None:
        commit = shop.change()
        order = building.Order(url=shop.repository.url, commit=commit, image=shop.image, daemon="")
        found["plain"] = shop.site.buildctl(order)

    def ours() -> None:
        found.update(_ours(shop, number))

    def job() -> None:
        found["job"] = _in_a_job(shop, number)

    arms = [plain, job, ours]
    for arm in (*arms[number % 3 :], *arms[: number % 3]):
        arm()
    return Rebuild(modules=shop.modules, **found)


def _in_a_job(shop: Shop, number: int) -> float:
    """Build in a Job like Argosy's own, but for whose it is; seconds until it is Complete."""
    site = shop.site
    name = f"{shop.name}-plain-{number}"
    made = next(
        each["spec"] for each in site.items(Resource.JOBS, shop.name) if _container(each) == "build"
    )
    commit = shop.change()
    pod: Object = json.loads(json.dumps(made["template"]["spec"]))
    (container,) = pod["containers"]
    container["command"] = [
        f"--commit={commit}" if word.startswith("--commit=") else word
        for word in container["command"]
    ]
    place = PLACES[Resource.JOBS]
    body = {
        "apiVersion": place.api_version,
        "kind": place.kind,
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": {"spec": pod}},
    }
    began = time.monotonic()
    site.api.create(resources.path(Resource.JOBS, NAMESPACE), body)
    site.wait(f"{name} is Complete", lambda: _is(site.get(Resource.JOBS, name), "Complete"))
    return time.monotonic() - began


def _container(job: Object) -> str:
    return str(job["spec"]["template"]["spec"]["containers"][0]["name"])


def _ours(shop: Shop, number: int) -> Mapping[str, float]:
    """Ask for a Build of a changed line; return when each step of it was there."""
    site = shop.site
    seen: dict[str, float] = {}
    shop.change()
    path = resources.path(Resource.APPLICATIONS, NAMESPACE, shop.name)
    asked = {names.BUILD_REQUESTED_ANNOTATION: str(number)}
    known = {each["metadata"]["name"] for each in site.builds(shop.name)}
    began = time.monotonic()
    site.api.merge(path, {"metadata": {"annotations": asked}})

    def look() -> bool:
        builds = site.builds(shop.name)
        new = [each for each in builds if each["metadata"]["name"] not in known]
        status: Object = new[0].get("status", {}) if new else {}
        image = status.get("image")
        pods = site.items(Resource.PODS, shop.name) if image else []
        made = [each for each in pods if each["spec"]["containers"][0]["image"] == image]
        now = time.monotonic() - began
        told = {
            "commit": bool(status.get("commit")),
            "image": bool(image),
            "server": bool(made),
            "ready": any(_is(each, "Ready") for each in made),
        }
        for step, there in told.items():
            if there:
                seen.setdefault(step, now)
        return "ready" in seen

    site.wait("the new server is Ready", look)
    return seen


def teardown(shop: Shop, sight: watcher.Sight, name: str, *, building_too: bool) -> float:
    """Delete an application, in the middle of a build or of none; seconds to the first delete."""
    site = shop.site
    shop.apply(name)
    if building_too:
        component = {"components": _spec(shop.source(arguments={"PAUSE": "600"}))["components"]}
        site.api.merge(resources.path(Resource.APPLICATIONS, NAMESPACE, name), {"spec": component})

        def builds() -> bool:
            pods = site.items(Resource.PODS, name)
            return any(
                each["status"]["phase"] == "Running"
                and each["spec"]["containers"][0]["name"] == "build"
                for each in pods
            )

        site.wait(f"{name} is building", builds)
    uid = site.get(Resource.APPLICATIONS, name)["metadata"]["uid"]
    began = time.monotonic()
    site.api.delete(
        resources.path(Resource.APPLICATIONS, NAMESPACE, name), {"preconditions": {"uid": uid}}
    )
    site.wait(f"{name} is gone", lambda: bool(sight[Resource.APPLICATIONS].of[name].gone))
    site.wait(f"no Job of {name} is left", lambda: not site.items(Resource.JOBS, name))
    return min(times[0] for each in small.CHILDREN if (times := sight[each].of[name].going)) - began


def queue(shop: Shop) -> None:
    """Have one application with so many Builds of which the first never ends."""
    site, name = shop.site, "queue"
    source = shop.source(runPolicy="Serial", arguments={"PAUSE": "3000"})
    site.create(Resource.APPLICATIONS, name, _spec(source))
    site.wait("a build runs", lambda: bool(site.items(Resource.JOBS, name)))
    for number in range(2, 2 + QUEUED):
        spec = {"application": name, "component": "web", "number": number, "source": source}
        site.create(Resource.BUILDS, f"{name}-web-b{number}", spec)

    def waiting() -> bool:
        told = [each.get("status", {}) for each in site.builds(name)]
        return len(told) == 1 + QUEUED and all("conditions" in each for each in told)

    site.wait("all Builds wait", waiting)


def first_server(site: Site, sight: watcher.Sight, name: str) -> float:
    """Apply an application whose image is there; seconds to its first Server."""
    began = time.monotonic()
    site.create(Resource.APPLICATIONS, name, _spec(None))
    own = sight[Resource.SERVERS].of[name]
    site.wait(f"a server of {name}", lambda: bool(own.created))
    site.wait(f"{name} is Ready", lambda: _is(site.get(Resource.APPLICATIONS, name), "Ready"))
    return own.created[0] - began


def _spec(source: Object | None) -> Object:
    """Return an application of one server, built from a source or of the image that is there."""
    container = {
        "name": "main",
        "image": IMAGE if source is None else "made-of-source",
        "imagePullPolicy": "IfNotPresent",
    }
    template = {"spec": {"containers": [container], "terminationGracePeriodSeconds": 1}}
    component = {"name": "web", "replicas": 1, "template": template}
    return {"components": [component if source is None else {**component, "source": source}]}


def _is(item: Object, kind: str) -> bool:
    conditions = item.get("status", {}).get("conditions", [])
    return any(each["type"] == kind and each["status"] == "True" for each in conditions)


def told(values: Sequence[float]) -> str:
    """Return the median of some seconds or ratios, and their spread."""
    return f"{statistics.median(values):.2f} ({min(values):.2f}..{max(values):.2f})"


def table(runs: Sequence[Rebuild]) -> str:
    """Return the rebuilds for a page: each step since it was asked for, and the ratios."""
    lines = [
        (
            "| modules | plain | Job | commit | image | server | Ready"
            " | image ÷ plain | image ÷ Job | build ÷ plain |"
        ),
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for modules in dict.fromkeys(each.modules for each in runs):
        own = [each for each in runs if each.modules == modules]
        cells = [
            [each.plain for each in own],
            [each.job for each in own],
            [each.commit for each in own],
            [each.image for each in own],
            [each.server for each in own],
            [each.ready for each in own],
            [each.image / each.plain for each in own],
            [each.image / each.job for each in own],
            [(each.image - each.commit) / each.plain for each in own],
        ]
        lines.append(f"| {modules} | {' | '.join(map(told, cells))} |")
    return "\n".join(lines)


def ratio(values: Sequence[float], beside: Sequence[float]) -> str:
    """Return the medians of two rows of seconds, and the one by the other."""
    by = statistics.median(values) / statistics.median(beside)
    return f"{told(values)} s, alone {told(beside)} s: {by:.2f}"


@interrupts.orderly()
def main(arguments: Sequence[str] | None = None) -> int:
    """Run all, print the tables, and keep every figure in `bench/results`."""
    options = _options(arguments)
    described = machine.describe()
    _say(machine.line(described))
    kept: dict[str, Any] = {"machine": described}
    with _site() as site, contextlib.closing(manual.Hand(site.owner.kubeconfig)) as hand:
        shops = [Shop(site, modules) for modules in options.modules]
        runs = []
        for shop in shops:
            shop.apply(shop.name)
            for number in range(options.rounds):
                runs.append(rebuild(shop, number))
                _say(str(runs[-1]))
        kept["rebuilds"] = [dataclasses.asdict(each) for each in runs]
        watched = (Resource.APPLICATIONS, *small.CHILDREN)
        with watcher.Sight(hand, NAMESPACE, watched) as sight:
            rows: dict[str, list[float]] = {"idle": [], "building": [], "alone": [], "beside": []}
            for number in range(options.rounds):
                for row, too in (("idle", False), ("building", True)):
                    name = f"{row}{number}"
                    rows[row].append(teardown(shops[0], sight, name, building_too=too))
            rows["alone"] = [first_server(site, sight, f"alone{n}") for n in range(options.rounds)]
            queue(shops[0])
            for number in range(options.rounds):
                rows["beside"].append(first_server(site, sight, f"beside{number}"))
        kept |= rows
    print(table(runs))
    print(f"first teardown in mid-build: {ratio(rows['building'], rows['idle'])}")
    print(f"first server beside {QUEUED} Builds: {ratio(rows['beside'], rows['alone'])}")
    report.RESULTS.mkdir(parents=True, exist_ok=True)
    (report.RESULTS / RESULT).write_text(json.dumps(kept, indent=2) + "\n")
    return 0


@contextlib.contextmanager
def _site() -> Iterator[Site]:
    with tempfile.TemporaryDirectory(prefix="argosy-bench-builds-") as scratch:
        one = cluster.Cluster(Path(scratch, "c"), _say)
        try:
            one.start(controlplane.Settings(nodes=0, real_node=True))
            context = Path(scratch, "image")
            context.mkdir()
            (context / "Dockerfile").write_text(
                "FROM python:3.11-slim-bookworm\n" + DOCKERFILE.strip().rpartition("\n")[2] + "\n"
            )
            images.build(one, context, IMAGE)
            yield Site(one)
        finally:
            one.stop()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.builds",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="turns of each (5)")
    parser.add_argument(
        "--modules",
        type=int,
        nargs="+",
        default=[10, 1000],
        metavar="N",
        help="how many modules are compiled, for each size (10 and 1000)",
    )
    return parser.parse_args(arguments)


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
