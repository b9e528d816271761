"""What came lately is known again; what is older makes room."""

import numpy as np

from monitor.ingest.recent import REMEMBERED, Recent


def test_of_a_quarter_million_keys_hardly_any_is_forgotten() -> None:
    rng, recent = np.random.default_rng(1), Recent()
    batches = [rng.integers(1, 1 << 63, 50_000).astype(np.uint64) for _ in range(5)]
    known = np.ones(50_000, np.bool_)
    for one in batches:
        assert recent.fresh(one, known).all()
    for one in batches:
        assert recent.fresh(one, known).sum() < 100


def test_a_key_counts_once_and_a_row_without_one_each_time() -> None:
    recent = Recent()
    keys = np.array([7, 7, 8, 0, 0], np.uint64)
    known = np.array([True, True, True, False, False])
    assert recent.fresh(keys, known).tolist() == [True, False, True, True, True]
    assert recent.fresh(keys, known).tolist() == [False, False, False, True, True]


def test_where_there_is_no_more_room_one_is_forgotten() -> None:
    recent, known = Recent(), np.ones(9, np.bool_)
    alike = (np.arange(1, 10) * REMEMBERED).astype(np.uint64)
    assert recent.fresh(alike[:8], known[:8]).all()
    assert not recent.fresh(alike[:8], known[:8]).any()
    assert recent.fresh(alike[8:], known[8:]).all()
    assert recent.among(alike, known).sum() == 8
    assert recent.among(alike[8:], known[8:]).all()
