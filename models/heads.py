"""What a network answers: with one head as FER2013's labels say, with another, if it has one, as FER+'s voters did."""

from __future__ import annotations

from torch import Tensor, nn

from fervid.models.card import Head
from fervid.pipeline.frame import EMOTIONS


def heads(network: nn.Module, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Return N x 7 logits of the labels and N x 8 of the votes; the network has `features`, `head` and `votes`."""
    features = network.features(pixels)  # type: ignore[operator]
    return network.head(features), network.votes(features)  # type: ignore[operator]


class Answers(nn.Module):
    """A network of which the given heads answer, each with N x 7 logits."""

    def __init__(self, network: nn.Module, wanted: tuple[Head, ...]) -> None:
        super().__init__()
        self.network, self.wanted = network, wanted

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        if self.wanted == ("labels",):
            return (self.network(pixels),)
        labels, votes = heads(self.network, pixels)
        both = {"labels": labels, "votes": votes[:, : len(EMOTIONS)]}
        return tuple(both[name] for name in self.wanted)
