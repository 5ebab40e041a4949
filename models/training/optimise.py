"""Optimizers and schedules by name, the averaged weights, and what a prediction costs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from fervid.pipeline.frame import EMOTIONS

Optimizer = Literal["sgd", "adam", "adamw", "nadam"]
Schedule = Literal["constant", "one-cycle", "cosine", "reduce-on-plateau"]
Weights = Literal["none", "balanced", "sqrt"]


def optimizer(
    name: Optimizer, network: nn.Module, rate: float, momentum: float, weight_decay: float
) -> torch.optim.Optimizer:
    """Build an optimizer; weight decay spares biases and normalisation, which it only harms."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if name == "sgd":
        return torch.optim.SGD(groups, rate, momentum=momentum, nesterov=momentum > 0)
    betas = (momentum, 0.999)
    if name == "nadam":
        return torch.optim.NAdam(groups, rate, betas, eps=1e-7)
    quick = parameters[0].device.type in ("cpu", "cuda")  # one pass over the weights in place of seven
    adam = torch.optim.Adam if name == "adam" else torch.optim.AdamW
    return adam(groups, rate, betas, eps=1e-7, fused=quick)


def factor(schedule: Schedule, progress: float) -> float:
    """Share of the peak learning rate when `progress` (0 to 1) of all steps is done.

    One-cycle climbs from 1/25 for a quarter of the time, then falls along a cosine to 1/10,000 (Smith 2018).
    """
    if schedule == "cosine":
        return _fall(progress, 1.0, 1e-3)
    if schedule == "one-cycle":
        return _fall(progress / 0.25, 0.04, 1.0) if progress < 0.25 else _fall((progress - 0.25) / 0.75, 1.0, 1e-4)
    return 1.0


def _fall(progress: float, start: float, end: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * min(progress, 1.0))) / 2


@dataclass
class Plateau:
    """Lowers the learning rate when the validation loss stands still."""

    patience: int
    """Epochs without a better loss before the rate is halved."""
    best: float = math.inf
    waited: int = 0
    factor: float = 1.0

    def see(self, loss: float) -> None:
        """Take one epoch's validation loss."""
        self.best, self.waited = (loss, 0) if loss < self.best - 1e-4 else (self.best, self.waited + 1)
        if self.waited > self.patience:
            self.factor, self.waited = self.factor / 2, 0


def targets(labels: Tensor, smoothing: float, weights: Weights) -> Tensor:
    """Return N x 7 soft targets, scaled by class weights of mean 1; zeros for a face without a label."""
    count = len(EMOTIONS)
    known = labels >= 0
    hot = functional.one_hot(labels.clamp(min=0), count).float() * known[:, None]
    soft = hot * (1 - smoothing) + known[:, None] * smoothing / count
    if weights != "none":
        rarity = known.sum() / (count * hot.sum(0).clamp(min=1))
        rarity = rarity.sqrt() if weights == "sqrt" else rarity
        weight = (hot * rarity).sum(1)
        soft = soft * (weight / weight[known].mean())[:, None]
    return soft


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Mean cross entropy against soft targets; a row of zeros costs nothing."""
    return -(target * functional.log_softmax(logits.float(), 1)).sum(1).mean()


@contextmanager
def uphill(network: nn.Module, distance: float) -> Iterator[None]:
    """Hold the weights that far up their gradient, where the loss is near its worst.

    The gradient found there, used back at the old place, leads to minima that are wide: sharpness-aware minimisation
    (Foret et al. 2021). Batch normalisation keeps no statistics of it.
    """
    norms = [part for part in network.modules() if isinstance(part, nn.modules.batchnorm._NormBase)]
    momenta = [norm.momentum for norm in norms]
    pairs = [(weight, weight.grad) for weight in network.parameters() if weight.grad is not None]
    weights: list[Tensor] = [weight for weight, _ in pairs]
    slopes = [slope for _, slope in pairs]
    with torch.no_grad():
        length = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(slopes)))
        before = [weight.clone() for weight in weights]
        torch._foreach_add_(weights, torch._foreach_mul(slopes, distance / (length + 1e-12)))
    try:
        for norm in norms:
            norm.momentum = 0.0
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        with torch.no_grad():
            torch._foreach_copy_(weights, before)


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the averaged weights and statistics one step towards the network's; one that is the network is there."""
    if average is network:
        return
    pairs = zip(_state(average), _state(network), strict=True)
    floats: list[tuple[Tensor, Tensor]] = []
    others: list[tuple[Tensor, Tensor]] = []
    for mine, new in pairs:
        (floats if mine.is_floating_point() else others).append((mine, new))
    torch._foreach_lerp_([mine for mine, _ in floats], [new for _, new in floats], 1 - decay)
    for mine, new in others:
        mine.copy_(new)


def mean(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Average weights and statistics; what counts in whole numbers is the first's."""
    return {
        name: torch.stack([state[name] for state in states]).mean(0) if first.is_floating_point() else first
        for name, first in states[0].items()
    }


def _state(network: nn.Module) -> Iterable[Tensor]:
    return network.state_dict().values()
