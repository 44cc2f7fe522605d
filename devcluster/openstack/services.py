"""The command lines of a cloud's processes; `cloud` starts them, `databases` some of them.

Pure but for the folders that a program insists on.
"""

from collections.abc import Mapping
from pathlib import Path

from devcluster.openstack import configuration, layout, machines
from devcluster.openstack.layout import Plan

PYTHON = "/usr/bin/python3"
# Debian's programs, whatever else of the same name a virtual environment has.
SEARCH = "/usr/sbin:/usr/bin:/sbin:/bin"
NODE_NAME = "argosy@localhost"
# Of each API one process with as many threads: Keystone answers all the others, too.
THREADS = {layout.KEYSTONE: 4, layout.PLACEMENT: 4}
SCRIPTS = {
    layout.KEYSTONE: "/usr/bin/keystone-wsgi-public",
    layout.PLACEMENT: "/usr/bin/placement-api",
}
CINDER = ("cinder-scheduler", "cinder-volume")
INFRASTRUCTURE = (layout.MYSQL, layout.MEMCACHED, layout.RABBIT)
ORCHESTRATION = (layout.HEAT, "heat-engine")
CONTROL = (
    *(layout.PLACEMENT, layout.GLANCE, layout.NEUTRON, layout.NOVA, layout.CINDER),
    *("nova-conductor", "nova-scheduler", *CINDER),
)


def control(plan: Plan) -> list[str]:
    """Return the names of the services that rest on the infrastructure and on Keystone."""
    return [*CONTROL, *ORCHESTRATION] if plan.settings.orchestration else [*CONTROL]


def compute(host: str) -> str:
    """Return the name of a host's process."""
    return f"nova-compute-{host}"


def command(plan: Plan, name: str) -> list[str]:
    """Return the command line of a process."""
    if name in SCRIPTS:
        return _uwsgi(plan, name)
    fixed = {
        layout.MYSQL: mysql(plan.state / "mysql", plan.ports[layout.MYSQL]),
        layout.MEMCACHED: _memcached(plan),
        layout.RABBIT: ["/usr/lib/rabbitmq/bin/rabbitmq-server"],
        layout.LIBVIRT: machines.command(plan),
    }
    if name in fixed:
        return fixed[name]
    hosts = {compute(host): host for host in plan.hosts}
    if name in hosts:
        file = configuration.file(plan, f"nova-{hosts[name]}")
        return [PYTHON, str(_launcher(plan)), "--config-file", str(file)]
    program, owner = {
        layout.GLANCE: ("glance-api", "glance"),
        layout.NEUTRON: ("neutron-server", "neutron"),
        layout.NOVA: ("nova-api", "nova"),
        layout.CINDER: ("cinder-api", "cinder"),
        layout.HEAT: ("heat-api", "heat"),
    }.get(name, (name, name.partition("-")[0]))
    file = configuration.file(plan, owner)
    return [PYTHON, f"/usr/bin/{program}", "--config-file", str(file)]


def environment(plan: Plan, name: str) -> Mapping[str, str]:
    """Return what a process needs to know beside its arguments."""
    known = {"PATH": SEARCH, "PYTHONPATH": str(configuration.PLUGINS), "PYTHONUNBUFFERED": "1"}
    return {**known, **_rabbit(plan)} if name == layout.RABBIT else known


def mysql(data: Path, port: int) -> list[str]:
    """Return the command line of a database server over this folder, as fast as it is careless."""
    return [
        "/usr/sbin/mariadbd",
        "--no-defaults",
        "--user=root",
        f"--datadir={data}",
        f"--port={port}",
        "--bind-address=127.0.0.1",
        f"--socket={data / 'mysql.sock'}",
        f"--pid-file={data / 'mysqld.pid'}",
        "--innodb-flush-log-at-trx-commit=0",
        "--innodb-doublewrite=0",
        "--innodb-log-file-size=32M",
        "--innodb-buffer-pool-size=192M",
        "--skip-log-bin",
        "--max-connections=1000",
        "--skip-name-resolve",
    ]


def _memcached(plan: Plan) -> list[str]:
    port = str(plan.ports[layout.MEMCACHED])
    return ["/usr/bin/memcached", "-u", "nobody", "-l", "127.0.0.1", "-p", port, "-m", "64"]


def _rabbit(plan: Plan) -> Mapping[str, str]:
    home = plan.state / "rabbitmq"
    home.mkdir(parents=True, exist_ok=True)
    return {
        "HOME": str(home),
        "RABBITMQ_NODENAME": NODE_NAME,
        "RABBITMQ_NODE_PORT": str(plan.ports[layout.RABBIT]),
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_DIST_PORT": str(plan.ports[layout.RABBIT_PEERS]),
        # A name server of its own: one that clouds share would end with the first of them.
        "ERL_EPMD_PORT": str(plan.ports[layout.RABBIT_NAMES]),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_MNESIA_BASE": str(home),
        "RABBITMQ_LOG_BASE": str(plan.logs),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
        "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq"),
        # One scheduler: the message broker of a cloud at rest must not keep the cores awake.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none",
    }


def _uwsgi(plan: Plan, name: str) -> list[str]:
    file = configuration.file(plan, name)
    return [
        "/usr/bin/uwsgi_python3",
        *("--http-socket", f"127.0.0.1:{plan.ports[name]}"),
        *("--master", "--processes", "1", "--threads", str(THREADS[name]), "--enable-threads"),
        *("--lazy-apps", "--die-on-term", "--buffer-size", "65535"),
        *("--add-header", "Connection: close"),
        *("--wsgi-file", SCRIPTS[name]),
        *("--pyargv", f"--config-file {file}"),
        *("--env", f"OS_KEYSTONE_CONFIG_FILES={file}"),
        *("--env", f"OS_PLACEMENT_CONFIG_DIR={file.parent}"),
    ]


def _launcher(plan: Plan) -> Path:
    """Return the program of compute hosts, under the name that the packet filter knows it by."""
    link = plan.folder / "bin" / plan.bridge
    link.parent.mkdir(exist_ok=True)
    if not link.is_symlink():
        link.symlink_to(configuration.PLUGINS / "argosy_compute.py")
    return link
