"""A model's `sampling` section: which of its rows are looked at, and which always."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, WithJsonSchema, model_validator

from checks.schema import Role, Schema
from monitor.config.node import Node
from monitor.config.scalars import Allowance
from monitor.config.segments import Condition as Conditions
from monitor.config.segments import asked, conditions
from monitor.problems import Problem, mistake, nearest

if TYPE_CHECKING:
    from checks.segment import Segment

Rate = Annotated[float, Field(ge=1e-6, le=1, allow_inf_nan=False)]
"""The share of rows that is kept: a row stands for a million of them at most."""

_HOW = "write rate: 0.1, or rows: 100000 per 1h."
_RATES = WithJsonSchema(
    {
        "anyOf": [
            {"type": "object", "additionalProperties": {"type": "number"}},
            {"type": "array", "items": {"type": "number"}},
        ]
    }
)


class Stratify(Node):
    """Parts of the rows that are sampled each by itself.

    `by` is a column of levels, each of which is a part, or one of numbers, cut `at`
    some of them. `rates` are the shares kept of some levels, or of each part between
    two cuts in order; the others have the rate of all rows.
    """

    by: str
    at: tuple[float, ...] = ()
    rates: Annotated[dict[str, Rate], _RATES] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, written: object) -> object:
        if isinstance(written, str):
            return {"by": written}
        if not isinstance(written, Mapping):
            return written
        rates = written.get("rates")
        if isinstance(rates, list | tuple):
            rates = {str(place): rate for place, rate in enumerate(rates)}
            return {**written, "rates": rates}
        return written

    def problems(self, table: Schema) -> Iterator[Problem]:
        """Find what does not fit between the parts and the model's columns."""
        column = table.get(self.by)
        if column is None:
            yield Problem(
                path=("by",),
                message=f"there is no column {self.by!r}",
                fix=nearest(self.by, table.names, noun="columns"),
            )
            return
        if column.role in (Role.LABEL, Role.TIMESTAMP, Role.ID):
            message = f"rows are not divided by the {column.role.value}"
            yield Problem(path=("by",), message=message, fix="choose another column.")
        if column.kind.ordered is not bool(self.at):
            told = "numbers are cut" if column.kind.ordered else "levels are not cut"
            fix = "write at: [0.5, 0.9]." if column.kind.ordered else "leave at out."
            yield Problem(path=("at",), message=f"{told}: {self.by!r}", fix=fix)
        if any(a >= b for a, b in pairwise(self.at)):
            message = "the cuts do not rise"
            yield Problem(path=("at",), message=message, fix="write [0.5, 0.9].")
        places = {str(place) for place in range(len(self.at) + 1)}
        if self.at and self.rates and set(self.rates) != places:
            yield Problem(
                path=("rates",),
                message=f"{len(self.at)} cuts make {len(places)} parts, and "
                f"{len(self.rates)} rates are given",
                fix="write one for each part, from the lowest on.",
            )


class Sampling(Node):
    """Which rows of the full traffic are looked at.

    A `rate` keeps that share of the rows, `rows` at most so many in each stretch of
    time (of each part, where they are stratified). Which ones is decided `by` the hash
    of a column, the id unless told: the same rows wherever it is decided. Rows that
    meet all that one of the rules in `always_keep` asks are kept whatever their hash.
    """

    rate: Rate | None = None
    rows: Allowance | None = None
    by: str | None = None
    stratify: Stratify | None = None
    always_keep: tuple[Conditions, ...] = ()

    @model_validator(mode="after")
    def _one_of_both(self) -> "Sampling":
        if (self.rate is None) is (self.rows is None):
            message = "rows are sampled at a rate, or so many in a stretch of time"
            raise mistake(message, _HOW)
        if self.rows is not None and self.stratify is not None and self.stratify.rates:
            message = "`rows` limits every part alike, and `rates` are given too"
            raise mistake(message, "write rate: 0.1 beside rates, or leave them out.")
        return self

    def key(self, table: Schema) -> str | None:
        """Return the column whose hash decides."""
        return self.by or table.first(Role.ID)

    def kept(self, table: Schema) -> "tuple[Segment, ...]":
        """Return the rules by which rows are always kept, as parts of the rows."""
        from checks.segment import Segment  # noqa: PLC0415 - reading is light

        return tuple(
            Segment.where(*conditions(rule, table)) for rule in self.always_keep
        )

    def problems(self, table: Schema) -> Iterator[Problem]:
        """Find what does not fit between the sampling and the model's columns."""
        key = self.key(table)
        if key is None:
            yield Problem(
                path=(),
                message="no column has the role id, by whose hash rows are sampled",
                fix="write by: COLUMN, or give a column role: id.",
            )
        elif table.get(key) is None:
            yield Problem(
                path=("by",),
                message=f"there is no column {key!r}",
                fix=nearest(key, table.names, noun="columns"),
            )
        if self.rows is not None and table.first(Role.TIMESTAMP) is None:
            yield Problem(
                path=("rows",),
                message="no column has the role timestamp, which cuts time",
                fix="give one role: timestamp, or write rate: 0.1.",
            )
        if self.stratify is not None:
            for problem in self.stratify.problems(table):
                yield problem.under("stratify")
        for place, rule in enumerate(self.always_keep):
            for problem in asked(rule, table):
                yield problem.under("always_keep", place)
