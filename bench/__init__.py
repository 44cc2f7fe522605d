"""Argosy side by side with others and with the floor, on real API servers of its own.

`python -m bench` runs `trials`, each of which lets `arms` do the same job in turns in an `arena`;
`ratios` says what is wanted of what they measured, `report` what came of it.
"""
