"""A finding: one incident as a notice tells it, and the figures behind the words."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from checks.statistic import Statistic
from checks.verdict import Family
from monitor import wording
from monitor.incident import SCHEMA_CHANGE, Incident
from monitor.window import parse_time, rfc3339

_GRAVITY = (
    Family.QUALITY,
    Family.SKEW,
    Family.PERFORMANCE,
    Family.DRIFT,
    Family.ESTIMATE,
)


def gravity(incident: Incident) -> tuple[bool, int, float, str, str, str]:
    """Return a key that sorts the worst incident first.

    Causes stand before effects (a schema break, quality, skew, performance, drift,
    estimates); within a family what is farthest above its threshold.
    """
    key, verdict = incident.key, incident.verdict
    value = verdict.statistic.value if verdict.statistic else 0.0
    excess = value / verdict.threshold if verdict.threshold else value
    return (
        key.check != SCHEMA_CHANGE,
        _GRAVITY.index(key.family),
        -excess,
        key.column or "",
        key.segment or "",
        key.check,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One incident as a notice tells it: the sentence, and the figures behind it."""

    id: str
    sentence: str
    family: Family
    check: str
    column: str | None
    segment: str | None
    since: datetime
    brief: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    p_adjusted: float | None = None
    threshold: float | None = None
    at_reference: float | None = None
    at_current: float | None = None
    n_reference: int | None = None
    n_current: int | None = None
    muted_by: str | None = None
    explained_by: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def of(cls, incident: Incident, muted_by: Incident | None = None) -> "Finding":
        """Tell an incident, and what mutes it if something does."""
        key, verdict = incident.key, incident.verdict
        said = wording.sentence(incident)
        cause = wording.title(muted_by.key) if muted_by else None
        figures = {
            name: getattr(verdict.statistic, name) if verdict.statistic else None
            for name in _FIGURES
        }
        return cls(
            id=incident.id,
            sentence=f"{said}, muted by {cause}" if cause else said,
            family=key.family,
            check=key.check,
            column=key.column,
            segment=key.segment,
            since=incident.opened,
            brief=wording.brief(incident),
            p_adjusted=verdict.p_adjusted,
            threshold=verdict.threshold,
            muted_by=cause,
            explained_by=tuple(explanation(verdict.statistic)),
            **figures,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return asdict(self) | {
            "family": self.family.value,
            "since": rfc3339(self.since),
            "explained_by": list(self.explained_by),
        }

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> "Finding":
        """Read it back; what a later version added is left out."""
        known = {f.name: body[f.name] for f in fields(cls) if f.name in body}
        since = parse_time(body["since"])
        named = tuple(body.get("explained_by", ()))
        return cls(
            **known
            | {"family": Family(body["family"]), "since": since, "explained_by": named}
        )


def explanation(found: Statistic | None) -> list[dict[str, Any]]:
    """Return what explains a statistic, in its JSON form."""
    named = found.explained_by if found else ()
    return [{"column": name, "share": share} for name, share in named]


_FIGURES = (
    "value",
    "low",
    "high",
    "at_reference",
    "at_current",
    "n_reference",
    "n_current",
)
