"""Six convolutions trained from scratch: small, and slow to overfit under strong augmentation."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

from torch import Tensor, nn

from fervid.models.zoo import network


@network("scratch_cnn")
class ScratchCnn(nn.Module):
    """Convolutions of 32, 32, 64, 64, 128 and 264 channels with batch norm and ReLU. 1,054,719 parameters."""

    size: ClassVar[int] = 48
    mean: ClassVar[float] = 0.5
    std: ClassVar[float] = 0.5

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(block(1, 32, 32), block(32, 64, 64), block(64, 128), block(128, 264))
        self.hidden = nn.Sequential(nn.Flatten(), nn.Dropout(0.4), nn.Linear(2376, 256), nn.ReLU(), nn.Dropout(0.4))
        self.head = nn.Linear(256, 7)

    def features(self, x: Tensor) -> Tensor:
        """What the face looks like, N x 256."""
        hidden: Tensor = self.hidden(self.blocks(x))
        return hidden

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(x))
        return logits


def block(*channels: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(channels):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(2))
