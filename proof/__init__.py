"""Proof that the engine keeps its promises: histories checked, faults injected, mutants caught.

Nothing here ships. `proof.history` reads what an API server recorded, `proof.faults` stands between
an operator and its API server, `proof.mutants` breaks our own code and asks the tests to notice.
"""
