"""The smallest network: three blocks of one convolution each."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from fervid.models.zoo import network


@network("cnn3")
class Cnn3(nn.Module):
    """Three blocks of 3 x 3 convolution, batch norm, ReLU and pooling; two dense layers. 1,274,823 parameters."""

    size: ClassVar[int] = 48
    mean: ClassVar[float] = 0.5
    std: ClassVar[float] = 0.5

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(block(1, 32), block(32, 64), block(64, 128))
        self.hidden = nn.Sequential(nn.Flatten(), nn.Linear(4608, 256), nn.ReLU(), nn.Dropout(0.5))
        self.head = nn.Linear(256, 7)

    def features(self, x: Tensor) -> Tensor:
        """What the face looks like, N x 256."""
        hidden: Tensor = self.hidden(self.blocks(x))
        return hidden

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(x))
        return logits


def block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2))
