"""Each mistake that serving code makes is named; where none was made, none is."""

from zlib import crc32

import numpy as np
import pytest

from benchmarks.mistakes import Mistake
from benchmarks.skewed import INNOCENT, MISTAKES, Noise, Share, found, innocent, named
from monitor.remedies import remedy

ROWS = 600


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_mistake_is_named_on_all_rows_and_on_some(mistake: Mistake) -> None:
    # Every share and every noise comes up in some mistakes, without their product.
    turn = crc32(mistake.name.encode())
    cells = [(Share.ALL, Noise.NONE), (Share.THIRD, list(Noise)[turn % 3])]
    if mistake.null:
        cells = [(Share.SEGMENT, Noise.NONE), (Share.THIRD, list(Noise)[turn % 2 * 2])]
    for share, noise in cells:
        pairs = found(mistake, share, noise, np.random.default_rng(turn), ROWS)
        if pairs is not None:
            assert named(pairs, mistake), f"{share}, {noise}: {pairs}"
            assert remedy(str(pairs.cause)), "people are told what to do about it"


@pytest.mark.parametrize("name", INNOCENT)
def test_no_cause_is_named_for_what_has_none(name: str) -> None:
    told = [
        f"{column}: {cause}"
        for share in (Share.ALL, Share.FEW)
        for column, cause in innocent(name, share, np.random.default_rng(5), ROWS)
        if cause is not None
    ]

    assert [] == told


def test_where_a_mistake_is_made_is_told() -> None:
    metres = next(one for one in MISTAKES if one.name == "feet as metres")

    def where(share: Share) -> str:
        pairs = found(metres, share, Noise.NONE, np.random.default_rng(2), ROWS)
        assert pairs is not None
        return pairs.where

    assert "device is 'ios'" == where(Share.SEGMENT)
    assert "" == where(Share.THIRD)
    assert "" == where(Share.ALL)
