"""What a model's columns are: their kinds and the roles they play."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How a column's values are compared."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    BOOLEAN = "boolean"
    DATETIME = "datetime"

    @property
    def ordered(self) -> bool:
        """Whether the values lie on a line, so that distances mean something."""
        return self in (Kind.NUMERIC, Kind.DATETIME)


class Role(StrEnum):
    """What a column is for."""

    FEATURE = "feature"
    PREDICTION = "prediction"
    SCORE = "score"
    LABEL = "label"
    ID = "id"
    TIMESTAMP = "timestamp"
    SEGMENT = "segment"
    ATTRIBUTION = "attribution"
    """A feature's share in each prediction, such as its SHAP value."""
    WEIGHT = "weight"
    """How many rows of the full traffic the row stands for."""
    SAMPLING_FRACTION = "sampling_fraction"
    """The chance with which the row was sampled: one over its weight."""
    IGNORED = "ignored"

    @property
    def profiled(self) -> bool:
        """Whether the column's values are counted, for checks to compare."""
        return self in _PROFILED

    @property
    def weighs(self) -> bool:
        """Whether the column tells what its rows stand for."""
        return self in (Role.WEIGHT, Role.SAMPLING_FRACTION)


_PROFILED = (
    *(Role.FEATURE, Role.PREDICTION, Role.SCORE, Role.SEGMENT),
    Role.ATTRIBUTION,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a model's data."""

    name: str
    kind: Kind
    role: Role = Role.FEATURE


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns of a model's data, in order; names are unique."""

    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        """Refuse a name that stands twice."""
        seen: set[str] = set()
        for column in self.columns:
            if column.name in seen:
                msg = f"column {column.name!r} is declared twice"
                raise ValueError(msg)
            seen.add(column.name)

    @classmethod
    def of(cls, columns: Iterable[Column]) -> "Schema":
        """Make a schema of any iterable of columns."""
        return cls(tuple(columns))

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def profiled(self) -> tuple[Column, ...]:
        """The columns whose values are counted."""
        return tuple(column for column in self.columns if column.role.profiled)

    def with_role(self, role: Role) -> tuple[Column, ...]:
        """Return the columns that play a role, in order."""
        return tuple(column for column in self.columns if column.role is role)

    def first(self, role: Role) -> str | None:
        """Return the name of the first column that plays a role, or None."""
        return next((c.name for c in self.columns if c.role is role), None)

    def get(self, name: str) -> Column | None:
        """Return the column of that name, or None."""
        return next((c for c in self.columns if c.name == name), None)

    def __iter__(self) -> Iterator[Column]:
        """Walk over the columns in order."""
        return iter(self.columns)
