"""The Debian packages that a cloud is made of: installed once, with nothing started by them.

`cloud` asks for them before anything else. Their versions decide which databases fit.
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from devcluster import binaries, errors, progress

SERVICES = (
    *("mariadb-server", "rabbitmq-server", "memcached", "uwsgi-core", "uwsgi-plugin-python3"),
    *("keystone", "glance-api", "placement-api", "neutron-server"),
    *("nova-api", "nova-conductor", "nova-scheduler", "nova-compute"),
    *("cinder-api", "cinder-scheduler", "cinder-volume"),
)
# Of virtual machines: config drives, the guest's programs, the bridge.
MACHINES = ("genisoimage", "busybox-static", "cpio", "iproute2", "iptables")
ALL = (*SERVICES, *MACHINES)
# Only of clouds that are asked for it.
ORCHESTRATION = ("heat-api", "heat-engine")
# A package's scripts ask this program whether they may start a service; 101 says no.
POLICY = Path("/usr/sbin/policy-rc.d")
SET_ASIDE = POLICY.with_name("policy-rc.d.before-argosy")
APT = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y")
# The Makefile's installations take it, too.
LOCK = Path("/var/lock/argosy-apt.lock")
FORBID = "#!/bin/sh\n# devcluster installs packages; this is gone when it has.\nexit 101\n"


def ensure(say: binaries.Say, *more: str) -> Mapping[str, str]:
    """Return the versions of all packages, installed now if this machine lacks some or `more`."""
    if shutil.which("dpkg-query") is None or shutil.which("apt-get") is None:
        raise errors.DevclusterError(
            "an OpenStack needs Debian 12 (or a container of it): its services come from apt-get"
        )
    missing = [each for each in (*ALL, *more) if each not in versions(*more)]
    if not missing:
        return versions()
    if os.geteuid() != 0:
        raise errors.MissingToolError(
            ", ".join(missing), "sudo python -m devcluster openstack up installs them"
        )
    with _alone():
        _install(missing, say)
    return versions()


def refresh(say: binaries.Say) -> None:
    """Have apt learn which packages there are now."""
    with _alone():
        _update(say)


def versions(*more: str) -> Mapping[str, str]:
    """Return the versions of those packages, and of `more`, that are installed."""
    form = "${Package} ${db:Status-Status} ${Version}\n"
    done = subprocess.run(
        ["dpkg-query", "--show", f"--showformat={form}", *ALL, *more],
        capture_output=True,
        text=True,
        check=False,  # it fails where one is unknown, and tells of the others all the same
    )
    rows = [line.split() for line in done.stdout.splitlines()]
    return {row[0]: row[2] for row in rows if len(row) == 3 and row[1] == "installed"}  # noqa: PLR2004 - three columns


def _install(missing: list[str], say: binaries.Say) -> None:
    say(f"installing {', '.join(missing)} (first time only, about three minutes)")
    # A machine whose lists are of another day knows addresses that are gone.
    _update(say)
    with _nothing_starts():
        argv = [*APT, "install", "--no-install-recommends", *missing]
        progress.run(argv, _log(), "apt-get install", say)


def _update(say: binaries.Say) -> None:
    progress.run([*APT, "update"], _log(), "apt-get update", say)


def _log() -> Path:
    binaries.cache().mkdir(parents=True, exist_ok=True)
    return binaries.cache() / "apt.log"


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Wait for others of this project that install: apt itself fails at once, or does not wait."""
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _nothing_starts() -> Iterator[None]:
    """Have no package start its service; whatever decided that before decides it again later."""
    if POLICY.exists() and not SET_ASIDE.exists():
        POLICY.rename(SET_ASIDE)
    POLICY.write_text(FORBID)
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)
        if SET_ASIDE.exists():
            SET_ASIDE.rename(POLICY)
