"""Which statistics become series: the worst of each model, and of all models."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from checks.verdict import Verdict

TOP_OF_A_MODEL = 20
"""Statistics of one model that become series: the rest is in the store and the API."""
TOP_IN_ALL = 1_000
"""Statistics of all models together, so that a thousand models stay one scrape."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One verdict with a statistic, and whose it is."""

    model: str
    monitor: str
    verdict: Verdict

    @property
    def value(self) -> float:
        """The statistic's value; 0 for a verdict that measured nothing."""
        return self.verdict.statistic.value if self.verdict.statistic else 0.0

    @property
    def labels(self) -> tuple[str, str, str, str]:
        """The labels of its series."""
        column = self.verdict.column or ""
        return self.model, self.monitor, self.verdict.check, column

    @property
    def badness(self) -> tuple[int, float, str, str, str, str]:
        """A key that sorts the worst first: by status, then how far above threshold."""
        threshold = self.verdict.threshold
        excess = self.value / threshold if threshold else self.value
        return -self.verdict.status.severity, -excess, *self.labels


def worst(
    measured: Iterable[Measured],
    *,
    of_a_model: int = TOP_OF_A_MODEL,
    in_all: int = TOP_IN_ALL,
) -> tuple[tuple[Measured, ...], Mapping[str, int]]:
    """Choose the statistics that are told, and count by model those that are not.

    Every model has its worst one told before any has its second, so that a model in
    deep trouble does not hide the others; what is left goes to the worst of all.
    """
    of_model: Counter[str] = Counter()
    ranked: list[tuple[int, Measured]] = []
    for found in sorted(measured, key=lambda one: one.badness):
        ranked.append((of_model[found.model], found))
        of_model[found.model] += 1
    wanted = [entry for entry in ranked if entry[0] < of_a_model]
    wanted.sort(key=lambda entry: entry[0] > 0)
    chosen = tuple(found for _, found in wanted[:in_all])
    told = Counter(found.model for found in chosen)
    return chosen, {m: n - told[m] for m, n in of_model.items() if n > told[m]}
