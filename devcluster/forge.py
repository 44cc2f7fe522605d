"""What building from source takes, on the real node: git, registries, and images for the pods.

`start` is called by `__main__` and by tests. BuildKit itself is not here: the chart runs it, as a
pod, from the image `DAEMON`, which is made like the one that the chart names, of the same programs.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

import yaml

from devcluster import binaries, cluster, containerd, debian, images, registry, repositories

# As the chart's values and `forge.Dockerfile` name it; nothing is pulled.
IMAGE = "docker.io/argosy-dev/argosy-forge:dev"
CHECKOUT = Path(__file__).parents[1]
DAEMON = "docker.io/moby/buildkit:v0.34.2-rootless"
DOCKERFILE = f"""
FROM {debian.ROOTLESS.image}
RUN echo user:x:1000:1000::/home/user:/bin/sh >>/etc/passwd \\
 && echo user:100000:65536 | tee /etc/subuid >/etc/subgid \\
 && install -d -o 1000 -g 1000 -m 700 /home/user /run/user/1000 \\
    /home/user/.local /home/user/.local/share /home/user/.local/share/buildkit
COPY buildkitd buildctl /usr/bin/
ENV HOME=/home/user USER=user XDG_RUNTIME_DIR=/run/user/1000 TMPDIR=/home/user/.local/tmp \\
    BUILDKIT_HOST=unix:///run/user/1000/buildkit/buildkitd.sock
# As setuid root, both would lack the rights over a namespace that its own user has.
RUN install -d -o 1000 -g 1000 /home/user/.local/tmp \\
 && chmod u-s /usr/bin/newuidmap /usr/bin/newgidmap \\
 && /usr/sbin/setcap cap_setuid=ep /usr/bin/newuidmap \\
 && /usr/sbin/setcap cap_setgid=ep /usr/bin/newgidmap
USER 1000:1000
ENTRYPOINT ["rootlesskit", "buildkitd"]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forge:
    """Where git and the registries are, for pods and for this machine alike."""

    git: str
    registry: str
    guarded: str
    # What Jobs run, for the chart's value `build.image`.
    image: str

    @property
    def configuration(self) -> str:
        """What a `buildkitd.toml` needs to know: neither registry speaks TLS, and one has Debian.

        Base images are looked for in the open registry alone, as nothing else can be reached.
        """
        plain = "".join(
            f"[registry.'{each}']\n  http = true\n" for each in (self.registry, self.guarded)
        )
        return f"{plain}[registry.'docker.io']\n  mirrors = ['{self.registry}']\n"


def start(owner: cluster.Cluster) -> Forge:
    """Start git and both registries, and give the node the daemon's image; all of it once."""
    forge = Forge(
        git=repositories.start(owner),
        registry=registry.start(owner),
        guarded=registry.start(owner, guarded=True),
        image=IMAGE,
    )
    _make_daemon(owner)
    _offer(owner, debian.PYTHON, forge.registry)
    if not images.has(owner.dir, IMAGE):
        images.build(owner, CHECKOUT, IMAGE, dockerfile="forge.Dockerfile")
    return forge


def values(owner: cluster.Cluster, forge: Forge, *namespaces: str) -> Path:
    """Return a file of values with which the chart runs the daemon, for builds in these namespaces.

    Without any, for builds in the namespace `default`.
    """
    daemon = {
        "enabled": True,
        "clients": list(namespaces or ("default",)),
        "configuration": forge.configuration,
        "image": {"pullPolicy": "Never"},
    }
    file = owner.dir / "forge-values.yaml"
    file.write_text(yaml.safe_dump({"build": {"image": forge.image, "daemon": daemon}}))
    return file


def _make_daemon(owner: cluster.Cluster) -> None:
    if images.has(owner.dir, DAEMON):
        return
    images.provide(owner, debian.ROOTLESS)
    context = owner.dir / "buildkit" / "daemon"
    context.mkdir(parents=True, exist_ok=True)
    programs = binaries.ensure(binaries.BUILDKIT, owner.say)
    for name in ("buildkitd", "buildctl"):
        shutil.copy(programs / name, context / name)
    (context / "Dockerfile").write_text(DOCKERFILE)
    images.build(owner, context, DAEMON)


def _offer(owner: cluster.Cluster, base: debian.Base, address: str) -> None:
    """Push a base image to the open registry, where the daemon looks for it."""
    images.provide(owner, base)
    known = Path(owner.dir, registry.NAME, "offered")
    if known.exists():
        return
    copy = base.image.replace("docker.io", address)
    containerd.ctr(owner.dir, "images", "tag", "--force", base.image, copy)
    containerd.ctr(owner.dir, "images", "push", "--plain-http", copy)
    containerd.ctr(owner.dir, "images", "rm", copy)
    known.touch()
