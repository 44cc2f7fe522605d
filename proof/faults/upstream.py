"""The API server behind the proxy, and the way through the proxy, as kubeconfigs."""

from __future__ import annotations

import dataclasses
import ssl
from pathlib import Path
from typing import Any

import yaml

from controller.kube import connection


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """An API server, and how to reach it."""

    server: str
    tls: ssl.SSLContext | None
    config: Any  # the kubeconfig, to be given away with another address in it

    @classmethod
    def of(cls, kubeconfig: Path) -> Upstream:
        """Return the API server of a kubeconfig's current context."""
        found = connection.load(kubeconfig=str(kubeconfig))
        return cls(
            server=found.server, tls=found.tls, config=yaml.safe_load(kubeconfig.read_text())
        )

    def through(self, address: str, path: Path) -> Path:
        """Write a kubeconfig with the same credentials that leads to `address`."""
        config = dict(self.config)
        config["clusters"] = [
            {"name": each["name"], "cluster": {"server": address}} for each in config["clusters"]
        ]
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        return path
