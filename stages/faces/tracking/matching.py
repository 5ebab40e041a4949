"""Say which detection is which face: by overlap, distance, size and looks, all pairs weighed together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from fervid.pipeline.frame import Box
from fervid.stages.faces.tracking.look import Look, difference

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

REACH = 0.6
"""How far apart two centres may be, in mean heights."""
PACE = 1.5
"""How many heights farther for each second of absence."""
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


def match(expected: Sequence[Candidate], found: Sequence[Candidate]) -> list[tuple[int, int]]:
    """Pairs of indices into `expected` and `found`, so that the sum of their costs is least (Kuhn 1955)."""
    if not expected or not found:
        return []
    from scipy.optimize import linear_sum_assignment

    cost = costs(expected, found)
    rows, columns = linear_sum_assignment(cost)
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if cost[r, c] < IMPOSSIBLE]


def costs(expected: Sequence[Candidate], found: Sequence[Candidate]) -> Matrix:
    """Missing overlap, distance, and what makes a pair less likely: other sizes, other looks, a long absence."""
    import numpy as np

    a, b = np.array([one.box for one in expected])[:, None], np.array([one.box for one in found])[None]
    absent = np.array([one.absent for one in expected])[:, None]
    strange = np.array([[difference(one.look, other.look) for other in found] for one in expected])
    heights_a, heights_b = a[..., 3] - a[..., 1], b[..., 3] - b[..., 1]
    distance = np.linalg.norm(a[..., 2:] + a[..., :2] - b[..., 2:] - b[..., :2], axis=-1) / (heights_a + heights_b)
    ratio = np.maximum(heights_a / heights_b, heights_b / heights_a)
    overlap = iou(a, b)
    near = (distance < REACH + absent * PACE) & (ratio < RATIO + absent / 2)
    possible = near & ((strange < STRANGE) | (overlap > SAME))
    cost = (distance + ratio - overlap) / 2 + absent * PATIENCE + strange / GREYS
    return np.where(possible, cost, IMPOSSIBLE)


def iou(a: Matrix, b: Matrix) -> Matrix:
    """Intersection over union of boxes in the last axis."""
    import numpy as np

    shared = np.clip(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0, None).prod(-1)
    areas = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).prod(-1)
    return np.asarray(shared / (areas - shared))
