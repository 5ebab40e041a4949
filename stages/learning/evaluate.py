"""Measure a network on labelled frames, behind the very stages that a video would pass."""

from __future__ import annotations

import csv
import heapq
import json
import logging
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge

from fervid.models import zoo
from fervid.models.crop import crop
from fervid.pipeline.errors import InputError
from fervid.pipeline.frame import EMOTIONS, UNCERTAIN, Face, Frame, Source, Target
from fervid.pipeline.output import output, resolve
from fervid.pipeline.frames import Frames
from fervid.pipeline.stage import Stage, register

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from fervid.models.evaluation.pictures import Mistake

log = logging.getLogger(__name__)


@dataclass
class Answers:
    """What was answered on one split, and what is true."""

    labels: list[int] = field(default_factory=list)
    scores: list[NDArray[np.float32]] = field(default_factory=list)
    votes: list[tuple[int, ...] | None] = field(default_factory=list)
    certain: list[bool] = field(default_factory=list)
    """Whether the face got an emotion for a label, and not `uncertain`."""
    missed: int = 0
    worst: list[Mistake] = field(default_factory=list)
    """A heap of the surest mistakes."""


@register("evaluate")
@dataclass(frozen=True)
class Evaluate(Stage):
    """Writes evaluation.json and evaluation.md with pictures; frames pass unchanged.

    Of several faces in a frame the largest counts. A frame without one is told apart and not counted in the accuracy.
    """

    out: str = "out/evaluation/{model}"
    """Folder for the report; {model} is the name of the weights, {head} which answers, {name} that of the source."""
    mistakes: Annotated[int, Ge(1)] = 20
    """How many of the surest mistakes the contact sheet shows."""

    needs = frozenset({"target", "faces.emotions"})
    output: ClassVar[str | None] = "out"
    placeholders = ("model", "head")

    def run(self, frames: Frames) -> Generator[Frame]:
        splits: dict[str, Answers] = {}
        source: Source | None = None
        for frame in frames:
            if frame.target:
                source = frame.source
                self._note(splits.setdefault(frame.target.split, Answers()), frame, frame.target)
            yield frame
        if source is None:
            raise InputError("evaluate got no labelled frame; check the source's `split`")
        self._write(splits, source)

    def _note(self, answers: Answers, frame: Frame, target: Target) -> None:
        face = max((face for face in frame.faces if face.emotions is not None), key=_area, default=None)
        if face is None or face.emotions is None:
            answers.missed += 1
            return
        answers.labels.append(-1 if target.emotion is None else target.emotion)
        answers.scores.append(face.emotions)
        answers.votes.append(target.votes)
        answers.certain.append(face.emotion != UNCERTAIN)
        if target.emotion not in (None, int(face.emotions.argmax())):
            self._keep(answers.worst, frame, face, target.emotion)

    def _keep(self, worst: list[Mistake], frame: Frame, face: Face, label: int | None) -> None:
        from fervid.models.evaluation.pictures import Mistake

        confidence = float(face.emotions.max())  # type: ignore[union-attr]
        if label is None or (len(worst) == self.mistakes and confidence <= worst[0].confidence):
            return
        answer = EMOTIONS[int(face.emotions.argmax())]  # type: ignore[union-attr]
        picture = crop(frame.image, face.box, face.keypoints, 96)
        heapq.heappush(worst, Mistake(confidence, -frame.index, EMOTIONS[label], answer, picture))
        if len(worst) > self.mistakes:
            heapq.heappop(worst)

    def _write(self, splits: dict[str, Answers], source: Source) -> None:
        from fervid.models.evaluation.report import markdown

        weights = source.provenance.get("weights", {})
        path, head = Path(str(weights.get("model", "model"))), str(weights.get("head", "labels"))
        model = path.stem if path.suffix in zoo.SUFFIXES else path.name
        folder = resolve(self.out, source, model=model, head=head)
        figures = {split: _split(answers, split, folder, source) for split, answers in splits.items()}
        whole = {"source": source.name, "weights": weights, "labels": EMOTIONS, "splits": figures}
        _text(folder / "evaluation.json", json.dumps(whole, indent=2) + "\n", source)
        _text(folder / "evaluation.md", markdown(model, source.name, weights, figures), source)
        for split, row in figures.items():
            _tell(split, row, head)
        log.info("the report is %s", source.outputs[-1])


def _tell(split: str, row: dict[str, Any], head: str) -> None:
    majority = row.get("ferplus_majority", {}).get("accuracy")
    if head == "votes" and majority is not None:
        log.info("%s: %.2f %% of FER+'s majorities", split, 100 * majority)
    elif head == "votes":
        log.warning("%s: measured by labels, which the head votes did not learn; give the source FER+'s votes", split)
    if "accuracy" in row:
        log.info("%s: accuracy %.2f %%, macro-F1 %.2f %%", split, 100 * row["accuracy"], 100 * row["macro_f1"])


def _split(answers: Answers, split: str, folder: Path, source: Source) -> dict[str, Any]:
    """Write the pictures and tables of one split and return its figures."""
    import numpy as np

    from fervid.models.evaluation import measures, pictures

    labels = np.array(answers.labels, np.int64)
    scores = np.array(answers.scores, np.float64).reshape(-1, len(EMOTIONS))
    figures = measures.measure(labels, scores, answers.votes, np.array(answers.certain, bool), answers.missed)
    known = labels >= 0
    if known.any():
        matrix = measures.confusion(labels, scores)
        confidence, right = scores[known].max(1), scores[known].argmax(1) == labels[known]
        title = f"{source.name}, {split} split"
        drawn: dict[str, Callable[[], Figure]] = {
            "confusion": lambda: pictures.confusion(matrix, f"{title}: {right.mean():.1%} right"),
            "reliability": lambda: pictures.reliability(confidence, right, title),
            "coverage": lambda: pictures.risk_coverage(confidence, right, title),
            "mistakes": lambda: pictures.contact_sheet(sorted(answers.worst)[::-1], f"{title}: surest mistakes"),
        }
        for name, draw in drawn.items():
            with output(folder / f"{name}_{split}.png", source) as part:
                draw().savefig(part, format="png")
        _table(folder / f"confusion_{split}.csv", matrix, source)
    return figures


def _table(path: Path, matrix: NDArray[np.int64], source: Source) -> None:
    with output(path, source) as part, part.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["label", *EMOTIONS])
        rows.writerows([name, *row] for name, row in zip(EMOTIONS, matrix.tolist(), strict=True))


def _text(path: Path, text: str, source: Source) -> None:
    with output(path, source) as part:
        part.write_text(text, encoding="utf-8")


def _area(face: Face) -> float:
    x1, y1, x2, y2 = face.box
    return (x2 - x1) * (y2 - y1)
