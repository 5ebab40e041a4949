"""Faces a second that a training learns beside a plain torch loop, and the memory that it takes.

python benchmarks/training.py fer2013.csv [--batches 40] [--rounds 7] [--networks cnn3,fervid] [--threads 2]

Both learn the same faces, held in memory, by the recipe in configs/train_NETWORK.yaml: the same network, optimizer,
batch, changes to faces, bfloat16 and memory layout, and both look at an eighth as many validation faces in float32.
The plain loop is what one writes by hand with torch alone. Rounds alternate; medians and the ratio of each round are
printed. The head for votes learns ten votes for each label: its cost is that of FER+'s.

Memory is what a whole training of one epoch takes at most, in a process of its own, beside its bar: the faces, what the
plain loop takes beyond `import torch`, and 500 MB.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import statistics
import tempfile
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from threading import Event
from time import perf_counter
from typing import Any

import torch
from machine import resident
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.lr_scheduler import OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from fervid.models import zoo
from fervid.models.target import TARGET
from fervid.models.training.session import Session
from fervid.pipeline import Pipeline
from fervid.pipeline.configuration.config import locate
from fervid.stages.learning.train import Train

FACES = {"train": 28_709, "validation": 3_589}
SLACK = 500  # MB beside data and network


def main() -> None:
    """Print a line for each network, then the parts of memory."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("csv", type=Path)
    arguments.add_argument("--batches", type=int, default=40, help="of a round")
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--networks", default="cnn3,fervid")
    arguments.add_argument("--memory", default="cnn3", help="network of the whole epoch; none leaves it out")
    arguments.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = arguments.parse_args()
    torch.set_num_threads(given.threads)
    for name in filter(None, given.networks.split(",")):
        compare(name, given.csv, given.batches, given.rounds)
    if given.memory != "none":
        memory(given.memory, given.csv, given.threads)


def compare(name: str, csv: Path, batches: int, rounds: int) -> None:
    """Learn in turn and print medians."""
    recipe = trainer(name, {"train.epochs": rounds + 1}).recipe()
    seconds: dict[str, list[float]] = {"fervid": [], "plain": []}
    ends = []
    with tempfile.TemporaryDirectory() as folder:
        session = Session(name, Path(folder), recipe)
        gather(session, csv, recipe["batch"] * batches)
        epochs = session.train("cpu", None, lambda *_: None, Event())
        loop = Plain(name, recipe, data(session), batches)
        for number in range(rounds + 1):
            began = perf_counter()
            learned = next(epochs).seconds
            ends.append(perf_counter() - began - learned)
            began = perf_counter()
            loop.epoch()
            if number:  # the first round warms caches up
                seconds["fervid"].append(learned)
                seconds["plain"].append(perf_counter() - began)
    faces = len(session.examples)
    medians = "  ".join(f"{who} {faces / statistics.median(took):.0f}" for who, took in seconds.items())
    ratios = sorted(plain / own for own, plain in zip(seconds["fervid"], seconds["plain"], strict=True))
    print(
        f"{name:8} faces/s: {medians}   fervid/plain {statistics.median(ratios):.3f} "
        f"({ratios[0]:.2f} to {ratios[-1]:.2f}), {rounds} rounds of {batches} batches of {recipe['batch']}, "
        f"{torch.get_num_threads()} threads; checkpoints and curves {statistics.median(ends):.2f} s an epoch",
        flush=True,
    )


def trainer(name: str, settings: dict[str, Any]) -> Train:
    """The last stage of configs/train_NAME.yaml."""
    stage = Pipeline.load(locate(f"train_{name}"), settings).stages[-1]
    assert isinstance(stage, Train)
    return stage


def gather(session: Session, csv: Path, count: int) -> None:
    """Fill a session with `count` faces to learn from and an eighth to judge by, as the pipeline would."""
    wanted = {"train": count, "validation": count // 8}
    for frame in Pipeline.parse(f'stages:\n  - fer2013: {{path: "{csv}"}}'):
        target = frame[TARGET]
        if target and wanted.get(target.split, 0):
            wanted[target.split] -= 1
            votes = tuple(10 * (k == target.emotion) for k in range(10))
            session.add(frame, dataclasses.replace(target, votes=votes))


@dataclasses.dataclass
class Data:
    """Faces N x 1 x 48 x 48 in uint8, labels, and votes as shares."""

    train: Tensor
    labels: Tensor
    votes: Tensor
    validation: Tensor
    validation_labels: Tensor


def data(session: Session) -> Data:
    """What the session learns, as tensors."""
    known, unseen = session.examples, session.validation
    return Data(known.images(), known.labels(), known.opinions(), unseen.images(), unseen.labels())


class Plain:
    """The loop that one writes by hand."""

    def __init__(self, name: str, recipe: dict[str, Any], given: Data, batches: int) -> None:
        self.recipe, self.data = recipe, given
        self.model: Any = zoo.build(name).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.mean, self.std = float(self.model.mean), float(self.model.std)
        if recipe["votes"]:
            self.model.votes = nn.Linear(self.model.head.in_features, 8)
        self.average = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(recipe["ema"]), use_buffers=True)
        self.optimizer = self._optimizer()
        steps = recipe["epochs"] * batches
        self.schedule = OneCycleLR(self.optimizer, recipe["learning_rate"], steps, cycle_momentum=False)

    def _optimizer(self) -> torch.optim.Optimizer:
        recipe, parameters = self.recipe, list(self.model.parameters())
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe["weight_decay"]},
            {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
        ]
        if recipe["optimizer"] == "sgd":
            return torch.optim.SGD(groups, recipe["learning_rate"], momentum=recipe["momentum"], nesterov=True)
        return torch.optim.Adam(groups, recipe["learning_rate"])

    def epoch(self) -> tuple[float, float]:
        """Learn every face once and look at the validation faces; return loss and accuracy."""
        self.model.train()
        total = 0.0
        for chosen in torch.split(torch.randperm(len(self.data.train)), self.recipe["batch"]):
            total += self._step(self.data.train[chosen], self.data.labels[chosen], self.data.votes[chosen])
            self.schedule.step()
        return total, self._validate()

    def _step(self, images: Tensor, labels: Tensor, votes: Tensor) -> float:
        recipe = self.recipe
        x = (changed(images.float() / 255, recipe) - self.mean) / self.std
        y = functional.one_hot(labels, 7).float()
        if recipe["mixup"] and torch.rand(()) < recipe["mixup_share"]:
            share = float(torch.distributions.Beta(recipe["mixup"], recipe["mixup"]).sample())
            other = torch.randperm(len(x))
            x, y, votes = (share * one + (1 - share) * one[other] for one in (x, y, votes))
        x = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe["bf16"]):
            features = self.model.features(x)
            logits = self.model.head(features)
            loss = functional.cross_entropy(logits.float(), y, label_smoothing=recipe["label_smoothing"])
            if recipe["votes"]:
                loss = loss + recipe["votes"] * functional.cross_entropy(self.model.votes(features).float(), votes)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        if recipe["ema"]:
            self.average.update_parameters(self.model)
        return loss.item()

    @torch.no_grad()
    def _validate(self) -> float:
        model = self.average.module if self.recipe["ema"] else self.model
        model.eval()
        right = 0
        given, size = self.data, self.recipe["batch"]
        for images, labels in zip(
            torch.split(given.validation, size), torch.split(given.validation_labels, size), strict=True
        ):
            x = ((images.float() / 255 - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
            right += int((model(x).argmax(1) == labels).sum())
        return right / len(self.data.validation)


def changed(x: Tensor, recipe: dict[str, Any]) -> Tensor:
    """Turn, move, scale, mirror, light and erase each face by chance."""
    n = len(x)
    angle = torch.empty(n).uniform_(-1, 1) * math.radians(recipe["rotation"])
    size = 1 + torch.empty(n).uniform_(-1, 1) * recipe["scale"]
    sign = torch.where(torch.rand(n) < recipe["flip"], -1.0, 1.0)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = angle.cos() / size * sign, -angle.sin() / size * sign
    theta[:, 1, 0], theta[:, 1, 1] = angle.sin() / size, angle.cos() / size
    theta[:, :, 2] = torch.empty(n, 2).uniform_(-2, 2) * recipe["shift"]
    grid = functional.affine_grid(theta, list(x.shape), align_corners=False)
    x = functional.grid_sample(x, grid, padding_mode="border", align_corners=False)
    if reach := recipe["brightness"]:
        contrast, offset = (torch.empty(n, 1, 1, 1).uniform_(-reach, reach) for _ in range(2))
        middle = x.mean((1, 2, 3), keepdim=True)
        x = ((x - middle) * (1 + contrast) + middle + offset).clamp(0, 1)
    for k in torch.nonzero(torch.rand(n) < recipe["erase"]).flatten().tolist():
        area, ratio = x[k].numel() * float(torch.empty(()).uniform_(0.02, 0.25)), 3 ** float(torch.rand(()) * 2 - 1)
        tall, broad = min(48, int((area * ratio) ** 0.5)), min(48, int((area / ratio) ** 0.5))
        top, left = int(torch.randint(49 - tall, ())), int(torch.randint(49 - broad, ()))
        x[k, :, top : top + tall, left : left + broad] = torch.rand(tall, broad)
    return x


def memory(name: str, csv: Path, threads: int) -> None:
    """Print the largest resident memory of one epoch through the pipeline, its bar, and the bar's parts."""
    before, network = apart(plain_memory, name, threads)
    peak, *_ = apart(pipeline_memory, name, csv, threads)
    faces = sum(FACES.values()) * 48 * 48 / 1e6
    bar = faces + network + SLACK
    print(
        f"{name} memory: at most {peak:.0f} MB of {bar:.0f} MB (faces {faces:.0f}, network {network:.0f}, "
        f"rest {SLACK}); import torch alone {before:.0f} MB"
    )


def apart(measure: Callable[..., tuple[float, ...]], *arguments: Any) -> tuple[float, ...]:
    """Call in a fresh process."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, arguments)


def plain_memory(name: str, threads: int) -> tuple[float, float]:
    """MB after the imports, and how much more the plain loop takes for a few batches of noise."""
    torch.set_num_threads(threads)
    before = resident()
    recipe = trainer(name, {}).recipe()
    count = 10 * recipe["batch"]
    noise = torch.randint(256, (count, 1, 48, 48), dtype=torch.uint8)
    labels = torch.randint(7, (count,))
    few = slice(recipe["batch"])
    given = Data(noise, labels, functional.one_hot(labels, 8).float(), noise[few], labels[few])
    Plain(name, recipe, given, 10).epoch()
    return before, resident("VmHWM") - before


def pipeline_memory(name: str, csv: Path, threads: int) -> tuple[float]:
    """MB at most of an epoch of the whole csv."""
    with tempfile.TemporaryDirectory() as out:
        settings = {"fer2013.path": str(csv), "train.epochs": 1, "train.out": out, "train.threads": threads}
        if name == "fervid":
            settings |= {"fer2013.votes": None}
        for _ in Pipeline.load(locate(f"train_{name}"), settings):
            pass
    return (resident("VmHWM"),)


if __name__ == "__main__":
    main()
