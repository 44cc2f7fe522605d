"""kubectl argosy."""
