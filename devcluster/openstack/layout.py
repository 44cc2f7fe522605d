"""What one cloud is made of: its folder, ports, hosts and addresses; everything else follows.

Pure. `cloud` makes a `Plan` and keeps it; `configuration`, `services` and `machines` read it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

KEYSTONE = "keystone"
GLANCE = "glance"
PLACEMENT = "placement"
NEUTRON = "neutron"
NOVA = "nova"
CINDER = "cinder"
HEAT = "heat"
# In the catalogue: the service's type, and what follows its port.
ENDPOINTS: Mapping[str, tuple[str, str]] = {
    KEYSTONE: ("identity", "/v3"),
    GLANCE: ("image", ""),
    PLACEMENT: ("placement", ""),
    NEUTRON: ("network", ""),
    NOVA: ("compute", "/v2.1"),
    CINDER: ("block-storage", "/v3/%(project_id)s"),
    HEAT: ("orchestration", "/v1/%(project_id)s"),
}
MYSQL = "mysql"
RABBIT = "rabbitmq"
RABBIT_PEERS = "rabbitmq-peers"
RABBIT_NAMES = "rabbitmq-names"
MEMCACHED = "memcached"
PORTS = (*ENDPOINTS, MYSQL, RABBIT, RABBIT_PEERS, RABBIT_NAMES, MEMCACHED)

ZONES = ("az1", "az2", "az3")
# The host, and the zone, whose servers are real virtual machines.
REAL = "real"
LIBVIRT = "libvirtd"
REGION = "RegionOne"
# Each cloud has one range of its own: the bridge of its real machines is in it.
RANGES = "10.{}.0.0/16"
FIRST_RANGE, LAST_RANGE = 128, 191
# Floating addresses lead nowhere: no agent routes them. The range is the one for benchmarks.
PUBLIC_RANGE = "198.18.0.0/16"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a person chose for a cloud; kept with it."""

    hosts: int = 3  # fake hypervisors, over the zones in turn
    real_machines: bool = False
    orchestration: bool = False  # Heat, for whoever compares with it
    # More configuration of a service, by its file's name, section and key.
    options: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that decides the files and command lines of one cloud."""

    folder: Path
    ports: Mapping[str, int]
    settings: Settings
    password: str
    range: str

    @property
    def hosts(self) -> Mapping[str, str]:
        """The compute hosts with their zones; those of fakes first."""
        numbers = range(self.settings.hosts)
        fakes = {f"fake{each + 1}": ZONES[each % len(ZONES)] for each in numbers}
        return {**fakes, REAL: REAL} if self.settings.real_machines else fakes

    @property
    def apis(self) -> list[str]:
        """The services that answer in this cloud."""
        return [each for each in ENDPOINTS if each != HEAT or self.settings.orchestration]

    @property
    def bridge(self) -> str:
        """What the bridge of real machines, and the packet filter's chains for it, are called."""
        return bridge(self.folder)

    @property
    def gateway(self) -> str:
        """The bridge's own address."""
        return self.range.replace(".0.0/16", ".0.1")

    @property
    def state(self) -> Path:
        """Where the services keep their data."""
        return self.folder / "state"

    @property
    def configurations(self) -> Path:
        """Where the services' configuration lies."""
        return self.folder / "etc"

    @property
    def logs(self) -> Path:
        """Where everything that is started writes to."""
        return self.folder / "logs"

    @property
    def clouds(self) -> Path:
        """The credentials file for clients."""
        return self.folder / "clouds.yaml"

    def address(self, service: str) -> str:
        """Return where a service's API answers."""
        return f"http://127.0.0.1:{self.ports[service]}"

    def endpoint(self, service: str) -> str:
        """Return what the catalogue says of a service."""
        return self.address(service) + ENDPOINTS[service][1]

    def database(self, name: str) -> str:
        """Return how services reach a database."""
        where = f"127.0.0.1:{self.ports[MYSQL]}"
        return f"mysql+pymysql://root:{self.password}@{where}/{name}?charset=utf8"

    def messages(self) -> str:
        """Return how services reach each other."""
        return f"rabbit://guest:guest@127.0.0.1:{self.ports[RABBIT]}/"


def bridge(folder: Path) -> str:
    """Return what the bridge of the cloud in this folder is called, also if the cloud is gone."""
    return f"argovm{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]}"
