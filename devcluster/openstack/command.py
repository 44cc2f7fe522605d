"""The words `openstack up|down|status` of `python -m devcluster`; `__main__` adds them."""

import argparse
import shlex
import time
from collections.abc import Callable
from pathlib import Path

from devcluster import processes
from devcluster.openstack import cloud, layout

ABOUT = """examples:
  python -m devcluster openstack up                   a cloud of three fake hosts
  python -m devcluster openstack up --hosts 6         two in each of the three zones
  python -m devcluster openstack up --real-machines   and virtual machines that really run
  python -m devcluster openstack status
  python -m devcluster openstack down

It needs Debian 12; as root it installs the packages that are missing, and starts none of their
services by it. `up` on a cloud that has lost a process starts that again."""


def add(parser: argparse.ArgumentParser, say: Callable[[str], None]) -> None:
    """Give the parser of `openstack` its words."""
    parser.add_argument("act", choices=("up", "down", "status"))
    parser.add_argument(
        "--dir",
        type=Path,
        default=cloud.DEFAULT_FOLDER,
        metavar="D",
        help=f"the cloud's folder (default {cloud.DEFAULT_FOLDER})",
    )
    parser.add_argument(
        "--hosts", type=int, metavar="N", help="fake hypervisors, over three zones (default 3)"
    )
    parser.add_argument(
        "--real-machines",
        action="store_true",
        help="and a host, in the zone `real`, whose servers are virtual machines (root)",
    )
    parser.add_argument("--heat", action="store_true", help="and Heat, for comparisons")
    parser.set_defaults(run=lambda options: _ACTS[options.act](options, say))


def _up(options: argparse.Namespace, say: Callable[[str], None]) -> int:
    began = time.monotonic()
    chosen = cloud.Cloud(options.dir, say)
    settings = None
    if options.hosts is not None or options.real_machines or options.heat:
        hosts = layout.Settings().hosts if options.hosts is None else options.hosts
        settings = layout.Settings(
            hosts=hosts, real_machines=options.real_machines, orchestration=options.heat
        )
    chosen.start(settings)
    say(f"ready in {time.monotonic() - began:.1f} s; now: {_shell_line(chosen)}")
    return 0


def _down(options: argparse.Namespace, say: Callable[[str], None]) -> int:
    cloud.Cloud(options.dir, say).stop()
    say(f"no cloud runs in {options.dir}")
    return 0


def _status(options: argparse.Namespace, _say: Callable[[str], None]) -> int:
    chosen = cloud.Cloud(options.dir)
    known = chosen.processes.all()
    if not known:
        print(f"no cloud in {chosen.dir}")
        return 1
    print(f"Keystone     {chosen.plan.endpoint(layout.KEYSTONE)}")
    print(f"clouds.yaml  {chosen.clouds}")
    print(f"logs         {chosen.plan.logs}")
    for process in known.values():
        print(f"{process.name:<22} {_state(process)}")
    return 0 if chosen.running else 1


def _state(process: processes.Process) -> str:
    return f"running, pid {process.pid}" if process.alive else f"ENDED, see {process.log}"


def _shell_line(chosen: cloud.Cloud) -> str:
    return f"export OS_CLIENT_CONFIG_FILE={shlex.quote(str(chosen.clouds))} OS_CLOUD=argosy"


_ACTS = {"up": _up, "down": _down, "status": _status}
