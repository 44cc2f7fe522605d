"""The kinds of argosy.dev/v1alpha1: what users write, what Argosy writes, and their names."""
