"""When ids came first, and what is held of that while the rows stay as they are.

Every day the last weeks are looked at anew, and hardly anything of them has changed:
of each piece that has a name, hashes of ids and their times stay in memory. What does
not fit there is read again.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from checks.bins import Ints
from monitor.engines.base import Piece

KEPT = 200_000
"""Ids that are kept at most: those with the smallest hashes."""
MOST_BYTES = 64 << 20
"""Bytes that are held of all models together."""
SPARE = 1.25
"""How much farther than was needed ids are held: another day needs others."""
ALL = (1 << 64) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Firsts:
    """Ids by their hash, each beside a time: all there are up to the hash `reach`.

    `newest` is the latest time there was, whether its id is among them or not.
    """

    keys: Any
    times: Ints
    newest: int = -1
    reach: int = ALL

    @property
    def nbytes(self) -> int:
        """Bytes that they take."""
        return int(self.keys.nbytes + self.times.nbytes)

    @property
    def enough(self) -> bool:
        """Whether they are all there are, or as many as are kept."""
        return self.reach == ALL or len(self.keys) >= KEPT

    def upto(self, reach: int) -> "Firsts":
        """Return those whose hash is no larger."""
        if reach >= self.reach:
            return self
        held = self.keys <= np.uint64(reach)
        keys, times = self.keys[held], self.times[held]
        return replace(self, keys=keys, times=times, reach=reach)

    def merged(self) -> "Firsts":
        """Return each id once, in order, with its first time; no more than are kept."""
        order = np.lexsort((self.times, self.keys))
        keys, times = self.keys[order], self.times[order]
        if len(keys):
            first = np.append(True, keys[1:] != keys[:-1])
            keys, times = keys[first], times[first]
        found = replace(self, keys=keys, times=times)
        return found.upto(int(keys[KEPT - 1])) if len(keys) > KEPT else found


def farthest(found: Firsts) -> int:
    """Return the hash up to which pieces are worth being held for another day."""
    return min(ALL, int(SPARE * found.reach))


NONE = Firsts(keys=np.empty(0, np.uint64), times=np.empty(0, np.int64))


class Gathering:
    """Gathers ids, in memory that their number does not change."""

    def __init__(self) -> None:
        """Gather nothing yet."""
        self._parts = [NONE]
        self._ids = 0

    def add(self, part: Firsts) -> None:
        """Take some more."""
        self._parts.append(part)
        self._ids += len(part.keys)
        if self._ids > 2 * KEPT:
            self.done()

    def farthest(self) -> int:
        """Return the hash up to which pieces are worth being held, by what has come."""
        return farthest(self._parts[0])

    def done(self) -> Firsts:
        """Return what was gathered, each id once, in order of their hashes."""
        parts = self._parts
        reach = min(part.reach for part in parts)
        found = Firsts(
            keys=np.concatenate([part.upto(reach).keys for part in parts]),
            times=np.concatenate([part.upto(reach).times for part in parts]),
            newest=max(part.newest for part in parts),
            reach=reach,
        ).merged()
        self._parts, self._ids = [found], len(found.keys)
        return found


class Recall:
    """What is held of each model's pieces; not to be shared by threads."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        """Hold nothing yet, and later so many bytes at most."""
        self._spare = most
        self._held: dict[tuple[str, str], dict[str, Firsts]] = {}

    def walk(
        self,
        whose: tuple[str, str],
        pieces: Iterable[Piece],
        read: Callable[[pa.RecordBatch], Firsts],
        *,
        needed: int,
        most: Callable[[], int],
    ) -> Iterator[Firsts]:
        """Walk over the ids of all pieces, as they are held or as they are read now.

        What is held is of use where it reaches the hash `needed`. What was read is
        held up to the hash `most`, as far as there is room, and what did not come
        again is let go.
        """
        before, now = self._held.pop(whose, {}), dict[str, Firsts]()
        self._spare += sum(one.nbytes for one in before.values())
        for name, batches in pieces:
            if name is None:
                yield from map(read, batches)
                continue
            held = before.get(name)
            if held is None or held.reach < needed:
                gathered = Gathering()
                for part in map(read, batches):
                    yield part
                    gathered.add(part)
                held = gathered.done()
            else:
                yield held
            now[name] = held.upto(most())
        self._hold(whose, now, most())

    def _hold(
        self, whose: tuple[str, str], found: dict[str, Firsts], most: int
    ) -> None:
        kept = self._held[whose] = {}
        for name, one in found.items():
            part = one.upto(most)
            if part.nbytes <= self._spare:
                self._spare -= part.nbytes
                kept[name] = part
