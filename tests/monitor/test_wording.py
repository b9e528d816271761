"""What people read about an incident."""

import pytest

from checks.statistic import Statistic
from checks.verdict import Family, Verdict
from monitor import wording
from tests.monitor.examples import incident, statistic, verdict


def exact(value: float, detail: str) -> Statistic:
    return statistic(value, value, value, p_value=None, detail=detail)


def share(
    value: float, before: float | None, after: float | None, detail: str = ""
) -> Statistic:
    return statistic(
        value,
        value - 0.02,
        value + 0.02,
        at_reference=before,
        at_current=after,
        detail=detail,
    )


SENTENCES = [
    (
        verdict(found=statistic()),
        (
            "temp: distribution moved by 1.42 reference standard deviations (95 %"
            " interval 1.21 to 1.60), wasserstein, threshold 0.2, since "
            "2013-05-03"
        ),
    ),
    (
        verdict(
            found=statistic(at_reference=40.12, at_current=61.237), p_adjusted=1e-7
        ),
        (
            "temp: distribution moved by 1.42 reference standard deviations, mean"
            " 40.1 → 61.2 (95 % interval 1.21 to 1.60, p < 0.001), wasserstein, "
            "threshold 0.2, since 2013-05-03"
        ),
    ),
    (
        verdict(found=statistic(), family=Family.SKEW, segment="carrier=UA"),
        (
            "temp (carrier=UA): distribution differs from training by 1.42 "
            "reference standard deviations (95 % interval 1.21 to 1.60), "
            "wasserstein, threshold 0.2, since 2013-05-03"
        ),
    ),
    (
        verdict(check="psi", found=statistic(0.34, 0.28, 0.41), p_adjusted=0.0123),
        (
            "temp: distribution changed, population stability index 0.34 (95 % "
            "interval 0.28 to 0.41, p 0.012), psi, threshold 0.2, since "
            "2013-05-03"
        ),
    ),
    (
        verdict(
            check="missing",
            family=Family.QUALITY,
            found=share(0.08, 0.02, 0.1),
            threshold=0.05,
        ),
        (
            "temp: missing values rose from 2 % to 10 % (change 8 points, 95 % "
            "interval 6 to 10 points), missing, threshold 5 %, since 2013-05-03"
        ),
    ),
    (
        verdict(
            check="unseen_category",
            family=Family.QUALITY,
            column="carrier",
            found=share(0.031, 0.0, 0.031, "XX, YY and more"),
            threshold=0.01,
        ),
        (
            "carrier: values never seen in the reference rose from 0 % to 3.1 %, "
            "XX, YY and more (change 3.1 points, 95 % interval 1.1 to 5.1 "
            "points), unseen_category, threshold 1 %, since 2013-05-03"
        ),
    ),
    (
        verdict(
            check="mismatch",
            family=Family.SKEW,
            found=share(0.97, None, None, "looks like factor 1.609"),
            threshold=0.01,
        ),
        (
            "temp: values that differ from the recomputed ones: 97 % of the rows,"
            " looks like factor 1.609 (change 97 points, 95 % interval 95 to 99 "
            "points), mismatch, threshold 1 %, since 2013-05-03"
        ),
    ),
    (
        verdict(
            check="schema_change",
            family=Family.QUALITY,
            column=None,
            found=exact(2.0, "a was number and is text; b is missing"),
            threshold=0.0,
        ),
        (
            "whole table: a was number and is text; b is missing, schema_change, "
            "since 2013-05-03"
        ),
    ),
    (
        verdict(
            check="roc_auc",
            family=Family.PERFORMANCE,
            column=None,
            found=statistic(
                0.07,
                0.05,
                0.09,
                at_reference=0.78,
                at_current=0.71,
                detail="on 900 labelled of 950 rows",
            ),
            threshold=0.03,
        ),
        (
            "the model: ROC AUC fell from 0.78 to 0.71 on 900 labelled of 950 "
            "rows (change 0.07, 95 % interval 0.05 to 0.09), roc_auc, threshold "
            "0.03, since 2013-05-03"
        ),
    ),
    (
        verdict(
            check="log_loss",
            family=Family.PERFORMANCE,
            column=None,
            found=statistic(0.25, 0.18, 0.3301, at_reference=0.4, at_current=0.5),
            threshold=0.1,
        ),
        (
            "the model: log loss rose from 0.4 to 0.5 "
            "(change 25 %, 95 % interval 18 to 33 %), log_loss, threshold 10 %, "
            "since 2013-05-03"
        ),
    ),
    (
        verdict(
            check="f1",
            family=Family.ESTIMATE,
            column=None,
            found=statistic(0.1, 0.1, 0.1, at_reference=0.5, at_current=0.5),
        ),
        (
            "the model: estimated F1 stayed at 0.5 (change 0.1, 95 % interval "
            "0.1 to 0.1), f1, threshold 0.2, since 2013-05-03"
        ),
    ),
    (
        verdict(
            check="volume",
            family=Family.QUALITY,
            column=None,
            found=statistic(3.0, 2.5, 3.5, detail="12 rows, usually 850"),
            threshold=1.0,
        ),
        (
            "whole table: 12 rows, usually 850 (95 % interval 2.5 to 3.5), "
            "volume, threshold 1, since 2013-05-03"
        ),
    ),
    (
        verdict(
            check="volume",
            family=Family.QUALITY,
            column=None,
            found=statistic(0.926, 0.8, 1.05, at_reference=850.0, at_current=1615.0),
            threshold=0.585,
        ),
        (
            "whole table: 1,615 rows, 1.9 times the usual 850 (95 % interval 1.74 to "
            "2.07 times), volume, threshold 1.5 times, since 2013-05-03"
        ),
    ),
    (
        verdict(
            check="volume",
            family=Family.QUALITY,
            column=None,
            found=statistic(10.0, 9.0, 11.0, at_reference=850.0, at_current=0.0),
            threshold=1.0,
        ),
        (
            "whole table: no rows, usually 850 (95 % interval 0.00049 to 0.00195 "
            "times), volume, threshold 0.5 times, since 2013-05-03"
        ),
    ),
    (
        verdict(
            check="cardinality",
            family=Family.QUALITY,
            column="city",
            found=statistic(2.0, 1.0, 3.0, at_reference=100.0, at_current=25.0),
            threshold=1.0,
        ),
        (
            "city: 25 different values, 0.25 times the usual 100 (95 % interval 0.125 "
            "to 0.500 times), cardinality, threshold 0.5 times, since 2013-05-03"
        ),
    ),
    (
        verdict(check="odd_one", family=Family.QUALITY, found=exact(3.0, "")),
        "temp: odd one 3, odd_one, threshold 0.2, since 2013-05-03",
    ),
    (
        verdict(
            check="no_data",
            family=Family.QUALITY,
            cause="no rows in the window",
            threshold=None,
        ),
        "temp: nothing could be measured: no rows in the window, since 2013-05-03",
    ),
    (
        verdict(check="psi", cause=None),
        (
            "temp: population stability index: no figures, psi, threshold 0.2, "
            "since 2013-05-03"
        ),
    ),
]


@pytest.mark.parametrize(
    ("judged", "expected"),
    SENTENCES,
    ids=[f"{v.check}-{v.family}" for v, _ in SENTENCES],
)
def test_an_incident_is_one_plain_sentence(judged: Verdict, expected: str) -> None:
    assert expected == wording.sentence(incident(judged))


def test_a_share_without_two_sides_of_nothing_is_still_told() -> None:
    found = share(0.0, 0.1, 0.1)

    said = wording.sentence(incident(verdict(check="missing", found=found)))

    assert "missing values stayed at 10 %" in said
