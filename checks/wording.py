"""Laws about text that differs: case, white space, spelling, and renamed categories."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from checks import cause, spellings
from checks.cause import MIN_DISTINCT, Explained, Law, Nature
from checks.proposal import beyond, chance_of, dealings
from checks.spellings import Holds, Words

MIN_SEEN = 3
"""How often a renaming must be seen: what stands once renames to anything."""
MAX_RENAMED = 200
"""Categories beyond which a map is no map but two columns of free text."""
_SHOWN = 3


def texts(
    served: Sequence[str | None],
    recomputed: Sequence[str | None],
    *,
    inverted: bool = False,
    usual: Callable[[str], float] = lambda _value: 0.0,
) -> Explained:
    """Ask every law about text of differing pairs, None where a value is missing.

    `inverted` allows two categories to be swapped, which any mistake between two
    looks like. `usual` tells which share of the agreeing values is the one asked for.
    """
    words: Words = Counter(zip(served, recomputed, strict=True))
    both = [(s, r) for s, r in words.elements() if s is not None and r is not None]
    chance = _Chance.of(both)
    explained = _missing(words, usual)
    explained |= _one(words, len(both), usual)
    for law, holds in _laws(words, inverted=inverted):
        count = sum(
            count
            for (s, r), count in words.items()
            if s is not None and r is not None and holds(s, r)
        )
        if count and (
            law.nature in _SAME
            or (inverted and law.nature is Nature.REMAP)
            or beyond(count / len(both), chance(law, holds))
        ):
            explained[law] = count
    return {law: count for law, count in explained.items() if count}


_SAME = (
    *(Nature.CASE, Nature.WHITE_SPACE, Nature.CASE_AND_WHITE_SPACE, Nature.SPELLING),
)
"""Laws by which two texts mean the same: that does not come about by chance."""


MOST_DEALT = 2_000
"""Pairs that are dealt out anew, evenly spread over all of them."""


@dataclass(frozen=True, slots=True)
class _Chance:
    """How often a law holds of pairs that have nothing to do with each other."""

    pairs: tuple[tuple[str, str], ...]
    deals: tuple[tuple[tuple[str, str], ...], ...]

    @classmethod
    def of(cls, both: Sequence[tuple[str, str]]) -> "_Chance":
        """Deal the served values out anew, whatever order the pairs came in."""
        ordered = sorted(both, key=lambda pair: (pair[1], pair[0]))
        every = max(1, -(-len(ordered) // MOST_DEALT))
        some = tuple(ordered[::every])
        return cls(
            some,
            tuple(
                tuple((some[p][0], r) for p, (_, r) in zip(places, some, strict=True))
                for places in dealings(len(some))
            ),
        )

    def __call__(self, law: Law, holds: Holds) -> float:
        if law.nature is Nature.CONSTANT:
            return sum(holds(r, s) for s, r in self.pairs) / len(self.pairs)
        return chance_of(
            (sum(s != r and holds(s, r) for s, r in deal), sum(s != r for s, r in deal))
            for deal in self.deals
        )


def _laws(words: Words, *, inverted: bool) -> Iterator[tuple[Law, Holds]]:
    """Propose the laws that pairs of two values may obey."""
    yield from _constant(words)
    yield from _cut(words)
    for law, names in renamed(words, inverted=inverted):
        yield law, partial(_renames, names)
    yield Law(Nature.CASE, "upper and lower case differ"), spellings.case
    yield Law(Nature.WHITE_SPACE, "white space differs"), spellings.white_space
    both = Law(Nature.CASE_AND_WHITE_SPACE, "case and white space differ")
    yield both, spellings.case_and_white_space
    yield from spellings.spelled(words)
    yield from spellings.affixed(words)


def _renames(names: Mapping[str, str], served: str, recomputed: str) -> bool:
    return names.get(recomputed) == served


def _missing(words: Words, usual: Callable[[str], float]) -> Explained:
    explained: Explained = {}
    for side, name, having in (
        (1, "recomputed", "served"),
        (0, "served", "recomputed"),
    ):
        beside: Counter[str] = Counter()
        for pair, count in words.items():
            other = pair[1 - side]
            if pair[side] is None and other is not None:
                beside[other] += count
        if beside:
            value, count = _commonest(beside)
            law = Law(Nature.MISSING, f"{name} is null where {having} has a value")
            explained[law] = beside.total()
            if beyond(count / beside.total(), usual(value)):
                sentence = f"{having} is {value!r} where {name} is null"
                explained[Law(Nature.DEFAULT, sentence)] = count
    return explained


SELDOM = 0.01
"""The share of the agreeing values that a category may have which is always renamed."""


def _one(words: Words, both: int, usual: Callable[[str], float]) -> Explained:
    """Explain one category that goes by another name wherever it stands."""
    pairs = [(n, s, r) for (s, r), n in words.items() if None not in (s, r)]
    count, s, r = max(pairs, default=(0, None, None), key=lambda one: one[0])
    if s is None or r is None or count < cause.NEARLY_ALL * both or usual(r) > SELDOM:
        return {}
    law = Law(Nature.REMAP, f"served is {s!r} where recomputed is {r!r}")
    return {law: count}


def _commonest(counts: Counter[str]) -> tuple[str, int]:
    return min(counts.items(), key=lambda item: (-item[1], item[0]))


def _constant(words: Words) -> Iterator[tuple[Law, Holds]]:
    beside: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for (s, r), count in words.items():
        if s is not None and r is not None:
            beside[s][r] += count
    if not beside:
        return
    value = min(beside, key=lambda s: (-beside[s].total(), s))
    if len(beside[value]) >= MIN_DISTINCT:
        law = Law(Nature.CONSTANT, f"served is always {value!r}")
        yield law, lambda s, _: s == value


def _cut(words: Words) -> Iterator[tuple[Law, Holds]]:
    """Explain text that is cut to a length on one of the sides."""
    for side, name in ((0, "served"), (1, "recomputed")):
        lengths: Counter[int] = Counter()
        wholes: set[str] = set()
        for pair, count in words.items():
            short, whole = pair[side], pair[1 - side]
            if short and whole is not None and whole.startswith(short):
                lengths[len(short)] += count
                wholes.add(whole)
        if len(wholes) >= MIN_DISTINCT:
            length, _ = min(lengths.items(), key=lambda item: (-item[1], item[0]))
            law = Law(Nature.CUT, f"{name} is cut to {length} characters")
            yield law, (_cut_to(length) if side == 0 else _turned(_cut_to(length)))


def _cut_to(length: int) -> Holds:
    return lambda short, whole: len(short) == length and whole.startswith(short)


def _turned(holds: Holds) -> Holds:
    return lambda s, r: holds(r, s)


def renamed(
    words: Words, *, inverted: bool = False
) -> Iterator[tuple[Law, Mapping[str, str]]]:
    """Explain categories that go by other names, one for one.

    >>> pairs = Counter({("KJFK", "JFK"): 9, ("KLGA", "LGA"): 5})
    >>> [law.sentence for law, _ in renamed(pairs)]
    ["served is 'KJFK' where recomputed is 'JFK', 'KLGA' where 'LGA'"]
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    ranked = sorted(words.items(), key=lambda item: (-item[1], str(item[0])))
    for (s, r), count in ranked:
        if s is None or r is None or count < MIN_SEEN or r in names or s in taken:
            continue
        names[r] = s
        taken.add(s)
    told = sum(words[s, r] for r, s in names.items()) - len(names)
    if told < cause.MOST * sum(n for pair, n in words.items() if None not in pair):
        return  # one row of each category chooses its name, and proves nothing
    swapped = set(names) == taken and len(names) == 2  # noqa: PLR2004 - a swap is of two
    if not names or len(names) > MAX_RENAMED or (swapped and not inverted):
        return
    shown = [f"{s!r} where {r!r}" for r, s in list(names.items())[:_SHOWN]]
    shown[0] = shown[0].replace(" where ", " where recomputed is ", 1)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    sentence = "served is " + ", ".join(shown) + more + spellings.places(names)
    law = Law(Nature.REMAP, sentence)
    yield law, names
