"""containerd on the real node: started, asked, and given images; `node` and `images` call it.

Everything lies in the cluster's folder, where `node.remove` finds it.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from devcluster import binaries, cluster, controlplane, errors, network, oci

NAME = "containerd"
NAMESPACE = "k8s.io"  # containerd's, not Kubernetes'
PLUGINS = Path("/usr/lib/cni")
PAUSE_IMAGE = "devcluster.local/pause:1"
DNS_IMAGE = "devcluster.local/coredns:1.15.0"


def ctr(folder: Path, *arguments: str) -> str:
    """Run containerd's client on this node; its output."""
    program = binaries.ensure(binaries.CONTAINERD, cluster.quiet) / "ctr"
    done = subprocess.run(
        [program, "-a", str(socket(folder)), "-n", NAMESPACE, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise errors.DevclusterError(f"ctr {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def socket(folder: Path) -> Path:
    """Where this node's containerd listens."""
    return folder.resolve() / "containerd" / "containerd.sock"


def start(owner: cluster.Cluster, plan: controlplane.Plan, net: network.Network) -> None:
    """Start containerd and give it the images that every node needs."""
    folder = plan.folder / NAME
    for name in ("cni", "certs.d"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    programs = binaries.ensure(binaries.CONTAINERD, owner.say)
    (folder / "cni" / "10-bridge.conflist").write_text(json.dumps(_cni(folder, net), indent=2))
    config = folder / "config.toml"
    config.write_text(_config(folder))
    owner.processes.start(
        NAME,
        [str(programs / "containerd"), "--config", str(config)],
        environment={"PATH": f"{programs}:{os.environ.get('PATH', '')}:/usr/sbin:/sbin"},
    )
    owner.watch(NAME)
    owner.wait("containerd", lambda: _answers(plan.folder))
    _import_images(owner)


def _answers(folder: Path) -> bool:
    try:
        ctr(folder, "version")
    except errors.DevclusterError:
        return False
    return True


def _config(folder: Path) -> str:
    runtime = "plugins.'io.containerd.cri.v1.runtime'"
    return f"""
version = 3
root = '{folder}/root'
state = '{folder}/state'
disabled_plugins = ['io.containerd.nri.v1.nri', 'io.containerd.tracing.processor.v1.otlp']

[grpc]
  address = '{folder}/containerd.sock'

[plugins.'io.containerd.internal.v1.opt']
  path = '{folder}/opt'

[plugins.'io.containerd.cri.v1.images']
  snapshotter = 'overlayfs'
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = '{PAUSE_IMAGE}'
  [plugins.'io.containerd.cri.v1.images'.registry]
    config_path = '{folder}/certs.d'

[{runtime}]
  # Lowering a score below the parent's needs CAP_SYS_RESOURCE, which a container may lack.
  restrict_oom_score_adj = true
  # Below our folder, where `down` finds what is mounted.
  netns_mounts_under_state_dir = true
  [{runtime}.containerd.runtimes.runc]
    runtime_type = 'io.containerd.runc.v2'
    [{runtime}.containerd.runtimes.runc.options]
      BinaryName = '{network.require("runc", "runc")}'
      Root = '{folder}/runc'
      SystemdCgroup = false
  [{runtime}.cni]
    bin_dirs = ['{PLUGINS}']
    conf_dir = '{folder}/cni'
    use_internal_loopback = true
"""


def _cni(folder: Path, net: network.Network) -> dict[str, Any]:
    bridge = {
        "type": "bridge",
        "bridge": net.bridge,
        "isGateway": True,
        "isDefaultGateway": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": f"{folder}/addresses",
            "ranges": [[{"subnet": net.pods}]],
        },
    }
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": net.bridge, "plugins": [bridge, portmap]}


def _import_images(owner: cluster.Cluster) -> None:
    scratch = owner.dir / NAME / "images"
    scratch.mkdir(exist_ok=True)
    for module, image in ((binaries.PAUSE, PAUSE_IMAGE), (binaries.COREDNS, DNS_IMAGE)):
        program = binaries.ensure(module, owner.say) / module.name
        root = oci.layer(scratch / f"{module.name}.layer", {module.name: program})
        packed = scratch / f"{module.name}.tar"
        oci.archive(packed, image, root, entrypoint=[f"/{module.name}"])
        import_image(owner.dir, packed)
    shutil.rmtree(scratch)


def import_image(folder: Path, archive: Path) -> None:
    """Give the node an image from an archive; pods can use it at once."""
    ctr(folder, "images", "import", "--local", str(archive))
