"""A picture of a figure over the last windows, against its threshold, as a small PNG.

It stands on a ground of its own, so that it reads the same on a light and a dark page.
"""

import struct
import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT = 600, 200
MOST = 30
"""Values that are drawn at most, the newest."""

_MARGIN = 24
_TALL = HEIGHT - 2 * _MARGIN
_GROUND = (250, 250, 251)
_LINE = (71, 105, 161)
_LIMIT = (150, 150, 158)
_BEYOND = (207, 52, 60)
_RING = 2.0
_NEAR = 12
"""Pixels around a place beyond which nothing of it is seen."""
_DASH = 12
_HALF = 0.5

Image = npt.NDArray[np.float64]


def chart(values: Sequence[float], threshold: float | None) -> bytes:
    """Return the picture of some values, oldest first; what is beyond stands out."""
    drawn = np.asarray(values[-MOST:], dtype=float)
    image = np.empty((HEIGHT, WIDTH, 3))
    image[:] = _GROUND
    if len(drawn):
        _draw(image, drawn, threshold)
    return _png(np.rint(image).astype(np.uint8))


def _draw(
    image: Image, drawn: npt.NDArray[np.float64], threshold: float | None
) -> None:
    levels = drawn if threshold is None else np.append(drawn, threshold)
    heights = _heights(levels)
    places = (
        np.linspace(_MARGIN, WIDTH - _MARGIN, len(drawn))
        if len(drawn) > 1
        else (np.array([WIDTH / 2]))
    )
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    if threshold is not None:
        dashes = columns % (2 * _DASH) < _DASH
        _paint(image, dashes * _ink(np.abs(rows - heights[-1]), 1.0), _LIMIT)
    line = np.full((HEIGHT, WIDTH), np.inf)
    for i in range(len(drawn) - 1):
        start, end = (places[i], heights[i]), (places[i + 1], heights[i + 1])
        near = np.s_[:, int(places[i]) - _NEAR : int(places[i + 1]) + _NEAR]
        away = _from_segment(columns[near], rows[near], start, end)
        line[near] = np.minimum(line[near], away)
    _paint(image, _ink(line, 1.5), _LINE)
    for i, value in enumerate(drawn):
        near = np.s_[:, int(places[i]) - _NEAR : int(places[i]) + _NEAR]
        away = np.hypot(columns[near] - places[i], rows[near] - heights[i])
        beyond = threshold is not None and value > threshold
        size = 6.0 if i == len(drawn) - 1 else 4.0
        _paint(image[near], _ink(away, size + _RING), _GROUND)
        _paint(image[near], _ink(away, size), _BEYOND if beyond else _LINE)


def _heights(levels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the rows of values: the greatest on top, and zero at the bottom or below.

    Values are made small first, so that no difference of them overflows.
    """
    small = levels / (np.abs(levels).max() or 1.0)
    low, high = min(0.0, small.min()), max(0.0, small.max())
    share = (small - low) / ((high - low) or 1.0)
    heights: npt.NDArray[np.float64] = HEIGHT - _MARGIN - share * _TALL
    return heights


def _from_segment(
    columns: Image, rows: Image, start: tuple[float, float], end: tuple[float, float]
) -> Image:
    """Return how far every pixel is from a stretch of the line."""
    across, down = end[0] - start[0], end[1] - start[1]
    along = (columns - start[0]) * across + (rows - start[1]) * down
    share = np.clip(along / (across**2 + down**2), 0.0, 1.0)
    nearest = start[0] + share * across, start[1] + share * down
    return np.hypot(columns - nearest[0], rows - nearest[1])


def _ink(away: Image, reach: float) -> Image:
    """Return how much of every pixel is covered, with smooth edges."""
    return np.clip(reach + _HALF - away, 0.0, 1.0)


def _paint(image: Image, ink: Image, color: tuple[int, int, int]) -> None:
    image += ink[..., None] * (np.array(color) - image)


def _png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Write pixels as a PNG (ISO/IEC 15948): three chunks, no filter."""
    height, width, _ = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    lines = b"".join(b"\0" + row.tobytes() for row in pixels)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in (
            (b"IHDR", header),
            (b"IDAT", zlib.compress(lines, 9)),
            (b"IEND", b""),
        )
    )
