"""The same text in other spellings: what tells that two texts mean one thing."""

import html
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from urllib.parse import unquote_plus

from checks.cause import MIN_DISTINCT, Law, Nature

Words = Counter[tuple[str | None, str | None]]
"""How often each pair (served, recomputed) stands."""
Holds = Callable[[str, str], bool]
"""Tells whether a law holds of one pair: served, recomputed."""

TRUTH = {
    **dict.fromkeys(("true", "t", "yes", "y", "1", "1.0", "on"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0", "0.0", "off"), False),
}
LONGEST_AFFIX = 40
"""Characters of a prefix or suffix beyond which it is no affix but another text."""


def case(served: str, recomputed: str) -> bool:
    """Tell texts that differ in upper and lower case."""
    return served.casefold() == recomputed.casefold()


def white_space(served: str, recomputed: str) -> bool:
    """Tell texts that differ in blanks, line ends and the like."""
    return "".join(served.split()) == "".join(recomputed.split())


def case_and_white_space(served: str, recomputed: str) -> bool:
    """Tell texts that differ in both."""
    return white_space(served.casefold(), recomputed.casefold())


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _numbers(served: str, recomputed: str) -> bool:
    found = _number(served)
    return found is not None and found == _number(recomputed)


def _zeros(served: str, recomputed: str) -> bool:
    short, long = sorted((served, recomputed), key=len)
    return long.isdigit() and long.lstrip("0") == short.lstrip("0")


def _commas(served: str, recomputed: str) -> bool:
    sides = served, recomputed
    if all("," not in side for side in sides):
        return False
    read = (
        [_number(side.replace(",", ".")) for side in sides],
        [_number(side.replace(",", "")) for side in sides],
    )
    return any(ours is not None and ours == theirs for ours, theirs in read)


def _unicode(served: str, recomputed: str) -> bool:
    ours, theirs = (unicodedata.normalize("NFKC", s) for s in (served, recomputed))
    return ours == theirs


def _bare(text: str) -> str:
    apart = unicodedata.normalize("NFD", text)
    return "".join(c for c in apart if not unicodedata.combining(c))


_LIGATURES = str.maketrans({"ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "ß": "ss"})


def _accents(served: str, recomputed: str) -> bool:
    ours, theirs = (_bare(s.translate(_LIGATURES)) for s in (served, recomputed))
    # A question mark often stands for what ASCII does not have.
    asked = "".join("?" if ord(c) > 127 else c for c in recomputed)  # noqa: PLR2004 - ASCII
    return ours == theirs or served in (asked, asked.replace("?", ""))


def _latin(served: str, recomputed: str) -> bool:
    return any(
        _misread(recomputed, encoding) == served for encoding in ("latin-1", "cp1252")
    )


def _misread(text: str, encoding: str) -> str:
    return text.encode().decode(encoding, "replace")


def _escapes(served: str, recomputed: str) -> bool:
    return any(
        undo(served) == undo(recomputed) for undo in (html.unescape, unquote_plus)
    )


def _punctuation(served: str, recomputed: str) -> bool:
    ours, theirs = (
        "".join(c for c in side if c.isalnum()) for side in (served, recomputed)
    )
    return bool(ours) and ours == theirs


def _truth(served: str, recomputed: str) -> bool:
    found = TRUTH.get(served.casefold())
    return found is not None and found == TRUTH.get(recomputed.casefold())


SPELLINGS: tuple[tuple[str, Holds], ...] = (
    ("leading zeros differ", _zeros),
    ("the same numbers, written differently", _numbers),
    ("the same numbers, with a decimal point or comma", _commas),
    ("the same truth values, written differently", _truth),
    ("Unicode is composed differently (NFC, NFD)", _unicode),
    ("accents differ", _accents),
    ("served is UTF-8 that was read as Latin-1", _latin),
    ("recomputed is UTF-8 that was read as Latin-1", lambda s, r: _latin(r, s)),
    ("characters are escaped on one of the sides", _escapes),
    ("punctuation differs", _punctuation),
)
"""What two spellings differ in, the narrower ones first."""


def spelled(words: Words) -> Iterator[tuple[Law, Holds]]:
    """Propose the narrowest spelling that explains as many as any other does."""
    best: tuple[int, str, Holds] | None = None
    for told, holds in SPELLINGS:
        count = sum(
            count
            for (s, r), count in words.items()
            if s is not None and r is not None and holds(s, r)
        )
        if count and (best is None or count > best[0]):
            best = count, told, holds
    if best is not None:
        yield Law(Nature.SPELLING, best[1]), best[2]


def affixed(words: Words) -> Iterator[tuple[Law, Holds]]:
    """Explain text that has something before or after it on one of the sides."""
    for side, name in ((0, "served"), (1, "recomputed")):
        around: Counter[tuple[str, str]] = Counter()
        wholes: dict[tuple[str, str], set[str]] = {}
        for pair, count in words.items():
            long, short = pair[side], pair[1 - side]
            if not long or not short or short not in long or short == long:
                continue
            before, _, after = long.partition(short)
            if len(before) + len(after) > LONGEST_AFFIX:
                continue
            around[before, after] += count
            wholes.setdefault((before, after), set()).add(short)
        if not around:
            continue
        affix, _ = min(around.items(), key=lambda item: (-item[1], item[0]))
        if len(wholes[affix]) < MIN_DISTINCT or not "".join(affix).strip(_NO_AFFIX):
            continue
        before, after = affix
        told = [f"{before!r} before it"] * bool(before)
        told += [f"{after!r} after it"] * bool(after)
        law = Law(Nature.AFFIX, f"{name} has {' and '.join(told)}")
        yield law, _with(before, after, turned=side == 1)


_NO_AFFIX = " \t\r\n.,0123456789"
"""What stands around the same number, or the same text with blanks."""


def _with(before: str, after: str, *, turned: bool) -> Holds:
    if turned:
        return lambda s, r: f"{before}{s}{after}" == r
    return lambda s, r: f"{before}{r}{after}" == s


def places(names: Mapping[str, str]) -> str:
    """Say of a map whether it numbers the categories in the order of the alphabet.

    >>> places({"AA": "0", "DL": "1", "UA": "3"}), places({"AA": "1", "DL": "0"})
    (" (the category's place in sorted order)", '')
    """
    ordered = sorted(names)
    numbers = [_number(names[name]) for name in ordered]
    known = [number for number in numbers if number is not None]
    if len(known) < MIN_DISTINCT or len(known) < len(names):
        return ""
    if any(_number(name) is not None for name in names):
        return ""
    rising = all(a < b for a, b in pairwise(known))
    return " (the category's place in sorted order)" if rising else ""
