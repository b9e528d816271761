"""Personal values are hidden before anything of them is written, wherever it is."""

import io
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor.app import App, World
from monitor.clock import ManualClock
from monitor.config import Plugin
from monitor.cycle import Turn
from monitor.errors import ConfigErrors
from monitor.ingest import Desk, IngestApi
from monitor.privacy import Personal
from monitor.server import Server
from monitor.sources.base import open_source
from tests.monitor import world
from tests.monitor.ingest.pushed import NOW, Pushed, config, found, nothing

CANARY = "canary"
ENV = {"KEY": "a key of a few words"}
COLUMNS = {**world.config()["models"]["churn"]["columns"]} | {
    "email": {"kind": "categorical", "pii": True},
}
ARROW = "application/vnd.apache.arrow.stream"


def test_bytes_are_hidden_as_the_texts_that_they_spell() -> None:
    personal = Personal(columns=frozenset({"id"}), key=b"a key of a few words")
    one = UUID(int=2**100)
    stored = pa.array([one.bytes, None], pa.binary(16))
    same = [
        pa.array([str(one), None]),
        stored,
        stored.cast(pa.binary()),
        pa.ExtensionArray.from_storage(pa.uuid(), stored),
    ]
    hidden = [personal.hidden(ids).to_pylist() for ids in same]
    assert hidden == [hidden[0]] * 4
    assert hidden[0][1] is None


def reading(folder: Path, **changes: Any) -> Any:
    """Read the config of a model with a personal column."""
    changes = {"privacy": {"key": "${KEY}"}} | changes
    columns = changes.pop("columns", COLUMNS)
    reference = {"type": "parquet", "path": str(folder / "training/rows.parquet")}
    model = {"columns": columns, "reference": reference, "version": "1"}
    (folder / "kept").mkdir(exist_ok=True)
    return config(folder / "kept", ENV, model=model, **changes)


def emails(count: int) -> list[str]:
    return [f"{CANARY}{i % 20}@example.org" for i in range(count)]


def test_no_personal_value_is_found_in_anything_that_is_kept(tmp_path: Path) -> None:
    days = [NOW - k * world.DAY for k in range(30, 2, -1)]
    known = pa.concat_tables(world.rows(day, seed=1) for day in days)
    known = known.append_column("email", [emails(known.num_rows)])
    world.write(tmp_path / "training/rows.parquet", known)
    read = reading(tmp_path)
    clock = ManualClock(NOW)
    today = world.rows(world.floor_day(NOW))
    today = today.append_column("email", [emails(today.num_rows)])
    with (
        Desk(read, clock.now) as desk,
        Server(IngestApi(desk, nothing)) as server,
    ):
        pushed = Pushed(config=read, desk=desk, url=server.url, clock=clock)
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, today.schema) as writer:
            writer.write_table(today)
        assert pushed.post("predictions", sink.getvalue(), ARROW)[0] == 200
        ask = {"id": "j", "email": emails(1)[0], "at": NOW.isoformat()}
        assert pushed.post("predictions", ask)[0] == 200
        for bad in (
            ask | {"amount": CANARY},
            ask | {"email": [CANARY]},
            ask | {CANARY: CANARY, "at": "2099-01-01"},
            {"email": CANARY},
            [CANARY],
        ):
            pushed.post("predictions", bad)
        pushed.post("predictions", f"{{{CANARY}".encode(), "application/x-ndjson")
        event = {"ce_id": "c", "ce_type": "org.kubeflow.serving.inference.request"}
        pushed.post("predictions", {"instances": [ask | {"id": "e"}]}, **event)
        pushed.post("predictions", {"instances": [CANARY]}, **event)
        rows = found(read)
        desk.intakes["churn", "predictions"].landing.land(NOW, everything=True)
        clock.advance(timedelta(days=1))
        with App(read, World(clock=clock)) as app:
            (turn,) = [event for event in app.round() if isinstance(event, Turn)]
    kept = tmp_path / "kept"
    found_in = [p for p in kept.rglob("*") if p.is_file() and holds(p, CANARY)]
    assert found_in == []
    assert any(holds(p, "pii-") for p in kept.rglob("*.parquet"))
    assert len(set(rows["email"].to_pylist())) == 20
    assert turn.assessment is not None
    unseen = [v for v in turn.assessment.verdicts if v.column == "email"]
    assert unseen
    assert {v.status.value for v in unseen} <= {"PASS", "UNKNOWN"}


def holds(path: Path, text: str) -> bool:
    if path.suffix == ".parquet":
        return text in str(pq.read_table(path).to_pydict())
    return text.encode() in path.read_bytes()


def test_a_source_that_is_read_tells_pseudonyms_alone(tmp_path: Path) -> None:
    table = pa.table({"email": emails(40), "t": [NOW] * 40, "n": range(40)})
    world.write(tmp_path / "rows.parquet", table)
    personal = Personal(columns=frozenset({"email"}), key=b"k" * 16)
    plain = Plugin(type="parquet", options={"path": "rows.parquet"}, base=tmp_path)
    hidden = Plugin(
        type="parquet",
        options={"path": "rows.parquet"},
        base=tmp_path,
        personal=personal,
    )
    source = open_source(hidden, timestamp="t")
    told = pa.Table.from_batches(list(source.read(None, ["email", "n"])))
    assert CANARY not in str(told)
    assert len(set(told["email"].to_pylist())) == 20
    parts = source.fragments(None)  # type: ignore[attr-defined]
    pieces = [
        piece
        for part in parts.parts
        for _, piece in part.read(["email"], encoded=("email",))
    ]
    assert pa.chunked_array(pieces).to_pylist() == told["email"].to_pylist()
    assert source.schema().field("email").type == pa.string()
    identities = {
        open_source(one, timestamp="t").identity()  # type: ignore[attr-defined]
        for one in (plain, hidden)
    }
    assert len(identities) == 2


@pytest.mark.parametrize(
    "values",
    [
        pa.array(["a", None, "a", "b"]),
        pa.array([1, None, 2**60]),
        pa.array([1.0, 2.5, None]),
        pa.array([True, None, False]),
        pa.array(["a", "b", "a"]).dictionary_encode(),
    ],
)
def test_a_column_and_each_of_its_values_are_hidden_alike(values: pa.Array) -> None:
    personal = Personal(columns=frozenset({"x"}), key=b"k" * 16)
    assert personal.hidden(values).to_pylist() == [
        personal.shown(value) for value in values.to_pylist()
    ]
    assert personal.hidden(personal.hidden(values)) == personal.hidden(values)
    other = Personal(columns=frozenset({"x"}), key=b"l" * 16)
    assert other.hidden(values) != personal.hidden(values)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"privacy": None}, "there is no key to hide personal values with"),
        ({"privacy": {"key": "typed in by hand"}}, "the key stands in the file"),
        ({"privacy": {"key_file": "nowhere"}}, "nowhere cannot be read"),
        ({"privacy": {"key": "${SHORT:-short}"}}, "fewer than 16 characters"),
        (
            {"columns": COLUMNS | {"amount": {"kind": "numeric", "pii": True}}},
            "a numeric feature cannot be hidden",
        ),
    ],
)
def test_what_cannot_be_hidden_is_told_with_a_fix(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigErrors) as caught:
        reading(tmp_path, **changes)
    assert said in str(caught.value)
    assert "Fix: " in str(caught.value)
    assert "typed in by hand" not in str(caught.value)


def test_a_key_in_a_file_is_read_and_told_nowhere(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/key").write_text(f"{CANARY} of a few words\n")
    read = reading(tmp_path, privacy={"key_file": "key"})
    other = reading(tmp_path, privacy={"key": "${KEY}"})
    assert read.models["churn"].source.personal is not None
    assert CANARY not in repr(read)
    assert ENV["KEY"] not in repr(other)
