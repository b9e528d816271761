"""Which checks could not have fired on a window, whatever had been in it."""

from collections.abc import Hashable, Iterable
from weakref import WeakKeyDictionary

from checks.errors import Unmeasurable
from checks.frontier import Frontier
from checks.power import sight
from checks.profile import Profile
from checks.reference import Reference
from checks.suite import Entry


def mute(
    entries: Iterable[Entry], reference: Reference, current: Profile, level: float
) -> list[Entry]:
    """List the checks that could not have fired on this window, whatever was in it.

    Cheap: each is asked about a total displacement, and only where rows are few.
    """
    found = []
    for entry in entries:
        column = current.columns.get(entry.column or "")
        if column is None or column.rows == 0:
            continue
        if able(entry, reference, column.rows, level) is False:
            found.append(entry)
    return found


def able(entry: Entry, reference: Reference, rows: int, level: float) -> bool | None:
    """Tell whether a check could fire on so many rows of its column, whatever they are.

    None for a check whose power is not known, or that cannot be made.
    """
    try:
        seen = sight(entry, reference, rows, level)
        if seen is None or seen.plenty:
            return None if seen is None else True
        if not seen.movement:
            return seen.can()
        # A movement is searched for far and wide: what follows from earlier answers
        # for the same reference is not searched again.
        known = _FOUND.setdefault(reference, {})
        wanted = _asked(entry)
        frontier = known.get(wanted, Frontier())
        answer = frontier.at(seen.rows, level)
        if answer is None:
            answer = seen.can()
            known[wanted] = frontier.learned(seen.rows, level, answer=answer)
    except Unmeasurable:
        return None
    return answer


_FOUND: WeakKeyDictionary[Reference, dict[Hashable, Frontier]] = WeakKeyDictionary()


def _asked(entry: Entry) -> Hashable:
    """Return all of an entry that its answer depends on, beside rows and level."""
    options = tuple(sorted((name, repr(v)) for name, v in entry.options.items()))
    return entry.check.name, entry.column, entry.threshold, options
