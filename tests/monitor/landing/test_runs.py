"""Which files are merged: each row seldom, and few files remain."""

from math import log, log2
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.landing.days import DayFile, merged_name
from monitor.landing.runs import MOST_BYTES, MOST_FILES, Sized, next_run

MANY = st.lists(st.integers(1, MOST_BYTES * 2), max_size=30)
FEW = st.lists(st.integers(1, 50), max_size=30)


def sized(number: int, size: int) -> Sized:
    path = Path(f"{number:08d}.parquet")
    return Sized(file=DayFile(path=path, first=number, last=number), bytes=size)


def day(sizes: list[int]) -> list[Sized]:
    return [sized(number, size) for number, size in enumerate(sizes, 1)]


def merged(files: list[Sized], run: list[Sized]) -> list[Sized]:
    """Put one file in the place of a run."""
    at = files.index(run[0])
    first, last = run[0].file.first, run[-1].file.last
    one = DayFile(path=Path(merged_name(first, last)), first=first, last=last)
    whole = Sized(file=one, bytes=sum(each.bytes for each in run))
    return [*files[:at], whole, *files[at + len(run) :]]


@given(sizes=MANY | FEW, least=st.integers(2, 9), breaks=st.sets(st.integers(1, 30)))
def test_a_run_is_of_neighbours_none_of_which_outweighs_the_others(
    sizes: list[int], least: int, breaks: set[int]
) -> None:
    files = day(sizes)
    run = list(next_run(files, least, breaks))
    if run:
        at = files.index(run[0])
        assert files[at : at + len(run)] == run
        assert least <= len(run) <= MOST_FILES
        total = sum(each.bytes for each in run)
        assert total <= MOST_BYTES
        assert 3 * max(each.bytes for each in run) <= 2 * total
        assert not breaks & {each.file.first for each in run[1:]}


@pytest.mark.parametrize(
    ("sizes", "chosen"),
    [
        ([5, 5], 2),
        ([5], 0),
        ([], 0),
        ([100, 1, 1], 2),
        ([100, 1], 0),
        ([100, 30, 30, 1], 4),
        ([MOST_BYTES, MOST_BYTES], 0),
        ([MOST_BYTES // 2] * 3, 2),
        ([1] * 1000, MOST_FILES),
    ],
)
def test_the_longest_run_is_taken(sizes: list[int], chosen: int) -> None:
    assert len(next_run(day(sizes), 2)) == chosen


@settings(max_examples=12)
@given(
    seed=st.integers(0, 1 << 30),
    spread=st.sampled_from([1, 10, 1000]),
    least=st.sampled_from([2, 8]),
    size=st.sampled_from([8 << 10, 1 << 20, 20 << 20]),
)
def test_a_row_is_seldom_written_again_and_few_files_remain(
    seed: int, spread: int, least: int, size: int
) -> None:
    """As files come, one by one; `least` of them at once."""
    chance = Random(seed)
    files: list[Sized] = []
    sizes: list[int] = []
    again: dict[int, int] = {}
    for number in range(1, 145):
        sizes.append(size * chance.randint(1, spread) // spread + 1)
        files.append(sized(number, sizes[-1]))
        while run := list(next_run(files, least)):
            for each in run:
                for one in range(each.file.first, each.file.last + 1):
                    again[one] = again.get(one, 0) + 1
            files = merged(files, run)
    rewritten = sum(sizes[one - 1] * times for one, times in again.items())
    assert rewritten <= 8 * sum(sizes)
    assert max(again.values(), default=0) <= log(MOST_BYTES / min(sizes), 1.5) + 1
    while run := list(next_run(files, 2)):  # the day is over
        files = merged(files, run)
    full = 2 * sum(sizes) / MOST_BYTES
    assert len(files) <= (full + 1) * 3 + log2(144 * spread)
