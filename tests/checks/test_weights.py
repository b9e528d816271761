"""Rows that stand for several: what weights change, and what they must not."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks import registry
from checks.column import NumericProfile
from checks.correction import Correction
from checks.evidence import Evidence
from checks.metric import metrics
from checks.outcomes import BinaryOutcomes, Outcomes, RegressionOutcomes
from checks.profile import Bins, Profile, merge_all
from checks.reference import Reference
from checks.registry import Task
from checks.schema import Column, Kind, Role, Schema
from checks.suite import evaluate, plan
from checks.verdict import Verdict
from checks.weighed import Weighed
from checks.weight import LARGEST, UNIT, WEIGHT, Weight
from checks.wish import Wish, Wishes

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.str_]

SCHEMA = Schema.of(
    [
        Column(name="id", kind=Kind.CATEGORICAL, role=Role.ID),
        Column(name="amount", kind=Kind.NUMERIC),
        Column(name="plan", kind=Kind.CATEGORICAL),
        Column(name="w", kind=Kind.NUMERIC, role=Role.WEIGHT),
    ]
)
CHECKS = (
    *("psi", "kolmogorov_smirnov", "wasserstein", "jensen_shannon", "missing"),
    *("chi_square", "out_of_range", "unseen_category", "mean_shift", "quantile_shift"),
    *("anderson_darling", "cramer_von_mises", "energy", "hellinger", "constant"),
    *("total_variation", "l_infinity", "g_test", "kullback_leibler", "cardinality"),
)


def rows(
    rng: np.random.Generator, n: int, weights: Any = None, *, shift: float = 0.0
) -> pa.Table:
    """Draw rows: an amount with gaps, and one of four plans."""
    amount = rng.gamma(2.0, 10.0, n) + shift
    amount[rng.random(n) < 0.05] = np.nan
    plan = rng.choice(["a", "b", "c", "d"], n, p=[0.6, 0.25, 0.1, 0.05])
    table = {
        "id": [str(k) for k in range(n)],
        "amount": pa.array(amount, from_pandas=True),
        "plan": plan,
    }
    if weights is not None:
        table["w"] = np.broadcast_to(np.asarray(weights, np.float64), n)
    return pa.table(table)


def reference(n: int = 4000, seed: int = 1) -> Reference:
    table = rows(np.random.default_rng(seed), n)
    bins = Bins.fit(SCHEMA, table)
    return Reference.of(bins, [bins.profile(table)], timed=False)


def judged(known: Reference, profile: Profile) -> list[Verdict]:
    named = {name: Wish() for name in CHECKS}
    wishes = Wishes(standard=False, named=named)
    entries = plan(SCHEMA, Task.NONE, wishes, min_rows=20)
    return evaluate(
        entries,
        known,
        Evidence(profile=profile),
        alpha=0.01,
        correction=Correction.NONE,
    )


def test_weights_of_one_give_what_no_weights_give() -> None:
    known = reference()
    table = rows(np.random.default_rng(2), 700, 1.0, shift=2.0)
    bare = judged(known, known.bins.profile(table.drop_columns(["w"])))
    assert judged(known, known.bins.profile(table)) == bare
    assert all(one.statistic is not None for one in bare)


@pytest.mark.parametrize("weight", [3.0, 10 / 3, 0.25, 1e4])
def test_equal_weights_change_neither_a_share_nor_its_certainty(weight: float) -> None:
    known = reference()
    table = rows(np.random.default_rng(3), 700, weight, shift=2.0)
    bare = judged(known, known.bins.profile(table.drop_columns(["w"])))
    profile = known.bins.profile(table)
    assert judged(known, profile) == bare
    assert profile.rows == 700
    assert profile.traffic == pytest.approx(700 * weight, rel=2e-4)


@given(
    weights=st.lists(st.floats(0.01, 5e4), min_size=0, max_size=40),
    cuts=st.tuples(st.integers(0, 40), st.integers(0, 40)),
    bare=st.booleans(),
)
def test_any_split_of_weighted_rows_merges_to_the_same_bytes(
    weights: list[float], cuts: tuple[int, int], *, bare: bool
) -> None:
    known = reference(400)
    rng = np.random.default_rng(len(weights))
    table = rows(rng, len(weights), weights)
    first, second = sorted(min(cut, len(weights)) for cut in cuts)
    parts = [table.slice(0, first), table.slice(first, second - first)]
    parts.append(table.slice(second))
    if bare:  # some rows come without any weight: each of them stands for itself
        ones = pa.array(np.ones(parts[0].num_rows))
        table = pa.concat_tables([parts[0].set_column(3, "w", ones), *parts[1:]])
        parts[0] = parts[0].drop_columns(["w"])
    whole = known.bins.profile(table)
    found = [known.bins.profile(part) for part in parts]
    a, b, c = found
    assert a.merge(b).merge(c).columns.keys() == whole.columns.keys()
    merged = [merge_all(order) for order in ((a, b, c), (c, a, b), (b, c, a))]
    merged.append(a.merge(b.merge(c)))
    bytes_of = {replace(one, types=whole.types).to_bytes() for one in merged}
    assert bytes_of == {whole.to_bytes()}
    again = known.bins.read(whole.to_bytes())
    assert again.to_bytes() == whole.to_bytes()


def test_a_profile_without_weights_has_no_trace_of_them() -> None:
    known = reference()
    profile = known.bins.profile(rows(np.random.default_rng(4), 50))
    assert b"weight" not in profile.to_bytes()
    assert profile.weight is None
    assert all(column.weighted is None for column in profile.columns.values())


@pytest.mark.parametrize(
    "bad", [0.0, 1e-6, -1.0, float("nan"), float("inf"), LARGEST * 2.0]
)
def test_a_weight_that_means_nothing_is_told_and_nothing_is_judged(bad: float) -> None:
    known = reference()
    table = rows(np.random.default_rng(5), 300, [1.0] * 299 + [bad])
    verdicts = judged(known, known.bins.profile(table))
    assert {v.statistic for v in verdicts} == {None}
    assert all(
        "the weights in 'w' are not all numbers from 0.001 to 1,048,576"
        in (v.cause or "")
        for v in verdicts
    )


@pytest.mark.parametrize("weights", [["1"] * 299 + ["x"], [[1.0]] * 300, [1e9] * 300])
def test_a_column_of_weights_that_holds_none_is_told(weights: list[Any]) -> None:
    known = reference()
    table = rows(np.random.default_rng(5), 300).append_column(WEIGHT, [weights])
    verdicts = judged(known, known.bins.profile(table))
    told = {v.cause for v in verdicts}
    assert len(told) == 1
    assert "the weights in 'driftd_weight' are not all numbers" in str(told)


def test_a_sampling_fraction_is_one_over_the_weight() -> None:
    fraction = Column(name="w", kind=Kind.NUMERIC, role=Role.SAMPLING_FRACTION)
    schema = Schema.of([*(c for c in SCHEMA if c.name != "w"), fraction])
    table = rows(np.random.default_rng(6), 100, 0.25)
    assert Bins.fit(schema, table).profile(table).traffic == 400


def test_a_sample_of_a_sample_multiplies_the_weights() -> None:
    table = rows(np.random.default_rng(6), 100, 4.0)
    table = table.append_column(WEIGHT, pa.array([10.0] * 100))
    profile = Bins.fit(SCHEMA, table).profile(table)
    assert profile.traffic == 4000
    assert WEIGHT not in profile.types


def test_rows_from_before_anything_was_sampled_stand_for_themselves() -> None:
    table = rows(np.random.default_rng(6), 100)
    weights = pa.array([None] * 60 + [10.0] * 40)
    profile = Bins.fit(SCHEMA, table).profile(table.append_column(WEIGHT, weights))
    assert profile.traffic == 460


def test_sampling_by_unequal_weights_leaves_shares_as_they_were() -> None:
    """Rows above 30 are kept one in ten and weigh ten: the mean does not move."""
    known = reference(40_000)
    rng = np.random.default_rng(7)
    table = rows(rng, 60_000)
    amount = np.nan_to_num(table.column("amount").to_numpy(zero_copy_only=False))
    rate = np.where(amount > 30, 0.1, 1.0)
    kept = rng.random(len(rate)) < rate
    sampled = table.filter(pa.array(kept))
    weighed = sampled.append_column("w", pa.array(1 / rate[kept]))
    by_name = {v.check: v for v in judged(known, known.bins.profile(weighed))}
    naive = {v.check: v for v in judged(known, known.bins.profile(sampled))}
    assert naive["wasserstein"].status == "FAIL"
    for name in ("wasserstein", "psi", "kolmogorov_smirnov", "mean_shift"):
        assert by_name[name].status == "PASS", by_name[name]
    found = by_name["wasserstein"].statistic
    assert found is not None
    values = amount[kept]
    mean = np.average(values[values > 0], weights=1 / rate[kept][values > 0])
    assert found.at_current == pytest.approx(mean, rel=1e-6)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_quantile_of_any_weights_is_that_of_as_many_rows(share: float) -> None:
    known = reference()
    wish = Wish(options={"share": share})
    wishes = Wishes(standard=False, named={"quantile_shift": wish})
    entries = plan(SCHEMA, Task.NONE, wishes, min_rows=20)
    for seed in range(20):
        rng = np.random.default_rng([10, seed])
        times = rng.choice([1, 2, 7, 300], 250)
        table = rows(rng, 250)
        copied = table.take(pa.array(np.repeat(np.arange(250), times)))
        weighed = table.append_column("w", pa.array(times * (1 / 3)))
        found = []
        for one in (weighed, copied):
            profile = known.bins.profile(one)
            (verdict,) = evaluate(
                entries,
                known,
                Evidence(profile=profile),
                alpha=0.01,
                correction=Correction.NONE,
            )
            assert verdict.statistic is not None, verdict.cause
            found.append(verdict.statistic.at_current)
        # Within a cell of the bins, of which there are 512, a value is interpolated.
        assert found[0] == pytest.approx(found[1], rel=0.02, abs=0.5)


@pytest.mark.parametrize("weight", [0.01, 1e3, 3e5, float(LARGEST)])
def test_a_mean_is_that_of_what_rows_stand_for_however_much_that_is(
    weight: float,
) -> None:
    known = reference()
    rng = np.random.default_rng(11)
    weights = np.where(np.arange(60) % 3 == 0, weight, 2.0)
    table = rows(rng, 60, weights, shift=5.0)
    column = known.bins.profile(table).columns["amount"]
    found = known.corrected(column)
    assert isinstance(found, NumericProfile)
    amount = table["amount"].to_numpy(zero_copy_only=False)
    there = np.isfinite(amount)
    mean = np.average(amount[there], weights=weights[there])
    assert found.mean == pytest.approx(mean, rel=1e-6 if weight > 1 else 1e-3)


def test_what_adds_up_to_more_than_can_be_counted_is_told() -> None:
    known = reference()
    many = rows(np.random.default_rng(12), 4000, [1.0, float(LARGEST)] * 2000)
    far = many.set_column(1, "amount", pa.array([5e7] * 4000))
    for table in (far, pa.concat_tables([far, many])):
        verdicts = judged(known, known.bins.profile(table))
        told = {v.column: v.cause for v in verdicts if v.statistic is None}
        assert set(told) == {"amount"}
        assert "adds up to more than can be counted" in (told["amount"] or "")
    found = Reference.of(known.bins, [known.bins.profile(far)] * 20, timed=False)
    causes = {v.column: v.cause for v in judged(found, known.bins.profile(table))}
    assert causes["amount"] == told["amount"]
    assert causes["plan"] is None
    parts = [known.bins.profile(far.slice(start, 500)) for start in range(0, 4000, 500)]
    whole = known.bins.profile(far)
    assert merge_all(parts).to_bytes() == whole.to_bytes()
    assert merge_all(reversed(parts)).to_bytes() == whole.to_bytes()


def test_more_far_values_than_can_be_added_up_stay_far() -> None:
    known = reference()
    table = rows(np.random.default_rng(13), 64)
    far = known.bins.profile(table.set_column(1, "amount", pa.array([1e300] * 64)))
    for _ in range(20):  # 67 million of them
        far = far.merge(far)
    column = far.columns["amount"]
    assert isinstance(column, NumericProfile)
    assert column.mean > 1e6
    (verdict,) = [v for v in judged(known, far) if v.check == "mean_shift"]
    assert "more than a million reference ranges away" in (verdict.cause or "")


MAIN = (
    *("psi", "kolmogorov_smirnov", "wasserstein", "jensen_shannon", "chi_square"),
    *("missing", "mean_shift"),
)


def alarms(times: int, rates: Callable[[Floats, Texts], Floats]) -> dict[str, int]:
    """Count the p-values below 5 % in windows in which nothing changed."""
    known = reference(100_000)
    wishes = Wishes(standard=False, named={check: Wish() for check in MAIN})
    entries = plan(SCHEMA, Task.NONE, wishes)
    found: dict[str, int] = {}
    for seed in range(times):
        rng = np.random.default_rng([8, seed])
        table = rows(rng, 5000)
        amount = np.nan_to_num(table["amount"].to_numpy(zero_copy_only=False))
        rate = rates(amount, np.asarray(table["plan"].to_pylist()))
        kept = rng.random(5000) < rate
        weighed = table.filter(pa.array(kept))
        weighed = weighed.append_column("w", pa.array(1 / rate[kept]))
        verdicts = evaluate(
            entries,
            known,
            Evidence(profile=known.bins.profile(weighed)),
            alpha=0.01,
            correction=Correction.NONE,
        )
        for one in verdicts:
            assert one.statistic is not None
            p = one.statistic.p_value
            name = f"{one.check} of {one.column}"
            found[name] = found.get(name, 0) + (p is not None and p < 0.05)
    return found


def test_unequal_weights_raise_as_many_false_alarms_as_are_asked_for() -> None:
    weights = np.random.default_rng(1).choice([1.0, 2.0, 8.0, 20.0], 5000)
    found = alarms(200, lambda _amount, _plan: 1 / weights)
    # 200 windows at 5 %: 10 are expected; more than 20, or fewer than 2, have a chance
    # of 0.1 %.
    for name in ("psi of amount", "wasserstein of amount", "jensen_shannon of plan"):
        assert 2 <= found[name] <= 20, found
    assert max(found.values()) <= 20, found


RATES: dict[str, Callable[[Floats, Texts], Floats]] = {
    "tail kept whole": lambda amount, _: np.where(amount > 35, 1.0, 0.1),
    "tail thinned out": lambda amount, _: np.where(amount > 35, 0.05, 1.0),
    "half thinned out": lambda amount, _: np.where(amount > 17, 1.0, 0.05),
    "rare plan thinned out": lambda _, plan: np.where(plan == "d", 0.1, 1.0),
}


@pytest.mark.parametrize("name", RATES)
def test_weights_that_go_with_the_values_raise_no_more_false_alarms(name: str) -> None:
    """Kish's number alone would let a thinned tail raise nine times too many."""
    found = alarms(80, RATES[name])
    # 80 windows at 5 %: 4 are expected, and more than 11 have a chance of 0.1 %.
    assert max(found.values()) <= 11, found


def test_a_sample_shows_a_shift_as_well_as_its_effective_rows_do() -> None:
    """Weights of 1 and 9 leave as much certainty as Kish's number of equal rows."""
    known = reference(20_000)
    rng = np.random.default_rng(9)
    weights = rng.choice([1.0, 9.0], 3000)
    table = rows(rng, 3000, weights, shift=1.5)
    profile = known.bins.profile(table)
    assert profile.weight is not None
    effective = round(3000 / profile.weight.effect)
    equal = rows(rng, effective, shift=1.5)
    found = {v.check: v.statistic for v in judged(known, profile)}
    like = {v.check: v.statistic for v in judged(known, known.bins.profile(equal))}
    for name in ("mean_shift", "wasserstein", "kolmogorov_smirnov"):
        one, other = found[name], like[name]
        assert one is not None
        assert other is not None
        width, usual = one.high - one.low, other.high - other.low
        assert width == pytest.approx(usual, rel=0.1)
        assert one.n_current == profile.columns["amount"].n


def test_the_sum_of_squares_is_exact_for_the_largest_weights() -> None:
    units = np.array([LARGEST << 16, 1, 12345678901], np.int64)
    assert Weight.of(units).squares == sum(int(u) ** 2 for u in units)


# ── outcomes ─────────────────────────────────────────────────────────────────────


def units_for(weights: Any) -> Any:
    return np.rint(weights * UNIT).astype(np.int64)


def predictions(
    rng: np.random.Generator, n: int, wrong: float = 0.1
) -> tuple[Any, Any, Any]:
    """Return labels, predictions and scores of a classifier that errs so often."""
    label = rng.random(n) < 0.3
    guess = label ^ (rng.random(n) < wrong)
    score = np.clip(0.5 + 0.3 * (2 * guess - 1) + rng.normal(0, 0.08, n), 0, 1)
    return label, guess, score


@pytest.mark.parametrize("weight", [1.0, 7.5])
def test_outcomes_of_one_weight_are_those_of_none(weight: float) -> None:
    label, guess, score = predictions(np.random.default_rng(1), 500)
    weights = np.full(500, weight)
    bare = BinaryOutcomes.of(label, guess, score)
    found = Weighed.binary(label, guess, score, units=units_for(weights))
    assert found.standing().hash == bare.hash
    assert found.effect == 1.0
    error = np.random.default_rng(2).normal(size=500)
    plain = RegressionOutcomes.of(score, score + error)
    again = Weighed.regression(score, score + error, units=units_for(weights))
    assert again.standing().hash == plain.hash
    assert again.effect == 1.0


def test_outcomes_of_a_weighted_sample_are_those_of_all_rows() -> None:
    rng = np.random.default_rng(3)
    label, guess, score = predictions(rng, 60_000)
    whole = metrics(BinaryOutcomes.of(label, guess, score))
    rate = np.where(score > 0.6, 1.0, 0.1)
    kept = rng.random(len(rate)) < rate
    cut = [side[kept] for side in (label, guess, score)]
    found = metrics(Weighed.binary(*cut, units=units_for(1 / rate[kept])).standing())
    naive = metrics(BinaryOutcomes.of(*cut))
    assert set(found) == set(whole)
    for name, one in whole.items():
        assert found[name].value == pytest.approx(one.value, rel=0.06), name
        assert found[name].n == kept.sum()
    assert abs(naive["precision"].value - naive["recall"].value) > 0.05
    errors = rng.normal(size=60_000) * (1 + (score > 0.6))
    every = metrics(RegressionOutcomes.of(score, score + errors))
    some = metrics(
        Weighed.regression(
            score[kept], (score + errors)[kept], units=units_for(1 / rate[kept])
        ).standing()
    )
    for name, one in every.items():
        assert some[name].value == pytest.approx(one.value, rel=0.05), name


def test_a_row_that_stands_for_seven_is_worth_seven_of_it_in_every_metric() -> None:
    rng = np.random.default_rng(14)
    label, guess, score = predictions(rng, 400)
    times = rng.choice([1, 2, 7], 400)
    copies = [np.repeat(side, times) for side in (label, guess, score)]
    units = units_for(times)
    error = rng.normal(size=400)
    pairs: list[tuple[Weighed, Outcomes]] = [
        (Weighed.binary(label, guess, score, units=units), BinaryOutcomes.of(*copies)),
        (
            Weighed.binary(label, score=score, units=units),
            BinaryOutcomes.of(copies[0], score=copies[2]),
        ),
        (
            Weighed.regression(score, score + error, units=units),
            RegressionOutcomes.of(copies[2], np.repeat(score + error, times)),
        ),
    ]
    for weighed, copied in pairs:
        found, same = metrics(weighed.standing()), metrics(copied)
        assert len(found) == len(same) >= 2
        for name, one in same.items():
            assert found[name].value == pytest.approx(one.value, rel=1e-9), name
            assert found[name].n == 400 < one.n


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("check", ["accuracy", "recall", "log_loss", "brier"])
def test_weighted_outcomes_raise_no_more_false_alarms_than_asked(
    check: str,
    apart: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    known = BinaryOutcomes.of(*predictions(np.random.default_rng(4), 100_000))
    measure = registry.get(check).measure
    p = []
    for seed in range(150):
        rng = np.random.default_rng([5, seed])
        label, guess, score = predictions(rng, 4000)
        rate = 1 / rng.choice([1.0, 4.0, 16.0], 4000)
        if apart:  # wrong predictions are rare, and of these one in ten is kept
            rate = np.where(label == guess, 1.0, 0.1)
        kept = rng.random(4000) < rate
        cut = [side[kept] for side in (label, guess, score)]
        now = Weighed.binary(*cut, units=units_for(1 / rate[kept]))
        p.append(measure(known, now.standing()).widened(now.effect).p_value)
    # 150 windows at 5 %: 7.5 are expected, and more than 17 have a chance of 0.1 %.
    assert (np.array(p, np.float64) < 0.05).sum() <= 17


def test_outcomes_of_scores_alone_are_weighed_by_their_cut() -> None:
    label, _, score = predictions(np.random.default_rng(6), 400)
    weights = np.where(score > 0.5, 1.0, 5.0)
    units = units_for(weights)
    kish = 400 * float((weights**2).sum()) / float(weights.sum()) ** 2
    assert Weighed.binary(label, score=score, units=units).effect > kish
    assert Weighed.regression(label * 1.0, score, units=units).effect > kish
    nothing = Weighed.regression(label[:0] * 1.0, score[:0], units=units[:0])
    assert nothing.effect == 1.0
    assert nothing.standing().hash == RegressionOutcomes().hash
