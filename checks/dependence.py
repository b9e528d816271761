"""How the columns of a reference go together, and how that breathes with the stream.

A window is one stretch of time. So is each piece of the reference that a correlation is
measured in: what is kept of a pair is the mean of its correlation over stretches of a
window's length, and by how much it varies between them beyond what chance explains.
Levels that move from day to day, which would mix into the correlation of all rows, do
not; a correlation that itself changes from day to day is known to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
from scipy import special

from checks import codec
from checks.bins import Floats
from checks.ranks import FEWEST_ROWS, Correlations, Matrix, correlations
from checks.sample import Sample
from checks.schema import Column
from checks.table import matrix

FEWEST_STRETCHES = 5
"""Stretches below which nothing is said of how they vary: rows are independent then."""
MOST_STRETCHES = 60
"""Stretches of a reference that are looked at, evenly chosen."""
ROWS_OF_STRETCH = 500
"""Rows of each stretch that are looked at."""
MOST_COLUMNS = 250
"""Columns whose pairs are measured, in the order of the schema."""
_FEWEST_PAIRS = 3
_CERTAIN = 1e9
"""Degrees of freedom that stand for infinitely many."""
_OUTSTANDING = 0.05
"""How often any pair of many that are alike may be taken for one that is not."""


def variance_of(rho: Matrix, rows: Matrix) -> Matrix:
    """Return the variance of Fisher's z of Spearman's correlation.

    Bonett and Wright, "Sample size requirements for estimating Pearson, Kendall and
    Spearman correlations", Psychometrika 65 (2000).
    """
    return np.asarray((1 + rho**2 / 2) / np.maximum(rows - 3, 1.0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dependence:
    """The correlations of a reference's numeric columns, pair by pair.

    `names` are the columns, and pair k is (`first`[k], `second`[k]) among them: the
    upper triangle, row by row. `z` is the mean over the stretches of Fisher's z of
    Spearman's correlation, NaN where it could not be measured; `rows` are the rows
    that it stands on in all. `excess` is the variance between stretches that chance
    does not explain, `error` that of what was observed in one stretch, and `degrees`
    those that both are known with; they are zero, and `stretches` 1, where the
    reference has no time or too little of it.
    """

    names: tuple[str, ...]
    z: Floats
    rows: Floats
    excess: Floats
    error: Floats
    degrees: Floats
    stretches: int

    @property
    def rho(self) -> Floats:
        """The correlations themselves."""
        return np.asarray(np.tanh(self.z))

    @classmethod
    def of(
        cls, stretches: Sequence[pa.Table], features: Sequence[Column], by: str | None
    ) -> Self | None:
        """Measure a reference in its stretches, in order of time; one if it has none.

        `by` names the column that rows are sampled by. None where fewer than two
        columns hold numbers.
        """
        chosen = [
            Sample.of(stretch, ROWS_OF_STRETCH, by).table
            for stretch in spread_out(stretches, MOST_STRETCHES)
            if stretch.num_rows >= FEWEST_ROWS
        ]
        if len(chosen) < FEWEST_STRETCHES:
            size = ROWS_OF_STRETCH * MOST_STRETCHES
            whole = pa.concat_tables(stretches)
            chosen = [Sample.of(whole, size, by).table]
        laid = [matrix(rows, features) for rows in chosen]
        chosen.clear()
        # What one stretch alone cannot be read in is left out of all of them.
        shared = [n for n in laid[0][0] if all(n in names for names, _ in laid)]
        names = tuple(shared[:MOST_COLUMNS])
        if len(names) < 2:  # noqa: PLR2004 - a pair is of two
            return None
        found = []
        while laid:  # each is let go as soon as it is measured
            there, values = laid.pop(0)
            values = values[:, [there.index(name) for name in names]]
            found.append(correlations(values))
        return cls._pooled(names, found)

    @classmethod
    def _pooled(cls, names: tuple[str, ...], found: Sequence[Correlations]) -> Self:
        pairs = np.triu_indices(len(names), 1)
        z = np.stack([one.z[pairs] for one in found])
        rows = np.stack([one.rows[pairs] for one in found])
        told = np.isfinite(z)
        count = told.sum(axis=0)
        mean = np.divide(
            np.where(told, z, 0.0).sum(axis=0),
            count,
            out=np.full(z.shape[1], np.nan),
            where=count >= min(len(found), FEWEST_STRETCHES),
        )
        nothing = np.zeros(z.shape[1])
        excess, error, degrees = nothing, nothing, nothing
        if len(found) > 1:
            expected = np.where(told, variance_of(np.tanh(mean), rows), 0.0)
            expected = expected.sum(axis=0) / np.maximum(count, 1)
            squares = np.where(told, (z - mean) ** 2, 0.0).sum(axis=0)
            observed = squares / np.maximum(count - 1, 1)
            excess, error, degrees = _breathing(observed, expected, len(found) - 1)
        return cls(
            names=names,
            z=mean,
            rows=np.where(told, rows, 0.0).sum(axis=0),
            excess=excess,
            error=error,
            degrees=degrees,
            stretches=len(found),
        )

    def to_bytes(self) -> bytes:
        """Write it; `from_bytes` reads it."""
        told = np.isfinite(self.z)
        header = {
            "names": list(self.names),
            "stretches": self.stretches,
        }
        arrays = {
            "z": np.where(told, self.z, 0.0),
            "told": told.astype(np.int64),
            "rows": self.rows,
            "excess": self.excess,
            "error": self.error,
            "degrees": np.minimum(self.degrees, _CERTAIN),
        }
        return codec.pack("dependence", header, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read it back; raises ProfileError when it cannot be."""
        header, arrays = codec.unpack("dependence", data)
        return cls(
            names=tuple(header["names"]),
            z=np.where(arrays["told"] > 0, arrays["z"], np.nan),
            rows=arrays["rows"],
            excess=arrays["excess"],
            error=arrays["error"],
            degrees=arrays["degrees"],
            stretches=header["stretches"],
        )


def spread_out(parts: Sequence[pa.Table], most: int) -> Sequence[pa.Table]:
    """Choose at most so many of the parts, evenly from the first to the last."""
    if len(parts) <= most:
        return parts
    places = np.linspace(0, len(parts) - 1, most).round().astype(np.int64)
    return [parts[place] for place in places.tolist()]


def _breathing(
    observed: Floats, expected: Floats, degrees: int
) -> tuple[Floats, Floats, Floats]:
    """Return the variance that chance does not explain, all of it, and its degrees.

    Variances of a few stretches are uncertain, and one pair in many looks steady by
    luck: each is drawn towards what all pairs have in common, by as much as they are
    alike.
    """
    told = (expected > 0) & (observed > 0)
    ratio = np.divide(observed, expected, out=np.ones_like(observed), where=told)
    common, weight = moderated(ratio[told], degrees)
    drawn = (weight * common + degrees * ratio) / (weight + degrees)
    known = np.full_like(drawn, weight + degrees)
    # A pair that stands out from all others is not drawn to them.
    level = _OUTSTANDING / max(1, len(ratio))
    limit = common * float(special.fdtri(degrees, weight, 1 - level))
    out = ratio > limit if weight > 0 else np.full(len(ratio), fill_value=False)
    drawn = np.maximum(np.where(out, ratio, drawn), 1.0)
    known = np.where(out, float(degrees), known)
    return (drawn - 1.0) * expected, drawn * expected, known


def moderated(ratio: Floats, degrees: float) -> tuple[float, float]:
    """Fit a scaled F distribution to variance ratios: what they share, and how much.

    Returns the common ratio and the degrees of freedom that it is worth beside a
    ratio's own; a billion where the ratios differ no more than chance lets them.

    Source: Smyth, "Linear models and empirical Bayes methods", Statistical
    Applications in Genetics and Molecular Biology 3 (2004), section 6.2.
    """
    if len(ratio) < _FEWEST_PAIRS:
        return 1.0, 0.0
    logs = np.log(ratio) - special.psi(degrees / 2) + np.log(degrees / 2)
    mean = float(logs.mean())
    beyond = float(logs.var(ddof=1)) - float(special.polygamma(1, degrees / 2))
    if beyond <= 0:
        return float(ratio.mean()), _CERTAIN
    half = _trigamma_inverse(beyond)
    return float(np.exp(mean + special.psi(half) - np.log(half))), 2 * half


def _trigamma_inverse(value: float) -> float:
    """Return where the trigamma function has this value: Newton's method on 1/f."""
    x = 0.5 + 1 / value
    for _ in range(50):
        f = float(special.polygamma(1, x))
        step = f * (1 - f / value) / float(special.polygamma(2, x))
        x += step
        if -step < 1e-8 * x:
            break
    return x
