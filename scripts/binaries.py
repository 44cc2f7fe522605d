"""Build what a cluster without a real node needs, if the cache lacks it. `make setup` runs it."""

from devcluster import binaries


def main() -> None:
    """Build, or find, each module's programs."""
    for module in (binaries.CONTROLPLANE, binaries.KWOK, binaries.HELM):
        binaries.ensure(module, lambda line: print(f"setup: {line}", flush=True))


if __name__ == "__main__":
    main()
