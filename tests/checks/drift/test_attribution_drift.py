"""The order of features by importance: as scikit-learn has it, and quiet by chance."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from checks.bins import Floats
from checks.correction import Correction
from checks.drift.attribution_drift import attribution_drift, ndcg
from checks.errors import Unmeasurable
from checks.evidence import Evidence
from checks.example import reference, window
from checks.profile import Bins
from checks.reference import Reference
from checks.registry import Task
from checks.schema import Column, Kind, Role, Schema
from checks.suite import evaluate, plan
from checks.verdict import Status

NAMES = [f"shap_{letter}" for letter in "abcdef"]
SCHEMA = Schema.of(
    Column(name=name, kind=Kind.NUMERIC, role=Role.ATTRIBUTION) for name in NAMES
)
WEIGHTS = np.array([0.7, 0.5, 0.3, 0.2, 0.1, 0.05])
ALPHA = 1 / 90 / 200


def rows(seed: int, n: int, weights: Floats = WEIGHTS) -> pa.Table:
    """Draw attributions of both signs whose sizes go with the weights."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, len(weights))) * weights
    return pa.table({name: values[:, i] for i, name in enumerate(NAMES)})


def known(table: pa.Table) -> Reference:
    bins = Bins.fit(SCHEMA, table)
    return Reference(bins=bins, profile=bins.profile(table))


KNOWN_ROWS = rows(0, 5_000)
KNOWN = known(KNOWN_ROWS)


def sizes(table: pa.Table) -> Floats:
    return np.array([np.abs(np.asarray(table[name])).mean() for name in NAMES])


@given(
    st.lists(
        st.tuples(st.floats(0.0, 10.0), st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.5])),
        min_size=2,
        max_size=12,
    )
)
def test_it_is_the_gain_of_scikit_learn_ties_included(
    pairs: list[tuple[float, float]],
) -> None:
    gains, scores = (np.array(side) for side in zip(*pairs, strict=True))
    if gains.max() < 1e-9:
        return

    expected = ndcg_score([gains], [scores])

    assert ndcg(gains, scores) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_importances_are_those_of_the_rows_themselves(seed: int) -> None:
    weights = np.random.default_rng(seed).permutation(WEIGHTS)
    now = rows(seed + 1, 2_000, weights)

    found = attribution_drift(KNOWN, KNOWN.bins.profile(now))

    expected = 1 - ndcg_score([sizes(KNOWN_ROWS)], [sizes(now)])
    assert found.value == pytest.approx(expected, abs=1e-3)
    assert found.low - 1e-3 <= expected <= found.high + 1e-3


def test_a_model_that_goes_by_other_features_fails_and_says_by_which() -> None:
    now = KNOWN.bins.profile(rows(9, 1_000, WEIGHTS[::-1].copy()))
    entries = [
        entry
        for entry in plan(SCHEMA, Task.NONE)
        if entry.check.name == "attribution_drift"
    ]

    (verdict,) = evaluate(
        entries, KNOWN, Evidence(profile=now), alpha=ALPHA, correction=Correction.HOLM
    )

    assert verdict.status is Status.FAIL
    assert verdict.statistic is not None
    assert verdict.statistic.low > 0.1
    assert "shap_a 1st → 6th" in verdict.statistic.detail
    assert verdict.statistic.explained_by[0][0] in {"shap_a", "shap_f"}


@pytest.mark.parametrize("n", [200, 2_000])
def test_clean_windows_are_no_finding(n: int) -> None:
    certain = material = 0
    for seed in range(200):
        now = KNOWN.bins.profile(rows(1_000 + seed, n))
        found = attribution_drift(KNOWN, now)
        certain += (found.p_value or 0.0) <= 0.05
        material += found.low > 0.01
        assert found.low <= found.value <= found.high

    assert certain <= 21  # 99.9 % of Binomial(200, 0.05)
    assert material == 0


def test_features_that_matter_alike_may_change_their_places() -> None:
    alike = np.array([0.5, 0.5, 0.5, 0.5, 0.5, 0.5])
    before = known(rows(1, 3_000, alike))

    found = attribution_drift(before, before.bins.profile(rows(2, 300, alike)))

    assert found.value < 0.01
    assert found.detail


def test_a_cell_that_holds_both_signs_widens_the_interval_and_no_more() -> None:
    table = pa.table({name: [-1.0, 1.0] * 50 for name in NAMES})
    before = known(table)
    near = pa.table({name: [-0.2, 0.2] * 50 for name in NAMES})

    found = attribution_drift(before, before.bins.profile(near))

    assert found.p_value is not None
    assert found.p_value > 0.05  # all that is known of a size is 0 to 1
    assert found.value == pytest.approx(0.0, abs=1e-9)


def test_it_is_planned_where_there_are_attributions() -> None:
    found = [(e.check.name, e.column) for e in plan(SCHEMA, Task.NONE)]

    assert ("attribution_drift", None) in found
    assert "wasserstein" not in {check for check, _ in found}
    plain = Schema.of([Column(name="x", kind=Kind.NUMERIC)])
    assert "attribution_drift" not in {
        entry.check.name for entry in plan(plain, Task.NONE)
    }


ROLES = dict.fromkeys(["a", "b"], Role.ATTRIBUTION)


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ({"a": [1.0]}, {"a": [1.0]}, "takes two columns"),
        ({"a": [1.0], "b": [2.0]}, {"a": [1.0]}, "the window has no usable column 'b'"),
        (
            {"a": [1.0], "b": [2.0]},
            {"a": [1.0], "b": [float("nan")]},
            "the window has no attributions in 'b'",
        ),
        ({"a": [1.0], "b": [2.0]}, {"a": [1.0], "b": ["x"]}, "no number"),
        ({"a": [0.0], "b": [0.0]}, {"a": [1.0], "b": [1.0]}, "no feature has any"),
        ({"a": [1.0], "b": [2.0]}, {"a": [1e99], "b": [1.0]}, "reference ranges away"),
    ],
)
def test_what_cannot_be_ordered_is_unmeasurable_with_its_cause(
    was: dict[str, Any], now: dict[str, Any], said: str
) -> None:
    roles = {name: role for name, role in ROLES.items() if name in was}
    before = reference(was, roles=roles)

    with pytest.raises(Unmeasurable, match=said):
        attribution_drift(before, window(before, now))
