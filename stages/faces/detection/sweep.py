"""Look over a whole picture for places where faces may be, however small they are in it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fervid.pipeline.frame import Face
from fervid.pipeline.picture import resized
from fervid.stages.faces.detection.blazeface import SHORT
from fervid.stages.faces.detection.geometry import beside, moved

if TYPE_CHECKING:
    from fervid.stages.faces.detection.geometry import Image
    from fervid.stages.faces.detection.litert import Networks

LEAST = 13
"""Pixels that a face must be wide for the full range to find it: of a group's 60 at 12 it missed one, at 10 three."""
FEW = 0.1
"""Scores from which a place is looked at again; faces of 14 pixels on a plain ground score from 0.2 on."""
SHARE = 0.08
"""Faces that take this share of the picture's width are found in the small copy."""
LARGEST = 70
"""Pixels up to which faces are found surely."""
FINER = 4
"""How many times narrower the next copy is: faces from LEAST on in that one are those up to LARGEST in this."""
TILE, SHARED = 768, 96
"""Pixels of the widest tile that a copy is cut into, and how far tiles reach into each other; one takes about 40 ms."""
TWICE = 0.3, 1.5
"""Two places whose centres and widths differ by no more than this are one, found in two copies or tiles."""
BORDER = 16
"""Pixels around a copy that repeat its last ones, for faces that its edges cut."""
SURROUND = 0.2
"""The same around the small copy for near faces, as a share of its longer side."""
NEAR = 0.3
"""Scores from which a place near an edge is looked at again."""


def places(networks: Networks, image: Image, smallest: float) -> list[Face]:
    """Where faces from `smallest` pixels wide on may be, most likely first; many of them are none."""
    found = list(_cut_by_an_edge(networks, image))
    for scale in _scales(image.shape[1], LEAST / smallest):
        found += _in_a_copy(networks, image, scale)
    kept: list[Face] = []
    for place in sorted(found, key=lambda one: -one.score):
        if not any(beside(place, other, *TWICE) for other in kept):
            kept.append(place)
    return kept


def _scales(width: int, finest: float) -> Iterator[float]:
    """The finest copy, and narrower ones until what is too large for one is found in the small copy anyway."""
    yield finest
    while SHARE * width * finest > LARGEST:
        finest /= FINER
        yield finest


def _in_a_copy(networks: Networks, image: Image, scale: float) -> Iterator[Face]:
    import cv2

    copy = cv2.cvtColor(_copy(image, scale), cv2.COLOR_BGR2RGB)
    height, width = copy.shape[:2]
    (across, columns), (down, rows) = _tiling(width), _tiling(height)
    beyond = BORDER, rows[-1] + down - height - BORDER, BORDER, columns[-1] + across - width - BORDER
    copy = cv2.copyMakeBorder(copy, *beyond, cv2.BORDER_REPLICATE)
    full = networks.full(across, down)
    for top in rows:
        for left in columns:
            for face in full(copy[top : top + down, left : left + across], FEW):  # type: ignore[arg-type]
                yield moved(face, 1 / scale, ((left - BORDER) / scale, (top - BORDER) / scale))


def _copy(image: Image, scale: float) -> Image:
    height, width = image.shape[:2]
    return resized(image, max(1, round(width * scale)), max(1, round(height * scale)))


def _tiling(length: int) -> tuple[int, list[int]]:
    """How long tiles are, all alike and in steps that the network takes, and where they begin."""
    from fervid.stages.faces.detection.litert import STEP

    length += 2 * BORDER
    count = max(1, math.ceil((length - SHARED) / (TILE - SHARED)))
    tile = math.ceil((length + (count - 1) * SHARED) / count / STEP) * STEP
    return tile, [number * (tile - SHARED) for number in range(count)]


def _cut_by_an_edge(networks: Networks, image: Image) -> Iterator[Face]:
    """Near faces of which a part lies outside of the picture."""
    import cv2
    import numpy as np

    height, width = image.shape[:2]
    side = max(width, height) * (1 + 2 * SURROUND)
    left, top, scale = (side - width) / 2, (side - height) / 2, SHORT.side / side
    half = _copy(image, 2 * scale)
    matrix = np.array([[0.5, 0, left * scale], [0, 0.5, top * scale]])
    size = SHORT.side, SHORT.side
    square = cv2.warpAffine(half, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    for face in networks.short(cv2.cvtColor(square, cv2.COLOR_BGR2RGB), NEAR):  # type: ignore[arg-type]
        yield moved(face, 1 / scale, (-left, -top))
