"""What is wrong between a config and the data it names: `driftd validate --data`."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from checks.bins import MAX_LEVELS
from checks.column import level_counts
from checks.errors import ChecksError, Unmeasurable
from checks.schema import Column, Kind, Role
from checks.weight import WEIGHT
from monitor.absent import among
from monitor.config import Config, Model, Plugin
from monitor.errors import SourceError
from monitor.problems import Problem, nearest
from monitor.sources.base import open_source
from monitor.versions import current_version

_Where = tuple[str, ...]


def troubles(config: Config) -> Iterator[Problem]:
    """Find sources that cannot be read, and columns that are not what is said."""
    for name, model in config.models.items():
        for problem in _of_model(model):
            yield problem.under("models", name)


def _of_model(model: Model) -> Iterator[Problem]:
    try:
        version = current_version(model.version)
    except SourceError as error:
        yield _unreadable(("version",), error)
        return
    table = model.table
    profiled = list(table.profiled)
    keys = _of_roles(model, Role.ID, Role.TIMESTAMP)
    divide = _dividing(model)
    weighing = _of_roles(model, Role.WEIGHT, Role.SAMPLING_FRACTION)
    asked: list[tuple[_Where, Plugin, list[Column]]] = [
        (("reference",), model.reference, [*profiled, *divide]),
        (("source",), model.source, [*profiled, *divide, *keys, *weighing]),
    ]
    if model.labels is not None:
        told = _of_roles(model, Role.ID, Role.LABEL)
        asked.append((("labels", "source"), model.labels.source, told))
    if model.recomputed is not None:
        again = [*table.with_role(Role.FEATURE), *keys]
        asked.append((("recomputed", "source"), model.recomputed.source, again))
    for where, section, columns in asked:
        try:
            schema = open_source(section, timestamp=None, version=version).schema()
        except SourceError as error:
            yield _unreadable(where, error)
            continue
        yield from _columns(where, schema, columns)
        if where == ("reference",):
            yield from _unnamed(schema, model)


def doubts(config: Config) -> Iterator[str]:
    """Tell of values that segments ask for and no row of the reference has.

    No mistake, for they may come: what cannot be read is told by `troubles`.
    """
    for name, model in config.models.items():
        segments = model.declared.named
        asked = {
            condition.column
            for segment in segments
            for condition in segment.conditions
            if not condition.kind.ordered
        }
        try:
            for doubt in among(segments, _levels(model, sorted(asked))):
                yield f"models.{name}.segments.where: {doubt}"
        except (SourceError, ChecksError, Unmeasurable, pa.ArrowException):
            continue


def _levels(model: Model, names: Sequence[str]) -> dict[str, list[str]]:
    """Read the levels of some columns, the commonest first; not those of too many."""
    if not names:
        return {}
    counts: dict[str, Counter[str]] = {name: Counter() for name in names}
    rows = open_source(
        model.reference, timestamp=None, version=current_version(model.version)
    )
    for batch in rows.read(None, names):
        for name in [n for n in counts if n in batch.schema.names]:
            column = pa.chunked_array([batch.column(name)])
            counts[name].update(level_counts(column))
            if len(counts[name]) > MAX_LEVELS:
                del counts[name]
    personal = model.source.personal
    few = dict.fromkeys(personal.columns, personal.min_rows) if personal else {}
    return {
        name: [k for k, rows in found.most_common() if rows >= few.get(name, 0)]
        for name, found in counts.items()
    }


def _dividing(model: Model) -> list[Column]:
    """List the columns that are not watched, but divide rows into segments."""
    where = model.segments.where.values() if model.segments is not None else ()
    named = {column for asked in where for column in asked}
    return [c for c in model.table if c.name in named and not c.role.profiled]


def _of_roles(model: Model, *roles: Role) -> list[Column]:
    return [column for column in model.table if column.role in roles]


def _columns(
    where: _Where, schema: pa.Schema, columns: Iterable[Column]
) -> Iterator[Problem]:
    """Compare columns that must be there with those that are."""
    for column in columns:
        at = ("columns", column.name)
        if column.name not in schema.names:
            message = f"there is no column {column.name!r} in {'.'.join(where)}"
            fix = nearest(column.name, schema.names, noun="columns")
            yield Problem(path=at, message=message, fix=fix)
            continue
        kind = schema.field(column.name).type
        if not _fits(column.kind, kind):
            message = (
                f"it is {column.kind.value} here, and in {'.'.join(where)} it is {kind}"
            )
            fix = "correct the kind, or give it role: ignored."
            yield Problem(path=at, message=message, fix=fix)


def _unnamed(schema: pa.Schema, model: Model) -> Iterator[Problem]:
    for name in schema.names:
        if name not in model.columns and name != WEIGHT:
            yield Problem(
                path=("columns",),
                message=f"the reference's column {name!r} is not named",
                fix="name it with its role and kind; role: ignored passes it over.",
            )


def _fits(kind: Kind, found: pa.DataType) -> bool:
    """Tell whether values of a type can be taken for a kind; categories can be any."""
    if pa.types.is_dictionary(found):
        found = found.value_type
    if kind is Kind.NUMERIC:
        number = pa.types.is_integer(found) or pa.types.is_floating(found)
        return bool(number or pa.types.is_decimal(found) or pa.types.is_boolean(found))
    if kind is Kind.DATETIME:
        return bool(pa.types.is_timestamp(found) or pa.types.is_date(found))
    return not bool(pa.types.is_nested(found))


def _unreadable(where: _Where, error: SourceError) -> Problem:
    message, _, fix = str(error).partition(" Fix: ")
    return Problem(path=where, message=message, fix=fix)
