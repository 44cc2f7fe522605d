"""The chart on the cluster that tests of several files share: one release, installed once.

Files run beside each other, and Helm lets nobody in while another changes a release; who installs
it with fewer values takes away what others are using. So whoever installs it here calls `install`.
"""

from __future__ import annotations

from devcluster import cluster, operator, state

# As much of the chart as any of these files needs.
VALUES = ("hooks.enabled=true", "hooks.secretName=hooks")


def install(one: cluster.Cluster) -> None:
    """Have the chart installed, without replicas; others who call this meanwhile wait."""
    folder = one.dir / "release"
    with state.locked(folder, one.say):
        installed = folder / "installed"
        if not installed.exists():
            operator.install(one, values=VALUES)
            installed.touch()
