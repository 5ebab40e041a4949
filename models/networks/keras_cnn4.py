"""Four convolutions and three dense layers, as a Keras beginner's course would build it."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from fervid.models.zoo import network


@network("keras_cnn4")
class KerasCnn4(nn.Module):
    """Convolutions of 32, 64, 128 and 256 channels with batch norm and ReLU, pooled three times; dense 256, 128, 7.

    2,782,919 trainable parameters. Batch norm and starting weights follow Keras, where it comes from.
    """

    size: ClassVar[int] = 48
    mean: ClassVar[float] = 0.0
    std: ClassVar[float] = 1.0

    def __init__(self) -> None:
        super().__init__()
        first = nn.Sequential(*convolution(1, 32), *convolution(32, 64), nn.MaxPool2d(2))
        second = nn.Sequential(*convolution(64, 128), nn.MaxPool2d(2))
        third = nn.Sequential(*convolution(128, 256), nn.MaxPool2d(2))
        self.blocks = nn.Sequential(first, second, third)
        self.hidden = nn.Sequential(nn.Flatten(), *dense(9216, 256), *dense(256, 128))
        self.head = nn.Linear(128, 7)
        self.apply(start)

    def features(self, x: Tensor) -> Tensor:
        """What the face looks like, N x 128."""
        hidden: Tensor = self.hidden(self.blocks(x))
        return hidden

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(x))
        return logits


def convolution(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    norm = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)
    return nn.Conv2d(inputs, outputs, 3, padding=1), norm, nn.ReLU()


def dense(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    norm = nn.BatchNorm1d(outputs, eps=1e-3, momentum=0.01)
    return nn.Linear(inputs, outputs), nn.ReLU(), norm, nn.Dropout(0.25)


def start(module: nn.Module) -> None:
    """Glorot's weights and no bias (Glorot and Bengio 2010)."""
    if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
