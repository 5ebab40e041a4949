"""What MediaPipe's two face networks say, as faces: anchors, decoding and suppression.

Sources: BlazeFace (Bazarevsky et al. 2019, arXiv:1907.05047); in google-ai-edge/mediapipe at v0.10.21 the numbers of
mediapipe/modules/face_detection/face_detection{,_short_range,_full_range}.pbtxt, and the rules of
ssd_anchors_calculator.cc, tensors_to_detections_calculator.cc and non_max_suppression_calculator.cc. Names of options
there stand in brackets.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from fervid.pipeline.frame import Face

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.floating[Any]]

CLIPPED = 100.0
"""Raw scores beyond are cut off (`score_clipping_thresh`)."""
OVERLAP = 0.3
"""Boxes whose IoU is larger are one face (`min_suppression_threshold`)."""
POINTS = 8
"""Pairs of numbers for each anchor: centre and size of the box, six keypoints (`num_coords`, `num_keypoints`)."""


@dataclass(frozen=True)
class Network:
    """One of the two."""

    words: str
    file: str
    """Its place in mediapipe's wheel."""
    sha256: str
    """Of that file, which is the same in the wheels of mediapipe 0.10.21 for all systems."""
    side: int
    """Pixels of its square input (`tensor_width`)."""
    grids: tuple[tuple[int, int], ...]
    """The stride in pixels of each grid of anchors, and how many stand in each cell (`strides`)."""


SHORT = Network(
    "short-range",
    "modules/face_detection/face_detection_short_range.tflite",
    "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
    128,
    ((8, 2), (16, 6)),
)
"""For faces within two metres."""
FULL = Network(
    "full-range",
    "modules/face_detection/face_detection_full_range_sparse.tflite",
    "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
    192,
    ((4, 1),),
)
"""For faces within five metres; it has no layer that depends on the size of its input."""
FULL_FLOOR = 0.6
"""MediaPipe reports no face of the full range below (`min_score_thresh`)."""


@cache
def anchors(network: Network, width: int, height: int) -> NDArray[np.float32]:
    """Centres in pixels of an input of that size, N x 2: the middles of cells, row by row (`anchor_offset_x` 0.5)."""
    import numpy as np

    parts = []
    for stride, count in network.grids:
        x, y = np.meshgrid(np.arange(width // stride) + 0.5, np.arange(height // stride) + 0.5)
        parts.append((np.stack([x, y], axis=-1).reshape(-1, 2) * stride).repeat(count, axis=0))
    middles: NDArray[np.float32] = np.concatenate(parts, dtype=np.float32)
    return middles


def decode(raw: Numbers, logits: Numbers, centres: Numbers, least: float) -> list[Face]:
    """Faces of at least that score in pixels of the network's input, the surest first.

    `raw` are N x 16 offsets in pixels from the N anchors, which have the size 1 (`fixed_anchor_size`).
    """
    import numpy as np

    chosen = np.flatnonzero(logits >= np.log(least / (1 - least)))
    chosen = chosen[np.argsort(-logits[chosen], kind="stable")]
    points = raw[chosen].reshape(-1, POINTS, 2) + centres[chosen][:, None]
    half = raw[chosen, 2:4] / 2
    points[:, 0], points[:, 1] = points[:, 0] - half, points[:, 0] + half
    return suppress(points, 1 / (1 + np.exp(-np.clip(logits[chosen], -CLIPPED, CLIPPED))))


def suppress(points: Numbers, scores: Numbers) -> list[Face]:
    """One face for all boxes upon it: their mean, weighted by their scores (BlazeFace, section 4; `WEIGHTED`).

    `points` are N x 8 x 2, two corners of a box and its keypoints, in falling order of their scores.
    """
    import numpy as np

    faces = []
    while len(points):
        same = _iou_of_first(points) > OVERLAP
        same[0] = True
        weights = scores[same]
        mean = (weights @ points[same].reshape(len(weights), -1)).reshape(points.shape[1:]) / weights.sum()
        x1, y1, x2, y2 = mean[:2].ravel().tolist()
        faces.append(Face((x1, y1, x2, y2), float(scores[0]), mean[2:].astype(np.float32)))
        points, scores = points[~same], scores[~same]
    return faces


def _iou_of_first(points: Numbers) -> Numbers:
    """What the first box and each of all share, by what they cover together."""
    import numpy as np

    least, most = points[:, 0], points[:, 1]
    shared = _area(np.maximum(np.minimum(most[0], most) - np.maximum(least[0], least), 0))
    areas = _area(most - least)
    share: Numbers = shared / np.maximum(areas[0] + areas - shared, 1e-9)
    return share


def _area(sizes: Numbers) -> Numbers:
    return sizes[:, 0] * sizes[:, 1]
