"""`argosy-forge`: what runs in the Jobs of a Build. The forge knows git, BuildKit, and no cluster.

How it ended, it says in the pod's termination message; the operator reads nothing else of it.
"""
