"""The words in which driftd speaks of an incident: one place for every channel."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time

from checks.statistic import Statistic
from checks.verdict import Family, Verdict, is_series
from monitor.incident import NO_DATA, SEARCHES, Incident, Key
from monitor.remedies import remedy
from monitor.window import rfc3339

NAMES = {
    "cardinality": "number of different values",
    "f1": "F1",
    "mae": "MAE",
    "psi": "population stability index",
    "rmse": "RMSE",
    "roc_auc": "ROC AUC",
}
"""Checks whose plain name is not their own with spaces."""

SHARES = {
    "constant": "rows that hold one and the same value",
    "duplicate_ids": "rows whose id came before",
    "freshness": "the part of the window after its newest row",
    "mismatch": "values that differ from the recomputed ones",
    "missing": "missing values",
    "out_of_range": "values outside the reference's range",
    "unseen_category": "values never seen in the reference",
}
"""Checks that measure a share of the rows, and what it is a share of."""

FACTORS = {"cardinality": "different values", "volume": "rows"}
"""Checks whose value counts doublings of a number of things, and what these are."""


def number(value: float) -> str:
    """Write a number to three significant digits, without powers of ten in sight.

    >>> number(1.4189), number(0.2), number(12345.6), number(0.000012), number(-3)
    ('1.42', '0.2', '12,346', '0.000012', '-3')
    """
    if abs(value) >= 1000:  # noqa: PLR2004 - from here on the digits are the integer's
        return f"{value:,.0f}"
    rounded = f"{value:.3g}"
    if "e" in rounded:
        rounded = f"{value:.12f}".rstrip("0").rstrip(".")
    return "0" if rounded in ("-0", "0") else rounded


def factor(value: float, *, fewer: bool) -> str:
    """Write doublings, or halvings where there are fewer, as people say it.

    >>> factor(0.926, fewer=False), factor(2.0, fewer=True)
    ('1.9 times', '0.25 times')
    """
    return f"{number(2.0 ** (-value if fewer else value))} times"


def is_fewer(verdict: Verdict) -> bool | None:
    """Tell whether there are fewer things than usual; None where none are counted."""
    found = verdict.statistic
    if verdict.check not in FACTORS or found is None:
        return None
    if found.at_reference is None or found.at_current is None:
        return None
    return found.at_current < found.at_reference


def factors(statistic: Statistic, *, fewer: bool) -> str:
    """Write the interval of a factor.

    >>> from monitor.wording import Statistic
    >>> sides = {"p_value": 0.01, "n_reference": 9, "n_current": 9}
    >>> factors(Statistic(value=2.0, low=1.0, high=3.0, **sides), fewer=True)
    '0.125 to 0.500 times'
    """
    ends = (-statistic.high, -statistic.low)
    low, high = ends if fewer else (statistic.low, statistic.high)
    return f"{interval(2.0**low, 2.0**high)} times"


def interval(low: float, high: float) -> str:
    """Write both ends of an interval with the same number of decimals.

    >>> interval(1.2101, 1.6), interval(0.05, 0.09), interval(-2, 1234.5)
    ('1.21 to 1.60', '0.05 to 0.09', '-2 to 1,234')
    """
    size = max(abs(low), abs(high))
    decimals = 0 if size == 0 else min(12, max(0, 2 - math.floor(math.log10(size))))
    ends = f"{low:,.{decimals}f}", f"{high:,.{decimals}f}"
    while "." in ends[0] and all(end[-1] in "0." for end in ends):
        ends = ends[0][:-1], ends[1][:-1]
    return " to ".join("0" if end == "-0" else end for end in ends)


def apart(before: float, after: float) -> tuple[str, str]:
    """Write two numbers with the decimals that tell them apart, to a tenth.

    >>> apart(49.973, 50.451), apart(0.831, 0.8234), apart(0.0, 1234.5), apart(2, 2)
    (('49.97', '50.45'), ('0.8310', '0.8234'), ('0', '1,234'), ('2', '2'))
    """
    gap = abs(after - before)
    decimals = 0 if gap == 0 else min(12, max(0, 1 - math.floor(math.log10(gap))))
    low, high = f"{before:,.{decimals}f}", f"{after:,.{decimals}f}"
    return "0" if low == "-0" else low, "0" if high == "-0" else high


def percent(share: float) -> str:
    """Write a share as a percentage.

    >>> percent(0.0213), percent(1.0), percent(0.0)
    ('2.13 %', '100 %', '0 %')
    """
    return f"{number(100 * share)} %"


def day(moment: datetime) -> str:
    """Write a time as people say it: the day alone at midnight UTC.

    >>> from datetime import UTC
    >>> day(datetime(2013, 5, 3, tzinfo=UTC)), day(datetime(2013, 5, 3, 6, tzinfo=UTC))
    ('2013-05-03', '2013-05-03 06:00 UTC')
    """
    if moment.timetz().replace(tzinfo=None) == time(0):
        return rfc3339(moment)[:10]
    return f"{rfc3339(moment)[:10]} {rfc3339(moment)[11:16]} UTC"


def count(n: int, noun: str) -> str:
    """Write a number of things.

    >>> count(1, "incident"), count(1200, "incident")
    ('1 incident', '1,200 incidents')
    """
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def name(check: str) -> str:
    """Return a check's plain name.

    >>> name("roc_auc"), name("jensen_shannon"), name("cusum(psi)")
    ('ROC AUC', 'jensen shannon', 'cusum of population stability index')
    """
    if is_series(check):
        detector, _, watched = check[:-1].partition("(")
        return f"{detector.replace('_', ' ')} of {name(watched)}"
    return NAMES.get(check, check.replace("_", " "))


_OF_THE_MODEL = (Family.PERFORMANCE, Family.ESTIMATE)


def subject(key: Key) -> str:
    """Say what an incident is about: the column, or the table, and the segment."""
    about = key.column
    if key.check in SEARCHES:
        about = "worst segment"
    elif about is None:
        about = "the model" if key.family in _OF_THE_MODEL else "whole table"
    return f"{about} ({key.segment})" if key.segment else about


def title(key: Key) -> str:
    """Name an incident in a few words, as another's explanation."""
    link = "of" if key.column is None and key.family in _OF_THE_MODEL else "on"
    return f"{name(key.check)} {link} {subject(key)}"


def finding(verdict: Verdict) -> str:
    """Say what was found, in one clause without the subject."""
    statistic = verdict.statistic
    if verdict.check == NO_DATA:
        return f"nothing could be measured: {verdict.cause or 'no cause given'}"
    if statistic is None:
        return f"{name(verdict.check)}: {verdict.cause or 'no figures'}"
    said = _change(verdict, statistic)
    if not statistic.detail or statistic.detail in said:
        return said
    link = " " if statistic.detail.startswith("on ") else ", "
    return f"{said}{link}{statistic.detail}"


def _change(verdict: Verdict, statistic: Statistic) -> str:
    """Say what changed, as plainly as the check allows."""
    if is_series(verdict.check):
        return statistic.detail
    if verdict.check in SHARES:
        return _share(SHARES[verdict.check], statistic)
    if verdict.check in SEARCHES:
        return _searched(statistic)
    if verdict.family in (Family.DRIFT, Family.SKEW):
        return _distribution(verdict, statistic)
    return _plain(verdict, statistic)


def _plain(verdict: Verdict, statistic: Statistic) -> str:
    """Say from where to where a plain measure went."""
    if (fewer := is_fewer(verdict)) is not None:
        return _counted(verdict, statistic, fewer=fewer)
    estimated = "estimated " if verdict.family is Family.ESTIMATE else ""
    if statistic.at_reference is None or statistic.at_current is None:
        plain = f"{estimated}{name(verdict.check)} {number(statistic.value)}"
        return statistic.detail or plain
    return f"{estimated}{name(verdict.check)} " + _from_to(
        number(statistic.at_reference), number(statistic.at_current), statistic
    )


def _searched(statistic: Statistic) -> str:
    """Say in which segment something was found, and how much of it."""
    if statistic.at_reference is None or statistic.at_current is None:
        return f"{statistic.detail}, jensen shannon {number(statistic.value)}"
    before, after = number(statistic.at_reference), number(statistic.at_current)
    return f"{statistic.detail}, from {before} to {after}"


def _counted(verdict: Verdict, statistic: Statistic, *, fewer: bool) -> str:
    """Say how many things there are, and how many times the usual number that is."""
    now, usual = (
        number(n or 0.0) for n in (statistic.at_current, statistic.at_reference)
    )
    if not statistic.at_current:
        return f"no {FACTORS[verdict.check]}, usually {usual}"
    times = factor(statistic.value, fewer=fewer)
    return f"{now} {FACTORS[verdict.check]}, {times} the usual {usual}"


def _share(of_what: str, statistic: Statistic) -> str:
    """Say how a share of the rows changed."""
    if statistic.at_reference is None or statistic.at_current is None:
        return f"{of_what}: {percent(statistic.value)} of the rows"
    return f"{of_what} " + _from_to(
        percent(statistic.at_reference), percent(statistic.at_current), statistic
    )


def _from_to(before: str, after: str, statistic: Statistic) -> str:
    """Say from where to where a plain measure went."""
    if statistic.at_reference == statistic.at_current:
        return f"stayed at {after}"
    rose = (statistic.at_current or 0.0) > (statistic.at_reference or 0.0)
    return f"{'rose' if rose else 'fell'} from {before} to {after}"


def _distribution(verdict: Verdict, statistic: Statistic) -> str:
    """Say how far a distribution is from the reference's."""
    skew = verdict.family is Family.SKEW
    value = number(statistic.value)
    if verdict.column is None:
        return f"columns together changed, {name(verdict.check)} {value}"
    if verdict.check == "attribution_drift":
        return f"the features' order of importance changed by {value} (1 - NDCG)"
    if verdict.check == "wasserstein":
        moved = "differs from training by" if skew else "moved by"
        said = f"distribution {moved} {value} reference standard deviations"
    else:
        changed = "differs from training" if skew else "changed"
        said = f"distribution {changed}, {name(verdict.check)} {value}"
    if statistic.at_reference is None or statistic.at_current is None:
        return said
    before, after = number(statistic.at_reference), number(statistic.at_current)
    return f"{said}, mean {before} → {after}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unit:
    """In what an effect and its threshold are told."""

    scale: int = 1
    change: str = ""
    threshold: str = ""


_PLAIN = _Unit()
_POINTS = _Unit(scale=100, change=" points", threshold=" %")
_RELATIVE = _Unit(scale=100, change=" %", threshold=" %")


def _unit(verdict: Verdict) -> _Unit:
    """Tell a share from a relative change (an error that grew by a quarter)."""
    if verdict.check in SHARES:
        return _POINTS
    found = verdict.statistic
    if found is None or not found.at_reference or found.at_current is None:
        return _PLAIN
    growth = found.at_current / found.at_reference - 1
    relative = math.isclose(found.value, growth, rel_tol=1e-6, abs_tol=1e-9)
    absolute = math.isclose(found.value, growth * found.at_reference, rel_tol=1e-6)
    return _RELATIVE if relative and not absolute else _PLAIN


def certainty(verdict: Verdict) -> str:
    """Say how sure the finding is, in brackets; empty for an exact comparison.

    The interval is that of the change: in percentage points for shares, in percent
    where the change is relative.
    """
    statistic = verdict.statistic
    if statistic is None or (statistic.p_value is None and _exact(statistic)):
        return ""
    fewer = is_fewer(verdict)
    if fewer is not None:
        ends = factors(statistic, fewer=fewer)
        return f" (95 % interval {ends}{_probability(verdict)})"
    unit = _unit(verdict)
    ends = interval(unit.scale * statistic.low, unit.scale * statistic.high)
    said = f"95 % interval {ends}{unit.change}"
    distance = verdict.family in (Family.DRIFT, Family.SKEW)
    if verdict.check in SHARES or (statistic.at_reference is not None and not distance):
        change = number(unit.scale * statistic.value)
        said = f"change {change}{unit.change}, {said}"
    return f" ({said}{_probability(verdict)})"


def _exact(statistic: Statistic) -> bool:
    """Tell whether there is no chance in a figure."""
    return statistic.low == statistic.value == statistic.high


def _probability(verdict: Verdict) -> str:
    """Say the corrected p-value, which is what the verdict went by."""
    if verdict.p_adjusted is None:
        return ""
    if verdict.p_adjusted < 0.001:  # noqa: PLR2004 - below it digits are noise
        return ", p < 0.001"
    return f", p {verdict.p_adjusted:.2g}"


def brief(incident: Incident) -> str:
    """Say what happened to what, without how sure that is."""
    return f"{subject(incident.key)}: {finding(incident.verdict)}"


def sentence(incident: Incident) -> str:
    """Say all of an incident in one line: what, how sure, by which rule, since when."""
    verdict = incident.verdict
    said = f"{brief(incident)}{certainty(verdict)}"
    if verdict.check != NO_DATA:
        said += f", {verdict.check}"
    if verdict.threshold:
        said += f", threshold {_limit(verdict, verdict.threshold)}"
    return f"{said}, since {day(incident.opened)}"


def _limit(verdict: Verdict, threshold: float) -> str:
    """Write a threshold in the unit of what it limits."""
    fewer = is_fewer(verdict)
    if fewer is not None:
        return factor(threshold, fewer=fewer)
    unit = _unit(verdict)
    return f"{number(unit.scale * threshold)}{unit.threshold}"


def pictured(
    check: str, column: str | None, values: Sequence[float], threshold: float | None
) -> str:
    """Say what a picture of a figure shows, and between what it lies.

    >>> pictured("psi", "temp", [0.01, 0.31, 0.26], 0.2)
    'population stability index of temp, the last 3 windows: 0.01 to 0.31, now 0.26 \
(dashed: threshold 0.2)'
    """
    of = f" of {column}" if column else ""
    span = f"{number(min(values))} to {number(max(values))}, now {number(values[-1])}"
    limit = f" (dashed: threshold {number(threshold)})" if threshold else ""
    return f"{name(check)}{of}, the last {len(values)} windows: {span}{limit}"


_SURE = ((0.001, "1,000"), (0.01, "100"), (0.05, "20"))


def sureness(p_adjusted: float | None) -> str:
    """Say in words how sure a finding is; empty where nothing was left to chance.

    >>> sureness(0.0002), sureness(0.4), sureness(None)
    ('chance alone does this less than once in 1,000 times', 'chance may do this', '')
    """
    if p_adjusted is None:
        return ""
    for limit, times in _SURE:
        if p_adjusted < limit:
            return f"chance alone does this less than once in {times} times"
    return "chance may do this"


_TO_DO = {
    Family.QUALITY: "look for what broke in the pipeline that brings the data; do not "
    "retrain on it",
    Family.SKEW: "compare how the feature is made in training and in serving",
    Family.PERFORMANCE: "find out which rows it gets wrong; retrain if the world moved",
    Family.DRIFT: "ask whether the change is real; if it is, see whether the model "
    "still holds, and retrain",
    Family.ESTIMATE: "get labels for these days first: this is an estimate",
}


def to_do(family: str, said: str = "") -> str:
    """Say what to do about the worst incident, in a line.

    >>> to_do("skew")
    'compare how the feature is made in training and in serving'
    >>> to_do("skew", "distance: …, served is always 0, on all 60 differing rows")
    'look for a fallback that serving takes when the lookup fails'
    """
    found = remedy(said) if family == Family.SKEW.value else None
    return found or _TO_DO[Family(family)]
