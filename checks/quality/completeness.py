"""How many of all requests reached the log."""

import math

from scipy import special

from checks.errors import Unmeasurable
from checks.interval import Z, normal_tail, wilson
from checks.option import Part
from checks.registry import Subject, check
from checks.statistic import Statistic
from checks.traffic import Captured
from checks.verdict import Family


@check(
    "completeness",
    family=Family.QUALITY,
    subject=Subject.CAPTURE,
    threshold=0.01,
    most=1.0,
    default=True,
    any_rows=True,
)
def completeness(captured: Captured, *, tolerated: Part = 0.001) -> Statistic:
    """Measure the share of requests that never reached the log.

    0.03 says that 97 % were captured, which `at_current` tells. How many there should
    have been is known from counters of the serving side, from numbers that rise by one,
    or from requests whose response is missing. The p-value is the chance that so many
    are lost where each is with the `tolerated` chance; where the log is sampled, what
    sampling makes unsure of its rows is added.

    Blind to which rows are lost (use `sampling_bias`), and to what nobody counted.

    Source: Wilson (1927) for the interval; the binomial distribution; Horvitz and
    Thompson, J. Am. Stat. Assoc. 47 (1952), for a sampled log.

    >>> from checks.weight import Weight
    >>> found = completeness(Captured(requests=100_000, captured=Weight.plain(97_000)))
    >>> found.value, round(found.low, 4), round(found.high, 4), found.detail
    (0.03, 0.029, 0.0311, '97.00 % [96.89 %, 97.10 %] of 100,000 requests')
    """
    requests, seen = captured.requests, captured.captured
    if requests is None or seen is None:
        raise Unmeasurable(captured.cause)
    if requests == 0:
        cause = "there were no requests"
        raise Unmeasurable(cause)
    share = seen.traffic / requests
    lost = max(0.0, (requests - seen.traffic) / requests)
    noise = seen.variance / requests**2
    low, high = wilson(lost * requests, requests)
    low = max(0.0, lost - math.hypot(lost - low, Z * math.sqrt(noise)))
    high = min(1.0, lost + math.hypot(high - lost, Z * math.sqrt(noise)))
    told = captured.told or "requests"
    ends = f"{100 * (1 - high):.2f} %, {100 * (1 - low):.2f} %"
    return Statistic(
        value=lost,
        low=min(low, lost),
        high=max(high, lost),
        p_value=_tail(lost, requests, tolerated, noise),
        n_reference=requests,
        n_current=seen.rows,
        at_reference=1.0,
        at_current=share,
        detail=f"{100 * share:.2f} % [{ends}] of {requests:,} {told}",
    )


def _tail(lost: float, requests: int, tolerated: float, noise: float) -> float:
    """Return how rarely so much is lost where each request is by that chance."""
    if noise == 0:
        count = math.ceil(lost * requests - 1e-9)
        tail = special.bdtrc(count - 1, requests, tolerated) if count else 1.0
        return min(1.0, float(tail))
    error = math.sqrt(noise + tolerated * (1 - tolerated) / requests)
    return normal_tail((lost - tolerated) / error)
