"""`argosy hooks`: a push to a repository asks for a Build. A process of its own, open to strangers.

The process can read nothing of the cluster and change one annotation: whoever takes it over may ask
for builds, which find the same commits, and no more.
"""
