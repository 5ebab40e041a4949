"""The largest of the origins: six wide convolutions with ELU, 7.8 million parameters."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from fervid.models.zoo import network


@network("deep_elu")
class DeepElu(nn.Module):
    """Pairs of 512 and 256, 128 and 128, 256 and 512 channels, each convolution with batch norm and ELU.

    7,827,719 trainable parameters; Keras, which counts the running averages too, says 7,831,815. Batch norm and
    starting weights follow Keras, where it comes from.
    """

    size: ClassVar[int] = 48
    mean: ClassVar[float] = 0.0
    std: ClassVar[float] = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(block(1, 512, 256, 0.22), block(256, 128, 128, 0.22), block(128, 256, 512, 0.23))
        norm = nn.BatchNorm1d(256, eps=1e-3, momentum=0.01)
        self.hidden = nn.Sequential(nn.Flatten(), nn.Linear(18432, 256), norm, nn.ELU(), nn.Dropout(0.23))
        self.head = nn.Linear(256, 7)
        self.apply(start)

    def features(self, x: Tensor) -> Tensor:
        """What the face looks like, N x 256."""
        hidden: Tensor = self.hidden(self.blocks(x))
        return hidden

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(x))
        return logits


def block(inputs: int, first: int, second: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(*convolution(inputs, first), *convolution(first, second), nn.MaxPool2d(2), nn.Dropout(dropout))


def convolution(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    norm = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)
    return nn.Conv2d(inputs, outputs, 3, padding=1), norm, nn.ELU()


def start(module: nn.Module) -> None:
    """Glorot's weights and no bias (Glorot and Bengio 2010)."""
    if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
