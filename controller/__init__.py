"""Argosy: a Kubernetes operator for applications that run on fleets of servers."""
