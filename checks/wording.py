"""Laws about text that differs: case, white space, spelling, and renamed categories."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from checks.cause import MIN_DISTINCT, Explained, Law, Nature

MIN_SEEN = 3
"""How often a renaming must be seen: what stands once renames to anything."""
MAX_RENAMED = 200
"""Categories beyond which a map is no map but two columns of free text."""
_SHOWN = 3

Words = Counter[tuple[str | None, str | None]]
"""How often each pair (served, recomputed) stands."""


def texts(
    served: Sequence[str | None],
    recomputed: Sequence[str | None],
    *,
    inverted: bool = False,
) -> Explained:
    """Ask every law about text of differing pairs, None where a value is missing.

    `inverted` allows two categories to be swapped, which any mistake between two
    looks like.
    """
    words: Words = Counter(zip(served, recomputed, strict=True))
    explained = (
        _missing(words)
        | _constant(words)
        | _cut(words)
        | renamed(words, inverted=inverted)
    )
    for law, same in (
        (Law(Nature.CASE, "upper and lower case differ"), _case),
        (Law(Nature.WHITE_SPACE, "white space differs"), _white_space),
        (Law(Nature.CASE_AND_WHITE_SPACE, "case and white space differ"), _both),
        (Law(Nature.SPELLING, "the same numbers, written differently"), _number),
        (Law(Nature.SPELLING, "served is UTF-8 that was read as Latin-1"), _encoding),
    ):
        explained[law] = sum(
            count
            for (s, r), count in words.items()
            if s is not None and r is not None and same(s, r)
        )
    return {law: count for law, count in explained.items() if count}


def _case(served: str, recomputed: str) -> bool:
    return served.casefold() == recomputed.casefold()


def _white_space(served: str, recomputed: str) -> bool:
    return "".join(served.split()) == "".join(recomputed.split())


def _both(served: str, recomputed: str) -> bool:
    return _white_space(served.casefold(), recomputed.casefold())


def _number(served: str, recomputed: str) -> bool:
    try:
        return float(served) == float(recomputed)
    except ValueError:
        return False


def _encoding(served: str, recomputed: str) -> bool:
    return served.encode("latin-1", "replace") == recomputed.encode()


def _missing(words: Words) -> Explained:
    explained: Explained = {}
    for side, name, having in (
        (1, "recomputed", "served"),
        (0, "served", "recomputed"),
    ):
        beside: Counter[str | None] = Counter()
        for pair, count in words.items():
            if pair[side] is None:
                beside[pair[1 - side]] += count
        if beside:
            value, count = _commonest(beside)
            sentence = f"{having} is {value!r} where {name} is null"
            law = Law(Nature.MISSING, f"{name} is null where {having} has a value")
            explained[law] = beside.total()
            explained[Law(Nature.DEFAULT, sentence)] = count
    return explained


def _commonest(counts: Counter[str | None]) -> tuple[str | None, int]:
    return min(counts.items(), key=lambda item: (-item[1], str(item[0])))


def _constant(words: Words) -> Explained:
    beside: defaultdict[str, Counter[str | None]] = defaultdict(Counter)
    for (s, r), count in words.items():
        if s is not None:
            beside[s][r] += count
    if not beside:
        return {}
    value = min(beside, key=lambda s: (-beside[s].total(), s))
    if len(set(beside[value]) - {None}) < MIN_DISTINCT:
        return {}
    sentence = f"served is always {value!r}"
    return {Law(Nature.CONSTANT, sentence): beside[value].total()}


def _cut(words: Words) -> Explained:
    """Explain text that is cut to a length on one of the sides."""
    explained: Explained = {}
    for side, name in ((0, "served"), (1, "recomputed")):
        lengths: Counter[int] = Counter()
        wholes: set[str] = set()
        for pair, count in words.items():
            short, whole = pair[side], pair[1 - side]
            if short and whole is not None and whole.startswith(short):
                lengths[len(short)] += count
                wholes.add(whole)
        if len(wholes) >= MIN_DISTINCT:
            length, count = min(lengths.items(), key=lambda item: (-item[1], item[0]))
            law = Law(Nature.CUT, f"{name} is cut to {length} characters")
            explained[law] = count
    return explained


def renamed(words: Words, *, inverted: bool = False) -> Explained:
    """Explain categories that go by other names, one for one.

    >>> pairs = Counter({("KJFK", "JFK"): 9, ("KLGA", "LGA"): 5})
    >>> [(law.sentence, count) for law, count in renamed(pairs).items()]
    [("served is 'KJFK' where recomputed is 'JFK', 'KLGA' where 'LGA'", 14)]
    """
    names: dict[str, tuple[str, int]] = {}
    taken: set[str] = set()
    ranked = sorted(words.items(), key=lambda item: (-item[1], str(item[0])))
    for (s, r), count in ranked:
        if s is None or r is None or count < MIN_SEEN or r in names or s in taken:
            continue
        names[r] = (s, count)
        taken.add(s)
    swapped = set(names) == taken and len(names) == 2  # noqa: PLR2004 - a swap is of two
    if not names or len(names) > MAX_RENAMED or (swapped and not inverted):
        return {}
    shown = [f"{s!r} where {r!r}" for r, (s, _) in list(names.items())[:_SHOWN]]
    shown[0] = shown[0].replace(" where ", " where recomputed is ", 1)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    sentence = "served is " + ", ".join(shown) + more
    return {Law(Nature.REMAP, sentence): sum(count for _, count in names.values())}
