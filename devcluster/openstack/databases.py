"""The databases of a cloud, empty of clouds: made once for the packages' versions, then copied.

Making them takes a dozen seconds and more of all cores, copying them one. `cloud` calls this.
"""

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent import futures
from pathlib import Path

from devcluster import binaries, errors, ports, processes
from devcluster.openstack import configuration, layout, services
from devcluster.openstack.layout import Plan

NAMES = (
    *("keystone", "glance", "placement", "neutron", "cinder"),
    *("nova", "nova_api", "nova_cell0"),
)
# Count on where `_make` makes something else of the same packages.
FORM = 1
# What is in databases and has a port in it; the endpoints but Keystone's are made by each cloud.
MOVE = """
UPDATE nova_api.cell_mappings SET transport_url='{messages}', database_connection='{cell1}'
 WHERE name='cell1';
UPDATE nova_api.cell_mappings SET database_connection='{cell0}' WHERE name='cell0';
UPDATE keystone.endpoint e JOIN keystone.service s ON e.service_id=s.id
 SET e.url='{identity}' WHERE s.type='identity';
"""
START_SECONDS = 120
# One copy for each set of versions: those of older ones are of no use to anybody.
PREFIX = "openstack-"


def ensure(versions: Mapping[str, str], say: binaries.Say) -> Path:
    """Return the folder with initialised databases and keys for these packages."""
    target = binaries.cache() / f"{PREFIX}{fingerprint(versions)}"
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / f"{PREFIX}databases.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.is_dir():
            return target
        say("making the databases (first time for these versions, half a minute)")
        scratch = target.with_suffix(f".{os.getpid()}.part")
        shutil.rmtree(scratch, ignore_errors=True)
        try:
            _make(scratch, say)
            (scratch / "state").rename(target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return target


def fingerprint(versions: Mapping[str, str]) -> str:
    """Return a hash of all that decides what is in the databases."""
    told = [f"form {FORM}", *(f"{name} {versions[name]}" for name in sorted(versions))]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]


def password(made: Path) -> str:
    """Return the password that all users of these databases have."""
    return (made / "password").read_text()


def copy(made: Path, state: Path) -> None:
    """Give a cloud its own."""
    shutil.copytree(made, state)


def move(plan: Plan) -> None:
    """Have the databases of a running server tell of this cloud's ports, not of their makers'."""
    addresses = {
        "messages": plan.messages(),
        "cell1": plan.database("nova"),
        "cell0": plan.database("nova_cell0"),
        "identity": plan.endpoint(layout.KEYSTONE),
    }
    query(plan, MOVE.format_map(addresses))


def add(plan: Plan, name: str) -> None:
    """Make the database of a service that not every cloud has, if it is missing."""
    query(plan, f"CREATE DATABASE IF NOT EXISTS {name} CHARACTER SET utf8;")
    file = configuration.file(plan, name)
    argv = [services.PYTHON, f"/usr/bin/{name}-manage", "--config-file", str(file), "db_sync"]
    _run(plan, name, argv)


def query(plan: Plan, text: str) -> str:
    """Have the server carry out statements; return the rows, tabs between the columns."""
    return _query(plan.state / "mysql", text)


def _client(data: Path) -> list[str]:
    socket = f"--socket={data / 'mysql.sock'}"
    return ["/usr/bin/mariadb", "--no-defaults", socket, "-N", "-B", "--user=root"]


def _known(data: Path) -> Mapping[str, str]:
    return {**os.environ, "MYSQL_PWD": password(data.parent)}


def _query(data: Path, text: str) -> str:
    done = subprocess.run(
        _client(data), input=text, capture_output=True, text=True, check=False, env=_known(data)
    )
    if done.returncode:
        raise errors.DevclusterError(f"the database refuses: {done.stderr.strip()}")
    return done.stdout


def client(plan: Plan) -> list[str]:
    """Return the command line of a client that may do everything."""
    return _client(plan.state / "mysql")


def known(plan: Plan) -> Mapping[str, str]:
    """Return the environment in which that client knows its password."""
    return _known(plan.state / "mysql")


def answers(plan: Plan) -> bool:
    """Whether the server does."""
    return _answers(plan.state / "mysql")


def _answers(data: Path) -> bool:
    argv = ["/usr/bin/mariadb-admin", "--no-defaults", f"--socket={data / 'mysql.sock'}", "ping"]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def _make(folder: Path, say: binaries.Say) -> None:
    """Make everything in a folder of its own, by a server that ends with this call."""
    plan = layout.Plan(
        folder=folder,
        ports=dict(zip(layout.PORTS, ports.free(len(layout.PORTS)), strict=True)),
        settings=layout.Settings(),
        password=secrets.token_hex(16),
        range=layout.RANGES.format(layout.FIRST_RANGE),
    )
    plan.logs.mkdir(parents=True)
    data = plan.state / "mysql"
    data.mkdir(parents=True)
    secret = plan.state / "password"
    secret.touch(mode=0o600)
    secret.write_text(plan.password)
    configuration.write(plan)
    with _serving(plan):
        told = "".join(f"CREATE DATABASE {name} CHARACTER SET utf8;" for name in NAMES)
        _query(data, told)
        _run_together(plan, _steps(plan), say)
    # What configuration made on the way belongs to the cloud that the copy is for.
    for each in plan.state.iterdir():
        if each.name not in ("mysql", "keystone", "password"):
            shutil.rmtree(each)


@contextlib.contextmanager
def _serving(plan: Plan) -> Iterator[None]:
    data = plan.state / "mysql"
    install = [
        *("/usr/bin/mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={data}"),
        *("--auth-root-authentication-method=normal", "--skip-test-db"),
    ]
    _run(plan, "mysql-install", install)
    ledger = processes.Ledger(plan.folder)
    first = plan.folder / "first.sql"
    first.touch(mode=0o600)
    users = ("root@localhost", "root@127.0.0.1")
    first.write_text("".join(f"ALTER USER {u} IDENTIFIED BY '{plan.password}';\n" for u in users))
    argv = [*services.mysql(data, plan.ports[layout.MYSQL]), f"--init-file={first}"]
    ledger.start(layout.MYSQL, argv)
    try:
        if not processes.wait_until(lambda: _answers(data), START_SECONDS):
            raise errors.DevclusterError(f"no database server:\n{ledger.log_tail(layout.MYSQL)}")
        yield
    finally:
        # In order, so that the files are whole.
        ledger.end([layout.MYSQL], grace=START_SECONDS)
        ledger.sweep()


def _steps(plan: Plan) -> Mapping[str, Sequence[Sequence[str]]]:
    """Return the programs that fill the databases: chains that go beside each other."""

    def manage(program: str, *words: str) -> list[str]:
        owner = "neutron" if program == "neutron-db-manage" else program.partition("-")[0]
        file = configuration.file(plan, owner)
        return [services.PYTHON, f"/usr/bin/{program}", "--config-file", str(file), *words]

    identity = plan.endpoint(layout.KEYSTONE)
    root = ("--keystone-user", "root", "--keystone-group", "root")
    bootstrap = (
        *("bootstrap", "--bootstrap-password", plan.password),
        *("--bootstrap-region-id", layout.REGION),
        *("--bootstrap-public-url", identity, "--bootstrap-internal-url", identity),
    )
    cell = (
        *("--database_connection", plan.database("nova")),
        *("--transport-url", plan.messages()),
    )
    nowhere = ("--database_connection", plan.database("nova_cell0"))
    return {
        "keystone": [
            manage("keystone-manage", "fernet_setup", *root),
            manage("keystone-manage", "credential_setup", *root),
            manage("keystone-manage", "db_sync"),
            manage("keystone-manage", *bootstrap),
            manage("placement-manage", "db", "sync"),
            manage("glance-manage", "db_sync"),
        ],
        "neutron": [
            manage("neutron-db-manage", "upgrade", "heads"),
            manage("cinder-manage", "db", "sync"),
        ],
        "nova": [
            manage("nova-manage", "api_db", "sync"),
            manage("nova-manage", "cell_v2", "map_cell0", *nowhere),
            manage("nova-manage", "cell_v2", "create_cell", "--name", "cell1", *cell),
            manage("nova-manage", "db", "sync"),
        ],
    }


def _run_together(
    plan: Plan, chains: Mapping[str, Sequence[Sequence[str]]], say: binaries.Say
) -> None:

    def follow(name: str, chain: Sequence[Sequence[str]]) -> None:
        for argv in chain:
            began = time.monotonic()
            _run(plan, name, argv)
            # The program and its first words; the options are long.
            words = [each for each in argv[4:] if not each.startswith("-")][:2]
            say(f"{Path(argv[1]).name} {' '.join(words)}: {time.monotonic() - began:.0f} s")

    with futures.ThreadPoolExecutor(len(chains)) as pool:
        for each in [pool.submit(follow, *item) for item in chains.items()]:
            each.result()


def _run(plan: Plan, name: str, argv: Sequence[str]) -> None:
    log = plan.logs / f"make-{name}.log"
    with log.open("a") as output:
        done = subprocess.run(
            argv,
            stdout=output,
            stderr=output,
            check=False,
            env={**os.environ, **services.environment(plan, name)},
        )
    if done.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise errors.DevclusterError(f"{' '.join(argv)} failed:\n{tail}")
