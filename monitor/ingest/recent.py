"""Keys that came lately, in bounded memory: they tell what is sent again."""

import numpy as np

from monitor.landing.keys import Keys, Mask, first_of_each

REMEMBERED = 1 << 20
"""Keys that there is room for."""
_WAYS = 8
"""Places that a key may be at: the longest there makes room for one more."""
_SETS = REMEMBERED // _WAYS


class Recent:
    """Keys that came lately; one thread at a time.

    Of the last quarter of a million hardly one in a thousand is forgotten.
    """

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._slots = np.zeros((_SETS, _WAYS), np.uint64)
        self._next = np.zeros(_SETS, np.uint8)

    def fresh(self, keys: Keys, known: Mask) -> Mask:
        """Tell which rows are new, or have no key; all are remembered."""
        found = first_of_each(keys, known) & ~self.among(keys, known)
        self._remember(keys[found & known])
        return found

    def among(self, keys: Keys, known: Mask) -> Mask:
        """Tell which rows came before."""
        there: Mask = (self._slots[_set(keys)] == keys[:, None]).any(axis=1)
        return there & known

    def _remember(self, keys: Keys) -> None:
        """Put new keys in the place of the oldest ones."""
        while len(keys):
            sets = _set(keys)
            ways = self._next[sets]
            self._slots[sets, ways] = keys
            self._next[sets] = (ways + 1) % _WAYS
            # Of several that want the same place one has it now.
            keys = keys[self._slots[sets, ways] != keys]


def _set(keys: Keys) -> Keys:
    return keys & np.uint64(_SETS - 1)
