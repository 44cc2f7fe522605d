"""How often each address may do something that costs: some at once, and then some a second.

`scrapers` and `secured` count by it what strangers ask of them.
"""

from __future__ import annotations

import collections

# Addresses that are remembered; of the one that was seen the longest ago nothing is known then.
MOST_ADDRESSES = 1000


class AddressAllowance:
    """So many at once, and so many a second from then on."""

    def __init__(self, burst: float, rate: float, now: float) -> None:
        self._burst, self._rate = burst, rate
        self._left, self._since = burst, now

    def take(self, now: float) -> bool:
        """Take one; return whether there was one."""
        self._left = min(self._burst, self._left + (now - self._since) * self._rate)
        self._since = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Allowances:
    """One allowance for each address."""

    def __init__(self, burst: float, rate: float) -> None:
        self._burst, self._rate = burst, rate
        self._of: collections.OrderedDict[str, AddressAllowance] = collections.OrderedDict()

    def take(self, address: str, now: float) -> bool:
        """Take one of an address's; return whether there was one."""
        if address not in self._of:
            self._of[address] = AddressAllowance(self._burst, self._rate, now)
        self._of.move_to_end(address)
        if len(self._of) > MOST_ADDRESSES:
            self._of.popitem(last=False)
        return self._of[address].take(now)
