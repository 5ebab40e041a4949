"""Say which detection is which face: by overlap and by distance, all pairs weighed together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fervid.pipeline.frame import Box

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

REACH = 0.6
"""How far apart two centres may be, in mean heights."""
RATIO = 1.6
"""How many times higher one box may be than the other."""
IMPOSSIBLE = 1e6


def match(expected: Sequence[Box], slack: Sequence[float], found: Sequence[Box]) -> list[tuple[int, int]]:
    """Pairs of indices into `expected` and `found`, so that the sum of their costs is least (Kuhn 1955).

    Args:
        slack: of each expected box, how much farther than usual it may have moved, in heights.
    """
    if not expected or not found:
        return []
    from scipy.optimize import linear_sum_assignment

    cost = costs(expected, slack, found)
    rows, columns = linear_sum_assignment(cost)
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if cost[r, c] < IMPOSSIBLE]


def costs(expected: Sequence[Box], slack: Sequence[float], found: Sequence[Box]) -> Matrix:
    """Half of it 1 - IoU, half the distance in heights, and what makes a pair less likely: sizes that differ, slack."""
    import numpy as np

    a, b = np.array(expected, float)[:, None], np.array(found, float)[None]
    size_a, size_b = a[..., 2:] - a[..., :2], b[..., 2:] - b[..., :2]
    height = (size_a[..., 1] + size_b[..., 1]) / 2
    reach = REACH + np.array(slack, float)[:, None]
    distance = np.linalg.norm((a[..., 2:] + a[..., :2] - b[..., 2:] - b[..., :2]) / 2, axis=-1) / height
    ratio = np.maximum(size_a[..., 1] / size_b[..., 1], size_b[..., 1] / size_a[..., 1])
    cost = (1 - iou(a, b)) / 2 + distance / 2 + (ratio - 1) / 2 + np.array(slack, float)[:, None] / 4
    return np.where((distance < reach) & (ratio < RATIO + np.array(slack, float)[:, None] / 2), cost, IMPOSSIBLE)


def iou(a: Matrix, b: Matrix) -> Matrix:
    """Intersection over union of boxes in the last axis."""
    import numpy as np

    shared = np.clip(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0, None).prod(-1)
    areas = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).prod(-1)
    return np.asarray(shared / (areas - shared))
