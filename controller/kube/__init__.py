"""The only door to Kubernetes: client, watches, caches, writes, the Lease."""
