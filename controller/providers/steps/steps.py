"""Acts that are the same whatever servers are made of: requests and Jobs.

Every provider hands these over; what is left to it happens inside its servers.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from controller import contract, errors
from controller.api import objects
from controller.api.resources import Resource
from controller.contract import tasks
from controller.contract.reasons import ProviderReason
from controller.kube import api as kube
from controller.kube import informer
from controller.providers.steps import http_step, job_step


class Steps:
    """Carries out the acts that need no provider."""

    def __init__(
        self,
        api: kube.Api,
        jobs: informer.Informer[objects.Job] | None = None,
        *,
        allowed_urls: Sequence[str] = (),
        may_write: Callable[[], bool] = contract.always,
    ) -> None:
        self._http = http_step.HttpStep(api, allowed=allowed_urls, may_write=may_write)
        self._jobs = job_step.JobStep(api, jobs)

    async def run(
        self, server: objects.Server, call: contract.Call, own_addresses: Sequence[str]
    ) -> Mapping[str, str] | None:
        """Carry out `call.task` to its end; None where it is the provider's own to do."""
        task = call.task
        if task is not None and task.action == tasks.HTTP:
            return await self._http.run(server, task, own_addresses)
        if task is not None and task.action == tasks.JOB:
            return await self._jobs.run(server, task)
        return None

    async def resume(
        self, server: objects.Server, call: contract.Call, own_addresses: Sequence[str]
    ) -> Mapping[str, str] | None:
        """Follow what another process began; None where it is the provider's own to do."""
        task = call.task
        if task is not None and task.action == tasks.HTTP and not http_step.is_harmless(task):
            message = "the answer went to an operator that is no more"
            raise errors.UnknownOutcome(message, reason=ProviderReason.NO_TRACE)
        return await self.run(server, call, own_addresses)

    async def cancel(self, server: objects.Server, call: contract.Call) -> bool:
        """End what `run` began; False where it is the provider's own to end."""
        task = call.task
        if task is None or task.action not in tasks.ELSEWHERE:
            return False
        if task.action == tasks.JOB:
            await self._jobs.cancel(server, task)
        return True

    async def close(self) -> None:
        """Let go of all connections, and hear of Jobs no more."""
        self._jobs.close()
        await self._http.close()


@contextlib.asynccontextmanager
async def opened(context: contract.Context) -> AsyncIterator[Steps]:
    """Lend the acts of one provider; nothing of them is left once it is closed, or did not open."""
    shared = Steps(
        context.api,
        context.informers.get(Resource.JOBS),
        allowed_urls=context.allowed_urls,
        may_write=context.may_write,
    )
    try:
        yield shared
    finally:
        await shared.close()
