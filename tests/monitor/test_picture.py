"""The picture of a figure: a PNG that shows what is beyond the threshold."""

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from monitor.notice import Notice
from monitor.picture import HEIGHT, MOST, WIDTH, chart
from tests.monitor.world import small

RED = (207, 52, 60)


def pixels(png: bytes) -> npt.NDArray[np.uint8]:
    """Read a picture back, chunk by chunk."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    place, content = 8, b""
    while place < len(png):
        (size,) = struct.unpack(">I", png[place : place + 4])
        chunk = png[place + 4 : place + 8 + size]
        assert struct.unpack(">I", png[place + 8 + size :][:4]) == (zlib.crc32(chunk),)
        content += chunk[4:] if chunk.startswith(b"IDAT") else b""
        place += 12 + size
    rows = np.frombuffer(zlib.decompress(content), np.uint8)
    return rows.reshape(HEIGHT, 1 + 3 * WIDTH)[:, 1:].reshape(HEIGHT, WIDTH, 3)


def reds(values: list[float], threshold: float | None) -> int:
    """Count the pixels that say that something is beyond."""
    return int(np.all(pixels(chart(values, threshold)) == RED, axis=2).sum())


def test_what_is_beyond_the_threshold_stands_out() -> None:
    one, two = reds([0.1, 0.1, 0.3], 0.2), reds([0.1, 0.3, 0.3], 0.2)
    assert 0 < one < two
    assert reds([0.1, 0.2, 0.1], 0.2) == 0
    assert reds([0.1, 0.1, 0.3], None) == 0


def test_the_greatest_value_is_the_highest_dot() -> None:
    shown = np.all(pixels(chart([0.1, 0.1, 0.4], 0.2)) == RED, axis=2)
    rows, columns = np.nonzero(shown)
    assert rows.max() < HEIGHT / 4
    assert columns.min() > WIDTH * 3 / 4


def test_only_the_newest_windows_are_drawn() -> None:
    values = [float(i) for i in range(100)]
    assert chart(values, 50.0) == chart(values[-MOST:], 50.0)


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=5),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
)
def test_whatever_was_measured_is_drawn(
    values: list[float], threshold: float | None
) -> None:
    assert pixels(chart(values, threshold)).shape == (HEIGHT, WIDTH, 3)


def test_a_notice_knows_what_its_worst_check_measured_before(tmp_path: Path) -> None:
    with small(tmp_path, daily={"checks": {"wasserstein": {}}}) as world:
        for shift in (0.0, 0.0, 30.0):
            world.pass_day(shift=shift)
        (posted,) = world.app.store.deliveries()
        body = posted.delivery.body
        assert len(body["history"]) == 3
        assert body["history"][-1] == body["firing"][0]["value"]
        assert max(body["history"][:2]) < body["firing"][0]["threshold"]
        again = Notice.from_dict(json.loads(json.dumps(body)))
        assert again.to_dict() == body
