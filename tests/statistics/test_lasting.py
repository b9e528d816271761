"""Series keep the false-alarm budget, and find what no single window shows."""

import numpy as np
import pytest
from scipy import stats

from benchmarks.lasting import LEVELS, STREAMS, delay, excess, history, single
from checks.sequence.arl import limit_for, run_length
from checks.sequence.course import Rule, follow

RUNS = 200


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("stream", STREAMS)
def test_stable_windows_alarm_no_oftener_than_the_budget_allows(
    stream: str, level: str
) -> None:
    rng = np.random.default_rng(20)
    histories = [history(365, *STREAMS[stream], rng) for _ in range(RUNS)]
    rate = LEVELS[level]
    allowed = RUNS * 355 * rate

    found = excess(histories, rate) * allowed

    assert found <= stats.poisson.ppf(0.995, allowed)


def test_incidents_of_stable_windows_come_no_oftener_either() -> None:
    rng = np.random.default_rng(23)
    rule, begun, windows = Rule(rate=1 / 90), 0, 0
    for _ in range(40):
        values, stood = history(130, 0.6, "normal", rng), False
        for n in range(11, 131):
            stands = follow(values[:n], rule).change is not None
            begun += stands and not stood
            stood, windows = stands, windows + 1

    assert begun <= stats.poisson.ppf(0.995, windows / 90)


@pytest.mark.parametrize("level", LEVELS)
def test_a_small_lasting_shift_is_found_long_before_a_single_window_shows_it(
    level: str,
) -> None:
    rate = LEVELS[level]
    rng = np.random.default_rng(21)

    took = delay(rate, 365, 0.5, 60, rng)

    assert took <= 0.6 * single(rate, 0.5)


@pytest.mark.parametrize("slack", [0.25, 0.5])
def test_siegmunds_run_length_is_that_of_a_chart(slack: float) -> None:
    rng = np.random.default_rng(22)
    limit = limit_for(60, slack)
    runs = []
    for _ in range(1500):
        total, n = 0.0, 0
        while total <= limit:
            total, n = max(0.0, total + rng.normal() - slack), n + 1
        runs.append(n)

    assert run_length(limit, slack) == pytest.approx(60, rel=1e-6)
    assert np.mean(runs) == pytest.approx(60, rel=0.1)
