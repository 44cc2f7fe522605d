"""The world that is not real: a Kubernetes in memory, and machines that go wrong when told to.

`api_server` is the cluster; `universe` has a whole operator live in it, in virtual time; `instant`
lets single planners take turns on it, without any time but a number, and `machines` are what its
servers are made of.

`tests`, `proof` and `bench` run Argosy's own code against it. It knows
`controller`, and `controller` knows nothing of it.
"""
