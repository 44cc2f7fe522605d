"""A real Kubernetes on this machine, for the demo, the tests and the benchmarks.

`python -m devcluster` is its command; tests and benchmarks use `devcluster.cluster.Cluster`.
"""
