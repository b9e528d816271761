"""What the columns of a reference are, guessed from their names and values.

Every guess comes with its reason in words, for a person to confirm or correct.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from checks.registry import Task
from checks.schema import Kind, Role
from checks.weight import WEIGHT
from monitor.mrkdwn import visible

_FEW = 20
"""Values of a text column that are called few."""

_CODES = 1_000
"""Whole numbers with at most so many values can be codes, if their name says so."""

_SHOWN = 4

_CODE_NAME = re.compile(
    r"(?:.*_)?(?:code|cd|zip|zipcode|postcode|type|class|category|cluster|segment|"
    r"group|level|flag|status|region|store|department|month|weekday|dow)\Z",
    re.IGNORECASE,
)
_ATTRIBUTION_NAME = re.compile(
    r"(?:shap|attribution|contribution|contrib)_.+\Z|"
    r".+_(?:shap|shap_value|attribution|contribution|contrib)\Z",
    re.IGNORECASE,
)
_ROLE_NAMES: Mapping[Role, re.Pattern[str]] = {
    Role.TIMESTAMP: re.compile(
        r"(?:(?:event|prediction|request|served|scored|created|logged)_?)?"
        r"(?:timestamp|time|datetime|date|ts|at|dt)\Z",
        re.IGNORECASE,
    ),
    Role.ID: re.compile(
        r"(?:.*[_ ])?(?:id|uuid|guid|key)\Z|(?:pred|request|row|record)id\Z",
        re.IGNORECASE,
    ),
    Role.SCORE: re.compile(
        r"(?:.*_)?(?:score|prob|proba|probability|confidence|propensity)\Z|"
        r"(?:p|prob|proba|score)_.*\Z",
        re.IGNORECASE,
    ),
    Role.PREDICTION: re.compile(
        r"(?:.*_)?(?:pred|prediction|predicted|yhat|y_hat|y_pred|forecast)\Z|"
        r"(?:pred|predicted)_.*\Z",
        re.IGNORECASE,
    ),
    Role.LABEL: re.compile(
        r"(?:.*_)?(?:label|target|outcome|ground_truth|y_true|actual)\Z|y\Z",
        re.IGNORECASE,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """A column's kind and role, and the reason for them."""

    name: str
    kind: Kind
    role: Role
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a sample says of a column."""

    name: str
    type: pa.DataType
    present: int
    distinct: int
    nulls: int
    values: tuple[str, ...]
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, name: str, column: pa.ChunkedArray) -> "Facts":
        """Look at a column's sampled values."""
        kind = column.type
        nulls = column.null_count
        nested = pa.types.is_nested(kind) or _is_binary(kind)
        counts = None if nested else pc.value_counts(column.drop_null())
        distinct = 0 if counts is None else len(counts)
        low = high = None
        if _is_number(kind) and len(column) > nulls:
            # NaN is smaller and greater than nothing: min_max passes it over.
            ends = pc.min_max(pc.cast(column, pa.float64(), safe=False))
            low, high = ends["min"].as_py(), ends["max"].as_py()
        # Times are told by nobody's name, and may be further off than Python's reach.
        few = None if distinct > _FEW or pa.types.is_temporal(kind) else counts
        levels = [] if few is None else few.field("values").to_pylist()
        return cls(
            name=name,
            type=kind,
            present=len(column) - nulls,
            distinct=distinct,
            nulls=nulls,
            values=tuple(sorted(map(str, levels))),
            low=low,
            high=high,
        )

    @property
    def unique(self) -> bool:
        """Whether no value stands twice, and each row has one."""
        return self.nulls == 0 and self.present > 1 and self.distinct == self.present


def infer(facts: Sequence[Facts], chosen: Mapping[Role, str]) -> list[Guess]:
    """Guess what each column is; `chosen` names the columns of roles that are known."""
    taken = dict(chosen)
    for role, pattern in _ROLE_NAMES.items():
        if role not in taken:
            named = [f for f in facts if f.name not in taken.values()]
            found = _candidate(role, pattern, named)
            if found is not None:
                taken[role] = found
    roles = {name: role for role, name in taken.items()}
    return [
        _guess(one, roles.get(one.name), given=one.name in chosen.values())
        for one in facts
    ]


def task_of(guesses: Sequence[Guess], facts: Sequence[Facts]) -> tuple[Task, str]:
    """Guess what the model does, and say why."""
    by_role = {guess.role: guess.name for guess in guesses}
    seen = {one.name: one for one in facts}
    if Role.PREDICTION not in by_role and Role.SCORE not in by_role:
        return Task.NONE, "no column is a prediction or a score"
    told = by_role.get(Role.LABEL) or by_role.get(Role.PREDICTION)
    if told is None:
        return Task.BINARY_CLASSIFICATION, f"{visible(by_role[Role.SCORE])} is a score"
    target = seen[told]
    if target.distinct <= 2:  # noqa: PLR2004 - binary
        reason = f"{visible(told)} has {target.distinct} values"
        return Task.BINARY_CLASSIFICATION, reason
    if _is_number(target.type) and Role.PREDICTION in by_role:
        return Task.REGRESSION, f"{visible(told)} has many numeric values"
    return Task.NONE, f"{visible(told)} has {target.distinct} values, not two"


def _candidate(
    role: Role, pattern: re.Pattern[str], facts: Sequence[Facts]
) -> str | None:
    """Return the column that best plays a role, judged by name and by content."""
    able = [one for one in facts if _ABLE[role](one)]
    named = [one.name for one in able if pattern.match(one.name)]
    if named:
        preferred = [name for name in named if "pred" in name.lower()]
        return (preferred if role is Role.ID and preferred else named)[0]
    if role is Role.TIMESTAMP and len(able) == 1:
        return able[0].name
    return None


def _is_share(facts: Facts) -> bool:
    ends = facts.low is not None and facts.high is not None
    return ends and 0 <= (facts.low or 0.0) <= (facts.high or 0.0) <= 1


_ABLE: Mapping[Role, Callable[[Facts], bool]] = {
    Role.TIMESTAMP: lambda f: _is_time(f.type),
    Role.ID: lambda f: f.unique and not pa.types.is_floating(f.type),
    Role.SCORE: lambda f: pa.types.is_floating(f.type) and _is_share(f),
    Role.PREDICTION: lambda f: not pa.types.is_temporal(f.type),
    Role.LABEL: lambda f: not pa.types.is_temporal(f.type),
}


def _guess(facts: Facts, role: Role | None, *, given: bool) -> Guess:
    plain = _by_content(facts)
    if role is None:
        return plain
    why = "you said so" if given else f"by its name, {plain.why}"
    if role is Role.ID:
        why = "you said so" if given else "by its name; no value stands twice"
        return replace(plain, kind=Kind.CATEGORICAL, role=role, why=why)
    if role is Role.TIMESTAMP:
        return replace(plain, kind=Kind.DATETIME, role=role, why=why)
    if role is Role.SCORE:
        return replace(plain, kind=Kind.NUMERIC, role=role, why=why)
    return replace(plain, role=role, why=why)


def _by_content(facts: Facts) -> Guess:
    kind, role, why = _judged(facts)
    if facts.name == WEIGHT:
        role, why = Role.WEIGHT, "how many rows each stands for"
    elif role is Role.FEATURE and facts.distinct == 1:
        why = f"always {visible(facts.values[0])[:40]}" if facts.values else "constant"
    return Guess(name=facts.name, kind=kind, role=role, why=why)


def _judged(facts: Facts) -> tuple[Kind, Role, str]:
    if pa.types.is_nested(facts.type) or _is_binary(facts.type):
        return (
            Kind.CATEGORICAL,
            Role.IGNORED,
            f"{visible(str(facts.type))[:40]}: no plain values",
        )
    if facts.present == 0:
        return Kind.CATEGORICAL, Role.IGNORED, "empty in the sample"
    if pa.types.is_boolean(facts.type):
        return Kind.BOOLEAN, Role.FEATURE, "true or false"
    if _is_time(facts.type):
        return Kind.DATETIME, Role.FEATURE, "times"
    if _is_number(facts.type):
        return _number(facts)
    return _text(facts)


def _number(facts: Facts) -> tuple[Kind, Role, str]:
    whole = pa.types.is_integer(facts.type)
    if not whole and _ATTRIBUTION_NAME.match(facts.name):
        why = "its name says that it is a feature's share in the prediction"
        return Kind.NUMERIC, Role.ATTRIBUTION, why
    if whole and set(facts.values) == {"0", "1"}:
        return Kind.CATEGORICAL, Role.FEATURE, "only 0 and 1"
    if whole and facts.distinct <= _CODES and _CODE_NAME.match(facts.name):
        why = f"its name says that the {facts.distinct} whole numbers are codes"
        return Kind.CATEGORICAL, Role.FEATURE, why
    if whole and facts.unique and _ROLE_NAMES[Role.ID].match(facts.name):
        return Kind.CATEGORICAL, Role.IGNORED, "an identifier: no value stands twice"
    noun = "whole numbers" if whole else "numbers"
    if facts.low is None or facts.high is None:
        return Kind.NUMERIC, Role.FEATURE, noun
    few = f"{facts.distinct} " if facts.distinct <= _FEW else ""
    why = f"{few}{noun} from {facts.low:.6g} to {facts.high:.6g}"
    return Kind.NUMERIC, Role.FEATURE, why


def _text(facts: Facts) -> tuple[Kind, Role, str]:
    often = facts.present / max(1, facts.distinct)
    if facts.values:
        shown = ", ".join(visible(value)[:20] for value in facts.values[:_SHOWN])
        more = ", …" if facts.distinct > _SHOWN else ""
        return Kind.CATEGORICAL, Role.FEATURE, f"{facts.distinct} values: {shown}{more}"
    if often < 2:  # noqa: PLR2004 - most values stand once
        why = f"{facts.distinct} values in {facts.present} rows: free text or ids"
        return Kind.CATEGORICAL, Role.IGNORED, why
    return Kind.CATEGORICAL, Role.FEATURE, f"{facts.distinct} values"


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
    )


def _is_time(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))


def _is_binary(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
        or pa.types.is_time(kind)
        or pa.types.is_duration(kind)
    )
