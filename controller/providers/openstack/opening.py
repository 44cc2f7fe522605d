"""Opens a fleet of a cloud: logs in, begins to look, and ends all of that when it is closed.

`kind` imports it when a Fleet is opened: whoever has none need not wait for what it takes.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any

import structlog

from controller import contract, errors, parts
from controller.api import objects
from controller.api.reasons import Reason
from controller.contract import orphans
from controller.providers.openstack import configuration
from controller.providers.openstack.claims import CloudClaims
from controller.providers.openstack.client import PER_SECOND, CloudClient, Tokens
from controller.providers.openstack.clouds import Clouds
from controller.providers.openstack.floating_ips import FloatingIPs
from controller.providers.openstack.groups import Groups
from controller.providers.openstack.lister import Lister
from controller.providers.openstack.probes import NetworkProbes, Prober, Reach
from controller.providers.openstack.provider import CloudProvider, ProviderParts
from controller.providers.openstack.readiness import ReadinessProbes
from controller.providers.openstack.register import MachineRegister
from controller.providers.openstack.resizing import Resizing
from controller.providers.openstack.stock import Stock
from controller.providers.openstack.transport import HttpTransport, Transport
from controller.providers.steps import steps

_log = structlog.get_logger(__name__)

# How long a loop rests that ended, in seconds: what ended it may do so again.
ANEW_SECONDS = 10.0

# A loop that goes on for as long as a fleet is open.
Loop = Callable[[], Coroutine[Any, Any, None]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CloudConnection:
    """The way to a cloud and to its servers."""

    tokens: Tokens
    transport: Transport
    prober: Prober


# How a cloud is reached that a Fleet's settings name.
Connect = Callable[
    [contract.Context, configuration.CloudSettings], AbstractAsyncContextManager[CloudConnection]
]


@contextlib.asynccontextmanager
async def open_cloud(
    context: contract.Context, fleet: objects.Fleet, connect: Connect
) -> AsyncIterator[contract.Provider]:
    """Lend a provider of a fleet's servers, which looks at the cloud for as long as it is open."""
    settings = configuration.read(bytes(fleet.settings))
    async with contextlib.AsyncExitStack() as stack:
        shared = await stack.enter_async_context(steps.opened(context))
        way = await stack.enter_async_context(connect(context, settings))
        client = CloudClient(
            way.transport, way.tokens, per_second=lambda: _pace(context, fleet),
            clock=context.clock, may_write=context.may_write, home=_home(context, fleet),
        )  # fmt: skip
        await client.open()
        register = _register(context, fleet)
        reach = Reach(settings.probe_cidrs)
        lister = Lister(client, register)
        readiness = ReadinessProbes(
            client, register, lister, way.prober, reach,
            clock=context.clock, changed=context.changed,
        )  # fmt: skip
        groups = Groups(client, register)
        stock = Stock(
            register.fleet, changed=context.changed, claims_changed=context.claims_changed
        )
        claims = CloudClaims(client, register, stock)
        register.on_change.append(claims.released)
        floating = FloatingIPs(client, register, changed=context.changed)
        register.on_change.append(floating.heard)
        resizing = Resizing(client, register, allowed=settings.resizes)
        provider = CloudProvider(
            ProviderParts(
                client=client, register=register, lister=lister, readiness=readiness, reach=reach,
                steps=shared, rebuilds=settings.rebuilds,
                resizing=resizing, groups=groups, claims=claims, floating=floating,
                alone_since=context.alone_since,
            )
        )  # fmt: skip
        lister.acts_by(
            remove=provider.remove,
            erase=provider.erase,
            confirm=resizing.confirm,
            sweep=groups.sweep,
        )
        # Whoever is told that it is open looks at once, and at what is absent nobody points.
        await lister.look()
        with contextlib.suppress(errors.ArgosyError):
            # Servers without claims need nothing of the service that makes volumes.
            await claims.look()
        with contextlib.suppress(errors.ArgosyError):
            # Servers without floating IPs need nothing of them, but for whether they left some.
            await floating.look()
        await stack.enter_async_context(
            running(_listing(lister), readiness.run, claims.run, floating.run)
        )
        yield provider


def _register(context: contract.Context, fleet: objects.Fleet) -> MachineRegister:
    """Return the register of a fleet's servers, which knows of those that have no Server."""
    left = functools.partial(orphans.ids, context, fleet)
    made = MachineRegister(fleet.metadata.uid, changed=context.changed, orphans=left)
    recorded = [each.id for each in fleet.status.orphans]
    for each in (*recorded, *(one.id for one in fleet.status.unclaimed)):
        # An instance that has no Server any more is there until the cloud says otherwise.
        made.doubt(each)
    return made


def _pace(context: contract.Context, fleet: objects.Fleet) -> float:
    """Return how many requests a service may get a second from this process, by the Fleet as it is.

    Neither other limits nor its status open another provider.
    """
    limits = orphans.now(context, fleet).spec.limits
    return float(limits.calls_per_second or PER_SECOND) / context.sharers()


def _home(context: contract.Context, fleet: objects.Fleet) -> str:
    """Return where the Fleet has its servers on record; empty for one that is new."""
    return orphans.now(context, fleet).status.home or ""


@contextlib.asynccontextmanager
async def running(*loops: Loop) -> AsyncIterator[None]:
    """Have loops run for as long as the block does; one that ends all the same begins anew."""
    tasks = [asyncio.create_task(_kept(each)) for each in loops]
    try:
        yield
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _kept(loop: Loop) -> None:
    """Run a loop for ever: nobody waits for its task, and what it looks after would stand still."""
    name = loop.__qualname__
    while True:
        try:
            await parts.together({name: loop()})
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            trace = None if isinstance(error, parts.Ended) else error
            _log.error("a loop of a cloud ended", loop=name, why=repr(error), exc_info=trace)
        await asyncio.sleep(ANEW_SECONDS)


def _listing(lister: Lister) -> Loop:
    """Return the lister's loop, which tells the fleet so where it ends."""

    async def listing() -> None:
        try:
            await lister.run()
        except Exception as error:
            # Lists that nobody asks for show nothing: what was heard is of before.
            lister.failure = errors.Transient(repr(error), reason=Reason.INTERNAL_ERROR)
            raise

    return listing


@contextlib.asynccontextmanager
async def log_in(
    context: contract.Context, settings: configuration.CloudSettings
) -> AsyncIterator[CloudConnection]:
    """Log in with what the Secret has for the cloud, and follow the Secret."""
    # keystoneauth takes long to import, and only fleets of a cloud need it.
    from controller.providers.openstack import tokens  # noqa: PLC0415

    clouds = Clouds(context.api, context.namespace, settings.cloud)
    await clouds.load()
    transport, prober = HttpTransport(lambda: clouds.cloud().trust), NetworkProbes()
    try:
        async with running(clouds.run):
            yield CloudConnection(
                tokens=tokens.KeystoneTokens(clouds.cloud), transport=transport, prober=prober
            )
    finally:
        await transport.close()
        await prober.close()
