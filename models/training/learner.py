"""One network while it learns: an epoch forward, a look at the validation faces, and all of its state."""

from __future__ import annotations

import copy
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event

import torch
from torch import Tensor, nn

from fervid.models import calibration
from fervid.models.card import HEADS, Calibration, Head
from fervid.models.heads import heads
from fervid.models.training.augment import Augment, mixed
from fervid.models.training.examples import Examples
from fervid.models.training.optimise import (
    Optimizer,
    Plateau,
    Schedule,
    Weights,
    cross_entropy,
    factor,
    follow,
    optimizer,
    targets,
    uphill,
)
from fervid.pipeline.frame import EMOTIONS

Watch = Callable[[int, int, int], None]
"""Told the epoch, and the batches done and to do in it; in epoch 0 teachers read the faces."""


class Stopped(Exception):  # noqa: N818
    """Someone asked for the end in the middle of an epoch."""


@dataclass(frozen=True)
class Learning:
    """How to learn; the train stage's options of the same names say what each means."""

    epochs: int
    batch: int
    optimizer: Optimizer
    learning_rate: float
    momentum: float
    weight_decay: float
    schedule: Schedule
    patience: int
    label_smoothing: float
    class_weights: Weights
    teacher_share: float
    votes: float
    votes_share: float
    mixup: float
    mixup_share: float
    ema: float
    clip: float
    sharpness: float
    sharpness_share: float
    bf16: bool
    channels_last: bool
    seed: int


@dataclass(frozen=True)
class Epoch:
    """What one epoch brought: a row of the CSV."""

    epoch: int
    learning_rate: float
    train_loss: float
    validation_loss: float
    calibrated_loss: float
    """The validation loss once calibrated; the epoch in which it is lowest is the one that is kept."""
    validation_accuracy: float
    """Once calibrated."""
    seconds: float

    def __str__(self) -> str:
        losses = f"loss {self.train_loss:.3f}, validation loss {self.calibrated_loss:.3f}"
        return f"{losses}, accuracy {self.validation_accuracy:.2%} ({self.seconds:.0f} s)"


class Learner:
    """A network, its averaged twin, and everything that is needed to go on."""

    def __init__(
        self,
        network: nn.Module,
        learning: Learning,
        augment: Augment,
        device: torch.device,
        votes: bool,
        around: Calibration,
    ) -> None:
        """`votes` says whether the examples have any; a network without a head for them learns the labels alone.

        `around` is the calibration of labels that it begins with.
        """
        self.around = around
        self.learning, self.augment, self.device = learning, augment, device
        self.taught: Mapping[Head, Tensor] = {}
        """What teachers answer for each example, N x 7 for each head that they have."""
        self.votes = votes and learning.votes > 0 and hasattr(network, "votes")
        torch.backends.cudnn.deterministic = True
        self.mean, self.std = float(network.mean), float(network.std)  # type: ignore[arg-type]
        layout = torch.channels_last if learning.channels_last else torch.contiguous_format
        self.network: nn.Module = network.to(device, memory_format=layout)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.network) if learning.ema else self.network
        self.optimizer = optimizer(
            learning.optimizer, self.network, learning.learning_rate, learning.momentum, learning.weight_decay
        )
        self.plateau = Plateau(learning.patience)
        self.epoch = self.step = 0
        self.learned = _stamp(device)
        """When, where and with what the last epoch was learned, or this began."""
        self.history: list[Epoch] = []

    def learn(self, examples: Examples, watch: Watch, stopping: Event) -> tuple[float, float]:
        """Go through all examples once in a new order; return the mean loss of the labels and the last learning rate.

        Sharpness-aware, the loss and the statistics of normalisation are those of the faces that show the way uphill.

        Chance comes from the seed and the epoch's number alone, so an epoch is the same after a break.

        Raises:
            Stopped: `stopping` was set; what this epoch learned is of no use.
        """
        torch.manual_seed(self.learning.seed * 1_000_003 + self.epoch)
        random = torch.Generator(self.device).manual_seed(self.learning.seed * 1_000_003 + self.epoch)
        labels, opinions = self._targets(examples)
        images = examples.images().to(self.device)
        order = torch.randperm(len(examples), generator=random, device=self.device)
        batches = [batch for batch in torch.split(order, self.learning.batch) if len(batch) > 1]
        total, rate = torch.zeros((), device=self.device), 0.0
        self.network.train()
        for number, batch in enumerate(batches):
            rate = self._set_rate(number / len(batches))
            total += self._step(images[batch], labels[batch], opinions[batch], random)
            watch(self.epoch + 1, number + 1, len(batches))
            if stopping.is_set():
                raise Stopped
        self.epoch += 1
        self.learned = _stamp(self.device)
        return float(total) / len(batches), rate

    def judge(self, examples: Examples) -> tuple[float, float, float]:
        """Return the loss on examples, and loss and accuracy once calibrated on them, of the averaged weights.

        As they will ship, in float32. Uncalibrated, a loss says more of how sure a network is than of what it knows.
        """
        logits, labels = self.answers(examples)["labels"], examples.labels()
        known = labels >= 0
        numbers, answers, truth = logits[known].numpy(), labels[known], targets(labels[known], 0.0, "none")
        scale, shift = calibration.fit(numbers, truth.double().numpy(), self.around.scale, self.around.shift)
        scores = calibration.softmax(numbers, scale.tolist(), shift.tolist())
        right = scores.argmax(1) == answers.numpy()
        return (
            float(cross_entropy(logits[known], truth)),
            calibration.log_loss(scores, answers.numpy()),
            float(right.mean()),
        )

    @torch.no_grad()
    def answers(self, examples: Examples) -> dict[Head, Tensor]:
        """N x 7 logits of each head of the averaged weights."""
        self.average.eval()
        parts: list[tuple[Tensor, ...]] = []
        for images in torch.split(examples.images(), self.learning.batch):  # no more memory than a step takes
            pixels = (images.to(self.device).float() / 255 - self.mean) / self.std
            parts.append(tuple(logits[:, : len(EMOTIONS)].cpu() for logits in self._heads(self.average, pixels)))
        return dict(zip(HEADS, map(torch.cat, zip(*parts, strict=True)), strict=False))

    def _heads(self, network: nn.Module, pixels: Tensor) -> tuple[Tensor, ...]:
        """Logits of the labels and, where votes are learned, of what voters saw."""
        return heads(network, pixels) if self.votes else (network(pixels),)

    def _targets(self, examples: Examples) -> tuple[Tensor, Tensor]:
        labels = targets(examples.labels(), self.learning.label_smoothing, self.learning.class_weights)
        opinions = examples.opinions()
        shares: dict[Head, Tensor] = {"labels": labels, "votes": opinions[:, : len(EMOTIONS)]}
        labels += self.learning.votes_share * _towards(labels, shares["votes"])
        for head, target in shares.items():
            if head in self.taught:
                target.lerp_(self.taught[head] * target.sum(1, keepdim=True), self.learning.teacher_share)
        return labels.to(self.device), opinions.to(self.device)

    def _set_rate(self, within: float) -> float:
        share = factor(self.learning.schedule, (self.epoch + within) / self.learning.epochs)
        if self.learning.schedule == "reduce-on-plateau":
            share = self.plateau.factor
        for group in self.optimizer.param_groups:
            group["lr"] = share * self.learning.learning_rate
        return share * self.learning.learning_rate

    def _step(self, images: Tensor, labels: Tensor, opinions: Tensor, random: torch.Generator) -> Tensor:
        pixels = (self.augment(images, random) - self.mean) / self.std
        if (
            self.learning.mixup
            and float(torch.rand((), generator=random, device=self.device)) < self.learning.mixup_share
        ):
            partners, share = mixed(len(images), self.learning.mixup, random)
            pixels, labels, opinions = (share * x + (1 - share) * x[partners] for x in (pixels, labels, opinions))
        if self.learning.channels_last:
            pixels = pixels.contiguous(memory_format=torch.channels_last)
        if self.learning.sharpness:
            few = max(2, round(self.learning.sharpness_share * len(pixels)))
            loss = self._backward(pixels[:few], labels[:few], opinions[:few])
            with uphill(self.network, self.learning.sharpness):
                self._backward(pixels, labels, opinions)
        else:
            loss = self._backward(pixels, labels, opinions)
        if self.learning.clip:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.learning.clip)
        self.optimizer.step()
        self.step += 1
        follow(self.average, self.network, min(self.learning.ema, (1 + self.step) / (10 + self.step)))
        return loss

    def _backward(self, pixels: Tensor, labels: Tensor, opinions: Tensor) -> Tensor:
        """Leave the gradient of both heads' losses in the network; return that of the labels."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.learning.bf16):
            logits, *votes = self._heads(self.network, pixels)
        label_loss = loss = cross_entropy(logits, labels)
        for shares in votes:
            loss = loss + self.learning.votes * cross_entropy(shares, opinions)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        return label_loss.detach()


def best(history: Sequence[Epoch]) -> Epoch:
    """The epoch to keep: accuracy moves by chance where log loss does not."""
    return min(history, key=lambda row: row.calibrated_loss)


def _towards(labels: Tensor, votes: Tensor) -> Tensor:
    """What leads from N x 7 targets to the shares of votes of the same weight; zeros where there are no votes."""
    voted = votes.sum(1, keepdim=True)
    shares = votes / voted.clamp(min=torch.finfo(votes.dtype).tiny)
    return torch.where(voted > 0, shares * labels.sum(1, keepdim=True) - labels, 0.0)


def _stamp(device: torch.device) -> dict[str, str]:
    return {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, {device.type}",
        "torch": torch.__version__,
    }
