"""Say which detection is which face: by overlap, distance, size and looks, all pairs weighed together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from fervid.pipeline.frame import Box
from fervid.stages.faces.tracking.assignment import assign
from fervid.stages.faces.tracking.look import Look, difference

REACH = 0.6
"""How far apart two centres may be, in mean heights."""
PACE = 1.5
"""How many heights farther for each second of absence."""
WALK = 5.0
"""The same for a face that looks as before: it may have set out, or turned, unseen. A box is some 0.2 m high."""
ALIKE = 18.0
"""Grey levels up to which a face does; others differ by 8 to 58, the same one mostly by 4 to 17 after a second."""
TWIN = 12.0
"""The same where another picture came to a face's place, which then says nothing; strangers there differed by 18."""
RATIO = 1.6
"""How many times higher one box may be than the other."""
SAME = 0.5
"""From this IoU on, a face may look as it will: a hand or a flash of light may change it."""
STRANGE = 36.0
"""Else it must not look more different than this, in grey levels."""
PATIENCE = 0.1
"""What a second of absence costs; an IoU that is lower by 0.2 costs as much."""
GREYS = 80.0
"""What so many grey levels of difference cost: 1."""
IMPOSSIBLE = 1e6


class Candidate(NamedTuple):
    """A face that is expected or found somewhere."""

    box: Box
    look: Look | None = None
    absent: float = 0.0
    """Seconds since it was last found."""
    cut: bool = False
    """Whether another picture came to its place meanwhile."""


def match(expected: Sequence[Candidate], found: Sequence[Candidate]) -> list[tuple[int, int]]:
    """Pairs of indices into `expected` and `found`, so that the sum of their costs is least."""
    if not expected or not found:
        return []
    costs = [[cost(one, other) for other in found] for one in expected]
    return [(row, column) for row, column in assign(costs) if costs[row][column] < IMPOSSIBLE]


def cost(expected: Candidate, found: Candidate) -> float:
    """Missing overlap, distance, and what makes a pair less likely: another size, other looks, a long absence."""
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = expected.box, found.box
    height_a, height_b = ay2 - ay1, by2 - by1
    distance = math.hypot(ax1 + ax2 - bx1 - bx2, ay1 + ay2 - by1 - by2) / (height_a + height_b)
    ratio = max(height_a / height_b, height_b / height_a)
    if distance > REACH + expected.absent * WALK or ratio > RATIO + expected.absent / 2:
        return IMPOSSIBLE
    overlap = iou(expected.box, found.box)
    strange = difference(expected.look, found.look)
    cut = expected.cut or (found.cut and distance > REACH)
    alike = strange <= (TWIN if cut else ALIKE) and expected.look is not None and found.look is not None
    if cut and not alike:
        return IMPOSSIBLE
    if (strange > STRANGE and overlap < SAME) or (distance > REACH + expected.absent * PACE and not alike):
        return IMPOSSIBLE
    return (distance + ratio - overlap) / 2 + expected.absent * PATIENCE + strange / GREYS


def iou(a: Box, b: Box) -> float:
    """Intersection over union."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0.0) * max(height, 0.0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)
