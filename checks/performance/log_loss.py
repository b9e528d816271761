"""Log loss: the surprise of the labels under the scores."""

from checks.metric import Metric, enough, mean_loss, metric, rise
from checks.outcomes import BinaryOutcomes
from checks.registry import Subject, Task, check
from checks.statistic import Statistic
from checks.verdict import Family


@metric("log_loss", of=BinaryOutcomes)
def measure(outcomes: BinaryOutcomes) -> Metric:
    """Return the mean of -ln(score of the label), a score of 0 counting as 2**-52."""
    enough(outcomes.scored, "a score")
    return mean_loss(outcomes.log_loss, outcomes.scored)


@check(
    "log_loss",
    family=Family.PERFORMANCE,
    subject=Subject.OUTCOMES,
    tasks={Task.BINARY_CLASSIFICATION},
    threshold=0.1,
    default=True,
)
def log_loss(reference: BinaryOutcomes, current: BinaryOutcomes) -> Statistic:
    """Measure by which share of the reference's log loss it has risen.

    The value is relative: 0.1, the default threshold, is a loss 10 % larger, whatever
    the scale; negative is better than the reference.

    Blind to nothing that scores say, but moved by a few confident errors, and by the
    base rate alone (use `roc_auc` to see order by itself, `brier` for a loss that no
    single row dominates).

    Source: Good, "Rational decisions", J. R. Stat. Soc. B 14 (1952); the interval by
    the delta method on the log scale.

    >>> label = [i % 2 for i in range(400)]
    >>> was = BinaryOutcomes.of(label, score=[0.2 + 0.6 * y for y in label])
    >>> now = BinaryOutcomes.of(label, score=[0.3 + 0.4 * y for y in label])
    >>> found = log_loss(was, now)
    >>> round(found.at_reference, 4), round(found.at_current, 4), round(found.value, 3)
    (0.2231, 0.3567, 0.598)
    """
    return rise(measure, reference, current)
