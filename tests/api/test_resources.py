"""Where objects are found: a name is one segment of a path, whatever somebody wrote."""

from __future__ import annotations

import pytest

from controller.api import resources
from controller.api.resources import Resource

SECRETS = "/api/v1/namespaces/shops/secrets"


@pytest.mark.parametrize(
    "name",
    [
        "../../kube-system/secrets/admin",
        "mine/../theirs",
        "mine?watch=1",
        "mine#",
        "mine%2f..%2ftheirs",
        "a b\r\nHost: elsewhere",
        "é",
    ],
)
def test_a_name_leads_nowhere_else(name: str) -> None:
    """Slashes, queries and fragments are part of the name, which no object then has."""
    found = resources.path(Resource.SECRETS, "shops", name)
    assert found.startswith(f"{SECRETS}/")
    rest = found.removeprefix(f"{SECRETS}/")
    assert not set(rest) & set("/?# \r\n")
    assert rest.isascii()
    assert (
        resources.path(Resource.SECRETS, f"x/{name}", "mine").count("/") == SECRETS.count("/") + 1
    )


def test_names_of_objects_stand_as_they_are() -> None:
    """Nothing that the API server takes as a name is written otherwise."""
    assert resources.path(Resource.SECRETS, "shops", "a.b-c0") == f"{SECRETS}/a.b-c0"
    found = resources.path(Resource.SERVERS, "shops", "shop-web-0", "status")
    assert found == "/apis/argosy.dev/v1alpha1/namespaces/shops/servers/shop-web-0/status"
