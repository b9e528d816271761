"""A model's `segments` section: parts of the rows that are watched by themselves."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, GetJsonSchemaHandler, WithJsonSchema, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from checks.schema import Column, Kind, Role, Schema
from monitor.config.node import Node
from monitor.config.scalars import Name
from monitor.problems import Problem, mistake, nearest
from monitor.window import EPOCH, parse_time

if TYPE_CHECKING:
    from checks import segment as checked
    from checks.segment import Declared

MOST = 100
"""Segments of one model: each is counted, kept and judged by itself."""

Level = str | int | float | bool | None
End = float | str | None

_ROLES = (Role.FEATURE, Role.PREDICTION, Role.SCORE, Role.SEGMENT, Role.IGNORED)
"""Roles of columns that can divide rows before their labels come."""

_WHERE = "write a value, a list of values, or {at_least: 18, below: 30}."


class Asked(Node):
    """What a named segment asks of one column: a value, a list, or a range."""

    any_of: tuple[Level, ...] | None = Field(default=None, min_length=1)
    at_least: End = None
    below: End = None

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, written: object) -> object:
        if isinstance(written, Mapping):
            return written
        if isinstance(written, list | tuple):
            return {"any_of": written}
        return {"any_of": (written,)}

    @model_validator(mode="after")
    def _one_of_both(self) -> "Asked":
        if (self.any_of is None) is (self.at_least is None and self.below is None):
            message = "a condition is one or more values, or a range"
            raise mistake(message, _WHERE)
        return self

    def problem(self, column: Column) -> str | None:
        """Say what does not fit between the condition and the column's kind."""
        kind = column.kind
        try:
            low, high = self._ends(kind)
        except ValueError:
            ends = self.at_least if self.at_least is not None else self.below
            noun = "time" if kind is Kind.DATETIME else "number"
            return f"{ends!r} is no {noun}, and the column is {kind.value}"
        if not kind.ordered:
            return None if self.any_of else f"a {kind.value} column has no ranges"
        if self.any_of is not None and kind is Kind.DATETIME:
            return "a datetime column is divided by a range alone"
        wrong = [v for v in self.any_of or () if isinstance(v, str | bool)]
        if wrong:
            return f"{wrong[0]!r} is no number, and the column is {kind.value}"
        if low is not None and high is not None and low >= high:
            return "no value is at least the one and below the other"
        return None

    def condition(self, column: Column) -> "checked.Condition":
        """Return the condition as the checks know it."""
        from checks.segment import Condition  # noqa: PLC0415 - reading is light

        low, high = self._ends(column.kind)
        return Condition(
            column=column.name,
            kind=column.kind,
            levels=tuple(map(_text, self.any_of or ())),
            low=low,
            high=high,
        )

    def _ends(self, kind: Kind) -> tuple[float | None, float | None]:
        """Return the range's ends as numbers; raises ValueError."""
        low, high = (_number(end, kind) for end in (self.at_least, self.below))
        return low, high


def _number(end: End, kind: Kind) -> float | None:
    if end is None:
        return None
    if kind is Kind.DATETIME:
        return (parse_time(str(end)) - EPOCH) / timedelta(microseconds=1)
    return float(end)


def _text(level: Level) -> str | None:
    """Write a value as profiles write the levels of a column.

    >>> [_text(level) for level in ("EU", 7, 2.0, 0.1, True, None)]
    ['EU', '7', '2', '0.1', 'true', None]
    """
    if level is None or isinstance(level, str):
        return level
    if isinstance(level, bool):
        return "true" if level else "false"
    return repr(level).removesuffix(".0")


_ASKED = WithJsonSchema(
    {
        "anyOf": [
            {"type": ["string", "number", "boolean", "null"]},
            {"type": "array", "minItems": 1},
            {
                "type": "object",
                "properties": {
                    "any_of": {"type": "array", "minItems": 1},
                    "at_least": {"type": ["number", "string"]},
                    "below": {"type": ["number", "string"]},
                },
                "additionalProperties": False,
            },
        ]
    }
)


Condition = Annotated[dict[str, Annotated[Asked, _ASKED]], Field(min_length=1)]
"""What is asked of some columns, all of it together."""


def conditions(rule: Condition, table: Schema) -> "Iterator[checked.Condition]":
    """Return what a rule asks as the checks know it."""
    kinds = {column.name: column for column in table}
    return (asked.condition(kinds[name]) for name, asked in rule.items())


def asked(rule: Condition, table: Schema) -> Iterator[Problem]:
    """Find what does not fit between a rule and the model's columns."""
    for column, one in rule.items():
        yield from _asked(column, one, table)


class Segments(Node):
    """Parts of the rows that are watched by themselves.

    Of each of the `columns` the `top` commonest values in the reference are a segment
    each; unless told, the columns are those with the role segment. `where` names
    segments of other shapes. The `checks` are those of drift and performance unless
    told, made where the segment has `min_rows` on both sides.
    """

    columns: tuple[str, ...] | None = None
    top: int = Field(default=10, ge=1, le=MOST)
    where: dict[Name, Condition] = Field(default_factory=dict)
    min_rows: int = Field(default=100, ge=1)
    checks: tuple[str, ...] | None = Field(default=None, min_length=1)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Tell editors of the short form, a list of columns, as well."""
        names = {"type": "array", "items": {"type": "string"}}
        return {"anyOf": [handler.resolve_ref_schema(handler(core)), names]}

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, written: object) -> object:
        return {"columns": written} if isinstance(written, list | tuple) else written

    def divided(self, table: Schema) -> tuple[str, ...]:
        """Return the columns whose commonest values are segments."""
        if self.columns is not None:
            return self.columns
        return tuple(column.name for column in table.with_role(Role.SEGMENT))

    def declared(self, table: Schema) -> "Declared":
        """Return the segments as the checks know them."""
        from checks.segment import Declared, Segment  # noqa: PLC0415 - reading is light

        return Declared(
            columns=dict.fromkeys(self.divided(table), self.top),
            named=tuple(
                Segment(name=name, conditions=tuple(conditions(rule, table)))
                for name, rule in self.where.items()
            ),
        )

    def problems(self, table: Schema) -> Iterator[Problem]:
        """Find what does not fit between the segments and the model's columns."""
        columns = self.divided(table)
        if not columns and not self.where:
            yield Problem(
                path=(),
                message="no segment is named, and no column has the role segment",
                fix="write columns: [NAME], or where: {NAME: {COLUMN: VALUE}}.",
            )
        if len(columns) * self.top + len(self.where) > MOST:
            count = len(columns) * self.top + len(self.where)
            message = f"these may be {count} segments, and at most {MOST} are watched"
            yield Problem(path=("top",), message=message, fix="name fewer.")
        yield from _divided(columns, table)
        for name, rule in self.where.items():
            for problem in asked(rule, table):
                yield problem.under("where", name)


def _divided(columns: Iterable[str], table: Schema) -> Iterator[Problem]:
    seen: set[str] = set()
    for i, name in enumerate(columns):
        path = ("columns", i)
        column = table.get(name)
        if column is None:
            yield _unknown(path, name, table)
        elif name in seen:
            message = f"{name!r} stands twice"
            yield Problem(path=path, message=message, fix="keep one.")
        elif column.kind.ordered or not column.role.profiled:
            what = column.kind.value if column.kind.ordered else column.role.value
            yield Problem(
                path=path,
                message=f"{name!r} is {what}, and has no values to divide by",
                fix="name its segments under where, such as "
                f"{{low: {{{name}: {{below: 10}}}}}}.",
            )
        seen.add(name)


def _asked(column: str, asked: Asked, table: Schema) -> Iterator[Problem]:
    known = table.get(column)
    if known is None:
        yield _unknown((column,), column, table)
    elif known.role not in _ROLES:
        message = f"rows cannot be divided by a column with the role {known.role.value}"
        yield Problem(path=(column,), message=message, fix="choose another column.")
    elif said := asked.problem(known):
        yield Problem(path=(column,), message=said, fix=_WHERE)


def _unknown(path: tuple[str | int, ...], name: str, table: Schema) -> Problem:
    return Problem(
        path=path,
        message=f"there is no column {name!r}",
        fix=nearest(name, table.names, noun="columns"),
    )
