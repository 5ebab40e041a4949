"""Pair two groups so that the sum of what the pairs cost is least."""

from __future__ import annotations

import math
from collections.abc import Sequence

Costs = Sequence[Sequence[float]]


def assign(costs: Costs) -> list[tuple[int, int]]:
    """Pairs of a row and a column of finite costs, as many as the smaller side has, rows in order.

    By shortest augmenting paths, O(n^3) (Jonker and Volgenant 1987, as in Crouse 2016, IEEE TAES 52(4)); for the few
    faces of a picture, lists are quicker than arrays.
    """
    width = len(costs[0])
    if len(costs) > width:
        return sorted((row, column) for column, row in assign(list(zip(*costs, strict=True))))
    prices, values, owners = [0.0] * len(costs), [0.0] * width, [-1] * width
    for row in range(len(costs)):
        _add(row, costs, prices, values, owners)
    return sorted((row, column) for column, row in enumerate(owners) if row >= 0)


def _add(new: int, costs: Costs, prices: list[float], values: list[float], owners: list[int]) -> None:
    """Give a row a column, along the cheapest way from it to one that nobody owns, through the pairs that exist."""
    reach, came = [math.inf] * len(owners), [-1] * len(owners)
    left, passed = list(range(len(owners))), []
    row, column, length = new, -1, 0.0
    while row >= 0:
        for other in left:
            through = length + costs[row][other] - prices[row] - values[other]
            if through < reach[other]:
                reach[other], came[other] = through, column
        column = min(left, key=reach.__getitem__)
        length, row = reach[column], owners[column]
        left.remove(column)
        passed.append(column)
    prices[new] += length
    for other in passed[:-1]:
        prices[owners[other]] += length - reach[other]
        values[other] -= length - reach[other]
    while column >= 0:
        before = came[column]
        owners[column] = owners[before] if before >= 0 else new
        column = before
