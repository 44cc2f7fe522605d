"""How the metrics of an operator that runs as a process are served: in the plain, unless asked.

Benchmarks and people read them from this machine. `operator` replaces by this what the chart says.
"""

from collections.abc import Sequence

from devcluster import certificates, cluster

HOST = "127.0.0.1"
FOLDER = "--metrics-certificates"


def arguments(owner: cluster.Cluster, given: Sequence[str], *, secure: bool) -> list[str]:
    """Return what an operator is to be told instead of what the chart tells it of metrics."""
    if not any(each.startswith(FOLDER) for each in given):
        # The chart may be of a version that did not know of it, or be told to leave them plain.
        return []
    if not secure:
        return [FOLDER, ""]
    return [FOLDER, str(certificates.folder(owner.dir / "pki", "metrics", HOST))]
