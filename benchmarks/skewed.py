"""Rows with a mistake in them, or with none: joined, counted and asked for a cause."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.mistakes import KINDS, LOGGED, WHOLE, Mistake, Rng, Table, world
from benchmarks.mistakes_of_numbers import NUMBERS
from benchmarks.mistakes_of_rows import OF_ROWS, TIMES
from benchmarks.mistakes_of_texts import TEXTS
from checks.cause import Cause, Nature
from checks.classes import Bools
from checks.equality import Tolerance
from checks.pairs import Pairs
from checks.schema import Column, Kind
from monitor.pairing import Joining, join_pairs

MISTAKES = (*NUMBERS, *OF_ROWS, *TIMES, *TEXTS)
FEWEST = 10
"""Rows that a mistake must change for anybody to tell what it is."""
OTHERWISE = 0.2
"""The share of a mistake's rows on which something else went wrong."""
AROUND = ("humidity", "pressure", "temperature", "carrier", "device")
"""Columns that are compared beside the one with the mistake."""


class Share(StrEnum):
    """Which rows a mistake is made on."""

    ALL = "all rows"
    THIRD = "30 % of them"
    FEW = "3 % of them"
    SEGMENT = "one segment"


class Noise(StrEnum):
    """What else is wrong."""

    NONE = "nothing else"
    OTHERS = "a fifth of it otherwise"
    SHORT = "a log of two decimals"


def among(share: Share, table: Table, rng: Rng) -> Bools:
    """Choose the rows that a mistake is made on."""
    if share is Share.SEGMENT:
        return np.array([device == "ios" for device in table["device"]])
    part = {Share.ALL: 1.0, Share.THIRD: 0.3, Share.FEW: 0.03}[share]
    return np.asarray(rng.random(len(table["at"])) < part)


def found(
    mistake: Mistake, share: Share, noise: Noise, rng: Rng, rows: int
) -> Pairs | None:
    """Return what became of a mistake's column; None where nobody could tell."""
    if _hidden(mistake, share, noise):
        return None
    table = world(rng, rows)
    if mistake.prepare:
        table[mistake.column] = mistake.prepare(table, rng)
    at = among(share, table, rng)
    served = dict(table)
    for name, serve in {mistake.column: mistake.serve, **mistake.also}.items():
        with np.errstate(all="ignore"):
            wrong = listed(serve(table[name], table, rng))
        right = listed(table[name])
        if isinstance(wrong[0], str) and isinstance(right[0], bool):
            right = [str(value).lower() for value in right]
        changed = at & np.array([a != b for a, b in zip(wrong, right, strict=True)])
        if np.count_nonzero(changed) < FEWEST and not mistake.null:
            return None
        if noise is Noise.OTHERS:
            other = [right[place] for place in rng.permutation(rows).tolist()]
            wrong = put(changed & (rng.random(rows) < OTHERWISE), other, wrong)
        served[name] = put(at, wrong, right)
    if mistake.null:
        known = listed(table[mistake.column])
        table[mistake.column] = put(at, [None] * rows, known)
    absolute = 0.0
    if noise is Noise.SHORT:
        absolute, served = 0.51 * 10**-LOGGED, short(served)
    return joined(served, table, mistake, absolute)


def _hidden(mistake: Mistake, share: Share, noise: Noise) -> bool:
    """Tell whether nobody could tell the mistake."""
    if mistake.natures == (Nature.INVERTED,):
        # A wrong one of two values is always the other.
        return share is not Share.ALL or noise is Noise.OTHERS
    # Of a column that is null in all rows nothing is known.
    return (mistake.null and share is Share.ALL) or (
        mistake.fine and noise is Noise.SHORT
    )


def put(rows: Bools, values: Sequence[Any], others: Sequence[Any]) -> list[Any]:
    """Return values on some rows, and others elsewhere."""
    return [
        value if there else other
        for there, value, other in zip(rows, values, others, strict=True)
    ]


def listed(values: Any) -> list[Any]:  # noqa: ANN401 - an array or a list
    """Return a column as a list."""
    return list(values.tolist() if isinstance(values, np.ndarray) else values)


def short(served: Table) -> Table:
    """Return rows as a log has them that writes numbers with two decimals."""
    return {
        name: values
        if name in WHOLE or name in KINDS
        else [None if v is None else round(float(v), LOGGED) for v in listed(values)]
        for name, values in served.items()
    }


def joined(
    served: Table, table: Table, mistake: Mistake, absolute: float = 0.0
) -> Pairs:
    """Join served rows to right ones, and return the pairs of the mistake's column."""
    kinds = KINDS | ({mistake.column: mistake.kind} if mistake.kind else {})
    names = dict.fromkeys((mistake.column, *AROUND))
    sides = [
        pa.table({name: _arrow(name, values) for name, values in side.items()})
        for side in (served, table)
    ]
    result = join_pairs(
        [(sides[0], sides[1])],
        joining=Joining(
            id="id",
            entity="entity",
            time="at",
            tolerance=Tolerance(relative=mistake.tolerance, absolute=absolute),
        ),
        features=[
            Column(name=name, kind=kinds.get(name, Kind.NUMERIC)) for name in names
        ],
    )
    return result.features[mistake.column]


def _arrow(name: str, values: Any) -> pa.Array:  # noqa: ANN401 - an array or a list
    if name in ("when", "at"):
        micros = np.asarray([np.rint(value * 1e6) for value in listed(values)])
        return pa.array(micros.astype(np.int64)).cast(pa.timestamp("us", "UTC"))
    return pa.array(listed(values), from_pandas=True)


def named(pairs: Pairs, *mistakes: Mistake) -> bool:
    """Tell whether the cause that is named is one of some mistakes."""
    cause = pairs.cause
    return cause is not None and any(
        cause.law.nature in one.natures and one.says in cause.law.sentence
        for one in mistakes
    )


Noisy = Callable[[Any, Rng], Any]
_NUMBERS = ("amount", "price", "temperature", "walk", "signed", "share", "score")
_COUNTS = ("parcels", "hour", "weekday", "level")
_TEXTS = ("carrier", "device", "city", "code", "name")
INNOCENT: Mapping[str, tuple[tuple[str, ...], Noisy]] = {
    "values of other rows": (
        (*_NUMBERS, *_COUNTS, *_TEXTS, "when"),
        lambda x, rng: [x[i] for i in rng.permutation(len(x)).tolist()],
    ),
    "jitter": (_NUMBERS, lambda x, rng: x + rng.normal(size=len(x))),
    "5 % off": (
        (*_NUMBERS, *_COUNTS),
        lambda x, rng: x * (1 + 0.05 * rng.normal(size=len(x))),
    ),
    "counts off by -1, 1 or 2": (
        _COUNTS,
        lambda x, rng: x + rng.choice([-1.0, 1.0, 2.0], len(x)),
    ),
    "heavy tails": (
        (*_NUMBERS, *_COUNTS),
        lambda x, rng: x + rng.standard_cauchy(len(x)),
    ),
    "another model's scores": (
        ("share", "score"),
        lambda x, rng: (
            1 / (1 + np.exp(-np.log(x / (1 - x)) - 0.3 * rng.normal(size=len(x))))
        ),
    ),
}
"""Differences that have no cause: the columns that have them, and what is served."""


def innocent(
    name: str, share: Share, rng: Rng, rows: int
) -> Iterator[tuple[str, Cause | None]]:
    """Return the cause that is named in each column where there is none."""
    table = world(rng, rows)
    at = among(share, table, rng)
    columns, noisy = INNOCENT[name]
    for column in columns:
        wrong = listed(noisy(table[column], rng))
        served = table | {column: put(at, wrong, listed(table[column]))}
        nothing = Mistake(
            name=name, column=column, serve=lambda v, _t, _r: v, natures=()
        )
        pairs = joined(served, table, nothing)
        if pairs.differing:
            yield column, pairs.cause


def mixed(rng: Rng, rows: int) -> Iterator[tuple[Mistake, Mistake, Pairs]]:
    """Make two mistakes at once, each on half of the rows, and return what became."""
    for one, two in combinations(MISTAKES, 2):
        if one.column != two.column or any(map(_apart, (one, two))):
            continue
        table = world(rng, rows)
        with np.errstate(all="ignore"):
            sides = [
                listed(each.serve(table[one.column], table, rng)) for each in (one, two)
            ]
        served = table | {one.column: put(rng.random(rows) < 0.5, *sides)}
        yield one, two, joined(served, table, one)


def _apart(mistake: Mistake) -> bool:
    """Tell whether a mistake needs more than its column's values."""
    return bool(
        mistake.null or mistake.prepare or mistake.kind or mistake.also or mistake.fine
    )
