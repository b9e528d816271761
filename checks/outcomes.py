"""Predictions beside the labels that came for them, reduced to what metrics need.

Counts are integers and sums are exact (`checks.exact`), so `merge` is associative and
commutative to the byte: days merge into months, and no raw row is read again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Self

import numpy as np

from checks.additive import Additive, frozen, merge
from checks.bins import Ints
from checks.classes import Bools, Classes, Values, floats
from checks.errors import ProfileError
from checks.exact import Floats, Moments, total
from checks.weight import added

SCORE_BINS = 1_024
"""Equal bins of the open interval (0, 1); exactly 0 and 1 have cells of their own."""
SCORE_CELLS = SCORE_BINS + 2
CUT = 0.5
"""The score from which on a row without a prediction is of the positive class."""
LOSS_STEP = 2.0**-44
"""Losses are rounded to this grid, far above the last bit of a logarithm."""
ERROR_BINS_PER_OCTAVE = 16
ERROR_OCTAVES = range(-64, 64)
"""Powers of two of an absolute error that has a bin; others are in the end cells."""
ERROR_CELLS = ERROR_BINS_PER_OCTAVE * len(ERROR_OCTAVES) + 2
NOTHING = Moments()
LARGEST = 2.0**200
"""Numbers beyond this are refused: the fourth power of an error would overflow."""


def _no_scores() -> Ints:
    return frozen(np.zeros(SCORE_CELLS, np.int64))


def _no_errors() -> Ints:
    return frozen(np.zeros(ERROR_CELLS, np.int64))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BinaryOutcomes(Additive):
    """Outcomes of a binary classifier.

    `rows` counts predictions, `labelled` those with a label of either class. The
    confusion counts are over labelled rows with a prediction; the histograms of the
    scores of positives and negatives, and both losses, over labelled rows with a
    score. What was refused is counted: labels of neither class, predictions of
    neither class, scores that are missing or outside [0, 1].

    Of rows with weights in units each counts that often in all but `rows`, `labelled`
    and what was refused, until they are `checks.weighed.Weighed.standing`: then there
    are as many as were looked at, divided as the weights say.
    """

    stored_as = "summary of binary outcomes"

    rows: int = 0
    labelled: int = 0
    true_positives: float = 0
    false_positives: float = 0
    false_negatives: float = 0
    true_negatives: float = 0
    positives: Ints = field(default_factory=_no_scores)
    negatives: Ints = field(default_factory=_no_scores)
    log_loss: Moments = NOTHING
    brier: Moments = NOTHING
    refused_labels: int = 0
    refused_predictions: int = 0
    refused_scores: int = 0

    @property
    def judged(self) -> int:
        """Labelled rows with a predicted class."""
        right = self.true_positives + self.true_negatives
        return round(right + self.false_positives + self.false_negatives)

    @property
    def scored(self) -> int:
        """Labelled rows with a score."""
        return round(float(self.positives.sum() + self.negatives.sum()))

    @property
    def coverage(self) -> float:
        """The share of predictions whose label has come."""
        return self.labelled / self.rows if self.rows else 0.0

    @property
    def refusals(self) -> Mapping[str, int]:
        """What was refused, in words, with how often; nothing that never happened."""
        counts = {
            "labels of neither class": self.refused_labels,
            "predictions of neither class": self.refused_predictions,
            "scores missing or outside [0, 1]": self.refused_scores,
        }
        return {cause: count for cause, count in counts.items() if count}

    @classmethod
    def of(  # noqa: PLR0913 - three columns, and how each is read
        cls,
        label: Values,
        prediction: Values | None = None,
        score: Values | None = None,
        *,
        classes: Classes | None = None,
        cut: float = CUT,
        units: Ints | None = None,
    ) -> Self:
        """Summarise rows; a label that is null has not come yet.

        `units` say how often each is counted, once where there are none. Where no
        `prediction` is given, a score of at least `cut` is a positive one. Raises
        ProfileError without either, and for values that are no classes.

        >>> outcomes = BinaryOutcomes.of([1, 0, 1, None], score=[0.9, 0.2, 0.4, 0.7])
        >>> outcomes.labelled, outcomes.true_positives, outcomes.false_negatives
        (3, 1, 1)
        """
        if prediction is None and score is None:
            msg = "outcomes need a prediction or a score"
            raise ProfileError(msg)
        classes = classes or Classes()
        truth = classes.read(label)
        summary: dict[str, Any] = {
            "rows": len(truth.known),
            "labelled": int(np.count_nonzero(truth.known)),
            "refused_labels": truth.refused,
        }
        if score is not None:
            summary |= _scored(truth.positive, truth.known, floats(score), units)
        if prediction is not None:
            guess = classes.read(prediction)
            both = truth.known & guess.known
            summary |= _confusion(truth.positive, guess.positive, both, units)
            summary["refused_predictions"] = guess.refused
        else:
            values = floats(score)
            both = truth.known & is_score(values)
            summary |= _confusion(truth.positive, values >= cut, both, units)
        return cls(**summary)


def is_score(values: Floats) -> Bools:
    """Tell which values can be scores."""
    return (values >= 0.0) & (values <= 1.0)


def _confusion(
    truth: Bools, guess: Bools, rows: Bools, units: Ints | None
) -> dict[str, float]:
    places = truth[rows] * 2 + guess[rows]
    cells = _counted(places, None if units is None else units[rows], 4).tolist()
    names = ("true_negatives", "false_positives", "false_negatives", "true_positives")
    return dict(zip(names, cells, strict=True))


def _counted(places: Ints, units: Ints | None, size: int) -> Ints:
    """Count rows by their place, each as often as its units say."""
    if units is None:
        return np.bincount(places, minlength=size)
    return added(places, units, size)


def _scored(
    truth: Bools, known: Bools, values: Floats, units: Ints | None
) -> dict[str, Any]:
    """Count scores by label, and add up the losses, over the rows that have both."""
    usable = is_score(values)
    rows = known & usable
    scores, positive = values[rows], truth[rows]
    often = None if units is None else units[rows]
    yes, no = (None if often is None else often[side] for side in (positive, ~positive))
    cells = np.floor(scores * SCORE_BINS).astype(np.int64) + 1
    cells[scores == 0.0] = 0
    of_label = np.where(positive, scores, 1.0 - scores)
    loss = -np.log(np.clip(of_label, np.finfo(np.float64).eps, 1.0))
    return {
        "positives": frozen(_counted(cells[positive], yes, SCORE_CELLS)),
        "negatives": frozen(_counted(cells[~positive], no, SCORE_CELLS)),
        "log_loss": Moments.of(np.rint(loss / LOSS_STEP) * LOSS_STEP, often),
        "brier": Moments.of((1.0 - of_label) ** 2, often),
        "refused_scores": int(np.count_nonzero(~usable)),
    }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RegressionOutcomes(Additive):
    """Outcomes of a regression model, the error being prediction less label.

    `rows` counts predictions, `labelled` those with a usable label, `judged` those
    with a usable prediction too; sums run over these. `errors` is a histogram of the
    absolute error: cell 0 is below 2**-64, then 16 bins an octave, the last cell is
    from 2**64 on. Infinite values and those beyond 2**200 are refused and counted.
    """

    stored_as = "summary of regression outcomes"

    rows: int = 0
    labelled: int = 0
    judged: int = 0
    error: Moments = NOTHING
    absolute: Moments = NOTHING
    squared: Moments = NOTHING
    label: Moments = NOTHING
    errors: Ints = field(default_factory=_no_errors)
    refused_labels: int = 0
    refused_predictions: int = 0

    @property
    def coverage(self) -> float:
        """The share of predictions whose label has come."""
        return self.labelled / self.rows if self.rows else 0.0

    @property
    def refusals(self) -> Mapping[str, int]:
        """What was refused, in words, with how often; nothing that never happened."""
        counts = {
            "labels that are no finite number": self.refused_labels,
            "predictions that are no finite number": self.refused_predictions,
        }
        return {cause: count for cause, count in counts.items() if count}

    @classmethod
    def of(
        cls, label: Values, prediction: Values, *, units: Ints | None = None
    ) -> Self:
        """Summarise rows; a label that is null or NaN has not come yet.

        `units` say how often each is counted, once where there are none. Raises
        ProfileError for values that are no numbers.

        >>> outcomes = RegressionOutcomes.of([1.0, 2.0, None], [1.5, 1.0, 9.0])
        >>> outcomes.labelled, float(outcomes.absolute.total)
        (2, 1.5)
        """
        truth, guess = floats(label), floats(prediction)
        known, usable = np.abs(truth) < LARGEST, np.abs(guess) < LARGEST
        rows = known & usable
        error = guess[rows] - truth[rows]
        absolute = np.abs(error)
        often = None if units is None else units[rows]
        squared = Moments.of(error * error, often)
        return cls(
            rows=len(truth),
            labelled=int(np.count_nonzero(known)),
            judged=int(np.count_nonzero(rows)),
            error=Moments(total=total(error, often), squares=squared.total),
            absolute=Moments(total=total(absolute, often), squares=squared.total),
            squared=squared,
            label=Moments.of(truth[rows], often),
            errors=frozen(_counted(error_cells(absolute), often, ERROR_CELLS)),
            refused_labels=int(np.count_nonzero(~known & ~np.isnan(truth))),
            refused_predictions=int(np.count_nonzero(~usable)),
        )


def error_cells(absolute: Floats) -> Ints:
    """Return the logarithmic bin of each absolute error, as the bits of it spell."""
    bits = np.ascontiguousarray(absolute).view(np.int64)
    lowest = (ERROR_OCTAVES.start + 1023) * ERROR_BINS_PER_OCTAVE
    return np.asarray(np.clip((bits >> 48) - lowest + 1, 0, ERROR_CELLS - 1), np.int64)


Outcomes = BinaryOutcomes | RegressionOutcomes


def merge_all(parts: Iterable[Outcomes]) -> Outcomes:
    """Merge one or more outcomes of one kind; raises ProfileError for two kinds."""
    return reduce(merge, parts)
