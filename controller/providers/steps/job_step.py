"""Jobs that operations run beside servers.

`steps` calls it, whatever servers are made of. A Job belongs to its Operation. A Job is named by
its task and attempt, so whoever asks again, even another operator, finds the same one and waits for
its end; that of a step which is done once is named by the step, so it outlives the server that
carried it, and the next server to carry the step goes on waiting for it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from controller import errors
from controller.api import names, objects
from controller.api.builtin_choices import JobConditionType
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.contract import tasks
from controller.contract.reasons import ProviderReason
from controller.kube import api as kube
from controller.kube import faults, informer
from controller.planning import ownership, rendering
from controller.providers.steps import refusals
from controller.providers.steps.reasons import StepReason

# How long a finished Job is kept, for people to look at.
_KEPT_SECONDS = 3600
# How often to look without a cache that tells of changes; and with one, should it miss any.
_LOOK_SECONDS = 2.0
_MISSED_SECONDS = 60.0
# The Job ends itself by its deadline; whoever waits gives it this much longer to say so.
_MARGIN_SECONDS = 60.0
# How long a request whose answer was lost may still take effect: the API server ends it sooner.
_DOUBT_SECONDS = 5.0
# Errors that befall a request and not the Job: the Job is asked for again.
_PASSING = (faults.ServerFailed, faults.Unreachable, faults.Overloaded, faults.Unauthorized)


class JobStep:
    """Runs the Jobs of tasks; a cache of Jobs tells when to look at one again."""

    def __init__(self, api: kube.Api, jobs: informer.Informer[objects.Job] | None = None) -> None:
        self._api = api
        self._changed: dict[tuple[str, str], asyncio.Event] = {}
        # The requests that may still make a Job.
        self._posting: dict[tuple[str, str], asyncio.Future[bytes]] = {}
        self._patience = _LOOK_SECONDS if jobs is None else _MISSED_SECONDS
        self._jobs = jobs
        if jobs is not None:
            jobs.subscribe(self._tell)

    def close(self) -> None:
        """Hear of Jobs no more; who still waits for one looks for itself, now and then."""
        if self._jobs is not None:
            self._jobs.unsubscribe(self._tell)
        self._jobs = None
        for each in self._posting.values():
            each.cancel()

    async def run(self, server: objects.Server, task: objects.Task) -> Mapping[str, str]:
        """Make the Job of `task`, unless it is there, and wait for its end.

        Raises Transient, `JobFailed`, when it failed, and UnknownOutcome when it went away.
        """
        given = tasks.read(task)
        namespace, name = server.metadata.namespace, _name(server, task)
        body = manifest(server, name, given, operation=task.operation)
        try:
            async with asyncio.timeout(given.timeout_seconds + _MARGIN_SECONDS):
                answer = await self._make(namespace, name, body)
                owners = _owners(server, given)
                job = await self._wait(owners, _checked(owners, answer))
        except TimeoutError as error:
            message = f"{Resource.JOBS}/{name} did not end in time"
            raise errors.UnknownOutcome(message, reason=StepReason.JOB_TIMEOUT) from error
        return _judge(job)

    async def cancel(self, server: objects.Server, task: objects.Task) -> None:
        """Delete the Job of `task` and its pods, as soon as nothing more can make it."""
        key = namespace, name = server.metadata.namespace, _name(server, task)
        owners = _owners(server, tasks.read(task))
        if (posting := self._posting.get(key)) is not None:
            await asyncio.wait([posting])
        while True:
            doubted = key in self._posting
            with contextlib.suppress(faults.NotFound, faults.Conflict, errors.UnknownOutcome):
                job = _checked(owners, await self._get(namespace, name))
                await self._api.delete(Resource.JOBS, namespace, name, uid=job.metadata.uid)
                return
            if not doubted:
                return
            await asyncio.sleep(_LOOK_SECONDS)

    async def _make(self, namespace: str, name: str, body: dict[str, Any]) -> bytes:
        """Return the Job, made now or before.

        An answer that does not come is asked for again here: given up, it would be an attempt that
        failed, and the next attempt has a Job of its own beside the one that may be there.

        Nor does a refusal say that there is none: quotas and webhooks come before the name is
        looked at. Example: the one Job that a quota allows is this very one, made by an operator
        that is no more.
        """
        while True:
            try:
                with refusals.explained():
                    return await self._post(namespace, name, body)
            except faults.AlreadyExists:
                with contextlib.suppress(*_PASSING):
                    return await self._get(namespace, name)
            except (errors.UnknownOutcome, *_PASSING):
                pass
            except errors.ArgosyError:
                with contextlib.suppress(faults.NotFound):
                    return await self._api.get(Resource.JOBS, namespace, name)
                raise
            await asyncio.sleep(_LOOK_SECONDS)

    async def _post(self, namespace: str, name: str, body: dict[str, Any]) -> bytes:
        """Ask for the Job; whoever is called off meanwhile leaves the request to its end.

        A request that is cut off may make the Job all the same, once a cancel has found none.
        """
        key = namespace, name
        posting = asyncio.ensure_future(
            self._api.create(Resource.JOBS, namespace, body, strict=True)
        )
        self._posting[key] = posting
        posting.add_done_callback(lambda ended: self._posted(key, ended))
        return await asyncio.shield(posting)

    def _posted(self, key: tuple[str, str], posting: asyncio.Future[bytes]) -> None:
        def forget() -> None:
            if self._posting.get(key) is posting:
                del self._posting[key]

        error = None if posting.cancelled() else posting.exception()
        unknown = errors.FailureKind.UNKNOWN
        if isinstance(error, errors.ArgosyError) and error.policy.kind is unknown:
            asyncio.get_running_loop().call_later(_DOUBT_SECONDS, forget)
        else:
            forget()

    async def _wait(self, owners: Collection[str], job: objects.Job) -> objects.Job:
        key = job.metadata.namespace, job.metadata.name
        changed = self._changed.setdefault(key, asyncio.Event())
        try:
            while _end(job) is None:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), self._patience)
                changed.clear()
                with contextlib.suppress(*_PASSING):
                    job = _checked(owners, await self._get(*key))
        finally:
            self._changed.pop(key, None)
        return job

    def _tell(self, old: objects.Job | None, new: objects.Job | None) -> None:
        job = new or old
        if job is None:
            return
        changed = self._changed.get((job.metadata.namespace, job.metadata.name))
        if changed is not None:
            changed.set()

    async def _get(self, namespace: str, name: str) -> bytes:
        try:
            return await self._api.get(Resource.JOBS, namespace, name)
        except faults.NotFound as error:
            message = f"{Resource.JOBS}/{name} went away before its end was seen"
            raise errors.UnknownOutcome(message, reason=ProviderReason.NO_TRACE) from error


def _name(server: objects.Server, task: objects.Task) -> str:
    status = server.status.task
    attempt = status.attempt if status is not None and status.id == task.id else 1
    key = tasks.read(task).job_key or task.id
    return names.job(key if attempt <= 1 else f"{key}#{attempt}")


def _owners(server: objects.Server, given: tasks.TaskParameters) -> tuple[str, ...]:
    """Return whose the Job may be: the operation's, or, of an earlier release, the server's."""
    return tuple(filter(None, (given.operation_uid, server.metadata.uid)))


def _owner(server: objects.Server, operation: str, uid: str) -> dict[str, Any]:
    if operation and uid:
        return ownership.reference(Resource.OPERATIONS, operation, uid)
    return ownership.owner_reference(Resource.SERVERS, server)


def manifest(
    server: objects.Server, name: str, given: tasks.TaskParameters, *, operation: str = ""
) -> dict[str, Any]:
    """Return the manifest of the Job that a step of `operation` has run for `server`.

    Raises Stalled, `TemplateRefused`, where the step says none.
    """
    try:
        template = msgspec.json.decode(rendering.canonical(given.job))["template"]
        spec = {"restartPolicy": "Never", **template["spec"]}
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        message = "the step's job must have a template with a spec"
        raise errors.TemplateRefused(message, reason=ProviderReason.TEMPLATE_REFUSED) from error
    wanted = server.spec
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": server.metadata.namespace,
            # The Job's alone: with these labels its pods would be taken for a server's.
            "labels": names.labels(wanted.application, wanted.component, server.metadata.name),
            "ownerReferences": [_owner(server, operation, given.operation_uid)],
        },
        "spec": {
            "template": {**template, "spec": spec},
            # Attempts are the operation's to count.
            "backoffLimit": 0,
            "activeDeadlineSeconds": given.timeout_seconds,
            "ttlSecondsAfterFinished": _KEPT_SECONDS,
        },
    }


def _checked(owners: Collection[str], answer: bytes) -> objects.Job:
    job = refusals.decode(answer, objects.Job)
    owner = job.metadata.controller
    if owner is None or owner.uid not in owners:
        message = f"{Resource.JOBS}/{job.metadata.name} exists and is not this operation's"
        raise errors.NameTaken(message, reason=Reason.NAME_TAKEN)
    return job


def _end(job: objects.Job) -> objects.PodCondition | None:
    ends = (JobConditionType.COMPLETE, JobConditionType.FAILED)
    conditions = job.status.conditions
    return next((each for each in conditions if each.type in ends and each.status == "True"), None)


def _judge(job: objects.Job) -> Mapping[str, str]:
    end = _end(job)
    facts = {"job": job.metadata.name}
    if end is not None and end.type == JobConditionType.COMPLETE:
        return facts
    why = f": {end.message}" if end is not None and end.message else ""
    message = f"{Resource.JOBS}/{job.metadata.name} failed{why}"
    raise errors.Transient(message, reason=StepReason.JOB_FAILED, facts=facts)
