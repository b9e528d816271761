"""Row-level skew of a window, from the sources on: what is compared and told."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from monitor.config import Model
from monitor.engines.base import Held
from monitor.errors import SourceError
from monitor.feeds import Feeds
from monitor.skew import compared_names, replayed, row_skew
from monitor.window import Window
from tests.monitor.world import DAY, START, rows

WINDOW = Window(START, START + DAY)
COLUMNS = {
    "id": {"role": "id"},
    "at": {"role": "timestamp"},
    "amount": {"kind": "numeric"},
    "plan": {"kind": "categorical"},
    "score": {"role": "score"},
}


def model(among: Mapping[str, Any] = COLUMNS, **recomputed: Any) -> Model:
    source = {"type": "parquet", "path": "nowhere"}
    return Model.model_validate(
        {
            "columns": among,
            "reference": source,
            "source": source,
            "recomputed": {"source": source, **recomputed},
            "monitors": {"daily": {"window": "1d"}},
        }
    )


def feeds(served: pa.Table, recomputed: pa.Table) -> Feeds:
    return Feeds(predictions=Held(served), recomputed=Held(recomputed))


def test_features_are_compared_and_more_where_it_is_asked_for() -> None:
    assert ("amount", "plan") == compared_names(model())
    assert ("amount", "score") == compared_names(model(columns=["score", "amount"]))


def test_a_mistake_is_counted_and_named_as_tfdv_counts() -> None:
    recomputed = rows(START)
    cents = pa.array(np.asarray(recomputed["amount"]) * 100)
    served = recomputed.set_column(2, "amount", cents)

    told = row_skew(model(), WINDOW, feeds(served, recomputed)).to_dict()

    assert told is not None
    assert 400 == told["pairing"]["joined"]
    amount = told["features"]["amount"]
    assert (400, 0, 400) == tuple(
        amount[name] for name in ("base_count", "match_count", "mismatch_count")
    )
    assert ("served = recomputed × 100", "factor", 1.0) == tuple(
        amount[name] for name in ("cause", "nature", "confidence")
    )
    assert 0 == told["features"]["plan"]["diff_count"]


def test_rows_that_were_not_recomputed_are_told() -> None:
    served = rows(START)

    found = row_skew(model(), WINDOW, feeds(served, served.slice(0, 300)))

    (told,) = found.notes
    assert told.startswith("row-level skew saw 300 of 400 served rows (75.0%)")
    assert told.endswith("100 were not recomputed, 0 are not told apart")


def test_rows_are_joined_by_entity_and_time() -> None:
    served = rows(START)
    moved = pa.array(
        [at - timedelta(seconds=30) for at in served["at"].to_pylist()],
        served["at"].type,
    )
    recomputed = served.set_column(1, "at", moved)

    on: dict[str, Any] = {
        "on": ["plan", "at"],
        "columns": ["amount"],
        "tolerance_time": "1m",
    }
    found = row_skew(model(**on), WINDOW, feeds(served, recomputed))

    assert found.counts is not None
    assert 400 == found.counts.joined
    assert found.pairs is not None
    assert 0 == found.pairs["amount"].differing


class Broken:
    def read(self, *_: Any) -> Any:
        message = "the disk is gone"
        raise SourceError(message, permanent=False)


def test_recomputed_rows_that_cannot_be_read_are_a_cause() -> None:
    found = row_skew(
        model(), WINDOW, Feeds(predictions=Held(rows(START)), recomputed=Broken())
    )

    assert {} == found.pairs
    assert "recomputed features: the disk is gone" == found.cause


PREPROCESSING = """
def features(frame):
    frame["amount"] = frame["amount"] / 100
    return frame
"""


def replaying(tmp_path: Path, **options: Any) -> Model:
    (tmp_path / "prepared.py").write_text(PREPROCESSING)
    source = {"type": "parquet", "path": "nowhere"}
    again = {"callable": "prepared:features", "path": [str(tmp_path)], **options}
    return Model.model_validate(
        {
            "columns": COLUMNS,
            "reference": source,
            "source": source,
            "replay": again,
            "monitors": {"daily": {"window": "1d"}},
        }
    )


def test_served_rows_are_run_through_the_training_code_again(tmp_path: Path) -> None:
    section = replaying(tmp_path, rows=300)
    fed = Feeds(predictions=Held(rows(START)), replay=replayed(section, "1"))

    found = row_skew(section, WINDOW, fed)

    assert found.pairs is not None
    assert "" == found.cause
    assert (300, 0) == tuple(found.pairs[n].differing for n in ("amount", "plan"))
    cause = found.pairs["amount"].cause
    assert cause is not None
    assert cause.law.sentence.startswith("served = recomputed × 100")
    assert "300 of 400 rows were run again for row-level skew" == next(
        iter(found.notes)
    )


def test_a_function_that_is_not_there_is_a_cause(tmp_path: Path) -> None:
    section = replaying(tmp_path, callable="prepared:nothing")
    fed = Feeds(predictions=Held(rows(START)), replay=replayed(section, "1"))

    found = row_skew(section, WINDOW, fed)

    assert {} == found.pairs
    assert found.cause.startswith("replay: prepared:nothing: AttributeError")


def test_a_model_answers_for_its_score_and_a_function_for_the_features(
    tmp_path: Path,
) -> None:
    asked = {"callable": None, "onnx": "models/{version}.onnx"}
    section = replaying(tmp_path, **asked)

    order = replayed(section, "7")

    assert ("score",) == compared_names(section)
    assert ("amount", "plan") == compared_names(replaying(tmp_path))
    assert order is not None
    assert order.target.endswith("models/7.onnx")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"onnx": "m.onnx"}, "a replay runs one thing, not 2"),
        ({"callable": "prepared.features"}, "names no function"),
        ({"callable": None, "url": "ftp://x"}, "no web address"),
        ({"token": "abc"}, "a secret stands in the file"),
    ],
)
def test_a_replay_that_cannot_be_is_refused(
    tmp_path: Path, asked: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        replaying(tmp_path, **asked)


@pytest.mark.parametrize(
    ("recomputed", "told"),
    [
        ({"on": ["a", "b", "c"]}, "rows cannot be joined on 3 columns"),
        ({"tolerance_time": "5m"}, "tolerance_time is for rows that are joined by"),
        ({"tolerance": -1}, "greater than or equal to 0"),
    ],
)
def test_a_join_that_cannot_be_is_refused(
    recomputed: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        model(**recomputed)


def test_what_is_told_of_a_mistake_says_where_and_since_when_and_shows_rows() -> None:
    recomputed = rows(START)
    amount = np.asarray(recomputed["amount"])
    late = np.arange(len(amount)) >= 100
    served = recomputed.set_column(
        2, "amount", pa.array(np.where(late, amount * 100, amount))
    )

    found = row_skew(model(), WINDOW, feeds(served, recomputed))

    (told,) = found.notes
    assert found.pairs is not None
    pairs = found.pairs["amount"]
    assert pairs.cause is not None
    since = min(
        at
        for at, is_late in zip(served["at"].to_pylist(), late, strict=True)
        if is_late
    )
    assert f"the first at {since:%Y-%m-%d %H:%M} UTC" == pairs.circumstances
    assert told.startswith("amount, for example ")
    assert 3 == told.count(" instead of ")
    kept = found.to_dict()
    assert kept is not None
    shown = kept["features"]["amount"]["examples"]
    assert all(
        float(one["served"]) == pytest.approx(100 * float(one["recomputed"]))
        for one in shown
    )


def test_no_personal_value_is_told() -> None:
    recomputed = rows(START)
    columns = {**COLUMNS, "plan": {"kind": "categorical", "pii": True}}
    section = model(among=columns)
    plans = pa.array([f"pii-{plan}" for plan in recomputed["plan"].to_pylist()])
    served = recomputed.set_column(3, "plan", plans)

    found = row_skew(section, WINDOW, feeds(served, recomputed))

    assert found.pairs is not None
    assert 400 == found.pairs["plan"].differing
    assert found.pairs["plan"].cause is None
    said = f"{list(found.notes)} {found.to_dict()}"
    assert "(values hidden)" in said
    assert not any(plan in said for plan in set(plans.to_pylist()))
