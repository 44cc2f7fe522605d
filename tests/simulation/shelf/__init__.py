"""A provider as small as one can be: what adding one takes, played through by `test_fleets.py`."""
