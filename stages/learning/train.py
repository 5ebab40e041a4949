"""Teach a network from labelled frames; what it learned is a file that `emotions` takes."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Generator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt

from fervid.models.target import TARGET
from fervid.pipeline.errors import ConfigError
from fervid.pipeline.fact import GATHERED
from fervid.pipeline.frame import Frame
from fervid.pipeline.frames import Frames
from fervid.pipeline.record import Run
from fervid.pipeline.stage import Stage, Terms, register

if TYPE_CHECKING:
    from fervid.models.training.session import Session

log = logging.getLogger(__name__)

Share = Annotated[float, Ge(0), Le(1)]
NOT_RECIPE = ("out", "overwrite", "device", "threads", "tensorboard")
"""Options that leave the recipe as it is."""


@register("train")
@dataclass(frozen=True)
class Train(Stage):
    """Frames pass through while they are gathered; when the last has passed, training begins.

    Frames of the train split teach, those of the validation split choose the best epoch and calibrate; those of the
    test split are not looked at. A training that was stopped goes on where it was when the same pipeline runs again.
    """

    network: str
    """Name of a network: one of fervid's or of a plugin's."""
    out: str = "runs/{network}"
    """Folder for the weights and their card, the checkpoint of each epoch, epochs.csv and curves.png."""
    start: str | list[str] | None = None
    """Weights of the same network to go on from (`fervid`, or a .safetensors file): for faces of your own, or for a
    further cycle. A tenth of the learning rate keeps what they know; without it, training begins with chance. Of
    several, the mean: often better than each where all of them began with the same weights (Wortsman et al. 2022)."""
    teachers: str | list[str] | None = None
    """Trained models (`fervid`, or .safetensors or .onnx files) whose answer to a face and its mirror, of several the
    mean, is a share of what is learned, labels and votes: distillation (Hinton et al. 2015). They may be of another
    network; their face size must be the same."""
    teacher_share: Share = 0.5
    """How much the teachers' answers count, labels and votes counting the rest. More where labels are noisy."""
    overwrite: bool = False
    """Start over where the folder holds weights or a stopped training; otherwise those are never touched."""
    epochs: Annotated[int, Ge(0)] = 60
    """How often each face is seen. More while training and validation loss still fall; 0 keeps the weights that
    `start` gives and calibrates them on the validation faces."""
    batch: Annotated[int, Ge(2)] = 128
    """Faces a step. Double it with the learning rate where a GPU is idle; halve both where memory ends."""
    optimizer: Literal["sgd", "adam", "adamw", "nadam"] = "sgd"
    """sgd generalises best on long schedules; adamw gets far in a few epochs and forgives a wrong learning rate."""
    learning_rate: Annotated[float, Gt(0)] = 0.1
    """At its peak. About 0.1 for sgd and 0.001 for the others; a third of it where the loss jumps or becomes nan."""
    momentum: Annotated[float, Ge(0), Lt(1)] = 0.9
    """Of sgd (Nesterov's), or beta1 of the others. Seldom worth turning."""
    weight_decay: Annotated[float, Ge(0)] = 0.0005
    """Pull of the weights to 0. Raise it where validation falls behind training; not used on biases and norms."""
    schedule: Literal["one-cycle", "cosine", "reduce-on-plateau", "constant"] = "one-cycle"
    """one-cycle where `epochs` is final; reduce-on-plateau where one does not know how long it will take."""
    patience: Annotated[int, Ge(0)] = 5
    """Epochs without a better validation loss before reduce-on-plateau halves the rate."""
    early_stop: Annotated[int, Ge(1)] | None = None
    """Epochs without a better calibrated loss before it ends. Leave it out with one-cycle: its gains come last."""
    label_smoothing: Annotated[float, Ge(0), Lt(1)] = 0.1
    """Share of a label given to all classes. FER2013's labels are noisy: 0 makes the network overconfident."""
    class_weights: Literal["none", "balanced", "sqrt"] = "none"
    """Weight rare emotions more: sqrt raises macro-F1 a little, balanced costs accuracy (disgust is 1.5 % of faces)."""
    votes: Annotated[float, Ge(0)] = 1.0
    """Weight of a second head that learns FER+'s votes, where the source has them; 0 learns the labels alone."""
    votes_share: Share = 0.0
    """How much FER+'s votes count in what the first head learns, the label counting the rest: 0.2 to 0.3 where labels
    are noisy."""
    rotation: Annotated[float, Ge(0), Le(180)] = 15.0
    """Largest turn in degrees. Raise it for cameras that tilt."""
    shift: Share = 0.1
    """Largest move, as a share of the side. Raise it where the detector's boxes are loose."""
    scale: Annotated[float, Ge(0), Lt(1)] = 0.1
    """Largest change of size, as a share. The same."""
    flip: Share = 0.5
    """Probability of a mirror image. Leave it at 0.5: faces have no side."""
    flip_vertical: Share = 0.0
    """Probability of standing on its head. Only to repeat recipes that did it."""
    brightness: Share = 0.2
    """Largest change of brightness and of contrast. Raise it for poor light."""
    erase: Share = 0.25
    """Probability that a random rectangle becomes noise. Raise it against hands and masks, or where it overfits."""
    cutout: Annotated[int, Ge(0)] = 0
    """Side in pixels of a square that becomes grey; another form of the same."""
    mixup: Annotated[float, Ge(0)] = 0.2
    """Alpha of mixup: faces are blended with others. 0 for short trainings; 0.2 to 0.4 for long ones."""
    mixup_share: Share = 0.5
    """Share of the batches that are blended."""
    ema: Annotated[float, Ge(0), Lt(1)] = 0.998
    """Decay a step of the averaged weights, which are those that are kept; 0 keeps the last step's."""
    clip: Annotated[float, Ge(0)] = 0.0
    """Longest gradient. 1 to 5 where the loss jumps; 0 does not limit it."""
    sharpness: Annotated[float, Ge(0)] = 0.0
    """Radius within which the loss shall stay low: 0.05 to 0.2 finds wide minima, which forgive noisy labels, in twice
    the time (sharpness-aware minimisation, Foret et al. 2021)."""
    sharpness_share: Annotated[float, Gt(0), Le(1)] = 1.0
    """Share of a batch that the way uphill is looked for with: 0.25 takes a quarter more time in place of twice the
    time (Brock et al. 2021, whose networks had no batch normalisation: its statistics are that share's)."""
    bf16: bool | None = None
    """Compute in bfloat16 where that is safe: up to twice as fast on CPUs and GPUs that know it, many times as slow on
    others. Left out, it is taken where it is known."""
    channels_last: bool = True
    """Memory layout that convolutions are faster in; weights and results are the same but for rounding."""
    seed: Annotated[int, Ge(0)] = 1
    """The same seed on the same machine gives the same weights; train twice to see how much is luck."""
    device: str = "auto"
    """auto takes CUDA where there is one; or cpu, cuda, cuda:1."""
    threads: Annotated[int, Ge(1)] | None = None
    """CPU threads; as many as cores where left out."""
    tensorboard: bool = False
    """Write curves for TensorBoard as well; needs `pip install fervid[tensorboard]`."""

    needs = (TARGET,)

    def terms(self) -> Terms:
        return super().terms()._replace(gives=(GATHERED,))

    def __post_init__(self) -> None:
        if not self.epochs and not self.start:
            raise ConfigError("option 'epochs': 0 learns nothing; give 1 or more, or a `start` to calibrate")

    def run(self, frames: Frames) -> Generator[Frame]:
        from fervid.models.training.session import Session

        if self.tensorboard and find_spec("tensorboard") is None:
            raise ConfigError("option 'tensorboard': is not installed; install it: pip install \"fervid[tensorboard]\"")
        session = Session(self.network, Path(self.out.replace("{network}", self.network)), self.recipe())
        session.claim(self.overwrite)
        run = frames.run
        for frame in frames:
            if target := frame[TARGET]:
                session.add(frame, target)
            yield frame
        if run.lost.cut:
            log.warning("train: the reading was stopped, so nothing was learned")
        else:
            self._train(session, run)
            if not session.weights.exists():
                run.lost.cut = "interrupted"

    def recipe(self) -> dict[str, Any]:
        """All options that the weights depend on, as they hold on this machine."""
        from fervid.models.training.session import knows_bf16

        recipe = {name: value for name, value in dataclasses.asdict(self).items() if name not in NOT_RECIPE}
        return recipe | {"bf16": knows_bf16(self.device) if self.bf16 is None else self.bf16}

    def _train(self, session: Session, run: Run) -> None:
        import torch

        from fervid.models.training import curves

        before = torch.get_num_threads()
        torch.set_num_threads(self.threads or before)

        def show(epoch: int, done: int, total: int) -> None:
            if epoch:
                whole = (epoch - 1) * total + done, self.epochs * total
                run.advance(*whole, f"{self.network}, epoch {epoch} of {self.epochs}")
            else:
                run.advance(done, total, "what teaches reads")

        try:
            for row in session.train(self.device, self.early_stop, show, run.stopping):
                log.info("epoch %d of %d: %s", row.epoch, self.epochs, row)
                if self.tensorboard:
                    curves.tensorboard(row, session.folder)
        finally:
            torch.set_num_threads(before)
        if session.weights.exists():
            log.info("learned: weights and card are %s and .json", session.weights)
        elif not session.last.exists():
            log.warning("training stopped before its first epoch was whole; nothing is kept of it")
        else:
            how = " without overwrite" * self.overwrite
            log.warning("training stopped; the same command%s goes on from its last whole epoch", how)
