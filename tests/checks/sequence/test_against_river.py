"""Every detector that river 0.26 has detects at the same points."""

from typing import Protocol

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import drift
from river.drift import binary

from checks.bins import Floats
from checks.sequence.adwin import adwin
from checks.sequence.ddm import ddm
from checks.sequence.detection import Detection
from checks.sequence.eddm import eddm
from checks.sequence.kswin import kswin
from checks.sequence.page_hinkley import page_hinkley

EXAMPLES = 40


class Theirs(Protocol):
    """A detector of river."""

    def update(self, x: float) -> object: ...
    @property
    def drift_detected(self) -> bool: ...


def theirs(detector: Theirs, history: Floats) -> list[int]:
    """Return the points at which a detector of river detects a change."""
    found = []
    for at, x in enumerate(history.tolist()):
        detector.update(x)
        if detector.drift_detected:
            found.append(at)
    return found


def ours(found: Detection) -> list[int]:
    return [change.at for change in found.changes]


@st.composite
def levels(draw: st.DrawFn, longest: int = 1_500) -> Floats:
    """Return noise about a level that may jump, drift, or both."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    parts = draw(st.lists(st.floats(-4, 4), min_size=1, max_size=6))
    n = draw(st.integers(1, longest))
    level = np.repeat(parts, -(-n // len(parts)))[:n]
    slope = draw(st.sampled_from([0.0, 0.0, 0.001, -0.01]))
    noise: float = draw(st.sampled_from([0.1, 1.0, 3.0]))
    wave: Floats = level + noise * rng.normal(size=n)
    if draw(st.booleans()):
        return np.round(wave)  # ties
    return wave + slope * np.arange(n)


@st.composite
def outcomes(draw: st.DrawFn) -> Floats:
    """Return single outcomes with an error rate that jumps."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rates = draw(st.lists(st.floats(0, 1), min_size=1, max_size=6))
    n = draw(st.integers(1, 2_000))
    rate = np.repeat(rates, -(-n // len(rates)))[:n]
    return (rng.random(n) < rate).astype(np.float64)


@settings(max_examples=EXAMPLES)
@given(levels(), st.sampled_from(["up", "down", "both"]), st.floats(1, 60))
def test_page_hinkley_is_rivers(
    history: Floats, direction: str, threshold: float
) -> None:
    found = page_hinkley(history, direction=direction, threshold=threshold)

    assert ours(found) == theirs(
        drift.PageHinkley(mode=direction, threshold=threshold), history
    )


@settings(max_examples=EXAMPLES)
@given(
    levels() | outcomes(),
    st.sampled_from([1, 7, 32]),
    st.sampled_from([2, 5]),
    st.sampled_from([1, 5, 12]),
    st.sampled_from([0.002, 0.2]),
)
def test_adwin_by_rivers_convention_is_rivers(
    history: Floats, clock: int, max_buckets: int, length: int, delta: float
) -> None:
    found = adwin(
        history,
        delta=delta,
        clock=clock,
        max_buckets=max_buckets,
        min_window_length=length,
        convention="river",
    )

    assert ours(found) == theirs(
        drift.ADWIN(  # type: ignore[no-untyped-call] # river's __init__ has no types
            delta=delta,
            clock=clock,
            max_buckets=max_buckets,
            min_window_length=length,
        ),
        history,
    )


@settings(max_examples=10)
@given(levels(400), st.sampled_from([0.0001, 0.005, 0.05]), st.integers(0, 99))
@pytest.mark.parametrize(("window", "size"), [(100, 30), (60, 20)])
def test_kswin_by_rivers_convention_is_rivers(
    window: int, size: int, history: Floats, alpha: float, seed: int
) -> None:
    found = kswin(
        history,
        alpha=alpha,
        window_size=window,
        stat_size=size,
        seed=seed,
        convention="river",
    )

    assert ours(found) == theirs(
        drift.KSWIN(alpha=alpha, window_size=window, stat_size=size, seed=seed),
        history,
    )


@settings(max_examples=EXAMPLES)
@given(outcomes(), st.sampled_from([5, 30, 100]))
def test_ddm_is_rivers(history: Floats, warm_start: int) -> None:
    found = ddm(history, warm_start=warm_start)
    detector = binary.DDM(warm_start=warm_start)

    assert ours(found) == theirs(detector, history)
    at_the_end = found.warning is not None
    assert at_the_end == detector.warning_detected


@settings(max_examples=EXAMPLES)
@given(outcomes(), st.sampled_from([5, 30]), st.sampled_from([(0.95, 0.9), (0.8, 0.6)]))
def test_eddm_is_rivers(
    history: Floats, warm_start: int, limits: tuple[float, float]
) -> None:
    alpha, beta = limits
    found = eddm(history, warm_start=warm_start, alpha=alpha, beta=beta)

    assert ours(found) == theirs(
        binary.EDDM(warm_start=warm_start, alpha=alpha, beta=beta), history
    )
