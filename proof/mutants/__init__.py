"""Our own code, broken on purpose: proof that the history checker notices.

`definitions` says what is broken, `arena` lets an engine, whole or broken, live through a story
against an API server in memory, `trial` judges what it wrote. `python -m proof.mutants` runs all.
"""
