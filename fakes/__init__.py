"""The world that is not real: a Kubernetes in memory, and machines that go wrong when told to.

`tests`, `proof` and `bench` run Argosy's own code against it, in virtual time. It knows
`controller`, and `controller` knows nothing of it.
"""
