"""Networks that learned on their own, to teach: none of them lies in the valley of the network that ships."""

from __future__ import annotations

from torch import nn

from fervid.models.networks.fervid import STEM, Block, Fervid
from fervid.models.zoo import network


@network("wide_stem")
class WideStem(Fervid):
    """As `fervid`, with a residual block at full resolution in its stem: 110 M multiplications a face, not 86 M."""

    def __init__(self, dropout: float = 0.3) -> None:
        super().__init__(dropout)
        _, channels = STEM
        self.stem = nn.Sequential(
            nn.Conv2d(1, 24, 3, 1, 1, bias=False),
            nn.BatchNorm2d(24),
            nn.ReLU(inplace=True),
            Block(24, 24, 1),
            nn.Conv2d(24, channels, 3, 2, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        )
