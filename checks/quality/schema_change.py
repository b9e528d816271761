"""Columns that are gone, new, or of another type."""

from checks.errors import Unmeasurable
from checks.profile import Profile
from checks.reference import Reference
from checks.registry import Subject, check
from checks.schema import Role
from checks.statistic import Statistic
from checks.verdict import Family

NAMED = 5
"""Changes that the message spells out."""


@check(
    "schema_change",
    family=Family.QUALITY,
    subject=Subject.TABLE,
    threshold=0.0,
    default=True,
    any_rows=True,
)
def schema_change(
    reference: Reference, current: Profile, *, allow_extra: bool = True
) -> Statistic:
    """Count the reference's columns that the window lacks or that changed their type.

    Types are compared by family: an integer column that arrives as floating point is
    no change, one that arrives as text is. Of the id it is only asked whether it is
    there: a training set may name its rows in another way. Of the timestamp it is asked
    whether it still holds times, where it did: without one no window can be cut, which
    is told of the source. New columns count only where `allow_extra` is false. Chance
    plays no part, so there is no p-value.

    Blind to a column that keeps its type and changes its meaning (use `wasserstein`
    or row-level `mismatch`).

    Source: an exact comparison.

    >>> from checks.example import reference, window
    >>> known = reference({"a": [1], "b": ["x"]})
    >>> found = schema_change(known, window(known, {"a": ["1"]}))
    >>> found.value, found.detail
    (2.0, 'a was number and is text; b is missing')
    """
    if not current.types:
        cause = "the window has no columns"
        raise Unmeasurable(cause)
    types = reference.profile.types
    kept = [*sorted(reference.bins.columns), *_placing(reference, current)]
    changes = [said for name in kept if (said := _change(reference, current, name))]
    if not allow_extra:
        new = sorted(set(current.types) - set(types))
        changes.extend(f"{name} is new" for name in new)
    more = len(changes) - NAMED
    count = float(len(changes))
    return Statistic(
        value=count,
        low=count,
        high=count,
        p_value=None,
        n_reference=reference.profile.rows,
        n_current=current.rows,
        detail="; ".join(changes[:NAMED]) + (f"; and {more} more" if more > 0 else ""),
    )


def _placing(reference: Reference, current: Profile) -> list[str]:
    """List the columns that are not watched, but tell rows apart or place them.

    A timestamp that is missing is no change: windows cannot be cut without one, and
    what is checked whole needs none.
    """
    schema, types = reference.bins.schema, reference.profile.types
    moments = schema.first(Role.TIMESTAMP)
    placed = moments if moments in current.types else None
    return [n for n in (schema.first(Role.ID), placed) if n is not None and n in types]


def _change(reference: Reference, current: Profile, name: str) -> str | None:
    """Say how a column of the reference has changed; None where it has not."""
    if name not in current.types:
        return f"{name} is missing"
    was, now = (
        set(side.types.get(name, ())) - {"empty"}
        for side in (reference.profile, current)
    )
    schema = reference.bins.schema
    # Texts that can be read as times are good enough in a training set.
    stamped = name != schema.first(Role.TIMESTAMP) or was == {"time"}
    if not (was and now and was != now and stamped) or name == schema.first(Role.ID):
        return None
    said_was, said_now = " and ".join(sorted(was)), " and ".join(sorted(now))
    return f"{name} was {said_was} and is {said_now}"
