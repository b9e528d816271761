"""The tables, as the newest migration leaves them."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)


class UtcTime(TypeDecorator[datetime]):
    """An aware time, kept in UTC and given back in UTC, whatever the database does."""

    impl = DateTime
    cache_ok = True

    def __init__(self) -> None:
        """Ask for a time zone where the database has such a type."""
        super().__init__(timezone=True)

    def process_bind_param(
        self, value: datetime | None, dialect: Dialect
    ) -> datetime | None:
        """Refuse a naive time, which would be somebody's local one."""
        if value is None:
            return None
        if value.tzinfo is None:
            msg = f"{value.isoformat()} has no time zone"
            raise ValueError(msg)
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 - SQLAlchemy's signature
    ) -> datetime | None:
        """Say that it is UTC."""
        if value is None or value.tzinfo is not None:
            return value and value.astimezone(UTC)
        return value.replace(tzinfo=UTC)


class PlainText(TypeDecorator[str]):
    """A text as every database can keep it: PostgreSQL has no character of number 0.

    It is told as U+2400, a picture of it, which is what people are shown of it anyway.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(
        self,
        value: str | None,
        dialect: Dialect,  # noqa: ARG002 - SQLAlchemy's signature
    ) -> str | None:
        """Put a picture in the place of what cannot be kept."""
        return value.replace("\0", "\u2400") if value and "\0" in value else value


Number = BigInteger().with_variant(Integer, "sqlite")
"""A count of rows, of which there may be more than 2^31."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _text(
    name: str, *, primary_key: bool = False, unique: bool | None = None
) -> Column[str]:
    """Return a column of text that is always there."""
    return Column(
        name, PlainText, nullable=False, primary_key=primary_key, unique=unique
    )


def _text_or_null(name: str) -> Column[str | None]:
    """Return a column of text that may be missing."""
    return Column(name, PlainText)


def _time(name: str) -> Column[datetime]:
    """Return a column of times that is always there."""
    return Column(name, UtcTime, nullable=False)


def _json(name: str) -> Column[Any]:
    """Return a column of JSON that is always there."""
    return Column(name, JSON, nullable=False)


def _count(name: str) -> Column[int]:
    """Return a column of whole numbers that is always there."""
    return Column(name, Integer, nullable=False)


def _rows(name: str) -> Column[int]:
    """Return a column of counts of rows that is always there."""
    return Column(name, Number, nullable=False)


def _sequence() -> Column[int]:
    """Return a primary key that counts up."""
    return Column("seq", Integer, primary_key=True, autoincrement=True)


model_version = Table(
    "model_version",
    metadata,
    _sequence(),
    _text("model"),
    _text("version"),
    _time("seen"),
    Index(None, "model", "seq"),
)

reference = Table(
    "reference",
    metadata,
    _sequence(),
    _text("id"),
    _text("model"),
    _text("version"),
    _text("name"),
    _time("created"),
    _rows("rows"),
    Column("content", LargeBinary, nullable=False),
    UniqueConstraint("model", "version", "name"),
    Index(None, "id"),
)

run = Table(
    "run",
    metadata,
    _sequence(),
    _text("model"),
    _text("monitor"),
    _time("window_start"),
    _time("window_end"),
    _text_or_null("model_version"),
    _text_or_null("reference_id"),
    _text("status"),
    _time("evaluated"),
    _rows("rows"),
    _rows("sampled"),
    Column("seconds", Float, nullable=False),
    _text_or_null("cause"),
    _text_or_null("profile_hash"),
    _text_or_null("config_hash"),
    UniqueConstraint("model", "monitor", "window_start"),
)

profile = Table(
    "profile",
    metadata,
    Column("run", ForeignKey("run.seq", ondelete="CASCADE"), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

sample = Table(
    "sample",
    metadata,
    Column("run", ForeignKey("run.seq", ondelete="CASCADE"), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

errors = Table(
    "errors",
    metadata,
    Column("run", ForeignKey("run.seq", ondelete="CASCADE"), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)
"""Which labelled rows of a window were wrong, in the order of time: bits."""

verdict = Table(
    "verdict",
    metadata,
    Column("run", ForeignKey("run.seq", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    _text("family"),
    _text("check"),
    _text_or_null("column"),
    _text_or_null("segment"),
    _text("status"),
    _text("reason"),
    _text_or_null("cause"),
    Column("p_adjusted", Float),
    Column("threshold", Float),
    Column("value", Float),
    Column("low", Float),
    Column("high", Float),
    Column("p_value", Float),
    Column("n_reference", Number),
    Column("n_current", Number),
    Column("hidden", Float),
    Column("at_reference", Float),
    Column("at_current", Float),
    _text_or_null("detail"),
)

incident = Table(
    "incident",
    metadata,
    _text("id", primary_key=True),
    _text("model"),
    _text("monitor"),
    _text("family"),
    _text("check"),
    _text_or_null("column"),
    _text_or_null("segment"),
    _text("state"),
    _json("history"),
    _time("opened"),
    _time("last_window"),
    Column("fired", UtcTime),
    Column("resolved", UtcTime),
    _json("verdict"),
    Index(None, "state", "model"),
)

transition = Table(
    "transition",
    metadata,
    _sequence(),
    Column("incident", ForeignKey("incident.id"), nullable=False, index=True),
    _text("old"),
    _text("new"),
    _text("reason"),
    _time("at"),
)

outbox = Table(
    "outbox",
    metadata,
    _sequence(),
    _text("id", unique=True),
    _text("action"),
    _text("kind"),
    _text("group"),
    _text("model"),
    _text("monitor"),
    _text("reason"),
    _json("body"),
    _json("incident_ids"),
    _time("created"),
    _text("outcome"),
    _count("attempts"),
    _time("next_attempt"),
    Column("leased_until", UtcTime),
    Column("settled", UtcTime),
    _text_or_null("remote_id"),
    _text("detail"),
    _json("memory"),
    Index(None, "outcome", "next_attempt"),
    Index(None, "action", "group", "seq"),
)

attempt = Table(
    "attempt",
    metadata,
    Column("delivery", ForeignKey("outbox.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    _time("started"),
    Column("ended", UtcTime),
    _text_or_null("outcome"),
    _text("detail"),
)

retraining = Table(
    "retraining",
    metadata,
    _text("id", primary_key=True),
    _text("model"),
    _text("monitor"),
    _text_or_null("model_version"),
    _text("action"),
    _text("state"),
    _time("requested"),
    _time("changed"),
    _time("window_start"),
    _time("window_end"),
    _text("evidence"),
    _json("incident_ids"),
    _text_or_null("remote_id"),
    _text("detail"),
    Index(None, "model", "requested"),
)

evaluation = Table(
    "evaluation",
    metadata,
    _sequence(),
    _text("model"),
    _text_or_null("model_version"),
    _time("period_start"),
    _time("period_end"),
    _time("as_of"),
    _count("revision"),
    _rows("rows"),
    _rows("labelled"),
    _text("status"),
    _json("verdicts"),
    _json("body"),
    UniqueConstraint("model", "period_start", "period_end", "revision"),
)

label_arrival = Table(
    "label_arrival",
    metadata,
    _sequence(),
    _text("model"),
    _text("monitor"),
    _time("window_start"),
    _time("window_end"),
    _time("as_of"),
    _rows("rows"),
    _rows("labelled"),
    Column("maturity", Float),
    Column("newest", UtcTime),
    Column("content", LargeBinary, nullable=False),
    UniqueConstraint("model", "monitor", "window_start", "as_of"),
)

audit = Table(
    "audit",
    metadata,
    _sequence(),
    _time("at"),
    _text("actor"),
    _text("event"),
    _text("subject"),
    _text("detail"),
)

lease = Table(
    "lease",
    metadata,
    _text("name", primary_key=True),
    _count("token"),
    _text("holder"),
    Column("until", Float, nullable=False),
)

silence = Table(
    "silence",
    metadata,
    _text("id", primary_key=True),
    _json("matchers"),
    _time("starts"),
    _time("ends"),
    _text("author"),
    _text("comment"),
    Index(None, "ends"),
)

acknowledgement = Table(
    "acknowledgement",
    metadata,
    Column("incident", ForeignKey("incident.id"), primary_key=True),
    _text("judgement"),
    _text("author"),
    _time("at"),
    _text("comment"),
)
