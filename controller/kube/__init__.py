"""The only way to Kubernetes: client, watches, caches, writes, the Lease."""
