"""What few rows hold is told nobody by its pseudonym; what many hold still is."""

import io
import re
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from prometheus_client.exposition import generate_latest
from rich.console import Console

from monitor.crowd import OTHER, Crowd
from monitor.cycle import Turn
from monitor.errors import ConfigErrors
from monitor.metrics import Collector, Daemon, Snapshot, Standing, registry
from monitor.opening import read_config
from monitor.present import as_json, markdown, table
from monitor.privacy import Personal
from tests.monitor import world
from tests.monitor.world import START, Small, log, rows, small, write

ENV = {"KEY": "a key of a few words"}
PRIVACY = {"key": "${KEY}"}
COLUMNS = {**world.config()["models"]["churn"]["columns"]} | {
    "email": {"role": "segment", "pii": True},
}
HIDES = Personal(columns=frozenset({"email"}), key=ENV["KEY"].encode())
PLAIN = re.compile(r"pii-[0-9a-f]+")


def pseudonyms(names: list[str]) -> set[str]:
    return {HIDES.pseudonym(name) for name in names}


def with_emails(day: pa.Table, emails: list[str]) -> pa.Table:
    every = [emails[i % len(emails)] for i in range(day.num_rows)]
    return day.append_column("email", [every])


@pytest.fixture
def people(tmp_path: Path) -> Any:
    """A month of four people who came often and fifty who came once."""
    days = [START - k * world.DAY for k in range(30, 0, -1)]
    known = with_emails(
        pa.concat_tables(rows(day, seed=1) for day in days),
        ["ada", "bob", "cy", "dot"],
    )
    emails = known["email"].to_pylist()
    for i in range(50):
        emails[i * 200] = f"once-{i}"
    place = known.schema.get_field_index("email")
    known = known.set_column(place, "email", [emails])
    write(tmp_path / "reference-1.parquet", known)
    (tmp_path / "version.txt").write_text("1")
    model = {
        "columns": COLUMNS,
        "recomputed": None,
        "segments": {"columns": ["email"], "top": 40, "min_rows": 1},
    }
    with small(tmp_path, env=ENV, model=model, privacy=PRIVACY) as found:
        yield found


def a_day_of_strangers(people: Small) -> Turn:
    """Let new people come: one often, a hundred of them once."""
    emails = ["ada", "bob", "eve", "eve"] * 75 + [f"new-{i}" for i in range(100)]
    day = rows(people.today, 400)
    served = day.select(["id", "at", "amount", "plan", "score"])
    log(people.folder, people.today, day)
    path = people.folder / "log" / f"date={people.today:%Y-%m-%d}" / "part.parquet"
    write(path, with_emails(served, emails))
    (turn,) = [one for one in people.wait() if isinstance(one, Turn)]
    return turn


def test_what_people_read_names_the_many_and_no_other(people: Small) -> None:
    turn = a_day_of_strangers(people)
    assessment = turn.assessment
    assert assessment is not None
    (unseen,) = [
        v
        for v in assessment.verdicts
        if v.check == "unseen_category" and v.segment is None and v.column == "email"
    ]
    assert unseen.statistic is not None
    assert OTHER in unseen.statistic.detail
    screen = io.StringIO()
    Console(file=screen, width=300).print(table(assessment, passing=True))
    assert people.app.reports.drain(100)
    pages = [p.read_text() for p in people.app.reports.folder.rglob("*.html")]
    assert pages
    standing = Standing(
        model="churn",
        monitor="daily",
        window=turn.window,
        verdicts=assessment.verdicts,
    )
    state = Snapshot(now=START + timedelta(days=2), standings=(standing,))
    daemon = Daemon(version="0", config_hash="0")
    told = {
        "json": as_json(assessment),
        "markdown": markdown(assessment),
        "table": screen.getvalue(),
        "report": "".join(pages),
        "metrics": generate_latest(
            registry(Collector(lambda: state, lambda: daemon))
        ).decode(),
        "kept": _kept(people.folder),
    }
    many = pseudonyms(["ada", "bob", "cy", "dot", "eve"])
    named = {where: set(PLAIN.findall(text)) for where, text in told.items()}
    for where, found in named.items():
        # A cell of a terminal may be too narrow for a whole one.
        few = [n for n in found if not any(one.startswith(n) for one in many)]
        assert (where, few) == (where, [])
    assert named["json"] >= pseudonyms(["ada"])
    assert len(named["report"] & many) > 1
    assert named["kept"]


def _kept(folder: Path) -> str:
    """Return all that is kept of verdicts, incidents and messages, as text."""
    with sqlite3.connect(folder / "driftd.db") as database:
        return "".join(
            str(database.execute(f"SELECT * FROM {name}").fetchall())
            for name in ("verdict", "incident", "transition", "outbox", "run")
        )


def test_rare_people_are_no_segments_however_small_these_may_be(people: Small) -> None:
    turn = a_day_of_strangers(people)
    assert turn.assessment is not None
    segments = {v.segment for v in turn.assessment.verdicts if v.segment}
    assert segments >= {f"email = {one}" for one in pseudonyms(["ada", "bob"])}
    assert not segments & {f"email = {HIDES.pseudonym(f'once-{i}')}" for i in range(50)}


def test_rows_and_texts_are_told_alike() -> None:
    many, few = HIDES.pseudonym("many"), HIDES.pseudonym("few")
    crowd = Crowd(columns=HIDES.columns, named=frozenset({many}))
    found = crowd.rows(pa.table({"n": [1, 2, 3], "email": [many, few, None]}))
    assert found.to_pydict() == {"n": [1, 2, 3], "email": [many, OTHER, None]}
    assert crowd.text(f"{many}, {few}, {few[:20]}…") == f"{many}, other, other…"
    assert crowd.told({few: [few, 1, None]}) == {OTHER: [OTHER, 1, None]}
    assert Crowd().text(few) == few


@pytest.mark.parametrize(("asked", "least"), [(None, 10), (1, 1), (25, 25)])
def test_how_many_rows_are_enough_is_configured(
    tmp_path: Path, asked: int | None, least: int
) -> None:
    privacy = PRIVACY if asked is None else {**PRIVACY, "min_rows": asked}
    with small(
        tmp_path, env=ENV, model={"columns": COLUMNS}, privacy=privacy
    ) as people:
        personal = people.app.config.models["churn"].source.personal
    assert personal is not None
    assert personal.min_rows == least
    (tmp_path / "key").write_text(ENV["KEY"])
    file = tmp_path / "driftd.yaml"
    text = file.read_text().replace("key: ${KEY}", "key_file: key")
    file.write_text(text)
    personal = read_config(file, {}).models["churn"].source.personal
    assert personal is not None
    assert personal.min_rows == least
    file.write_text(text.replace("key_file: key", "key_file: key\n  min_rows: 0"))
    if asked is None:
        with pytest.raises(ConfigErrors, match="min_rows"):
            read_config(file, {})
