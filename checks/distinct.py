"""How many different values there are: exactly while they are few, then by a sketch.

Up to `EXACT` values are told apart by their hashes. Beyond that a HyperLogLog sketch of
`REGISTERS` registers goes on counting (Flajolet, Fusy, Gandouet and Meunier, AofA
2007), read by the estimator of Ertl, "New cardinality estimation algorithms for
HyperLogLog sketches" (2017), which has no bias at any number. Both depend on the set of
values alone, so that merging is associative, commutative and exact, to the byte.
"""

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from checks.bins import Ints
from checks.values import NULL, mix

EXACT = 1 << 13
"""Values that are told apart without error."""
INDEX_BITS = 16
REGISTERS = 1 << INDEX_BITS
ERROR = 1.04 / math.sqrt(REGISTERS)
"""The standard error of a sketched number, as a share of it: 0.4 %."""
LONGEST = 64 - INDEX_BITS + 1
"""The largest value of a register: no bit of what follows the index is set."""

Keys = npt.NDArray[np.uint64]
Registers = npt.NDArray[np.int8]
T = TypeVar("T", bound=np.generic)

_NAN = mix(np.array([np.nan]).view(np.uint64))[0]
"""The hash of a number that is none: no value either."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Distinct:
    """The different values among some rows.

    `rows` counts the rows with a value. `hashes` holds the sorted hashes of the values
    and `registers` is empty while these are at most `EXACT`; then it is the other way
    round.
    """

    rows: int
    hashes: Keys
    registers: Registers

    @classmethod
    def of(cls, keys: Keys) -> "Distinct":
        """Count rows by the hash of their value (`checks.values.hashes`).

        Rows whose value is null or NaN are left out.
        """
        keys = keys[(keys != NULL) & (keys != _NAN)]
        # Most often the first few already tell that there are too many.
        if len(keys) <= 2 * EXACT or len(different(keys[: 2 * EXACT])) <= EXACT:
            return _of(len(keys), different(keys))
        return cls(rows=len(keys), hashes=keys[:0], registers=_registers(keys))

    def merge(self, other: "Distinct") -> "Distinct":
        """Return what both sets of rows come to."""
        rows = self.rows + other.rows
        if self.exact and other.exact:
            both = np.concatenate([self.hashes, other.hashes])
            return _of(rows, different(both))
        registers = np.maximum(_sketched(self), _sketched(other))
        return Distinct(rows=rows, hashes=self.hashes[:0], registers=registers)

    @property
    def arrays(self) -> dict[str, Ints]:
        """Its two arrays by name, for its stored form: words of 64 bits."""
        return {
            "hashes": self.hashes.view(np.int64),
            "registers": self.registers.view(np.int64),
        }

    @classmethod
    def from_arrays(cls, rows: int, hashes: Ints, registers: Ints) -> "Distinct":
        """Read what `arrays` wrote."""
        return cls(
            rows=rows,
            hashes=hashes.astype(np.int64, copy=False).view(np.uint64),
            registers=registers.astype(np.int64, copy=False).view(np.int8),
        )

    @property
    def exact(self) -> bool:
        """Whether `number` has no error."""
        return not len(self.registers)

    @property
    def number(self) -> float:
        """How many values there are: a whole number, or an estimate of one."""
        return float(len(self.hashes)) if self.exact else _estimate(self.registers)

    @property
    def error(self) -> float:
        """The standard error of `number`."""
        return 0.0 if self.exact else ERROR * self.number


def different(values: npt.NDArray[T]) -> npt.NDArray[T]:
    """Return the different ones, sorted; NumPy's own would first import masked arrays.

    >>> different(np.array([3, 1, 3])).tolist(), len(different(np.empty(0)))
    ([1, 3], 0)
    """
    ordered = np.sort(values)
    first = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


def _of(rows: int, hashes: Keys) -> Distinct:
    """Keep sorted hashes while they are few enough."""
    if len(hashes) <= EXACT:
        return Distinct(rows=rows, hashes=hashes, registers=np.empty(0, np.int8))
    return Distinct(rows=rows, hashes=hashes[:0], registers=_registers(hashes))


def _sketched(values: Distinct) -> Registers:
    return _registers(values.hashes) if values.exact else values.registers


def _registers(keys: Keys) -> Registers:
    """Return for each index the most zeros that lead the rest of a hash, plus one."""
    registers = np.zeros(REGISTERS, np.int8)
    index = (keys >> np.uint64(64 - INDEX_BITS)).astype(np.int64)
    rest = keys & np.uint64((1 << (64 - INDEX_BITS)) - 1)
    # 48 bits are a float64 without loss, whose exponent tells the highest bit set.
    _, bits = np.frexp(rest.astype(np.float64))
    np.maximum.at(registers, index, (LONGEST - bits).astype(np.int8))
    return registers


def _estimate(registers: Registers) -> float:
    """Read a sketch: Ertl's improved raw estimator (algorithm 6)."""
    counts: Ints = np.bincount(registers, minlength=LONGEST + 1)
    z = REGISTERS * _tau(1 - counts[LONGEST] / REGISTERS)
    for count in counts[LONGEST - 1 : 0 : -1].tolist():
        z = (z + count) / 2
    z += REGISTERS * _sigma(counts[0] / REGISTERS)
    return float(REGISTERS * REGISTERS / (2 * math.log(2) * z))


def _sigma(x: float) -> float:
    """Return x + the sum over k of x**(2**k) 2**(k-1), for x below 1."""
    y, z, before = 1.0, x, -1.0
    while z != before:
        x *= x
        before, z = z, z + x * y
        y *= 2
    return z


def _tau(x: float) -> float:
    """Return a third of 1 - x - the sum over k of (1 - x**(2**-k))**2 2**-k."""
    if x in (0.0, 1.0):
        return 0.0
    y, z, before = 1.0, 1 - x, -1.0
    while z != before:
        x = math.sqrt(x)
        y /= 2
        before, z = z, z - (1 - x) ** 2 * y
    return z / 3
