"""A real OpenStack on this machine: the services of Debian's packages, as plain processes.

`python -m devcluster openstack` starts one; tests and benchmarks use `cloud.Cloud` directly.
"""
