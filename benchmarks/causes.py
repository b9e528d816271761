"""How often row-level skew is given its right cause, and how often a wrong one.

`python -m benchmarks.causes --write` measures it and writes the table of docs/skew.md;
`--only WORD` measures the mistakes with that word in their names, and shows what was
said where it was not the right thing.
"""

import argparse
import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.mistakes import Mistake
from benchmarks.skewed import (
    INNOCENT,
    MISTAKES,
    Noise,
    Share,
    found,
    innocent,
    mixed,
    named,
)
from monitor.wording import percent

PAGE = Path(__file__).parents[1] / "docs" / "skew.md"
BEGIN, END = "<!-- causes: benchmarks/causes.py -->", "<!-- end of causes -->"
ROWS = 2_000


@dataclass
class Found:
    """How many cells were asked, and how many came out right or wrong, by name."""

    asked: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)

    def count(self, *keys: str, right: bool, wrong: bool) -> None:
        """Count one cell under each of its names."""
        for key in keys:
            self.asked[key] += 1
            self.right[key] += right
            self.wrong[key] += wrong

    def cells(self, key: str) -> str:
        """Write how many were right."""
        return f"{self.right[key]:,} of {self.asked[key]:,}"


def of_mistakes(mistakes: tuple[Mistake, ...], seeds: int) -> Found:
    """Make every mistake on each share of the rows, beside each noise."""
    result = Found()
    for mistake, share, noise, seed in product(mistakes, Share, Noise, range(seeds)):
        rng = np.random.default_rng(seed)
        pairs = found(mistake, share, noise, rng, ROWS)
        if pairs is None:
            continue
        good = named(pairs, mistake)
        bad = not good and pairs.cause is not None
        family = mistake.natures[0].value
        keys = ("all", mistake.name, f"{share}/{noise}", f"nature {family}")
        result.count(*keys, right=good, wrong=bad)
        if not good:
            result.told.append(f"{mistake.name}, {share}, {noise}: {pairs.cause}")
    return result


def of_none(seeds: int) -> Found:
    """Count what is named where there is no cause, or where there are two."""
    result = Found()
    for name, share, seed in product(INNOCENT, Share, range(seeds)):
        rng = np.random.default_rng([seed, 1])
        for column, cause in innocent(name, share, rng, ROWS):
            wrong = cause is not None
            result.count(name, "none", right=not wrong, wrong=wrong)
            if wrong:
                result.told.append(f"{name}, {share}, {column}: {cause}")
    for seed in range(seeds):
        for one, two, pairs in mixed(np.random.default_rng([seed, 2]), ROWS):
            wrong = pairs.cause is not None and not named(pairs, one, two)
            result.count("two mistakes at once", right=not wrong, wrong=wrong)
            if wrong:
                result.told.append(f"{one.name} | {two.name}: {pairs.cause}")
    return result


def page(right: Found, none: Found, seeds: int) -> Iterator[str]:
    """Write the tables."""
    yield f"{len(MISTAKES)} mistakes, each in {ROWS:,} rows: made on the share of them"
    yield "that a line names, while something else is wrong that a column names. A cell"
    yield "is how often the right nature and the right sentence were named."
    yield ""
    yield "| mistake on | " + " | ".join(noise.value for noise in Noise) + " |"
    yield "|---|" + "---|" * len(Noise)
    for share in Share:
        told = [right.cells(f"{share}/{noise}") for noise in Noise]
        yield f"| {share.value} | " + " | ".join(told) + " |"
    asked, wrong = right.asked["all"], right.wrong["all"]
    yield ""
    share = percent(right.right["all"] / asked)
    yield f"In all {right.cells('all')} ({share}); another cause was named of {wrong}"
    yield f"({percent(wrong / asked)}), and none of the others. By nature:"
    yield ""
    names = [key for key in right.asked if key.startswith("nature ")]
    each = [f"{n.removeprefix('nature ')} {right.cells(n)}" for n in sorted(names)]
    yield from textwrap.wrap(", ".join(each) + ".", 88)
    yield ""
    yield "Where there is no cause, or where there are two, half of the rows each:"
    yield ""
    yield "| what is wrong | cases | a wrong cause is named |"
    yield "|---|---|---|"
    for name in (*INNOCENT, "two mistakes at once"):
        yield f"| {name} | {none.asked[name]:,} | {none.wrong[name]:,} |"
    yield ""
    yield f"Not counted: a mistake that changes fewer than ten rows. Seeds: {seeds}."


def main() -> None:
    """Measure, and print or write what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    chosen = tuple(one for one in MISTAKES if asked.only in one.name)
    right = of_mistakes(chosen, asked.seeds)
    print(f"right: {right.cells('all')}, another cause: {right.wrong['all']}")
    print("\n".join(right.told), flush=True)
    if asked.only:
        return
    none = of_none(asked.seeds)
    print("\n".join(none.told))
    written = "\n".join(page(right, none, asked.seeds))
    print(written)
    if asked.write:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        after = rest.partition(END)[2]
        PAGE.write_text(f"{before}{BEGIN}\n{written}\n{END}{after}")


if __name__ == "__main__":
    main()
