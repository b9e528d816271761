"""What a mistake of serving code is, and rows like real ones to make it on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from checks.cause import Nature
from checks.schema import Kind

Rng = np.random.Generator
Table = dict[str, Any]
"""Columns by name: floats, or lists of text, truth values and times."""
CARRIERS = ("AA", "DL", "UA", "WN", "B6", "AS", "NK", "HA")
CITIES = ("Zürich", "São Paulo", "Köln", "Montréal", "Łódź", "Malmö", "Oslo", "Bern")
DEVICES = ("ios", "android", "web", "kiosk")
STEP = 600
"""Seconds from one row to the next."""
ENTITIES = 40
SPRING = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
"""Summer time begins in the month after it."""


def world(rng: Rng, rows: int) -> Table:
    """Draw rows as they should have been served, in the order of their time."""
    at = SPRING + STEP * np.arange(rows) + rng.integers(0, STEP, rows)
    entity = rng.integers(0, ENTITIES, rows)
    walk = np.empty(rows)
    for one in range(ENTITIES):
        of = entity == one
        walk[of] = 100 + np.cumsum(rng.normal(size=int(of.sum())))
    return {
        "id": np.arange(rows) * 7 + 100_000,
        "entity": entity,
        "at": at,
        "carrier": rng.choice(CARRIERS, rows, p=[0.2, 0.2, 0.2, *[0.08] * 5]).tolist(),
        "device": rng.choice(DEVICES, rows, p=[0.2, 0.3, 0.4, 0.1]).tolist(),
        "amount": rng.lognormal(3, 1.2, rows),
        "price": np.round(rng.lognormal(3, 1, rows), 2),
        "parcels": rng.poisson(20, rows).astype(float),
        "temperature": np.round(rng.normal(60, 15, rows), 1),
        "humidity": np.round(rng.normal(55, 15, rows), 1),
        "pressure": np.round(rng.normal(58, 15, rows), 1),
        "share": rng.beta(2, 5, rows),
        "score": rng.beta(2, 2, rows),
        "walk": walk,
        "signed": rng.normal(size=rows) * 3,
        "when": SPRING + rng.integers(0, 60 * 86_400, rows),
        "hour": rng.integers(0, 24, rows).astype(float),
        "weekday": rng.integers(0, 7, rows).astype(float),
        "level": rng.integers(0, 6, rows).astype(float),
        "flag": (rng.random(rows) < 0.3).tolist(),
        "city": rng.choice(CITIES, rows).tolist(),
        "code": [f"{number:06d}" for number in rng.integers(0, 99_999, rows)],
        "name": [
            " ".join(rng.choice(["Ada", "Bob", "Cyd", "Eve", "Flo", "Gus"], 3))
            for _ in range(rows)
        ],
    }


KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(("carrier", "device", "city", "code", "name"), Kind.CATEGORICAL),
    "when": Kind.DATETIME,
    "flag": Kind.BOOLEAN,
}
WHOLE = ("parcels", "hour", "weekday", "level", "when", "at", "id", "entity")
LOGGED = 2
"""Decimals with which a log that is cut short writes numbers."""

Serve = Callable[[Any, Table, Rng], Any]
"""Returns what the mistake serves for a whole column, given the rows it is in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One mistake: the column, what is served, and what must be said of it.

    `null` rows should have been null, `lost` ones are; `also` are columns that are
    served wrong beside it. Where the last digits are the mistake, a log that is cut
    short hides it (`fine`).
    """

    name: str
    column: str
    serve: Serve
    natures: tuple[Nature, ...]
    says: str = ""
    null: bool = False
    also: Mapping[str, Serve] = field(default_factory=dict)
    fine: bool = False
    kind: Kind | None = None
    tolerance: float = 1e-6
    prepare: Callable[[Table, Rng], Any] | None = None


def number(  # noqa: PLR0913, PLR0917 - what a mistake is
    name: str,
    column: str,
    serve: Callable[[Any], Any],
    nature: Nature,
    says: str = "",
    also_natures: tuple[Nature, ...] = (),
    **more: Any,  # noqa: ANN401 - the rest of a mistake
) -> Mistake:
    """Return a mistake that needs the values alone."""
    return Mistake(
        name=name,
        column=column,
        serve=lambda values, _t, _r: serve(values),
        natures=(nature, *also_natures),
        says=says,
        **more,
    )
