"""Tokens and the catalogue, by keystoneauth: it knows the many ways in which clouds let people in.

A login blocks, so it runs in a thread, one at a time. The sessions of keystoneauth send no other
request, for keystoneauth repeats POSTs where connections fail. Imported where a fleet of a cloud is
opened, and nowhere else.
"""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from keystoneauth1 import exceptions, loading
from keystoneauth1 import session as keystone

from controller.providers.openstack import refusals
from controller.providers.openstack.client import COMPUTE, IMAGE, NETWORK, VOLUME, CloudSession
from controller.providers.openstack.clouds import Cloud
from controller.providers.openstack.logins import Login, Logins
from controller.providers.openstack.reasons import CloudReason

_SERVICES = (COMPUTE, IMAGE, NETWORK, VOLUME)
_SECONDS = 20.0
# How long before its end a token is renewed, as keystoneauth tells it.
_SOON = 120


class KeystoneTokens:
    """Gets tokens for whatever cloud `cloud` returns now: other credentials mean other logins."""

    def __init__(self, cloud: Callable[[], Cloud]) -> None:
        self._cloud = cloud
        self._used: Cloud | None = None
        self._logins: Logins | None = None

    async def session(self, stale: str = "") -> CloudSession:
        """Return a session with another token than `stale`; raises CredentialsRefused."""
        wanted = self._cloud()
        if self._logins is None or wanted != self._used:
            self._used = wanted
            self._logins = Logins(functools.partial(asyncio.to_thread, _log_in, wanted))
        return await self._logins.session(stale)


def _log_in(cloud: Cloud) -> Login:
    try:
        return _ask(cloud)
    except (
        exceptions.Unauthorized,
        exceptions.Forbidden,
        # So Keystone answers for an application credential that was deleted.
        exceptions.NotFound,
        exceptions.MissingRequiredOptions,
        exceptions.NoMatchingPlugin,
        exceptions.MissingAuthPlugin,
        exceptions.AuthPluginException,
        TypeError,
    ) as error:
        message = f"Keystone does not take the credentials: {type(error).__name__}"
        raise refusals.CredentialsRefused(message, reason=CloudReason.CREDENTIALS_REFUSED) from None
    except (exceptions.ClientException, OSError) as error:
        message = f"Keystone cannot be asked for a token: {type(error).__name__}"
        raise refusals.unreachable(message) from None


def _ask(cloud: Cloud) -> Login:
    loader: Any = loading.get_plugin_loader(cloud.auth_type)
    auth = loader.load_from_options(**cloud.auth)
    with _trusted(cloud) as verify:
        asked = keystone.Session(auth=auth, verify=verify, timeout=_SECONDS, redirect=False)
        token = auth.get_token(asked)
        project = auth.get_project_id(asked)
        found = {each: _endpoint(auth, asked, each, cloud) for each in _SERVICES}
    if not token:
        raise exceptions.MissingAuthPlugin
    there = {key: each for key, each in found.items() if each is not None and each.url}
    # Without a name the first region of the catalogue is taken, whichever that is.
    region = cloud.region or next((each.region_name for each in there.values()), "")
    session = CloudSession(
        token=token,
        endpoints={key: each.url for key, each in there.items()},
        home=f"project {project} in region {region or 'without a name'}" if project else "",
    )
    return Login(session=session, ends_soon=functools.partial(_ends_soon, auth))


def _ends_soon(auth: Any) -> bool:
    reference = getattr(auth, "auth_ref", None)
    return reference is None or bool(reference.will_expire_soon(_SOON))


def _endpoint(auth: Any, asked: keystone.Session, service: str, cloud: Cloud) -> Any:
    """Return where a service is, under whichever of its names; None where there is none."""
    try:
        return auth.get_endpoint_data(
            asked, service_type=service, interface=cloud.interface,
            region_name=cloud.region or None, skip_discovery=True,
        )  # fmt: skip
    except exceptions.EndpointNotFound:
        return None


@contextmanager
def _trusted(cloud: Cloud) -> Iterator[str | bool]:
    """Lend what `requests` is to trust: a file, which the cloud's own certificates must become."""
    if not cloud.ca or not cloud.verify:
        yield cloud.verify
        return
    # In memory: the operator's file system cannot be written to.
    descriptor = os.memfd_create("cacert")
    try:
        os.write(descriptor, cloud.ca.encode())
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
