"""One training from its first face to the finished file; a stopped one is taken up again."""

from __future__ import annotations

import dataclasses
import json
import logging
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

import torch

from fervid.models import checkpoint, zoo
from fervid.models.card import Calibration, Card, card_path
from fervid.models.foreign import conversion
from fervid.models.target import Target
from fervid.models.training import curves, state, teaching
from fervid.models.training.augment import Augment
from fervid.models.training.examples import Examples
from fervid.models.training.finish import FEW, finish
from fervid.models.training.learner import Epoch, Learner, Learning, Stopped, Watch, best
from fervid.models.training.optimise import mean
from fervid.pipeline import temporary
from fervid.pipeline.errors import ConfigError, ModelError, OutputError
from fervid.pipeline.frame import Frame
from fervid.pipeline.output import write
from fervid.pipeline.ownership import regular
from fervid.pipeline.redaction import redacted

T = TypeVar("T")

log = logging.getLogger(__name__)


class Session:
    """A recipe, the faces to learn from, and the folder that it all ends in."""

    def __init__(self, network: str, folder: Path, recipe: dict[str, Any]) -> None:
        self.network, self.folder, self.recipe = network, folder, dict(recipe)
        torch.manual_seed(recipe["seed"])
        self.model = zoo.build(network)
        if lacking := [name for name in ("size", "mean", "std") if not hasattr(self.model, name)]:
            raise ModelError(f"network {network!r} does not say its {lacking[0]}; set it as an attribute of the class")
        size = int(self.model.size)  # type: ignore[arg-type]
        self.examples, self.validation = Examples(size), Examples(size)
        self.overwrite = False
        self.weights = folder / f"{network}.safetensors"
        self.last, self.best = folder / "last.safetensors", folder / "best.safetensors"
        self.starts = self._begin_with(_several(recipe["start"]))
        self.teachers = teaching.open_teachers(_several(recipe["teachers"]), network, size)
        if self.teachers:
            self.recipe["teachers_sha256"] = [teacher.sha256 for teacher in self.teachers]

    def claim(self, overwrite: bool) -> None:
        """Make sure of the folder before hours are spent; what it holds goes only when there are faces to learn from.

        Raises:
            OutputError: it cannot be written, or holds weights that must not be lost.
        """
        self.overwrite = overwrite
        if self.weights.exists() and card_path(self.weights).exists() and not overwrite:
            raise OutputError(f"{self.weights}: is finished and stays; choose another `out`, or set overwrite: true")
        recipe = self.folder / "recipe.json"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if regular(recipe):
                recipe.touch()
                return
            if not overwrite and (there := [path for path in self._files() if path.exists()]):
                raise OutputError(f"{there[0]}: is there, and no training made it; choose another `out`")
            temporary.create(recipe).close()
        except OSError as error:
            raise OutputError(f"{self.folder}: cannot be written: {error.strerror}") from error

    def _files(self) -> list[Path]:
        """What a training replaces."""
        return [self.weights, self.last, self.best, self.folder / curves.TABLE, self.folder / curves.PICTURE]

    def _begin_with(self, models: Sequence[str]) -> list[Card]:
        """Take over trained weights, or the mean of several; return their cards."""
        cards: list[Card] = []
        states = []
        for path in map(conversion.weights, models):
            if path.resolve() == self.weights.resolve():
                raise OutputError(f"{path}: cannot be where training starts and where it ends; choose another `out`")
            card = checkpoint.load_card(path)
            self._check(path, card, cards[0] if cards else card, models[0])
            cards.append(card)
            states.append(checkpoint.load(path)[1].state_dict())
        if cards:
            self.model.load_state_dict(mean(states))
            self.model.mean, self.model.std = _pixels(cards[0])  # type: ignore[assignment]
            self.recipe["start_sha256"] = [card.sha256 for card in cards]
        return cards

    def _check(self, path: Path, card: Card, first: Card, named: str) -> None:
        """Refuse weights that this network cannot begin with, or of which and of the first ones there is no mean."""
        if card.network != self.network:
            raise ModelError(f"{path}: cannot start {self.network!r}: its weights are of {card.network!r}")
        if card.size != self.examples.size:
            raise ModelError(f"{path}: reads faces of {card.size} pixels, {self.network} learns {self.examples.size}")
        if card.heads.keys() != first.heads.keys():
            raise ModelError(f"{path}: learned other heads than {named}; there is no mean of them")
        if _pixels(card) != _pixels(first):
            raise ModelError(f"{path}: sees other pixels than {named}; there is no mean of them")

    def add(self, frame: Frame, target: Target) -> None:
        """Keep a frame of the train or validation split."""
        if target.split != "test":
            examples = self.examples if target.split == "train" else self.validation
            examples.add(frame, target)

    def train(self, device: str, early_stop: int | None, watch: Watch, stopping: Event) -> Iterator[Epoch]:
        """Learn epoch by epoch, from where it was stopped, and yield what each brought; the last writes the weights.

        Raises:
            InputError: a split is empty or lacks an emotion.
            ModelError: the stopped training in the folder had other options or data, or the loss became nan.
        """
        self.examples.require("train")
        self.validation.require("validation")
        where = _device(device)
        if self.overwrite:
            for path in self._files():
                path.unlink(missing_ok=True)
        votes = self.examples.voted() and self.validation.voted()
        if not self.recipe["epochs"]:
            votes = votes and "votes" in self.starts[0].heads
        around = self.starts[0].heads["labels"] if self.starts else Calibration()
        learner = Learner(self.model, self._part(Learning), self._part(Augment), where, votes, around)
        self._resume(learner)
        if self.starts and not learner.epoch:
            share = learner.judge(self.validation)[2]
            log.info("before training: accuracy %.2f %% on %d validation faces", 100 * share, len(self.validation))
        try:
            if self.teachers and learner.epoch < learner.learning.epochs:
                faces = self.examples.images()[:, 0].numpy()
                log.info("train: what teaches reads %d faces", len(faces))
                learner.taught = teaching.answers(self.teachers, faces, watch, stopping)
            while learner.epoch < learner.learning.epochs and not _stale(learner.history, early_stop):
                yield self._epoch(learner, watch, stopping)
        except Stopped:
            return
        if history := learner.history:
            learned = learner.learned
            state.restore(learner, self.best)
            learner.history, learner.learned = history, learned
        card = finish(
            learner, self.examples, self.validation, redacted(self.recipe), self.starts, self.network, self.weights
        )
        accuracy, faces = card.figures["validation"]["accuracy"], card.figures["validation"]["faces"]
        log.info("after training: accuracy %.2f %% on %d validation faces", 100 * accuracy, faces)
        if faces < FEW:
            log.warning("%d validation faces are few: this figure, and how sure the network seems, may be luck", faces)

    def _epoch(self, learner: Learner, watch: Watch, stopping: Event) -> Epoch:
        start = time.perf_counter()
        loss, rate = learner.learn(self.examples, watch, stopping)
        judged, calibrated, accuracy = learner.judge(self.validation)
        learner.plateau.see(judged)
        if not math.isfinite(loss + judged):
            raise ModelError(
                f"train: in epoch {learner.epoch} the loss is no number any more; lower learning_rate, or set clip"
            )
        row = Epoch(learner.epoch, rate, loss, judged, calibrated, accuracy, round(time.perf_counter() - start, 2))
        learner.history.append(row)
        if best(learner.history) is row:
            state.save(learner, self.best)
        state.save(learner, self.last)
        curves.write(learner.history, self.folder)
        return row

    def _resume(self, learner: Learner) -> None:
        """Take up a stopped training, if it is this one."""
        mine = redacted(self.recipe) | {"data": self.examples.digest(), "validation": self.validation.digest()}
        kept = self.folder / "recipe.json"
        if self.last.exists():
            theirs = json.loads(kept.read_text() or "{}")
            if odd := [name for name in mine if theirs.get(name) != mine[name]]:
                raise ModelError(
                    f"{self.last}: a stopped training with another {' and '.join(odd)}; "
                    "choose another `out`, or set overwrite: true to start over"
                )
            state.restore(learner, self.last)
        else:
            write(kept, (json.dumps(mine, indent=2) + "\n").encode())

    def _part(self, cls: type[T]) -> T:
        return cls(**{field.name: self.recipe[field.name] for field in dataclasses.fields(cls)})  # type: ignore[arg-type]


def _pixels(card: Card) -> tuple[float, float]:
    """Mean and deviation of the grey values that it takes."""
    return card.mean, card.std


def _several(models: str | list[str] | None) -> list[str]:
    return [models] if isinstance(models, str) else models or []


def knows_bf16(device: str) -> bool:
    """Whether it computes in bfloat16 itself: what works around that takes several times as long as float32."""
    if _device(device).type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f"train: device {name!r} is not there: {str(error).splitlines()[0]}") from error
    return torch.device(name)


def _stale(history: list[Epoch], patience: int | None) -> bool:
    if patience is None or not history:
        return False
    return history[-1].epoch - best(history).epoch >= patience
