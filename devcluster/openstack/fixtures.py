"""pytest fixtures for whoever tests against a real OpenStack; a conftest.py imports them by name.

`ARGOSY_E2E_CLOUDS` names a clouds.yaml of another cloud to run the same tests against; those that
break services, or need the administrator, ask for `own_cloud` and are skipped there. One conftest
of a run imports them: a session's fixture is made once for each that does, and so would a cloud be.

Whatever cloud it is, its tenants have afterwards what they had before, or the run fails.
"""

import contextlib
import dataclasses
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from devcluster import errors
from devcluster.openstack import api, cloud, identity, layout, possessions, stock

GIVEN = "ARGOSY_E2E_CLOUDS"
WANTED = "ARGOSY_CLOUD"
# The folder of a cloud of devcluster that runs: it is used, and left as it is.
FOLDER = "ARGOSY_CLOUD_DIR"
# A machine that is busy with other tests is slow, and no test is about speed.
PATIENCE = 600
POLL_SECONDS = 0.2
# Whatever is deleted at the end of the last test is gone by then.
GONE_SECONDS = 120
# Two hosts in each zone, so that servers can be kept apart within one.
SHARED = layout.Settings(hosts=6, real_machines=True)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A project that tests may use, and what its cloud has for them."""

    clouds: Path
    cloud: str
    client: api.Client
    flavor: str
    image: str
    network: str

    def create(self, **values: Any) -> str:
        """Ask for a server, and return its id."""
        body = {
            "name": f"test-{secrets.token_hex(4)}",
            "flavorRef": self.flavor,
            "imageRef": self.image,
            "networks": [{"uuid": self.network}],
            **values,
        }
        return str(self.client.post("compute", "/servers", {"server": body})["server"]["id"])

    def server(self, identity: str) -> Mapping[str, Any]:
        """Return a server as Nova shows it; nothing where it is gone."""
        try:
            found = self.client.get("compute", f"/servers/{identity}")
        except api.ApiError as error:
            if error.status == api.NOT_FOUND:
                return {}
            raise
        shown: Mapping[str, Any] = found["server"]
        return shown

    def act(self, identity: str, action: str, **values: Any) -> Any:
        """Have Nova do something to a server."""
        path = f"/servers/{identity}/action"
        return self.client.post("compute", path, {action: values or None})

    def until(self, identity: str, status: str) -> Mapping[str, Any]:
        """Return the server once it rests in a status."""

        def rests() -> bool:
            seen.append(self.server(identity))
            return (
                seen[-1].get("status") == status and seen[-1].get("OS-EXT-STS:task_state") is None
            )

        seen: list[Mapping[str, Any]] = []
        wait_for(f"{status} of {identity}", rests, lambda: seen[-1:])
        return seen[-1]

    def delete(self, *identities: str) -> None:
        """Delete servers, and wait until they are gone."""
        for each in identities:
            self.client.delete("compute", f"/servers/{each}")
        for each in identities:
            wait_for(f"the end of {each}", lambda each=each: not self.server(each))  # type: ignore[misc]  # mypy knows no default of a lambda


def wait_for(
    what: str, condition: Callable[[], bool], seen: Callable[[], object] = lambda: ""
) -> None:
    """Poll until the condition holds; fail with what was seen last."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {PATIENCE} s: {what}; seen: {seen()}")
        time.sleep(POLL_SECONDS)


def watch_for(
    seconds: float, what: str, condition: Callable[[], bool], seen: Callable[[], object]
) -> None:
    """Poll for so long, and fail with what was seen as soon as the condition does not hold."""
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        if not condition():
            pytest.fail(f"not any more after {passed:.1f} s: {what}; seen: {seen()}")
        time.sleep(POLL_SECONDS)


@contextlib.contextmanager
def nothing_left(
    clients: Mapping[str, api.Client], *, patience: float = GONE_SECONDS
) -> Iterator[None]:
    """Fail, by their names, for what tenants have after the block and had not before, or lack."""
    before = possessions.found(clients)
    yield
    deadline = time.monotonic() + patience
    while differences := possessions.differences(before, possessions.found(clients)):
        if time.monotonic() > deadline:
            pytest.fail("the tests leave the cloud as it was not:\n" + "\n".join(differences))
        time.sleep(POLL_SECONDS)


@pytest.fixture(scope="session")
def own_cloud() -> Iterator[cloud.Cloud]:
    """A cloud of this test run's own, to break and to mend.

    If it cannot start, its logs stay under the temporary folder.
    """
    if os.environ.get(GIVEN):
        pytest.skip(f"{GIVEN} is set: this needs a cloud of our own")
    if folder := os.environ.get(FOLDER):
        given = cloud.Cloud(Path(folder))
        with nothing_left(_tenants(given)):
            yield given
        return
    if os.environ.get(WANTED) != "1" or os.geteuid() != 0:
        pytest.skip(f"a cloud of our own needs root and {WANTED}=1")
    one = cloud.Cloud(Path(tempfile.mkdtemp(prefix="argosy-cloud-")))
    try:
        one.start(SHARED)
    except errors.DevclusterError:
        one.stop()
        raise
    try:
        with nothing_left(_tenants(one)):
            yield one
    finally:
        one.stop()
    shutil.rmtree(one.dir)


def _tenants(one: cloud.Cloud) -> Mapping[str, api.Client]:
    return {each: one.client(each) for each in identity.TENANTS}


@pytest.fixture(scope="session")
def tenant(request: pytest.FixtureRequest) -> Iterator[Tenant]:
    """A project of the cloud given, else of this test run's own."""
    if given := os.environ.get(GIVEN):
        name = os.environ.get("OS_CLOUD", "argosy")
        found = _tenant(Path(given), name)
        with nothing_left({name: found.client}):
            yield found
        return
    one: cloud.Cloud = request.getfixturevalue("own_cloud")
    yield _tenant(one.clouds, "argosy")


def _tenant(clouds: Path, name: str) -> Tenant:
    client = api.Client(api.Login.of(clouds, name))

    def called(service: str, kind: str, variable: str, usual: str) -> str:
        wanted = os.environ.get(f"ARGOSY_E2E_{variable}", usual)
        # Nova's flavors cannot be asked for by name.
        query = "" if kind == "flavors" else f"?name={wanted}"
        found = client.get(service, f"/{kind}{query}")[kind]
        matching = [str(each["id"]) for each in found if each["name"] == wanted]
        if len(matching) != 1:
            pytest.fail(f"{len(matching)} {kind} called {wanted!r} in the cloud {name!r}")
        return matching[0]

    return Tenant(
        clouds=clouds,
        cloud=name,
        client=client,
        flavor=called("compute", "flavors", "FLAVOR", "m1.tiny"),
        image=called("image", "images", "IMAGE", stock.FAKE_IMAGES[0]),
        network=called("network", "networks", "NETWORK", stock.NETWORK),
    )
