"""Images for the real node: the project's Dockerfile built by BuildKit, straight into containerd.

What is built can be run by pods at once, under `imagePullPolicy: Never` or `IfNotPresent`. The
base image that Dockerfiles name is made from Debian packages, so that no registry is asked; a
registry of the cluster's own is there for builds that push. `__main__` and tests call this.
"""

import os
import shutil
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devcluster import (
    binaries,
    client,
    cluster,
    containerd,
    debian,
    network,
    ports,
    progress,
    registry,
)

BUILDKITD = "buildkitd"
KIT_IMAGE, KIT_SECRET = "devcluster.local/build-kit:1", "build-kit"
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
    progress.run(argv, log, f"building {name}", owner.say)
    return Build(image=name, log=log, seconds=time.monotonic() - began)


def kit(owner: cluster.Cluster, namespace: str) -> Kit:
    """Let pods of a namespace build images: a Job with this image and Secret reaches BuildKit.

    The image has git, a shell, Python and `buildctl`; mounted at `/kit`, the Secret holds what
    BuildKit asks of its clients, as `ca.crt`, `tls.crt` and `tls.key`.
    """
    _start_builder(owner)
    if not has(owner.dir, KIT_IMAGE):
        context = owner.dir / "buildkit" / "kit"
        context.mkdir(exist_ok=True)
        program = binaries.ensure(binaries.BUILDKIT, owner.say) / "buildctl"
        shutil.copy(program, context / "buildctl")
        (context / "Dockerfile").write_text(
            f"FROM {debian.PYTHON.image}\nCOPY buildctl /usr/local/bin/buildctl\n"
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
        image=KIT_IMAGE,
        secret=KIT_SECRET,
        builder=_address(owner.dir),
        registry=registry.start(owner),
    )


def load(owner: cluster.Cluster, archive: Path) -> None:
    """Give the node an image from an archive, as `docker save` writes it."""
    registry.require_node(owner)
    containerd.import_image(owner.dir, archive)


def provide(owner: cluster.Cluster, base: debian.Base) -> None:
    """Give the node a base image, unless it has it."""
    if not has(owner.dir, base.image):
        containerd.import_image(owner.dir, debian.archive(base, owner.say))


def _start_builder(owner: cluster.Cluster) -> None:
    net = registry.require_node(owner)
    provide(owner, debian.PYTHON)
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
  address = '{containerd.socket(folder)}'
  namespace = '{containerd.NAMESPACE}'
  snapshotter = 'overlayfs'
  networkMode = 'host'
  # Below the cluster's group, where `down` finds it.
  defaultCgroupParent = '/{net.bridge}/build'
[registry.'{registry.start(owner)}']
  http = true
"""


def _socket(folder: Path) -> Path:
    return folder / "buildkit" / "buildkitd.sock"


def has(folder: Path, image: str) -> bool:
    """Whether the node has an image of this full name."""
    return bool(containerd.ctr(folder, "images", "ls", "-q", f"name=={image}").strip())


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


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
