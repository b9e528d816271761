"""What the columns of a table or a query are, told once before they are read."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Self

import pyarrow as pa
from sqlalchemy import Connection, FromClause, Select, false, func, select, text
from sqlalchemy import column as named

from monitor.errors import SourceError

MICROSECONDS = pa.timestamp("us", "UTC")
_MOST_DIGITS = 38
"""Digits that Arrow's decimals have room for."""
_LONG = 18
"""Digits that 64 bits always have room for."""


class Kind(Enum):
    """What a column's values are, as the driver hands them over."""

    BOOL = auto()
    INT = auto()
    FLOAT = auto()
    DECIMAL = auto()
    DATE = auto()
    INSTANT = auto()
    """A moment with a zone, or in UTC."""
    LOCAL = auto()
    """A moment without a zone."""
    WRITTEN = auto()
    """A moment written as a text."""
    SPAN = auto()
    """A stretch of time; told in seconds."""
    BYTES = auto()
    TEXT = auto()


MOMENTS = frozenset({Kind.INSTANT, Kind.LOCAL, Kind.WRITTEN, Kind.DATE})
"""What can say when a row was served."""

_ARROW = {
    Kind.BOOL: pa.bool_(),
    Kind.INT: pa.int64(),
    Kind.FLOAT: pa.float64(),
    Kind.DATE: pa.date32(),
    Kind.INSTANT: MICROSECONDS,
    Kind.LOCAL: MICROSECONDS,
    Kind.WRITTEN: MICROSECONDS,
    Kind.SPAN: pa.float64(),
    Kind.BYTES: pa.binary(),
    Kind.TEXT: pa.string(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: its name, what its values are, and the type they are handed on in."""

    name: str
    kind: Kind
    type: pa.DataType


def column(name: str, kind: Kind, digits: int | None = None) -> Column:
    """Return a column; whole decimals of more than 18 `digits` stay decimals."""
    if kind is not Kind.DECIMAL:
        return Column(name=name, kind=kind, type=_ARROW[kind])
    if digits is not None and digits <= _LONG:
        return column(name, Kind.INT)
    if digits is None or digits > _MOST_DIGITS:
        return column(name, Kind.TEXT)
    return Column(name=name, kind=kind, type=pa.decimal128(digits, 0))


def described(connection: Connection, relation: FromClause, place: str) -> list[Column]:
    """Return the columns of a relation, as the database describes them.

    Raises SourceError for two of one name.
    """
    dialect = connection.dialect.name
    if dialect == "sqlite":
        found = _of_sqlite(connection, relation)
    else:
        asked = connection.execute(_all(relation).where(false()))
        told = [_Told.of(one) for one in getattr(asked.cursor, "description", ())]
        asked.close()
        if dialect == "postgresql":
            found = [_of_postgres(one) for one in told]
        elif dialect in ("mysql", "mariadb"):
            found = [_of_mysql(one) for one in told]
        else:
            found = [_of_any(one, connection.dialect.loaded_dbapi) for one in told]
    names = [one.name for one in found]
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        msg = f"{place}: column {twins[0]!r} stands twice. Fix: name each column once"
        raise SourceError(msg, permanent=True)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What a driver tells of a column, as Python's interface of databases has it."""

    name: str
    code: Any
    size: int | None
    digits: int | None
    scale: int | None

    @classmethod
    def of(cls, told: Sequence[Any]) -> Self:
        """Read one entry of a cursor's description."""
        name, code, _, size, digits, scale = tuple(told)[:6]
        return cls(name=name, code=code, size=size, digits=digits, scale=scale)


def _all(relation: FromClause) -> Select[Any]:
    return select(text("*")).select_from(relation)


# ── PostgreSQL ───────────────────────────────────────────────────────────────────────

_NUMERIC = 1700
_POSTGRES = {
    16: Kind.BOOL,
    17: Kind.BYTES,
    20: Kind.INT,
    21: Kind.INT,
    23: Kind.INT,
    26: Kind.INT,  # an object's number
    700: Kind.FLOAT,
    701: Kind.FLOAT,
    1082: Kind.DATE,
    1114: Kind.LOCAL,
    1184: Kind.INSTANT,
    1186: Kind.SPAN,
}
"""PostgreSQL's own types, by the numbers that no version of it changes."""


def _of_postgres(told: _Told) -> Column:
    if told.code == _NUMERIC:
        kind = Kind.DECIMAL if told.scale == 0 else Kind.FLOAT
        return column(told.name, kind, told.digits)
    return column(told.name, _POSTGRES.get(told.code, Kind.TEXT))


# ── MySQL and MariaDB ────────────────────────────────────────────────────────────────

_DECIMAL, _NEW_DECIMAL, _TINY, _TIMESTAMP = 0, 246, 1, 7
_MYSQL = {
    2: Kind.INT,
    3: Kind.INT,
    4: Kind.FLOAT,
    5: Kind.FLOAT,
    8: Kind.INT,
    9: Kind.INT,
    10: Kind.DATE,
    11: Kind.SPAN,
    12: Kind.LOCAL,
    13: Kind.INT,
    16: Kind.BYTES,
}
"""MySQL's types, by the numbers of its protocol."""


def _of_mysql(told: _Told) -> Column:
    if told.code == _TINY:
        return column(told.name, Kind.BOOL if told.size == 1 else Kind.INT)
    if told.code == _TIMESTAMP:
        # It is told in the session's zone, which is UTC.
        return column(told.name, Kind.INSTANT)
    if told.code in (_DECIMAL, _NEW_DECIMAL):
        digits = (told.size or 0) - 1  # its length counts the sign
        return column(told.name, Kind.FLOAT if told.scale else Kind.DECIMAL, digits)
    return column(told.name, _MYSQL.get(told.code, Kind.TEXT))


# ── SQLite ───────────────────────────────────────────────────────────────────────────

_DECLARED = (
    ("BOOL", Kind.BOOL),
    ("TIMESTAMP", Kind.WRITTEN),
    ("DATETIME", Kind.WRITTEN),
    ("DATE", Kind.WRITTEN),
    ("INT", Kind.INT),
    ("CHAR", Kind.TEXT),
    ("CLOB", Kind.TEXT),
    ("TEXT", Kind.TEXT),
    ("UUID", Kind.TEXT),
    ("JSON", Kind.TEXT),
    ("BLOB", Kind.BYTES),
    ("BINARY", Kind.BYTES),
    ("REAL", Kind.FLOAT),
    ("FLOA", Kind.FLOAT),
    ("DOUB", Kind.FLOAT),
    ("DEC", Kind.FLOAT),
    ("NUM", Kind.FLOAT),
)
"""What a declared type means: the first of these that is part of its name."""

_VIEW = "driftd_columns"


def _of_sqlite(connection: Connection, relation: FromClause) -> list[Column]:
    """Ask through a view, which lives in memory and knows what its table declared."""
    sql = str(_all(relation).compile(dialect=connection.dialect))
    connection.exec_driver_sql(f"CREATE TEMP VIEW {_VIEW} AS {sql}")
    try:
        told = connection.exec_driver_sql(f"PRAGMA temp.table_info({_VIEW})").all()
    finally:
        connection.exec_driver_sql(f"DROP VIEW temp.{_VIEW}")
    found = []
    for _, name, declared, *_ in told:
        kind = next((k for word, k in _DECLARED if word in declared.upper()), None)
        found.append(column(name, kind or _as_stored(connection, relation, name)))
    return found


def _as_stored(connection: Connection, relation: FromClause, name: str) -> Kind:
    """Look at what an expression without a declared type gives, over all rows."""
    asked = select(func.typeof(named(name))).select_from(relation).distinct()
    found = set(connection.scalars(asked)) - {"null"}
    if found <= {"integer"} and found:
        return Kind.INT
    if found <= {"integer", "real"} and found:
        return Kind.FLOAT
    return Kind.BYTES if found == {"blob"} else Kind.TEXT


# ── any other ────────────────────────────────────────────────────────────────────────


def _of_any(told: _Told, driver: object) -> Column:
    """Tell a column by the groups of types that every driver names."""
    if told.code == getattr(driver, "NUMBER", None):
        kind = Kind.DECIMAL if told.scale == 0 else Kind.FLOAT
        return column(told.name, kind, told.digits)
    if told.code == getattr(driver, "DATETIME", None):
        return column(told.name, Kind.LOCAL)
    binary = told.code == getattr(driver, "BINARY", None)
    return column(told.name, Kind.BYTES if binary else Kind.TEXT)
