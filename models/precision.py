"""Choose in which numbers a network computes: in 8-bit integers where they are proven to say the same, else in floats.

The proof has three parts. An export lost nothing on labelled faces (`Parity.lost_nothing`). Its weights have 7 bits,
|w| <= 64, so that the sum of two products with 8-bit activations is at most 2 * 255 * 64 = 32,640 and fits into the 16
bits that processors without VNNI sum it in. And the processor at hand gives the answers to four pictures that the one
gave on which it was exported, which the card keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fervid.models.card import Card, Head

Kind = Literal["int8", "fp32"]
Precision = Literal["auto", "int8", "fp32"]

INT8 = ".int8.onnx"
"""How the names of ONNX files end that compute in 8-bit integers."""

FEW = 200
"""Labelled faces too few to prove anything."""
LOST = 0.002
"""Accuracy that 8-bit integers may lose, as a share of the faces."""
AGREED = 0.98
"""Share of the faces whose best guess must stay."""
FAR = 0.05
"""Difference of a probability that is no rounding: floats that differ by a millionth in front of the first integer make
one of up to 0.025."""

PROBES = 4


@dataclass(frozen=True)
class Parity:
    """How well one of a network's answers agrees with that of the same network in torch."""

    largest_difference: float
    """Of a probability."""
    agreement: float
    """Share of faces that got the same best guess."""
    labelled: int
    """How many faces had a label."""
    accuracy_before_and_after: tuple[float, float] | None
    """By FER2013's labels, in torch and exported; None where no face has one."""

    @property
    def lost_nothing(self) -> bool:
        """Whether enough labelled faces say that it is as good."""
        if self.accuracy_before_and_after is None or self.labelled < FEW:
            return False
        before, after = self.accuracy_before_and_after
        return self.agreement >= AGREED and before - after <= LOST


def kind(path: Path) -> Kind:
    """In which numbers a file computes, by its name."""
    return "int8" if path.name.endswith(INT8) else "fp32"


def probes(size: int) -> NDArray[np.uint8]:
    """Four pictures of waves from black to white, PROBES x size x size, for any processor the same."""
    import numpy as np

    rows, columns = np.mgrid[:size, :size] * (48 / size)
    waves = [np.sin(rows / (n + 1) + n) * np.cos(columns / (PROBES + 1 - n) - n) for n in range(PROBES)]
    made: NDArray[np.uint8] = (127.5 + 127.5 * np.stack(waves)).round().astype(np.uint8)
    return made


def as_measured(card: Card, name: str, answers: Mapping[Head, NDArray[np.float32]]) -> bool:
    """Whether the probabilities of each head for the probes are those of the processor that it was exported on."""
    import numpy as np

    noted = card.proven[name]
    return all(
        head in noted and np.shape(noted[head]) == made.shape and bool(np.abs(made - noted[head]).max() <= FAR)
        for head, made in answers.items()
    )
