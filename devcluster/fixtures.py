"""pytest fixtures for whoever tests against a real API server; a conftest.py imports them by name.

`ARGOSY_E2E_KUBECONFIG` names another cluster (kind, for example) to run the same tests against;
those that break components need `cluster` or `new_cluster` and are skipped there.
"""

import fcntl
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devcluster import client, cluster, controlplane, errors, processes

GIVEN = "ARGOSY_E2E_KUBECONFIG"
PATIENCE_SECONDS = 300
SHARED = controlplane.Settings(nodes=20, audit="full")


@pytest.fixture(scope="session")
def kubeconfig(request: pytest.FixtureRequest) -> Path:
    """An administrator's kubeconfig: of the cluster given, else of this test run's own."""
    if os.environ.get(GIVEN):
        return Path(os.environ[GIVEN])
    shared: cluster.Cluster = request.getfixturevalue("cluster")
    return shared.kubeconfig


@pytest.fixture(scope="session", name="cluster")
def shared_cluster(request: pytest.FixtureRequest) -> Iterator[cluster.Cluster]:
    """This test run's own cluster, shared by all workers: break nothing that others use.

    If a test failed, its logs stay under the temporary folder.
    """
    if os.environ.get(GIVEN):
        pytest.skip(f"{GIVEN} is set: this needs a cluster of our own")
    with shared(request, "e2e") as one:
        yield one


@contextmanager
def shared(
    request: pytest.FixtureRequest,
    name: str,
    prepare: Callable[[cluster.Cluster], object] = lambda _: None,
) -> Iterator[cluster.Cluster]:
    """A cluster of this name that all workers of the test run use, ended by the last of them.

    `prepare` is called by each of them in turn before it begins.
    """
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    one = cluster.Cluster(Path(tempfile.gettempdir()) / f"argosy-{name}-{run}")
    with _users(one.dir) as users:
        users.add(os.getpid())
        try:
            one.start(SHARED)
            prepare(one)
        except errors.DevclusterError:
            one.stop()
            raise
    yield one
    with _users(one.dir) as users:
        users.discard(os.getpid())
        failure = one.dir.with_suffix(".failed")
        if request.session.testsfailed:
            failure.touch()
        if not users:
            one.stop()
            if not failure.exists():
                shutil.rmtree(one.dir)
            failure.unlink(missing_ok=True)


@pytest.fixture(scope="session")
def api(kubeconfig: Path) -> client.Client:
    """A client with the administrator's rights."""
    return client.Client(kubeconfig)


@pytest.fixture
def namespace(api: client.Client) -> Iterator[str]:
    """A namespace of the test's own, ready for pods, deleted afterwards."""
    name = f"test-{secrets.token_hex(4)}"
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    api.create("/api/v1/namespaces", body)
    account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    if not processes.wait_until(lambda: exists(api, account), PATIENCE_SECONDS):
        pytest.fail(f"no default ServiceAccount in namespace {name}")
    yield name
    api.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture
def new_cluster(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., cluster.Cluster]]:
    """Start clusters of the test's own, to break at will: `new_cluster(nodes=3, audit="full")`."""
    if os.environ.get(GIVEN):
        pytest.skip(f"{GIVEN} is set: this needs a cluster of our own")
    started: list[cluster.Cluster] = []

    def start(**settings: object) -> cluster.Cluster:
        one = cluster.Cluster(tmp_path_factory.mktemp("cluster"))
        started.append(one)
        one.start(controlplane.Settings(**settings))  # type: ignore[arg-type]  # as its fields say
        return one

    yield start
    for one in started:
        one.stop()


def exists(api: client.Client, path: str) -> bool:
    """Whether the API server has an object at this path."""
    try:
        api.get(path)
    except client.ApiError as error:
        if error.status == client.NOT_FOUND:
            return False
        raise
    return True


@contextmanager
def _users(folder: Path) -> Iterator[set[int]]:
    """The living processes that use the shared cluster, under a lock, written back at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder.with_suffix(".users")
    with file.open("a+") as book:
        fcntl.flock(book, fcntl.LOCK_EX)
        book.seek(0)
        users = {pid for pid in json.loads(book.read() or "[]") if processes.identity(pid)}
        yield users
        book.truncate(0)
        book.write(json.dumps(sorted(users)))
    if not users:
        file.unlink(missing_ok=True)
