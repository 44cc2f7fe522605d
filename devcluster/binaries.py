"""The programs of a cluster, built from Go modules and cached outside the checkout.

Each folder under `devcluster/binaries` is one Go module, because their dependencies conflict; its
go.mod pins all versions. What is built is kept under a hash of the module's own files, so that
checkouts share it and a changed version is a new build. `cluster`, `node` and `images` call this.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from devcluster import compiling, errors

SOURCES = Path(__file__).parent / "binaries"
KUBERNETES = "v1.37.2"
HEARTBEAT_SECONDS = 10
INSTALL_GO = "install Go 1.26 or newer (https://go.dev/dl/) and put its bin folder on PATH"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One Go module: which programs come out of it, from which packages."""

    name: str
    programs: Mapping[str, str]
    ldflags: str = ""
    # Files to keep beside the programs: name in the cache -> (Go module, path within it).
    assets: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    takes: str = "a minute"

    @property
    def folder(self) -> Path:
        """Where its go.mod is."""
        return SOURCES / self.name


_VERSION = "k8s.io/component-base/version"
KUBERNETES_LDFLAGS = (
    f"-X {_VERSION}.gitVersion={KUBERNETES} -X {_VERSION}.gitMajor=1 -X {_VERSION}.gitMinor=37"
)
_KWOK = "sigs.k8s.io/kwok"
CONTROLPLANE = Module(
    name="controlplane",
    programs={"controlplane": "."},
    ldflags=KUBERNETES_LDFLAGS,
    takes="about five minutes",
)
KWOK = Module(
    name="kwok",
    programs={"kwok": f"{_KWOK}/cmd/kwok"},
    assets={
        f"{path.rpartition('/')[2]}.yaml": (_KWOK, f"kustomize/stage/{path}.yaml")
        for path in (
            "node/fast/node-initialize",
            "node/heartbeat-with-lease/node-heartbeat-with-lease",
            "volume/fast/pv-bind",
            "volume/fast/pv-delete",
            "volume/fast/pvc-delete",
            "volume/fast/pvc-provision",
        )
    },
)
HELM = Module(
    name="helm",
    programs={"helm": "helm.sh/helm/v4/cmd/helm"},
    ldflags="-X helm.sh/helm/v4/internal/version.version=v4.3.1",
    takes="about two minutes",
)

NODE = Module(
    name="node",
    programs={"node": "."},
    ldflags=KUBERNETES_LDFLAGS,
    takes="about a minute after the control plane, five without",
)
_CONTAINERD = "github.com/containerd/containerd/v2"
CONTAINERD = Module(
    name="containerd",
    programs={
        name: f"{_CONTAINERD}/cmd/{name}"
        for name in ("containerd", "containerd-shim-runc-v2", "ctr")
    },
    ldflags=f"-X {_CONTAINERD}/version.Version=v2.4.2",
)
_BUILDKIT = "github.com/moby/buildkit"
BUILDKIT = Module(
    name="buildkit",
    programs={name: f"{_BUILDKIT}/cmd/{name}" for name in ("buildkitd", "buildctl")},
    ldflags=f"-X {_BUILDKIT}/version.Version=v0.34.2",
    takes="about two minutes",
)
REGISTRY = Module(
    name="registry",
    programs={"registry": "github.com/distribution/distribution/v3/cmd/registry"},
)
PAUSE = Module(name="pause", programs={"pause": "."}, takes="seconds")
COREDNS = Module(name="coredns", programs={"coredns": "."}, takes="a minute and a half")


def cache() -> Path:
    """Return the folder that all checkouts of this user share."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "argosy"


def fingerprint(module: Module) -> str:
    """Return a hash of everything that decides what the module's programs are."""
    digest = hashlib.sha256(f"{module.ldflags}\n{sorted(module.assets)}\n".encode())
    sources = [*module.folder.glob("*.go"), *module.folder.glob("*.c")]
    for path in [module.folder / "go.mod", module.folder / "go.sum", *sorted(sources)]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def ensure(module: Module, say: Say) -> Path:
    """Return the folder with the module's programs, built now if the cache lacks them.

    Two builders do not race: the second waits, then finds the first one's result.
    """
    target = cache() / f"{module.name}-{fingerprint(module)}"
    if target.is_dir():
        return target
    with _locked(module, say):
        if target.is_dir():
            return target
        if shutil.which("go") is None:
            raise errors.MissingToolError("Go", INSTALL_GO)
        scratch = target.with_name(f"{target.name}.{os.getpid()}.part")
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        try:
            _build(module, scratch, say)
            _copy_assets(module, scratch)
            scratch.rename(target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return target


@contextmanager
def _locked(module: Module, say: Say) -> Iterator[None]:
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / f"{module.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another build of {module.name}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(module: Module, folder: Path, say: Say) -> None:
    names = ", ".join(module.programs)
    say(f"building {names} (first time only, {module.takes} on two cores)")
    began = time.monotonic()
    environment = {**os.environ, "CGO_ENABLED": "0"}
    flags = ["-trimpath", "-ldflags", f"-s -w {module.ldflags}".strip()]
    packages = list(module.programs.values())
    far = compiling.Progress(compiling.stale(module.folder, packages, flags, environment))
    for program, package in module.programs.items():
        argv = ["go", "build", "-v", *flags, "-o", str(folder / program), package]
        with (
            (folder / "build.log").open("w+") as log,
            subprocess.Popen(
                argv, cwd=module.folder, env=environment, stdout=log, stderr=log
            ) as build,
        ):
            while _still_runs(build):
                far.read(folder / "build.log")
                say(f"building {program}: {far.told(time.monotonic() - began)}")
            far.read(folder / "build.log")
            if build.returncode:
                log.seek(0)
                raise errors.DevclusterError(
                    f"building {program} failed in {module.folder}:\n{log.read()[-3000:]}"
                )
    (folder / "build.log").unlink()
    say(f"built {names} in {time.monotonic() - began:.0f} s")


def _still_runs(build: subprocess.Popen[bytes]) -> bool:
    try:
        build.wait(HEARTBEAT_SECONDS)
    except subprocess.TimeoutExpired:
        return True
    return False


def _copy_assets(module: Module, folder: Path) -> None:
    for name, (source, path) in module.assets.items():
        argv = ["go", "list", "-m", "-f", "{{.Dir}}", source]
        root = subprocess.run(
            argv, cwd=module.folder, check=True, capture_output=True, text=True
        ).stdout.strip()
        (folder / name).write_bytes((Path(root) / path).read_bytes())
