"""The law for detectors: every registered one is held to it."""

import time

import numpy as np
import pytest
from scipy import stats

from checks.bins import Floats
from checks.errors import OptionError, Unmeasurable
from checks.sequence import registry
from checks.sequence.registry import Detector

CHANGED_AT = 300
RUNS = 100
FOUND_WITHIN = {
    "adwin": 150,
    "cusum": 15,
    "ddm": 150,
    "eddm": 200,
    "kswin": 30,
    "page_hinkley": 60,
}
"""Points after which a clear jump is found, in at least nine of ten histories."""
OPTIONS = {"page_hinkley": {"delta": 0.5, "threshold": 10.0}}
"""What makes the estimated start a sharp one: a delta of the size of the noise."""
ALARMS = {
    "adwin": 0.002,
    "cusum": 0.3,
    "ddm": 0.25,
    "eddm": 0.92,
    "kswin": 0.02,
    "page_hinkley": 0.03,
}
"""The share of stable histories of 365 points that alarm, as the pages tell."""


def draw(detector: Detector, seed: int, n: int = 600, *, jump: bool = True) -> Floats:
    """Return a history that jumps clearly at CHANGED_AT, or does not."""
    rng = np.random.default_rng(seed)
    later = (np.arange(n) >= CHANGED_AT) & jump
    if detector.errors:
        return (rng.random(n) < np.where(later, 0.6, 0.2)).astype(np.float64)
    return rng.normal(size=n) + 3.0 * later


@pytest.fixture(params=registry.every(), ids=lambda d: d.name)
def detector(request: pytest.FixtureRequest) -> Detector:
    found: Detector = request.param
    return found


def test_it_is_deterministic_and_changes_nothing_it_is_given(
    detector: Detector,
) -> None:
    history = draw(detector, 1)
    before = history.copy()

    first = detector.detect(history)

    assert first == detector.detect(history)
    assert np.array_equal(before, history)


def test_the_order_of_the_points_matters(detector: Detector) -> None:
    history = draw(detector, 2)

    assert detector.detect(history) != detector.detect(history[::-1])


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_points_give_nothing_yet(detector: Detector, n: int) -> None:
    found = detector.detect(np.zeros(n))

    assert (found.n, found.changes, found.warning, found.statistic) == (
        n,
        (),
        None,
        None,
    )
    assert found.reason.startswith("Nothing yet")
    assert found.first is found.last is None


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, -1 / 3, 1e-12, 123_456.789, 1e100])
def test_a_constant_never_alarms(detector: Detector, value: float) -> None:
    if detector.errors and value not in {0.0, 1.0}:
        return
    found = detector.detect(np.full(2_000, value))

    assert found.changes == ()
    assert found.warning is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e200])
def test_what_is_no_number_to_reckon_with_is_refused(
    detector: Detector, value: float
) -> None:
    history = draw(detector, 3)
    history[7] = value

    with pytest.raises(Unmeasurable, match="point 7 of the history is "):
        detector.detect(history)


def test_a_table_is_no_history(detector: Detector) -> None:
    with pytest.raises(Unmeasurable, match="one dimension, not 2"):
        detector.detect(np.zeros((3, 3)))


def test_only_detectors_of_errors_refuse_a_rate(detector: Detector) -> None:
    history = np.full(100, 0.5)
    if detector.errors:
        with pytest.raises(Unmeasurable, match=r"is 0\.5, neither 0"):
            detector.detect(history)
    else:
        assert detector.detect(history).n == 100


def test_a_clear_jump_is_found_soon_and_its_start_is_near(detector: Detector) -> None:
    late, starts = 0, []
    for seed in range(RUNS):
        options = OPTIONS.get(detector.name, {})
        found = detector.detect(draw(detector, seed), **options)
        after = [c for c in found.changes if c.at >= CHANGED_AT]
        within = after and after[0].at - CHANGED_AT <= FOUND_WITHIN[detector.name]
        late += not within
        starts += [after[0].since] if after else []
        assert all(c.since <= c.at < found.n for c in found.changes)

    assert late <= RUNS // 10
    assert abs(float(np.median(starts)) - CHANGED_AT) <= 60


def test_a_stable_history_alarms_no_oftener_than_told(detector: Detector) -> None:
    alarms = sum(
        bool(detector.detect(draw(detector, seed, 365, jump=False)).changes)
        for seed in range(RUNS)
    )

    assert alarms <= stats.binom.ppf(0.999, RUNS, ALARMS[detector.name])


def test_what_has_been_found_stays_when_points_come(detector: Detector) -> None:
    history = draw(detector, 4)
    whole = [c.at for c in detector.detect(history).changes]
    part = [c.at for c in detector.detect(history[:450]).changes]

    assert part == [at for at in whole if at < 450]


def test_ten_thousand_points_take_a_moment(detector: Detector) -> None:
    history = np.concatenate([draw(detector, seed, 500) for seed in range(20)])
    took = []
    for _ in range(3):
        begun = time.process_time()
        detector.detect(history)
        took.append(time.process_time() - begun)

    assert min(took) < 1.0  # 0.2 s where nobody else is at work


def test_an_option_it_does_not_have_is_refused(detector: Detector) -> None:
    detector.validate(dict.fromkeys(detector.options, 1))
    with pytest.raises(OptionError, match=r"no option 'colour'; it has: "):
        detector.validate({"colour": 1})


def test_a_value_that_an_option_cannot_take_is_refused(detector: Detector) -> None:
    history = draw(detector, 5)
    for name, option in detector.options.items():
        if name != "seed":
            wrong = "sideways" if isinstance(option.default, str) else -1
            with pytest.raises(OptionError, match=name):
                detector.detect(history, **{name: wrong})


def test_its_docstring_tells_what_it_is_blind_to_and_shows_it(
    detector: Detector,
) -> None:
    doc = " ".join((detector.detect.__doc__ or "").split())

    for part in ("Blind to", "Source:", ">>> ", *detector.options):
        assert part in doc
    assert "Not for" in doc or "Not where" in doc
    assert detector.detect.__module__.endswith(f".{detector.name}")


def test_a_detector_that_is_none_is_named_with_those_there_are() -> None:
    with pytest.raises(OptionError, match="there are: adwin, cusum, ddm, eddm, kswin"):
        registry.get("oracle")
