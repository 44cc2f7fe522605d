"""Users of few rights, as clients: what tests of rights and bounds try as."""

from __future__ import annotations

import re
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from devcluster import accounts, client, cluster

# Of a page's form, what it carries beside what a person fills in.
HIDDEN = re.compile(r'<input type="hidden" name="([a-z]+)" value="([^"]*)">')


class Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: where it leads is part of the answer."""

    def redirect_request(self, *_: Any) -> None:
        """Return nothing to go on with."""


def person(
    owner: cluster.Cluster, namespace: str, folder: Path, name: str, *rules: dict[str, Any]
) -> client.Client:
    """Return the client of a ServiceAccount that has these rules in a namespace, and no others."""
    return client.Client(accounts.account(owner, namespace, name, *rules, folder=folder))


def token(
    owner: cluster.Cluster, namespace: str, folder: Path, name: str, *rules: dict[str, Any]
) -> str:
    """Return the token of a ServiceAccount that has these rules in a namespace, and no others."""
    person(owner, namespace, folder, name, *rules)
    found = yaml.safe_load((folder / name).read_text())
    return str(found["users"][0]["user"]["token"])
