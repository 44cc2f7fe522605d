"""A hostile network between an operator and its API server, seeded, and replayed from its log.

`Proxy` stands in between, `Faults` says how often what goes wrong, `decide` says what goes wrong
with one request: the same answer for the same seed, whatever else happens. `matrix` kills an
operator at every write of a reference run. `python -m proof.faults` runs both.
"""

from proof.faults.crash import Crash, Moment
from proof.faults.kinds import Fault, Kind
from proof.faults.proxy import Proxy
from proof.faults.random_faults import Faults, Replay, decide

__all__ = ["Crash", "Fault", "Faults", "Kind", "Moment", "Proxy", "Replay", "decide"]
