"""Outcomes of rows with weights: each counts as often as it stands for one.

Weights come in whole units, and what they come to is only divided by their sum once all
rows are there: parts of the rows, in any order, add up to the same bytes.
"""

from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from typing import Any, Self

import numpy as np

from checks import additive
from checks.bins import Floats, Ints
from checks.classes import Bools, Classes, Values, floats
from checks.exact import Moments
from checks.outcomes import (
    CUT,
    ERROR_CELLS,
    LARGEST,
    BinaryOutcomes,
    Outcomes,
    RegressionOutcomes,
    error_cells,
    is_score,
)
from checks.weight import Weight, added, effect_in_groups, effect_of, squared

_SCORED = frozenset({"positives", "negatives", "log_loss", "brier"})
"""What goes by the rows with a label and a score; the rest by those with a guess."""
_COUNTED = frozenset(
    {
        "rows",
        "labelled",
        "judged",
        "refused_labels",
        "refused_predictions",
        "refused_scores",
    }
)
"""What counts rows that were looked at, whatever they stand for."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weighed:
    """Outcomes before they are divided by their weights; mergeable, to the byte.

    `judged` are the weights of the labelled rows with a guess, None where no row has
    any; `scored` those of the ones with a score. `squares` are those of the first, by
    how a row came out: the pair of its label and guess, or the bin of its error.
    """

    outcomes: Outcomes
    judged: Weight | None = None
    scored: Weight = field(default_factory=Weight)
    squares: Ints = field(default_factory=lambda: np.zeros(0, np.int64))

    @classmethod
    def binary(
        cls,
        label: Values,
        prediction: Values | None = None,
        score: Values | None = None,
        *,
        classes: Classes | None = None,
        units: Ints | None = None,
    ) -> Self:
        """Summarise rows of a classifier; raises as `BinaryOutcomes.of` does."""
        found = BinaryOutcomes.of(
            label, prediction, score, classes=classes, units=units
        )
        if units is None:
            return cls(outcomes=found)
        classes = classes or Classes()
        truth = classes.read(label)
        values = np.full(len(units), np.nan) if score is None else floats(score)
        positive, known = values >= CUT, is_score(values)
        scored = truth.known & known
        if prediction is not None:
            guess = classes.read(prediction)
            positive, known = guess.positive, guess.known
        judged = truth.known & known
        places = (2 * truth.positive + positive)[judged]
        return cls._of(found, judged, scored, places, units, 4)

    @classmethod
    def regression(
        cls, label: Values, prediction: Values, *, units: Ints | None = None
    ) -> Self:
        """Summarise rows of a regression; raises as `RegressionOutcomes.of` does."""
        found = RegressionOutcomes.of(label, prediction, units=units)
        if units is None:
            return cls(outcomes=found)
        truth, guess = floats(label), floats(prediction)
        judged = (np.abs(truth) < LARGEST) & (np.abs(guess) < LARGEST)
        places = error_cells(np.abs(guess[judged] - truth[judged]))
        none = np.zeros(len(units), np.bool_)
        return cls._of(found, judged, none, places, units, ERROR_CELLS)

    @classmethod
    def _of(  # noqa: PLR0913, PLR0917 - which rows, and what each comes to
        cls,
        found: Outcomes,
        judged: Bools,
        scored: Bools,
        places: Ints,
        units: Ints,
        size: int,
    ) -> Self:
        return cls(
            outcomes=found,
            judged=Weight.of(units[judged]),
            scored=Weight.of(units[scored]),
            squares=added(places, squared(units[judged]), size),
        )

    def merge(self, other: Self) -> Self:
        """Return the outcomes of both sets of rows, which both have weights or none."""
        mine, theirs = self.judged, other.judged
        return type(self)(
            outcomes=additive.merge(self.outcomes, other.outcomes),
            judged=None if mine is None or theirs is None else mine.merge(theirs),
            scored=self.scored.merge(other.scored),
            squares=self.squares + other.squares,
        )

    def standing(self) -> Outcomes:
        """Return as many rows as were looked at, divided as their weights say.

        Rows of one weight are what they are without it.
        """
        if self.judged is None:
            return self.outcomes
        parts: dict[str, Any] = {
            part.name: _divided(
                getattr(self.outcomes, part.name),
                self.scored if part.name in _SCORED else self.judged,
            )
            for part in fields(self.outcomes)
            if part.name not in _COUNTED
        }
        return replace(self.outcomes, **parts)

    @property
    def effect(self) -> float:
        """By how much uneven weights make the outcomes less sure: a design effect."""
        held = self.judged
        if held is None or held.even:
            return 1.0
        found, squares = self.outcomes, self.squares.astype(np.float64)
        if isinstance(found, RegressionOutcomes):
            return effect_in_groups(found.errors.astype(np.float64), squares, held)
        cells = (
            found.true_negatives,
            found.false_positives,
            found.false_negatives,
            found.true_positives,
        )
        squares *= held.squares / squares.sum()
        return effect_of(np.array(cells, np.float64), squares, held.rows)


def _divided(part: additive.Part, held: Weight) -> additive.Part | Floats:
    """Return the part of a sum that as many rows as were looked at have."""
    if not held.rows:
        return part
    if isinstance(part, Moments):
        return Moments(
            total=_fraction(part.total, held), squares=_fraction(part.squares, held)
        )
    if isinstance(part, np.ndarray):
        if held.even:
            return part // held.least
        return np.asarray(part * (held.rows / held.total), np.float64)
    return part // held.least if held.even else part * held.rows / held.total


def _fraction(number: Fraction, held: Weight) -> Fraction:
    found = number * held.rows / held.total
    return found if held.even else Fraction(float(found))
