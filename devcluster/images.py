"""Images for the real node: the project's Dockerfile built by BuildKit, straight into containerd.

What is built can be run by pods at once, under `imagePullPolicy: Never` or `IfNotPresent`. The
base image that Dockerfiles name is made from Debian packages, so that no registry is asked; a
registry of the cluster's own is there for builds that push. `__main__` and tests call this.
"""

import fcntl
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from devcluster import binaries, client, cluster, errors, network, node, oci, ports

BUILDKITD, REGISTRY = "buildkitd", "registry"
RELEASE = "bookworm"
PACKAGES = ("python3", "python3-venv", "ca-certificates", "git")
BASE_IMAGE = f"docker.io/library/python:3.11-slim-{RELEASE}"
KIT_IMAGE, KIT_SECRET = "devcluster.local/build-kit:1", "build-kit"
HEARTBEAT_SECONDS = 5
# Files of this machine that a build may read and no image keeps: where packages come from.
PIP_CONFIGS = ("/etc/pip.conf", "~/.config/pip/pip.conf", "~/.pip/pip.conf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What was built: a name for pods, and what BuildKit said."""

    image: str
    log: Path
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """What a pod needs to build: an image, a Secret, and where BuildKit and the registry are."""

    image: str
    secret: str
    builder: str
    registry: str

    @property
    def command(self) -> tuple[str, ...]:
        """`buildctl` with its connection, for a pod that has the Secret at `/kit`."""
        files = {"tlscacert": "ca.crt", "tlscert": "tls.crt", "tlskey": "tls.key"}
        flags = [f"--{flag}=/kit/{file}" for flag, file in files.items()]
        return ("buildctl", f"--addr={self.builder}", *flags)


def build(
    owner: cluster.Cluster,
    context: Path,
    image: str,
    *,
    dockerfile: str = "Dockerfile",
    arguments: Mapping[str, str] | None = None,
    push: bool = False,
) -> Build:
    """Build a Dockerfile as it is and give the image to the node (or push it to its registry too).

    A name without a registry gets `docker.io/library/`, as everywhere. A failure shows the last
    lines of the build.
    """
    began = time.monotonic()
    _start_builder(owner)
    name = _full_name(image)
    log = owner.dir / "logs" / "build.log"
    output = f"type=image,name={name},unpack=true" + (",push=true" if push else "")
    argv = [
        str(binaries.ensure(binaries.BUILDKIT, owner.say) / "buildctl"),
        f"--addr=unix://{_socket(owner.dir)}",
        "build",
        "--progress=plain",
        "--frontend=dockerfile.v0",
        f"--local=context={context}",
        f"--local=dockerfile={context}",
        f"--opt=filename={dockerfile}",
        # The base image is in containerd already; anything else is asked of its registry.
        "--opt=image-resolve-mode=local",
        f"--output={output}",
        *(f"--opt=build-arg:{key}={value}" for key, value in (arguments or {}).items()),
        *_secrets(),
    ]
    _run_with_progress(argv, log, f"building {name}", owner.say)
    return Build(image=name, log=log, seconds=time.monotonic() - began)


def kit(owner: cluster.Cluster, namespace: str) -> Kit:
    """Let pods of a namespace build images: a Job with this image and Secret reaches BuildKit.

    The image has git, a shell, Python and `buildctl`; mounted at `/kit`, the Secret holds what
    BuildKit asks of its clients, as `ca.crt`, `tls.crt` and `tls.key`.
    """
    _start_builder(owner)
    if not _has_image(owner.dir, KIT_IMAGE):
        context = owner.dir / "buildkit" / "kit"
        context.mkdir(exist_ok=True)
        program = binaries.ensure(binaries.BUILDKIT, owner.say) / "buildctl"
        shutil.copy(program, context / "buildctl")
        (context / "Dockerfile").write_text(
            f"FROM {BASE_IMAGE}\nCOPY buildctl /usr/local/bin/buildctl\n"
        )
        build(owner, context, KIT_IMAGE)
    authority = owner.plan().authority()
    pair = authority.issue("builder-client", common_name="builder-client")
    files = {"ca.crt": authority.pair.certificate, "tls.crt": pair.certificate, "tls.key": pair.key}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": KIT_SECRET},
        "data": {name: client.encoded(path.read_bytes()) for name, path in files.items()},
    }
    owner.client.apply(f"/api/v1/namespaces/{namespace}/secrets/{KIT_SECRET}", secret)
    return Kit(
        image=KIT_IMAGE, secret=KIT_SECRET, builder=_address(owner.dir), registry=registry(owner)
    )


def load(owner: cluster.Cluster, archive: Path) -> None:
    """Give the node an image from an archive, as `docker save` writes it."""
    _require_node(owner)
    node.import_image(owner.dir, archive)


def registry(owner: cluster.Cluster) -> str:
    """Return `address:port` of the cluster's own registry, started on the first call.

    Pods, containerd and BuildKit reach it, by plain HTTP on the bridge.
    """
    net = _require_node(owner)
    config = owner.dir / REGISTRY / "config.yaml"
    if config.exists():
        address = str(yaml.safe_load(config.read_text())["http"]["addr"])
    else:
        address = f"{net.gateway}:{ports.free(1)[0]}"
        config.parent.mkdir(exist_ok=True)
        settings = {
            "version": 0.1,
            "log": {"level": "warn"},
            "storage": {"filesystem": {"rootdirectory": f"{config.parent}/data"}},
            "http": {"addr": address},
        }
        config.write_text(yaml.safe_dump(settings))
    _trust(owner.dir, address)
    if not owner.alive(REGISTRY):
        program = binaries.ensure(binaries.REGISTRY, owner.say) / "registry"
        owner.processes.start(REGISTRY, [str(program), "serve", str(config)])
        owner.watch(REGISTRY)
        owner.wait("the registry", lambda: listens(address))
    return address


def base(say: binaries.Say) -> Path:
    """Return an archive of the base image, made from Debian packages on the first call."""
    target = binaries.cache() / f"base-{RELEASE}-{len(PACKAGES)}" / "image.tar"
    if target.exists():
        return target
    network.require_root()
    program = network.require("mmdebstrap", "mmdebstrap")
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            root = target.parent / "root.tar"
            argv = [
                program,
                "--variant=minbase",
                f"--include={','.join(PACKAGES)}",
                # The name that images of Python have for it.
                '--customize-hook=ln -sf python3 "$1/usr/bin/python"',
                RELEASE,
                str(root),
            ]
            what = f"making the base image {BASE_IMAGE} (first time only)"
            _run_with_progress(argv, target.parent / "log", what, say)
            packed = oci.archive(target.with_suffix(".part"), BASE_IMAGE, root)
            root.unlink()
            packed.rename(target)
    return target


def _require_node(owner: cluster.Cluster) -> network.Network:
    net = owner.plan().network
    if net is None:
        raise errors.DevclusterError(
            f"the cluster in {owner.dir} has no real node: python -m devcluster up --real-node"
        )
    return net


def _start_builder(owner: cluster.Cluster) -> None:
    net = _require_node(owner)
    if not _has_image(owner.dir, BASE_IMAGE):
        node.import_image(owner.dir, base(owner.say))
    if owner.alive(BUILDKITD):
        return
    folder = owner.dir / "buildkit"
    folder.mkdir(exist_ok=True)
    config = folder / "buildkitd.toml"
    address = f"tcp://{net.gateway}:{ports.free(1)[0]}"
    (folder / "address").write_text(address)
    config.write_text(_builder_config(owner, net, address))
    program = binaries.ensure(binaries.BUILDKIT, owner.say) / BUILDKITD
    owner.processes.start(
        BUILDKITD,
        [str(program), f"--config={config}"],
        environment={"PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"},
    )
    owner.watch(BUILDKITD)
    owner.wait("BuildKit", lambda: _accepts(_socket(owner.dir)))


def _address(folder: Path) -> str:
    return (folder / "buildkit" / "address").read_text()


def _builder_config(owner: cluster.Cluster, net: network.Network, address: str) -> str:
    folder, authority = owner.dir, owner.plan().authority()
    # Whoever may build may act as root here: only clients with a certificate of ours.
    serving = authority.issue("buildkitd", common_name=BUILDKITD, hosts=[net.gateway])
    return f"""
root = '{folder}/buildkit/root'
[grpc]
  address = ['unix://{_socket(folder)}', '{address}']
  [grpc.tls]
    ca = '{authority.pair.certificate}'
    cert = '{serving.certificate}'
    key = '{serving.key}'
[cdi]
  disabled = true
[worker.oci]
  enabled = false
[worker.containerd]
  enabled = true
  address = '{node.socket(folder)}'
  namespace = '{node.NAMESPACE}'
  snapshotter = 'overlayfs'
  networkMode = 'host'
  # Below the cluster's group, where `down` finds it.
  defaultCgroupParent = '/{net.bridge}/build'
[registry.'{registry(owner)}']
  http = true
"""


def _socket(folder: Path) -> Path:
    return folder / "buildkit" / "buildkitd.sock"


def _trust(folder: Path, address: str) -> None:
    """Let containerd pull from the registry without TLS."""
    hosts = folder / node.CONTAINERD / "certs.d" / address / "hosts.toml"
    hosts.parent.mkdir(parents=True, exist_ok=True)
    hosts.write_text(f"server = 'http://{address}'\n[host.'http://{address}']\n")


def _has_image(folder: Path, image: str) -> bool:
    return bool(node.ctr(folder, "images", "ls", "-q", f"name=={image}").strip())


def _full_name(image: str) -> str:
    first, slash, _ = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        name = image
    else:
        name = f"docker.io/{image}" if slash else f"docker.io/library/{image}"
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def _secrets() -> list[str]:
    candidates = [os.environ.get("PIP_CONFIG_FILE", ""), *PIP_CONFIGS]
    configs = [path for path in map(Path, map(os.path.expanduser, candidates)) if path.is_file()]
    bundle = Path(os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"))
    found = [("pip.conf", path) for path in configs[:1]]
    found += [("ca.crt", bundle)] if bundle.is_file() else []
    return [f"--secret=id={name},src={path}" for name, path in found]


def _run_with_progress(argv: Sequence[str], log: Path, what: str, say: binaries.Say) -> None:
    """Run a long program, saying now and then that it is at work; its words go to the log."""
    began = time.monotonic()
    with log.open("w") as output, subprocess.Popen(argv, stdout=output, stderr=output) as child:
        while True:
            try:
                child.wait(HEARTBEAT_SECONDS)
                break
            except subprocess.TimeoutExpired:
                say(f"{what}: {time.monotonic() - began:.0f} s")
    if child.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
        raise errors.DevclusterError(f"{what} failed; the last lines of {log}:\n{tail}")


def listens(address: str) -> bool:
    """Whether something accepts connections at `host:port`."""
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
