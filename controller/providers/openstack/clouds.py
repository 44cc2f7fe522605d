"""The Secret with clouds.yaml: watched, so that new credentials are taken up without a restart.

The operator may read this one Secret for clouds. Nothing of what is in it is shown.
"""

from __future__ import annotations

import asyncio
import base64
import dataclasses
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog

from controller import errors
from controller.api.resources import Resource
from controller.kube import api as kube
from controller.kube import faults
from controller.kube.backoff import RetryDelays, jitter
from controller.providers.openstack.reasons import CloudReason
from controller.providers.openstack.rights import SECRET
from controller.providers.openstack.transport import Trust

_log = structlog.get_logger(__name__)

KEY, CA_KEY = "clouds.yaml", "cacert"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """One cloud of clouds.yaml: how to log in, and where; never shown."""

    auth_type: str = "password"
    auth: Mapping[str, Any] = dataclasses.field(default_factory=dict, repr=False)
    region: str = ""
    interface: str = "public"
    verify: bool = True
    # Certificates to trust, as PEM text; the system's where there are none.
    ca: str = dataclasses.field(default="", repr=False)

    @property
    def trust(self) -> Trust:
        """Return what connections to its services accept."""
        return Trust(verify=self.verify, ca=self.ca)


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""


class _Secret(msgspec.Struct, frozen=True):
    metadata: _Meta = _Meta()
    data: dict[str, str] | None = None


class _Secrets(msgspec.Struct, frozen=True):
    metadata: _Meta = _Meta()
    items: tuple[_Secret, ...] = ()


class _Event(msgspec.Struct, frozen=True):
    type: str = ""
    object: msgspec.Raw = msgspec.Raw(b"{}")


class Clouds:
    """Follows the Secret for as long as it runs; `found` is the cloud of that name, if any."""

    def __init__(self, api: kube.Api, namespace: str, cloud: str) -> None:
        self._api = api
        self._namespace = namespace
        self._cloud = cloud
        self.found: Cloud | None = None
        # Why there is none.
        self.problem = ""

    async def load(self) -> str:
        """Read the Secret as it is now; return the version to watch from."""
        answer = await self._api.list(
            Resource.SECRETS, self._namespace, field_selector=f"metadata.name={SECRET}"
        )
        listed = msgspec.json.decode(answer, type=_Secrets)
        self._take(listed.items[0] if listed.items else None)
        return listed.metadata.resource_version

    async def run(self) -> None:
        """Watch for ever."""
        backoff = RetryDelays(first=1.0, longest=30.0, rng=jitter())
        while True:
            try:
                version = await self.load()
                await self._watch(version)
                backoff.reset()
            except errors.ArgosyError as error:
                _log.info("clouds not watched", error=str(error))
                await asyncio.sleep(backoff.delay(error))
            except Exception as error:  # noqa: BLE001 - else a rotation would never be seen again
                # By its kind alone: its words might be of what is in the Secret.
                _log.error("clouds not watched", error=type(error).__name__)
                await asyncio.sleep(backoff.delay())

    async def _watch(self, version: str) -> None:
        events = self._api.watch(
            Resource.SECRETS, self._namespace, resource_version=version,
            field_selector=f"metadata.name={SECRET}",
        )  # fmt: skip
        async for line in events:
            event = msgspec.json.decode(line, type=_Event)
            if event.type == "ERROR":
                raise faults.Gone("the watch is too old", reason=CloudReason.CREDENTIALS_MISSING)
            if event.type in {"ADDED", "MODIFIED"}:
                self._take(msgspec.json.decode(event.object, type=_Secret))
            elif event.type == "DELETED":
                self._take(None)

    def _take(self, secret: _Secret | None) -> None:
        try:
            self.found, self.problem = read(secret.data or {} if secret else None, self._cloud), ""
        except errors.Stalled as error:
            # The cloud that was read before serves on: a slip in the Secret is to stop nothing.
            self.problem = str(error)
            if self.found is not None:
                _log.warning("clouds.yaml not taken", error=str(error))

    def cloud(self) -> Cloud:
        """Return the cloud; raises Stalled where there is none."""
        if self.found is None:
            raise errors.Stalled(self.problem, reason=CloudReason.CREDENTIALS_MISSING)
        return self.found


def read(data: Mapping[str, str] | None, cloud: str) -> Cloud:
    """Return a cloud of the Secret's data; raises Stalled, without a word of what is in there."""
    if data is None:
        raise _missing(f"the operator's namespace must have the Secret {SECRET}")
    document, ca = _document(_text(data, KEY)), _text(data, CA_KEY)
    known = document.get("clouds") if isinstance(document, dict) else None
    entry = known.get(cloud) if isinstance(known, dict) else None
    if not isinstance(entry, dict) or not isinstance(entry.get("auth"), dict):
        raise _missing(f"{KEY} of the Secret {SECRET} must have the cloud {cloud} with its auth")
    auth = {str(key): value for key, value in entry["auth"].items()}
    kind = entry.get("auth_type") or (
        "v3applicationcredential" if "application_credential_secret" in auth else "password"
    )
    found = Cloud(
        auth_type=str(kind),
        auth=auth,
        region=str(entry.get("region_name") or ""),
        interface=str(entry.get("interface") or "public"),
        verify=entry.get("verify") is not False,
        ca=ca,
    )
    try:
        found.trust.context()
    except ValueError:
        message = f"{CA_KEY} of the Secret {SECRET} must be certificates in PEM, in ASCII alone"
        raise _missing(message) from None
    return found


def _text(data: Mapping[str, str], key: str) -> str:
    try:
        return base64.b64decode(data.get(key, ""), validate=True).decode()
    except ValueError:
        raise _missing(f"{key} of the Secret {SECRET} must be text in UTF-8") from None


def _document(text: str) -> Any:
    # Whoever has no fleet of a cloud need not wait for its import.
    import yaml  # noqa: PLC0415

    try:
        return yaml.safe_load(text)
    except Exception:  # noqa: BLE001 - not YAMLError alone: of the date 2026-02-30 a ValueError
        # The error would show what it could not read.
        raise _missing(f"{KEY} of the Secret {SECRET} must be YAML") from None


def _missing(message: str) -> errors.Stalled:
    return errors.Stalled(message, reason=CloudReason.CREDENTIALS_MISSING)
