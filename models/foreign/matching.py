"""Find out of which network weights are, by the order of its layers and their shapes, whatever they are called."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

Shape = tuple[int, ...]

COUNT = "num_batches_tracked"
"""What batch normalisation counts in training; older files lack it, and answers do not need it."""


class Layer(NamedTuple):
    """The tensors of one module."""

    name: str
    shapes: dict[str, Shape]
    """By the last part of their keys: weight, bias, running_mean."""

    @property
    def kind(self) -> int:
        """Dimensions of its weight: 4 of a convolution, 2 of a dense layer, 1 of a normalisation."""
        return max(map(len, self.shapes.values()), default=0)

    def key(self, part: str) -> str:
        return f"{self.name}.{part}" if self.name else part

    def __str__(self) -> str:
        first = next(iter(self.shapes.values()), ())
        return f"{self.name[:80] or 'a lone tensor'} ({' x '.join(map(str, first)) or 'one number'})"


def layers(state: Mapping[str, Tensor]) -> list[Layer]:
    """The modules of a state dict in their order."""
    found: dict[str, dict[str, Shape]] = {}
    for key, tensor in state.items():
        name, _, part = key.rpartition(".")
        if part != COUNT:
            found.setdefault(name, {})[part] = tuple(tensor.shape)
    return [Layer(name, shapes) for name, shapes in found.items()]


def match(theirs: Sequence[Layer], ours: Sequence[Layer]) -> dict[str, str] | None:
    """Return our key -> theirs where the layers of each kind are the same in shape and order, else None.

    How kinds take turns is left open: some name all convolutions first and all normalisations after.
    """
    kinds = {layer.kind for layer in theirs}
    pairs = [pair for kind in kinds for pair in zip(_of(kind, ours), _of(kind, theirs), strict=False)]
    same = len(pairs) == len(theirs) == len(ours) and all(mine.shapes == other.shapes for mine, other in pairs)
    return {mine.key(part): other.key(part) for mine, other in pairs for part in mine.shapes} if same else None


def contradiction(theirs: Sequence[Layer]) -> tuple[Layer, Layer] | None:
    """Two layers that only their order tells apart, and whose numbers say that it is another: no order is sure then."""
    alike: dict[tuple[object, ...], list[Layer]] = {}
    for layer in theirs:
        words = re.sub(r"\d+", "#", layer.name)
        alike.setdefault((words, *sorted(layer.shapes.items())), []).append(layer)
    every = (pair for group in alike.values() for pair in pairwise(group))
    return next((pair for pair in every if _numbers(pair[0]) > _numbers(pair[1])), None)


def common(theirs: Sequence[Layer], ours: Sequence[Layer]) -> int:
    """How many layers from the first on are the same."""
    same = (mine.shapes == other.shapes for mine, other in zip(ours, theirs, strict=False))
    return next((count for count, one in enumerate(same) if not one), min(len(theirs), len(ours)))


def _of(kind: int, some: Sequence[Layer]) -> list[Layer]:
    return [layer for layer in some if layer.kind == kind]


def _numbers(layer: Layer) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", layer.name)]
