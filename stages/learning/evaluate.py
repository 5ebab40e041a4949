"""Measure a network on labelled frames, behind the very stages that a video would pass."""

from __future__ import annotations

import csv
import heapq
import json
import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Ge

from fervid.models.crop import crop
from fervid.models.foreign import conversion
from fervid.models.reading import Reader
from fervid.models.target import TARGET, Target
from fervid.pipeline.errors import InputError
from fervid.pipeline.fact import GATHERED
from fervid.pipeline.frame import EMOTIONS, UNCERTAIN, Face, Frame
from fervid.pipeline.frames import Frames
from fervid.pipeline.output import output, resolve
from fervid.pipeline.record import Run
from fervid.pipeline.roles import Writes
from fervid.pipeline.stage import Stage, Terms, register
from fervid.stages.faces.emotions import EMOTION, PROBABILITIES, READER

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

    out: Annotated[str, Writes("model", "head", folder=True)] = "out/evaluation/{model}"
    """Folder for the report; {model} is the name of the weights, {head} which answers, {name} that of the source."""
    mistakes: Annotated[int, Ge(1)] = 20
    """How many of the surest mistakes the contact sheet shows."""

    needs = (TARGET, EMOTION)

    def terms(self) -> Terms:
        return super().terms()._replace(gives=(GATHERED,))

    def run(self, frames: Frames) -> Generator[Frame]:
        splits: dict[str, Answers] = {}
        reader: Reader | None = None
        for frame in frames:
            if target := frame[TARGET]:
                reader = frame[READER]
                self._note(splits.setdefault(target.split, Answers()), frame, target)
            yield frame
        if not splits:
            raise InputError("evaluate got no labelled frame; check the source's `split`")
        self._write(splits, frames.run, reader)

    def _note(self, answers: Answers, frame: Frame, target: Target) -> None:
        face = max((face for face in frame.faces if face[PROBABILITIES] is not None), key=_area, default=None)
        scores = face[PROBABILITIES] if face else None
        if face is None or scores is None:
            answers.missed += 1
            return
        answers.labels.append(-1 if target.emotion is None else target.emotion)
        answers.scores.append(scores)
        answers.votes.append(target.votes)
        answers.certain.append((read := face[EMOTION]) is None or read.label != UNCERTAIN)
        if target.emotion not in (None, int(scores.argmax())):
            self._keep(answers.worst, frame, face, target.emotion, scores)

    def _keep(
        self, worst: list[Mistake], frame: Frame, face: Face, label: int | None, scores: NDArray[np.float32]
    ) -> None:
        from fervid.models.evaluation.pictures import Mistake

        confidence = float(scores.max())
        if label is None or (len(worst) == self.mistakes and confidence <= worst[0].confidence):
            return
        answer = EMOTIONS[int(scores.argmax())]
        picture = crop(frame.picture, face.box, face.keypoints, 96)
        heapq.heappush(worst, Mistake(confidence, -frame.index, EMOTIONS[label], answer, picture))
        if len(worst) > self.mistakes:
            heapq.heappop(worst)

    def _write(self, splits: dict[str, Answers], run: Run, reader: Reader | None) -> None:
        from fervid.models.evaluation.report import markdown

        source = run.source
        assert source
        weights = reader.note if reader else {}
        path, head = (Path(reader.model), reader.head) if reader else (Path("model"), "labels")
        model = path.stem if conversion.is_file(path) else path.name
        folder = resolve(self.out, run, model=model, head=head)
        figures = {split: _split(answers, split, folder, run) for split, answers in splits.items()}
        whole = {"source": source.name, "weights": weights, "labels": EMOTIONS, "splits": figures}
        _text(folder / "evaluation.json", json.dumps(whole, indent=2) + "\n", run)
        _text(folder / "evaluation.md", markdown(model, source.name, weights, figures), run)
        for split, row in figures.items():
            _tell(split, row, head)
        log.info("the report is %s", run.outputs[-1])


def _tell(split: str, row: dict[str, Any], head: str) -> None:
    majority = row.get("ferplus_majority", {}).get("accuracy")
    if head == "votes" and majority is not None:
        log.info("%s: %.2f %% of FER+'s majorities", split, 100 * majority)
    elif head == "votes":
        log.warning("%s: measured by labels, which the head votes did not learn; give the source FER+'s votes", split)
    if "accuracy" in row:
        log.info("%s: accuracy %.2f %%, macro-F1 %.2f %%", split, 100 * row["accuracy"], 100 * row["macro_f1"])


def _split(answers: Answers, split: str, folder: Path, run: Run) -> dict[str, Any]:
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
        title = f"{run.source.name if run.source else ''}, {split} split"
        drawn: dict[str, Callable[[], Figure]] = {
            "confusion": lambda: pictures.confusion(matrix, f"{title}: {right.mean():.1%} right"),
            "reliability": lambda: pictures.reliability(confidence, right, title),
            "coverage": lambda: pictures.risk_coverage(confidence, right, title),
            "mistakes": lambda: pictures.contact_sheet(sorted(answers.worst)[::-1], f"{title}: surest mistakes"),
        }
        for name, draw in drawn.items():
            with output(folder / f"{name}_{split}.png", run) as made:
                draw().savefig(made.part, format="png")
        _table(folder / f"confusion_{split}.csv", matrix, run)
    return figures


def _table(path: Path, matrix: NDArray[np.int64], run: Run) -> None:
    with output(path, run) as made, made.part.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["label", *EMOTIONS])
        rows.writerows([name, *row] for name, row in zip(EMOTIONS, matrix.tolist(), strict=True))


def _text(path: Path, text: str, run: Run) -> None:
    with output(path, run) as made:
        made.part.write_text(text, encoding="utf-8")


def _area(face: Face) -> float:
    x1, y1, x2, y2 = face.box
    return (x2 - x1) * (y2 - y1)
