"""An operation as it goes on, looked at once in a while until it has ended.

A front end draws each look. GETs need no right to watch, and outlive any interruption.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from controller import errors
from controller.api import objects
from controller.kube import api as kube
from controller.kube import faults
from controller.presentation import reading

POLL_SECONDS = 0.5
# Troubles of the connection are outlived for so long.
PATIENCE_SECONDS = 30.0
TRIES = round(PATIENCE_SECONDS / POLL_SECONDS)


async def looks(
    api: kube.Api, namespace: str, name: str, *, answered: bool = False
) -> AsyncIterator[objects.Operation]:
    """Yield the operation as it is now, again and again; who takes them waits in between.

    With `answered`, only once the operator has seen what was last asked of it: until then an
    earlier end is not the one that is waited for.
    """
    failed = 0
    generation = 0
    while True:
        try:
            found = await reading.one(api, objects.Operation, namespace, name)
        except errors.Transient as error:
            failed += 1
            if failed > TRIES or isinstance(error, faults.NotFound):
                raise
            await asyncio.sleep(POLL_SECONDS)
            continue
        failed = 0
        generation = generation or found.metadata.generation
        if not answered or found.status.observed_generation >= generation:
            yield found
        else:
            await asyncio.sleep(POLL_SECONDS)
