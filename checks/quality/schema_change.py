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
    there: a training set may name its rows in another way. New columns count only where
    `allow_extra` is false. Chance plays no part, so there is no p-value.

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
    changes = []
    types = reference.profile.types
    for name in sorted(reference.bins.columns):
        was = set(types.get(name, ())) - {"empty"}
        now = set(current.types.get(name, ())) - {"empty"}
        if name not in current.types:
            changes.append(f"{name} is missing")
        elif was and now and was != now:
            said_was, said_now = " and ".join(sorted(was)), " and ".join(sorted(now))
            changes.append(f"{name} was {said_was} and is {said_now}")
    ids = reference.bins.schema.first(Role.ID)
    if ids in types and ids not in current.types:
        changes.append(f"{ids} is missing")
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
