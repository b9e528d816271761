"""One schema for batches of many files: by name, and cast where nothing is lost."""

from collections.abc import Collection, Iterable, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from monitor.errors import SourceError
from monitor.sources.texts import times as told_times
from monitor.window import Window

_UNITS = ("s", "ms", "us", "ns")


def unified(
    schemas: Iterable[tuple[str, pa.Schema]], columns: Collection[str] | None = None
) -> pa.Schema:
    """Return the union by name of the schemas of named files, of some columns or all.

    Types that differ become the narrowest that holds both; plain types with nothing in
    common become text, so that one odd file costs one column and not the window.
    Raises SourceError when a column is nested in one file and not, or otherwise, in
    another.
    """
    types: dict[str, pa.DataType] = {}
    origin: dict[str, str] = {}
    for file, schema in schemas:
        for field in schema:
            if columns is not None and field.name not in columns:
                continue
            here = canonical(field.type)
            known = types.get(field.name)
            merged = here if known is None else _merged(known, here)
            if merged is None:
                msg = (
                    f"{file}: column {field.name!r} is {here}, but {known} in "
                    f"{origin[field.name]}. Fix: write one type in both files"
                )
                raise SourceError(msg, permanent=True)
            types[field.name] = merged
            origin.setdefault(field.name, file)
    return pa.schema(list(types.items()))


def canonical(kind: pa.DataType) -> pa.DataType:
    """Return the type that a column is handed on with: decoded, and in UTC."""
    if pa.types.is_dictionary(kind):
        return canonical(kind.value_type)
    if pa.types.is_timestamp(kind):
        return pa.timestamp(kind.unit, "UTC")
    if kind == pa.string_view():
        return pa.string()
    return kind


def conformed(
    batch: pa.RecordBatch,
    schema: pa.Schema,
    file: str,
    given: Mapping[str, pa.Scalar],
) -> pa.RecordBatch:
    """Return a batch in a schema: cast, in order, and filled up.

    `given` are the values that the file's folders give to all its rows. Raises
    SourceError for a value that the schema's type cannot hold.
    """
    columns = [conformed_column(batch, field, file, given) for field in schema]
    if not columns:
        return pa.RecordBatch.from_struct_array(
            pa.array([{}] * batch.num_rows, pa.struct([]))
        )
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def conformed_column(
    batch: pa.RecordBatch,
    field: pa.Field,
    file: str,
    given: Mapping[str, pa.Scalar],
    *,
    decode: bool = True,
) -> pa.Array:
    """Return a column of a batch as a field of a schema; raises SourceError.

    Texts that come in a dictionary may stay in it where `decode` is False.
    """
    if field.name in given:
        return pa.repeat(given[field.name].cast(field.type), batch.num_rows)
    position = batch.schema.get_field_index(field.name)
    if position < 0:
        return pa.nulls(batch.num_rows, field.type)
    column = batch.column(position)
    _refuse_no_text(column, field.name, file)
    texts = pa.types.is_dictionary(column.type) and pa.types.is_string(field.type)
    if texts and not decode and column.type.value_type == field.type:
        return column
    return _cast(column, field, file)


def _refuse_no_text(column: pa.Array, name: str, file: str) -> None:
    """Refuse bytes that call themselves text; files with types are not asked twice."""
    kind = column.type
    of_texts = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not (pa.types.is_string(of_texts) or pa.types.is_large_string(of_texts)):
        return
    try:
        column.validate(full=True)
    except pa.ArrowInvalid as error:
        msg = (
            f"{file}: column {name!r} has a text that is not UTF-8. "
            "Fix: write UTF-8, or the column as bytes"
        )
        raise SourceError(msg, permanent=True) from error


def within(
    batch: pa.RecordBatch, times: pa.Array, window: Window, place: str
) -> pa.RecordBatch:
    """Keep the rows whose time lies in the window; a row without a time lies in none.

    `place` names the file and column for the SourceError that other types than times
    raise.
    """
    rows = inside(times, window, place)
    if rows.null_count == 0 and rows.true_count == len(rows):
        return batch
    return batch.filter(rows)


def inside(times: pa.Array, window: Window, place: str) -> pa.Array:
    """Tell which times lie in the window, null for those that are no time."""
    moments = _moments(times, place)
    return pc.and_(
        pc.greater_equal(moments, pa.scalar(window.start, pa.timestamp("us", "UTC"))),
        pc.less(moments, pa.scalar(window.end, pa.timestamp("us", "UTC"))),
    )


def _moments(times: pa.Array, place: str) -> pa.Array:
    kind = times.type
    if pa.types.is_timestamp(kind):
        return times.cast(pa.timestamp(kind.unit, "UTC"))
    if pa.types.is_date(kind):
        return times.cast(pa.timestamp("ms")).cast(pa.timestamp("ms", "UTC"))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        written = told_times(times.cast(pa.string()))
        if written is not None:
            return written
    msg = (
        f"{place} is {kind}, which cannot be read as a time. "
        "Fix: write timestamps, or texts such as 2013-04-01T06:30:00Z"
    )
    if pa.types.is_integer(kind):
        msg += ", or say what it counts since 1970: `time_unit`, or its type in `types`"
    raise SourceError(msg, permanent=True)


def _cast(column: pa.Array, field: pa.Field, file: str) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if column.type == field.type:
        return column
    try:
        if pa.types.is_date(column.type) and pa.types.is_timestamp(field.type):
            column = column.cast(pa.timestamp(field.type.unit))
        return column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        msg = (
            f"{file}: column {field.name!r} is {column.type} here and {field.type} in "
            f"other files, and cannot be told as that without loss ({error}). "
            "Fix: write one type in all files"
        )
        raise SourceError(msg, permanent=True) from error


def _merged(a: pa.DataType, b: pa.DataType) -> pa.DataType | None:
    """Return the narrowest type that holds both; None when there is none."""
    if a == b or pa.types.is_null(b):
        return a
    if pa.types.is_null(a):
        return b
    units = [kind.unit for kind in (a, b) if pa.types.is_timestamp(kind)]
    dates = [kind for kind in (a, b) if pa.types.is_date(kind)]
    if units and len(units) + len(dates) == 2:  # noqa: PLR2004 - both of them
        return pa.timestamp(max(units, key=_UNITS.index), "UTC")
    if _is_number(a) and _is_number(b):
        return _wider(a, b)
    if pa.types.is_nested(a) or pa.types.is_nested(b):
        return None
    large = pa.types.is_large_string(a) or pa.types.is_large_string(b)
    return pa.large_string() if large else pa.string()


def _wider(a: pa.DataType, b: pa.DataType) -> pa.DataType:
    try:
        both: Sequence[pa.Schema] = [pa.schema([("x", a)]), pa.schema([("x", b)])]
        wide = pa.unify_schemas(both, promote_options="permissive").field("x").type
    except pa.ArrowException:
        return pa.float64()
    # float32 holds no int32: the wider of an integer and a float is a double.
    mixed = pa.types.is_integer(a) is not pa.types.is_integer(b)
    return pa.float64() if mixed and pa.types.is_floating(wide) else wide


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
    )
