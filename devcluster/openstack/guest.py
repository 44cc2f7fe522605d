"""The guest of real machines: Debian's cloud kernel, a few modules, busybox, and our own init.

Made once and cached: `cloud` asks for it. It boots within seconds on an emulated processor.
"""

import fcntl
import gzip
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from devcluster import binaries, errors
from devcluster.openstack import packages

INIT = Path(__file__).parent / "guest-init"
KERNEL = "linux-image-cloud-amd64"
# In the order in which they are loaded.
MODULES = (
    *("virtio", "virtio_ring", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci"),
    *("virtio_blk", "failover", "net_failover", "virtio_net"),
    *("scsi_common", "scsi_mod", "libata", "ata_piix", "cdrom", "sr_mod", "isofs"),
    *("evdev", "button"),
)


def ensure(say: binaries.Say) -> Path:
    """Return the folder with `vmlinuz` and `initrd`, made on the first call."""
    package = _kernel_package()
    if package is None:
        # Images of Debian come without the lists.
        packages.refresh(say)
        package = _kernel_package()
    if package is None:
        raise errors.MissingToolError(KERNEL, "no package of this machine's release depends on it")
    told = f"{package} {MODULES} {INIT.read_text()}"
    target = binaries.cache() / f"guest-{hashlib.sha256(told.encode()).hexdigest()[:16]}"
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / "guest.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.is_dir():
            return target
        say(f"making the guest of real machines from {package} (first time only)")
        scratch = target.with_suffix(f".{os.getpid()}.part")
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        try:
            _make(scratch, package)
            scratch.rename(target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return target


def _kernel_package() -> str | None:
    """Return the name of the package that has the kernel: the other one only depends on it."""
    argv = ["apt-cache", "depends", KERNEL]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    match = re.search(r"Depends: (linux-image-\S+)", done.stdout)
    return match[1] if match else None


def _make(folder: Path, package: str) -> None:
    # apt drops root's rights for a download, and could not write here.
    _output("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", package, folder=folder)
    archive = next(folder.glob("*.deb"))
    kernel, root = folder / "kernel", folder / "root"
    _output("dpkg-deb", "--extract", str(archive), str(kernel))
    for each in ("bin", "lib", "proc", "sys", "dev", "tmp"):
        (root / each).mkdir(parents=True)
    shutil.copy("/bin/busybox", root / "bin")
    shutil.copy(INIT, root / "init")
    (root / "init").chmod(0o755)
    _output("mknod", str(root / "dev" / "console"), "c", "5", "1")
    loaded = []
    for name in MODULES:
        # Some are part of the kernel itself.
        for module in kernel.glob(f"lib/modules/*/kernel/**/{name}.ko"):
            shutil.copy(module, root / "lib")
            loaded.append(name)
    (root / "lib" / "order").write_text("\n".join(loaded) + "\n")
    names = "\n".join(str(each.relative_to(root)) for each in sorted(root.rglob("*")))
    packed = subprocess.run(
        ["cpio", "--create", "--format=newc", "--quiet"],
        input=names.encode(),
        cwd=root,
        capture_output=True,
        check=True,
    )
    (folder / "initrd").write_bytes(gzip.compress(packed.stdout, compresslevel=1))
    shutil.copy(next((kernel / "boot").glob("vmlinuz-*")), folder / "vmlinuz")
    archive.unlink()
    shutil.rmtree(kernel)
    shutil.rmtree(root)


def _output(*argv: str, folder: Path | None = None) -> str:
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise errors.DevclusterError(f"{' '.join(argv)}: {done.stderr.strip()}")
    return done.stdout
