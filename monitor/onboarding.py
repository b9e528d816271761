"""A first config for a model, written from its reference data: `driftd init`."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa

from checks.registry import Task
from checks.schema import Role
from monitor.config import Plugin
from monitor.errors import ConfigError
from monitor.inference import Facts, Guess, infer, task_of
from monitor.mrkdwn import visible
from monitor.problems import nearest
from monitor.sources.base import open_source
from monitor.sources.endings import ENDINGS, type_of
from monitor.sources.files import DataFile, listed
from monitor.sources.groups import opened_file, reading
from monitor.sources.unify import conformed, unified

T = TypeVar("T")

_CELLS = 4_000_000
"""Values that are looked at, so that a wide or long file takes bounded memory."""

_SPREAD = 4
"""Files, and row groups of each, that the sample is taken from, evenly spaced."""

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_WORDS = frozenset("y n yes no on off true false null nan inf none".split())  # noqa: SIM905 - a list of words reads better so

_DULL = frozenset({"reference", "train", "training", "data", "part", "rows", "sample"})


def draft(
    reference: Path,
    *,
    chosen: Mapping[Role, str],
    beside: Path | None,
    name: str = "",
    data: str | None = None,
) -> str:
    """Return a commented config for the model whose reference lies at a path.

    `chosen` names the columns of roles that the user knows, `beside` is the folder the
    config will lie in (None: nobody knows, and paths are absolute), `name` that of the
    model, and `data` the path of its production rows. Raises SourceError when the
    reference cannot be read, ConfigError when a chosen column is not in it.
    """
    kind = type_of(str(reference), Path.cwd())
    rows, table, notes = _looked_at(reference, kind)
    for role, column in chosen.items():
        if column not in table.schema.names:
            fix = nearest(visible(column), table.schema.names, noun="columns")
            message = f"there is no column {visible(column)!r}."
            raise ConfigError(str(reference), f"--{role.value}", message, fix)
    facts = [Facts.of(n, table.column(n)) for n in table.schema.names]
    guesses = infer(facts, chosen)
    task, why = task_of(guesses, facts)
    looked = f"{table.num_rows:,} of its {rows:,} rows were looked at"
    served = type_of(data, Path.cwd()) if data else kind
    lines = [
        f"# driftd: written from {visible(reference.name)} ({looked}).",
        *(f"# Note: {visible(note)}" for note in notes),
        "# Look through the columns, then: driftd validate FILE",
        "# Every key is explained in the example driftd.yaml.",
        "",
        "models:",
        f"  {name or _model_name(reference)}:",
        f"    task: {task.value}  # {why}",
        '    version: "1"',
        "    columns:",
        *_columns(guesses),
        *_data(
            f"type: {kind}, path: {_path(reference, beside)}",
            f"type: {served}, path: "
            + (_path(Path(data), beside) if data else _some("production/**", kind)),
            f"type: {kind}, path: {_some('labels', kind)}",
            task,
            guesses,
        ),
    ]
    return "\n".join(lines) + "\n"


def _columns(guesses: Sequence[Guess]) -> Iterator[str]:
    keys = [quoted(guess.name) + ":" for guess in guesses]
    width = min(40, max(map(len, keys)))
    for key, guess in zip(keys, guesses, strict=True):
        section = f"{{role: {guess.role.value}, kind: {guess.kind.value}}}"
        yield f"      {key:<{width}} {section}  # {guess.why}"


def _some(folder: str, kind: str) -> str:
    """Return a path for files that nobody has named yet."""
    if kind not in ENDINGS:
        return f'"{folder.partition("/")[0]}"'
    return f'"{folder}/*{ENDINGS[kind][0]}"'


def _data(
    reference: str, served: str, labels: str, task: Task, guesses: Sequence[Guess]
) -> Iterator[str]:
    roles = {guess.role for guess in guesses}
    yield "    # The data that the model was trained on; never changed once it is used."
    yield f"    reference: {{{reference}}}"
    yield "    # What the model is asked and answers in production: the same columns."
    yield f"    source: {{{served}}}"
    if task is not Task.NONE and Role.ID in roles:
        yield "    # Labels come later, joined by the id; then name what they tell:"
        yield f"    # labels: {{source: {{{labels}}}, delay: 3d}}"
        if Role.LABEL in roles:
            yield '    # evaluation: {period: month, schedule: "0 6 3 * *"}'
    yield "    false_alarm_budget: 1 per 90d"
    yield "    monitors:"
    if Role.TIMESTAMP not in roles:
        yield "      # No column says when a row was served: `driftd check --data FILE`"
        yield "      # works; for `run` and `serve` give one role: timestamp."
    yield "      daily:"
    yield "        window: 1d"
    yield "        delay: 2h  # wait so long for late rows"
    yield "        reference: training"
    yield "        checks: default"
    yield "        correction: holm"
    yield "        min_rows: 200"


def quoted(text: str) -> str:
    r"""Return a text as YAML reads it back, in quotes wherever a reader could doubt.

    >>> [quoted(t) for t in ("distance", "on", "1e3", "a: b", "\u2028")]
    ['distance', '"on"', '"1e3"', '"a: b"', '"\\u2028"']
    """
    if _PLAIN.match(text) and text.lower() not in _WORDS:
        return text
    escaped = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else _escape(c) for c in escaped)


def _escape(c: str) -> str:
    return f"\\u{ord(c):04x}" if ord(c) <= 0xFFFF else f"\\U{ord(c):08x}"  # noqa: PLR2004 - the last of four digits


def _path(reference: Path, beside: Path | None) -> str:
    """Return the path as the config writes it: relative where it lies below it."""
    absolute = Path(os.path.abspath(reference))  # noqa: PTH100 - `..` goes, symlinks stay
    path = absolute
    if beside is not None:
        folder = Path(os.path.abspath(beside))  # noqa: PTH100
        within = absolute.is_relative_to(folder)
        path = absolute.relative_to(folder) if within else absolute
    return json.dumps("") if not path.parts else _in_quotes(str(path))


def _in_quotes(text: str) -> str:
    plain = quoted(text.replace("${", "$${"))
    return plain if plain.startswith('"') else f'"{plain}"'


def _model_name(reference: Path) -> str:
    """Name the model after the file, or its folder where the file's name is dull."""
    for part in (reference.stem, reference.absolute().parent.name):
        name = re.sub(r"[^A-Za-z0-9]+", "-", part).strip("-").lower()[:60]
        if name and name not in _DULL and not name.isdigit():
            return quoted(name) if "-" not in name else name
    return "my-model"


def _looked_at(reference: Path, kind: str) -> tuple[int, pa.Table, Sequence[str]]:
    """Return the number of rows, some of them, and what is to be said of them."""
    if kind == "parquet":
        files = listed([str(reference)], Path.cwd(), ".parquet")
        return *_sampled(files), ()
    section = Plugin(type=kind, options={"path": str(reference)}, base=Path.cwd())
    source = open_source(section, timestamp=None)
    rows, table = _thinned(source.read(None, None))
    remarks = getattr(source, "remarks", tuple)
    return rows, table, remarks()


def _thinned(batches: Iterable[pa.RecordBatch]) -> tuple[int, pa.Table]:
    """Return the number of rows, and some of batches that are evenly spaced."""
    kept: list[pa.RecordBatch] = []
    rows, every = 0, 1
    for place, batch in enumerate(batches):
        rows += batch.num_rows
        if place % every == 0:
            share = max(100, _CELLS // max(1, batch.num_columns) // _SPREAD**2)
            # A slice would hold on to all of its batch.
            kept.append(batch.take(np.arange(min(share, batch.num_rows))))
        if len(kept) > 2 * _SPREAD**2:
            kept, every = kept[::2], every * 2
    return rows, pa.Table.from_batches(kept)


def _sampled(files: Sequence[DataFile]) -> tuple[int, pa.Table]:
    """Return the number of rows, and some of them from all over the files."""
    schemas = []
    rows = 0
    for file in files:
        with reading(file.path), opened_file(file.path) as opened:
            schemas.append((str(file.path), opened.schema_arrow))
            rows += opened.metadata.num_rows
    schema = unified(schemas)
    share = max(100, _CELLS // max(1, len(schema)) // _SPREAD**2)
    batches = [
        batch
        for file in _spread(files)
        for batch in _from_file(file, min(16_384, share), schema)
    ]
    return rows, pa.Table.from_batches(batches, schema=schema)


def _from_file(
    file: DataFile, rows: int, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    with reading(file.path), opened_file(file.path) as opened:
        for group in _spread(range(opened.num_row_groups)):
            batches = opened.iter_batches(rows, row_groups=[group])
            first = next(iter(batches), None)
            if first is not None:
                yield conformed(first, schema, str(file.path), {})


def _spread(items: Sequence[T]) -> list[T]:
    """Return at most a few items, evenly spaced, the first and the last among them."""
    if len(items) <= _SPREAD:
        return list(items)
    last = len(items) - 1
    return [items[i * last // (_SPREAD - 1)] for i in range(_SPREAD)]
