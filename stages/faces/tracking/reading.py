"""The order in which one reads a picture: row by row, from the left in each."""

from __future__ import annotations

from collections.abc import Sequence

from fervid.pipeline.frame import Box

APART = 0.75
"""Of a box's height: what lies farther below the middle of a row than this begins the next one."""


def in_reading_order(boxes: Sequence[Box]) -> list[int]:
    """Indices of the boxes, which may lie as unevenly as faces in the tiles of a meeting."""
    rows: list[list[int]] = []
    for number in sorted(range(len(boxes)), key=lambda number: _middle(boxes[number])):
        if not rows or _middle(boxes[number]) - _mean(boxes, rows[-1]) > APART * _height(boxes[number]):
            rows.append([])
        rows[-1].append(number)
    return [number for row in rows for number in sorted(row, key=lambda number: boxes[number][0])]


def _mean(boxes: Sequence[Box], row: Sequence[int]) -> float:
    return sum(_middle(boxes[number]) for number in row) / len(row)


def _middle(box: Box) -> float:
    return (box[1] + box[3]) / 2


def _height(box: Box) -> float:
    return box[3] - box[1]
