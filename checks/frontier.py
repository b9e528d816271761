"""What is known of a yes-or-no question whose answer can only turn to yes.

Whether a check could fire grows with the rows that it has and with the level that it is
judged at: what was found mute is mute on fewer rows or at a stricter level, and what
was found able is able on more of them.
"""

from dataclasses import dataclass

MOST = 64
"""Corners that are kept on either side; the oldest are forgotten, and asked again."""

Corner = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Frontier:
    """The farthest places where the answer was no, and the nearest where it was yes.

    >>> found = Frontier().learned(50, 0.01, answer=False)
    >>> found = found.learned(200, 0.001, answer=True)
    >>> found.at(20, 0.01), found.at(300, 0.001), found.at(100, 0.001)
    (False, True, None)
    """

    no: tuple[Corner, ...] = ()
    yes: tuple[Corner, ...] = ()

    def at(self, rows: float, level: float) -> bool | None:
        """Return the answer where it follows from others; None where it does not."""
        if any(rows <= most and level <= laxest for most, laxest in self.no):
            return False
        if any(rows >= least and level >= strictest for least, strictest in self.yes):
            return True
        return None

    def learned(self, rows: float, level: float, *, answer: bool) -> "Frontier":
        """Return it with one answer more."""
        here = (rows, level)
        if answer:
            above = [one for one in self.yes if one[0] < rows or one[1] < level]
            return Frontier(self.no, (*above, here)[-MOST:])
        below = [one for one in self.no if one[0] > rows or one[1] > level]
        return Frontier((*below, here)[-MOST:], self.yes)
