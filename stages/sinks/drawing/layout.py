"""Room for labels and panels: inside the picture, over nothing that was placed before, and calm over time."""

from __future__ import annotations

from collections.abc import Sequence

from fervid.pipeline.frame import Box
from fervid.pipeline.picture import Place, Size


def whole(box: Box) -> Place:
    """A box in whole pixels."""
    x1, y1, x2, y2 = box
    return round(x1), round(y1), round(x2), round(y2)


def choose(places: Sequence[Place], taken: Sequence[Place], before: int) -> tuple[int, int]:
    """The number of the place that covers least of what is taken, and how many pixels it covers.

    Among places that cover nothing the one chosen `before` stays, so that nothing jumps without need.
    """
    covered = [sum(overlap(place, one) for one in taken) for place in places]
    number = before if before < len(places) and not covered[before] else covered.index(min(covered))
    return number, covered[number]


def overlap(one: Place, other: Place) -> int:
    """Pixels that two places share."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return width * height if width > 0 and height > 0 else 0


def label_places(box: Place, size: Size, gap: int, bounds: Size) -> list[Place]:
    """Above the box, below it or below its stacked bar, or inside it; always within the picture."""
    (x1, y1, x2, y2), (width, height) = box, size
    outside = [top for top in (y1 - gap - height, y2 + gap, y2 + 4 * gap) if 0 <= top <= bounds[1] - height]
    inside = [max(0, y1) + gap, min(bounds[1], y2) - gap - height]
    return [_inside(x, top, size, bounds) for top in outside + inside for x in (x1, x2 - width)]


def panel_places(box: Place, size: Size, gap: int, bounds: Size) -> list[Place]:
    """Right or left of the box, below or above it; always within the picture."""
    (x1, y1, x2, y2), (width, height) = box, size
    beside = [(x, y) for x in (x2 + gap, x1 - gap - width) for y in (y1, y2 - height, (y1 + y2 - height) // 2)]
    stacked = [(x, y) for y in (y2 + gap, y1 - gap - height) for x in (x1, x2 - width)]
    return [_inside(x, y, size, bounds) for x, y in beside + stacked]


def strip_place(box: Place, height: int, gap: int, bounds: Size) -> Place:
    """Below the box and as wide, or inside it where the picture ends."""
    x1, _, x2, y2 = box
    left, right = max(0, x1), min(bounds[0], x2)
    top = y2 + gap if y2 + gap + height <= bounds[1] else max(0, min(y2, bounds[1]) - gap - height)
    return left, top, max(left, right), top + height


def _inside(x: int, y: int, size: Size, bounds: Size) -> Place:
    left, top = max(0, min(x, bounds[0] - size[0])), max(0, min(y, bounds[1] - size[1]))
    return left, top, left + size[0], top + size[1]
