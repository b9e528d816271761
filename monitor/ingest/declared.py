"""Which tables a config wants sent to the daemon, and what they are made of."""

from pathlib import Path

from checks.schema import Kind, Role
from monitor.config import FED, Config, Model, Plugin
from monitor.ingest.table import Field, Table
from monitor.landing import Shape
from monitor.payloads import Names

PREDICTIONS, LABELS = "predictions", "labels"
PARTITION, OFFSET = "kafka_partition", "kafka_offset"
"""The columns that hold the place of a row's message."""


def tables(config: Config) -> dict[tuple[str, str], tuple[Table, Path]]:
    """Return the tables by model and name, each with its folder."""
    found = {}
    for name, model in config.models.items():
        if model.source.type in FED:
            where = model.source.base / str(model.source.options["path"])
            found[name, PREDICTIONS] = (_predictions(name, model), where)
        labels = model.labels
        if labels is not None and labels.source.type in FED:
            where = labels.source.base / str(labels.source.options["path"])
            found[name, LABELS] = (_labels(name, model), where)
    return found


def fed(config: Config) -> dict[tuple[str, str], Plugin]:
    """Return the sections of the tables that are fed from Kafka."""
    found = {}
    for name, model in config.models.items():
        sections = {PREDICTIONS: model.source}
        if model.labels is not None:
            sections[LABELS] = model.labels.source
        for what, section in sections.items():
            if section.type == "kafka":
                found[name, what] = section
    return found


def names(model: Model) -> Names:
    """Return what values are called that come without: the model's own columns."""
    options, schema = model.source.options, model.table
    features = [column.name for column in schema.with_role(Role.FEATURE)]
    answers = (*schema.with_role(Role.PREDICTION), *schema.with_role(Role.SCORE))
    outputs = [column.name for column in answers]
    return Names(
        features=tuple(options.get("features") or features),
        outputs=tuple(options.get("outputs") or outputs),
    )


def _predictions(name: str, model: Model) -> Table:
    schema = model.table
    key, time = schema.first(Role.ID), schema.first(Role.TIMESTAMP)
    return Table(
        model=name,
        what=PREDICTIONS,
        fields=tuple(
            Field(name=column.name, kind=column.kind)
            for column in schema
            if column.role is not Role.IGNORED
        ),
        id=key,
        time=time,
        shape=Shape(key=(key,) if key else _placed(model), time=time),
        personal=model.source.personal,
    )


def _placed(model: Model) -> tuple[str, ...]:
    """Return what knows a row without an id: its message's place, if it has one."""
    return (PARTITION, OFFSET) if model.source.type == "kafka" else ()


def _labels(name: str, model: Model) -> Table:
    """Return the table of labels: each correction of one is a row of its own."""
    schema = model.table
    key, label = schema.first(Role.ID), schema.first(Role.LABEL)
    known = model.labels.timestamp if model.labels else None
    wanted = [column for column in (key, label) if column is not None]
    fields = [Field(name=c, kind=model.columns[c].kind) for c in wanted]
    if known is not None:
        fields.append(Field(name=known, kind=Kind.DATETIME))
        wanted.append(known)
    return Table(
        model=name,
        what=LABELS,
        fields=tuple(fields),
        id=key,
        time=known,
        shape=Shape(key=tuple(wanted), time=known),
        personal=model.source.personal,
    )
