"""A network small enough to make in a test, with random weights that give decided answers."""

from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from fervid.models import checkpoint
from fervid.models.card import Card
from fervid.models.tensors import Store
from fervid.models.zoo import network


@network("tiny")
class Tiny(nn.Module):
    size: ClassVar[int] = 24
    mean: ClassVar[float] = 0.5
    std: ClassVar[float] = 0.25

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1))
        self.head = nn.Linear(16, 7)
        self.votes = nn.Linear(16, 8)

    def features(self, x: Tensor) -> Tensor:
        return self.body(x).amax((2, 3))  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))  # type: ignore[no-any-return]


def saved(folder: Path, name: str = "tiny", seed: int = 0, store: Store = "fp32", **facts: Any) -> Path:
    """Write NAME.safetensors and its card into the folder."""
    torch.manual_seed(seed)
    made = Tiny()
    with torch.no_grad():
        made.head.weight *= 8
        made.train()(torch.randn(64, 1, 24, 24))
    path = folder / f"{name}.safetensors"
    card = Card(**{"network": "tiny", "size": Tiny.size, "mean": Tiny.mean, "std": Tiny.std} | facts)
    checkpoint.save(path, made, card, store)
    return path
