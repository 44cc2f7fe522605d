"""The Jobs of Builds, in virtual time: a Job controller, a git repository and a daemon in one.

    forge = Forge(universe.server)
    forge.push("a" * 40)

A Job that belongs to a Build gets a pod, and ends as its phase does: with the commit that was
pushed last, with a digest of it, or as the test that uses it has said. First its container ends,
and a while later its pod and the Job.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import json
from typing import Any

from controller.api import clock, names
from controller.api.resources import Resource
from fakes.api_server import ApiServer
from fakes.api_server.storage import Event, Json, Key

COMMIT = "a" * 40
# Where pods of Builds are: the fake kubelet starts none that somebody placed.
NODE = "forge"
# For how long the end of a container is no end of its Job, as on a real node.
LAG_SECONDS = 1.2


def digest_of(commit: str, again: int = 0) -> str:
    """Return the digest that the image of a commit has."""
    return "sha256:" + hashlib.sha256(f"{commit}{again or ''}".encode()).hexdigest()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One Job that began."""

    phase: str
    job: str
    build: str
    # Of what it was told to build, or of what was pushed when it began.
    commit: str


class Forge:
    """Ends the Jobs of Builds, each after `seconds`."""

    def __init__(self, server: ApiServer, *, seconds: float = 5.0) -> None:
        self.seconds = seconds
        self.head = COMMIT
        self.ran: list[Ran] = []
        # Commits that do not compile, and those whose test fails.
        self.broken: set[str] = set()
        self.failing: set[str] = set()
        # Of each phase, how the next attempts fail: as termination messages.
        self.errors: dict[str, list[Json]] = {}
        # A number that makes each image of the same commit another one.
        self.fresh: int | None = None
        # What keeps the pods of some phases: from being made, in the words of an Event, or from
        # running, as the status of a pod.
        self.refused: dict[str, str] = {}
        self.stuck: dict[str, Json] = {}
        # Nothing ends until this is False again.
        self.stands_still = False
        # Jobs whose containers have ended.
        self._over: set[Key] = set()
        self._registry = server.registry
        self._registry.storage.listeners.append(self._see)

    def push(self, commit: str) -> None:
        """Have the branch point to a commit."""
        self.head = commit

    def finish(self) -> None:
        """Let all that stands still end now."""
        self.stands_still = False
        for key, job in list(self._registry.storage.objects[Resource.JOBS].items()):
            if self._is_ours(job) and not job.get("status", {}).get("conditions"):
                self._later(0.0, key, job)

    def phases(self) -> list[str]:
        """Return the phases that ran, in order."""
        return [each.phase for each in self.ran]

    @staticmethod
    def _is_ours(job: Json) -> bool:
        return names.BUILD_LABEL in job["metadata"].get("labels", {})

    def _see(self, resource: Resource, event: Event) -> None:
        if resource is not Resource.JOBS or event.after is None or event.before is not None:
            return
        if self._is_ours(event.after):
            self._begin(event.key, event.after)

    def _begin(self, key: Key, job: Json) -> None:
        template = job["spec"]["template"]
        container = template["spec"]["containers"][0]
        options = [each for each in container["command"] if each.startswith("--commit=")]
        commit = options[0].removeprefix("--commit=") if options else self.head
        meta = job["metadata"]
        self.ran.append(
            Ran(
                phase=container["name"],
                job=meta["name"],
                build=meta["labels"][names.BUILD_LABEL],
                commit=commit,
            )
        )
        phase = container["name"]
        if phase in self.refused:
            self._warn("FailedCreate", self.refused[phase], key, job)
            return
        reference = {"apiVersion": "batch/v1", "kind": "Job", "name": meta["name"]}
        pod = {
            "metadata": {
                "name": f"{meta['name']}-pod",
                "namespace": key[0],
                "labels": template["metadata"]["labels"],
                "ownerReferences": [{**reference, "uid": meta["uid"], "controller": True}],
            },
            "spec": {**template["spec"], "nodeName": NODE},
        }
        self._registry.create(Resource.PODS, key[0], pod, actor="job-controller")
        runs = {"containerStatuses": [{"name": phase, "state": {"running": {}}}]}
        pod_key = (key[0], f"{meta['name']}-pod")
        self._status(Resource.PODS, pod_key, self.stuck.get(phase, {"phase": "Running", **runs}))
        if not self.stands_still and phase not in self.stuck:
            self._later(self.seconds, key, job)

    def _warn(self, reason: str, note: str, key: Key, about: Json) -> None:
        regarding = {"kind": "Job", "name": key[1], "uid": about["metadata"]["uid"]}
        body = {
            "metadata": {"name": f"{key[1]}.{reason.lower()}", "namespace": key[0]},
            "type": "Warning",
            "reason": reason,
            "note": note,
            "regarding": regarding,
            "deprecatedLastTimestamp": clock.stamp(self._registry.storage.now()),
        }
        self._registry.create(Resource.EVENTS, key[0], body, actor="job-controller")

    def _later(self, seconds: float, key: Key, job: Json) -> None:
        asyncio.get_running_loop().call_later(seconds, self._end, key, job["metadata"]["uid"])

    def _end(self, key: Key, uid: str) -> None:
        job = self._registry.find(Resource.JOBS, *key)
        if self.stands_still or job is None or job["metadata"]["uid"] != uid or key in self._over:
            return
        self._over.add(key)
        ran = next(each for each in self.ran if each.job == key[1])
        code, message = self._outcome(ran)
        ended: Json = {"exitCode": code, "message": message}
        told = {"containerStatuses": [{"name": ran.phase, "state": {"terminated": ended}}]}
        self._status(Resource.PODS, (key[0], f"{key[1]}-pod"), {"phase": "Running", **told})

        def conclude() -> None:
            phase = "Failed" if code else "Succeeded"
            self._status(Resource.PODS, (key[0], f"{key[1]}-pod"), {"phase": phase, **told})
            self._conclude(key, "Failed" if code else "Complete")

        asyncio.get_running_loop().call_later(LAG_SECONDS, conclude)

    def conclude(self, name: str, kind: str, namespace: str = "default") -> None:
        """Have a Job end as the Job controller says it."""
        self._conclude((namespace, name), kind)

    def _conclude(self, key: Key, kind: str, reason: str = "") -> None:
        now = clock.stamp(self._registry.storage.now())
        condition = {"type": kind, "status": "True", "reason": reason, "lastTransitionTime": now}
        self._status(Resource.JOBS, key, {"conditions": [condition]})

    def time_out(self, name: str, namespace: str = "default") -> None:
        """Have a Job run out of time, as the Job controller does: its pod is deleted."""
        pod = self._registry.find(Resource.PODS, namespace, f"{name}-pod")
        if pod is not None:
            self._registry.delete(
                Resource.PODS, namespace, f"{name}-pod", uid=pod["metadata"]["uid"], actor="job"
            )
        job = self._registry.find(Resource.JOBS, namespace, name)
        if job is not None:
            self._warn("DeadlineExceeded", "Job was active too long", (namespace, name), job)
        asyncio.get_running_loop().call_later(
            LAG_SECONDS, self._conclude, (namespace, name), "Failed", "DeadlineExceeded"
        )

    def _status(self, resource: Resource, key: Key, status: Json) -> None:
        if self._registry.find(resource, *key) is not None:
            self._registry.set_status(resource, key, status, actor="forge")

    def _outcome(self, ran: Ran) -> tuple[int, str]:
        waiting = self.errors.get(ran.phase)
        if waiting:
            return 1, json.dumps(waiting.pop(0))
        if ran.phase == "resolve":
            return 0, json.dumps({"commit": ran.commit})
        if ran.phase == "build":
            return self._built(ran)
        failed = any(digest_of(each) in self._image(ran) for each in self.failing)
        return (1, "all is lost\nassert 1 == 2\n") if failed else (0, "")

    def _built(self, ran: Ran) -> tuple[int, str]:
        if ran.commit in self.broken:
            said = {"class": "Terminal", "reason": "Failed", "message": "RUN make: main.c:3: error"}
            return 1, json.dumps(said)
        if self.fresh is not None:
            self.fresh += 1
        found: dict[str, Any] = {"commit": ran.commit}
        return 0, json.dumps({**found, "digest": digest_of(ran.commit, self.fresh or 0)})

    def _image(self, ran: Ran) -> str:
        job = self._registry.find(Resource.JOBS, "default", ran.job) or {}
        return str(job["spec"]["template"]["spec"]["containers"][0]["image"])
