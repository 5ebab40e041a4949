"""fervid's own network: reads one grey face in one to three milliseconds on one CPU thread."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from fervid.models.zoo import network

STEM = (16, 48)
BLOCKS = ((48, 1), (80, 2), (80, 1), (128, 2), (128, 1), (160, 2), (160, 1))
"""Channels and stride of each residual block: 24 x 24 pixels down to 3 x 3.

Multiples of 16, because CPUs compute 16 channels at once: 40 and 72 took as long as 48 and 80.
"""


class Excite(nn.Module):
    """Weighs channels by what the whole picture shows (squeeze and excitation, Hu et al. 2018)."""

    def __init__(self, channels: int, reduction: int = 8) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, channels // reduction, 1)
        self.excite = nn.Conv2d(channels // reduction, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        mean = functional.adaptive_avg_pool2d(x, 1)
        return x * torch.sigmoid(self.excite(torch.relu(self.squeeze(mean))))


class Block(nn.Module):
    """Two 3 x 3 convolutions with a short cut around them (He et al. 2016), which add nothing before they learn."""

    def __init__(self, inputs: int, channels: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, channels, 3, stride, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
            nn.BatchNorm2d(channels),
            Excite(channels),
        )
        nn.init.zeros_(self.body[4].weight)  # type: ignore[arg-type]
        self.shortcut = nn.Sequential() if inputs == channels and stride == 1 else _project(inputs, channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.body(x) + self.shortcut(x))


def _project(inputs: int, channels: int, stride: int) -> nn.Sequential:
    pool = [nn.AvgPool2d(2)] if stride == 2 else []
    return nn.Sequential(*pool, nn.Conv2d(inputs, channels, 1, bias=False), nn.BatchNorm2d(channels))


@network("fervid")
class Fervid(nn.Module):
    """A narrow residual network with squeeze-excitation: N x 1 x 48 x 48 normalised pixels to N x 7 logits.

    Its second head, `votes`, learns what FER+'s voters saw in a face.
    """

    size: ClassVar[int] = 48
    mean: ClassVar[float] = 0.5
    std: ClassVar[float] = 0.25

    def __init__(self, dropout: float = 0.3) -> None:
        super().__init__()
        first, second = STEM
        self.stem = nn.Sequential(
            nn.Conv2d(1, first, 3, 1, 1, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(inplace=True),
            nn.Conv2d(first, second, 3, 2, 1, bias=False),
            nn.BatchNorm2d(second),
            nn.ReLU(inplace=True),
        )
        widths = (second, *(channels for channels, _ in BLOCKS))
        self.blocks = nn.Sequential(
            *(Block(inputs, channels, stride) for inputs, (channels, stride) in zip(widths, BLOCKS, strict=False))
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(BLOCKS[-1][0], 7)
        self.votes = nn.Linear(BLOCKS[-1][0], 8)

    def features(self, x: Tensor) -> Tensor:
        """N x 160 numbers that describe the face; in training some of them are dropped."""
        mean = functional.adaptive_avg_pool2d(self.blocks(self.stem(x)), 1)
        dropped: Tensor = self.dropout(mean.flatten(1))
        return dropped

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(x))
        return logits
