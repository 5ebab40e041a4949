"""Read seven emotions from every detected face, with a network from the zoo or one of your own."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Ge, Le

from fervid.models.card import Answer, Card
from fervid.models.crop import crop_face
from fervid.models.foreign import conversion
from fervid.models.precision import Precision
from fervid.models.readable import readable
from fervid.models.reading import Emotion, Reader
from fervid.models.runtime import Classifier, Runtime, open_classifier
from fervid.pipeline.errors import ConfigError
from fervid.pipeline.fact import CHANGED, FRAMES, Column, Fact, vector
from fervid.pipeline.frame import EMOTIONS, FACES, UNCERTAIN, Face, Frame
from fervid.pipeline.frames import Frames
from fervid.pipeline.stage import Stage, register

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


EMOTION: Fact[Emotion] = Fact(
    "faces.emotion",
    "emotions",
    (
        Column("emotion", "the label: one of the seven, or uncertain; behind smooth, the steadied one", type="text"),
        Column("confidence", "probability of the label, 0 to 1; of uncertain, that of the best guess", summed_up=False),
    ),
    value=lambda cells: Emotion(str(cells[0]), float(cells[1] or 0)),
)
"""Given by `emotions` and made steadier by `smooth`."""

PROBABILITIES = vector(
    "faces.probabilities",
    "probabilities of emotions",
    [Column(name, f"probability of {name} in this frame, 0 to 1", summed_up=False) for name in EMOTIONS],
)
"""7 calibrated probabilities in the order of EMOTIONS."""

UNREADABLE: Fact[bool] = Fact(
    "faces.unreadable", "faces that cannot be read", cells=lambda true: (true,), value=lambda cells: bool(cells[0])
)
"""True of a face that is too dark, too blurred, too small or too poorly detected to be named: it is uncertain."""

READER: Fact[Reader] = Fact("frames.reader", "a network that reads emotions")


ZOOMS = (1.0, 0.9, 1.1)
"""How much wider than its card says each view of a face is."""
TOGETHER = 8
"""Frames or faces of a file that are read at once."""
HELD_BYTES = 64 << 20
"""How much picture may wait for that."""


@dataclass
class _Begun:
    """What a run was begun with, on whatever processor it goes on."""

    sha256: str = ""
    precision: str = ""

    def go_on(self, classify: Classifier) -> None:
        if self.sha256 not in ("", classify.sha256):
            here = f"{classify.precision} {classify.sha256[:12]}"
            begun = f"{self.precision} {self.sha256[:12]}"
            raise ConfigError(f"emotions: was begun with other weights: {begun}, here {here}; --restart begins anew")
        self.sha256, self.precision = classify.sha256, classify.precision


@dataclass
class _Burst:
    """Frames of a file whose faces are read together: the network's weights are fetched once for all of them."""

    frames: list[Frame] = field(default_factory=list)
    seen: list[list[Face]] = field(default_factory=list)
    """The faces of each frame that are read."""
    views: list[NDArray[np.uint8]] = field(default_factory=list)
    """Of each frame: faces x ways x size x size."""

    def add(self, frame: Frame, seen: list[Face], views: NDArray[np.uint8]) -> None:
        """Take a frame, with the faces that are to be read and their crops."""
        self.frames.append(frame)
        self.seen.append(seen)
        self.views.append(views)

    @property
    def full(self) -> bool:
        """Whether waiting for more would gain nothing; a live source never waits."""
        newest = self.frames[-1]
        many = len(self.frames) >= TOGETHER or sum(map(len, self.seen)) >= TOGETHER
        return newest.source.live or many or newest.picture.nbytes * len(self.frames) >= HELD_BYTES

    def read(self, classify: Classifier, threshold: float) -> Iterator[Frame]:
        """Let the network read all faces, and give the frames back."""
        import numpy as np

        faces = [face for seen in self.seen for face in seen]
        if faces:
            views = np.concatenate(self.views)
            scores = classify(views.reshape(-1, *views.shape[2:])).reshape(*views.shape[:2], -1).mean(1)
            for face, crop, each in zip(faces, views[:, 0], scores, strict=True):
                _note(face, crop, each, threshold)
        frames = list(self.frames)
        for part in (self.frames, self.seen, self.views):
            part.clear()
        yield from frames


@register("emotions")
@dataclass(frozen=True)
class Emotions(Stage):
    """Seven calibrated probabilities for each face, and the label of the largest.

    A face whose box is only predicted gets none: where nothing was seen, nothing is claimed. One that is too dark, too
    blurred, too small or too poorly detected to be read is uncertain, whatever its probabilities.
    """

    model: str = "fervid"
    """A network that ships with fervid (`fervid models list`), or the path of a .safetensors, .onnx or .pth file."""
    head: Answer | None = None
    """Whose judgement: `labels` are those of FER2013, `votes` the shares of FER+'s voters, who agree far better,
    `pooled` both in one, fitted for what videos show. Left out, it is `pooled` where the network learned both."""
    runtime: Runtime = "auto"
    """What runs the network; auto takes ONNX Runtime where there is an .onnx file for it, else torch."""
    precision: Precision = "auto"
    """In which numbers it computes: int8 takes half the time of fp32 and moves probabilities by some thousandths. auto
    takes int8 where an .int8.onnx file lies beside the weights that lost nothing on labelled faces, and this processor
    computes it as the one did on which that was measured; else fp32."""
    uncertain_below: Annotated[float, Ge(0), Le(1)] | None = None
    """A face whose best probability is lower is uncertain as well; without it, the network's own threshold holds."""
    predicted: bool = False
    """Also read faces at predicted boxes: for `detect: {every: n}`, where most faces are not looked for anew."""

    flip: bool = False
    """Also read each face's mirror image and take the mean: a little more accurate, twice the time."""
    views: Literal[1, 3] = 1
    """3: also read each face a tenth nearer and a tenth wider, and take the mean of the probabilities: a little more
    accurate and less sure of itself, two to three times the time. `uncertain_below` stays what it is."""

    needs = (FRAMES, FACES)
    gives = (EMOTION, PROBABILITIES, UNREADABLE, READER)
    refuses = (CHANGED, EMOTION)

    def __post_init__(self) -> None:
        if not conversion.is_file(self.model):
            conversion.weights(self.model)

    def run(self, frames: Frames) -> Generator[Frame]:
        classify = open_classifier(self.model, self.runtime, self.head, self.precision)
        threshold = classify.calibration.uncertain_below if self.uncertain_below is None else self.uncertain_below
        reader = Reader(self.model, classify.head, threshold, self._provenance(classify, threshold))
        frames.run.note("weights", reader.note)
        begun = frames.keep(_Begun())
        burst = frames.keep(_Burst())
        for frame in frames:
            begun.go_on(classify)
            frame[READER] = reader
            seen = [face for face in frame.faces if self.predicted or face.status == "detected"]
            burst.add(frame, seen, self._views(frame, seen, classify.card))
            if burst.full:
                yield from burst.read(classify, threshold)
        yield from burst.read(classify, threshold)

    def _views(self, frame: Frame, faces: list[Face], card: Card) -> NDArray[np.uint8]:
        """N faces in each way in which they are read, as they are framed first: N x ways x size x size."""
        import numpy as np

        size, zooms = card.size, ZOOMS[: self.views]
        crops = [crop_face(frame.picture, face, size, card.crop, zoom) for face in faces for zoom in zooms]
        views = np.array(crops, np.uint8).reshape(len(faces), len(zooms), size, size)
        return np.concatenate((views, views[..., ::-1]), 1) if self.flip else views

    def _provenance(self, classify: Classifier, threshold: float) -> dict[str, Any]:
        card = classify.card
        made = {
            "model": self.model,
            "sha256": classify.sha256,
            "runtime": classify.runtime,
            "precision": classify.precision,
        }
        kept: dict[str, Any] = {
            "network": card.network,
            "recipe_sha256": card.recipe_sha256,
            "seed": card.seed,
            "epochs": sum(card.learned) or None,
        }
        if card.converted_from:
            kept["converted_from"] = card.converted_from
        read = {"head": classify.head, "flip": self.flip, "views": self.views, "uncertain_below": threshold}
        return made | read | {"calibration": asdict(classify.calibration), "card": kept}


def _note(face: Face, crop: NDArray[np.uint8], scores: NDArray[np.float32], threshold: float) -> None:
    if not readable(crop, face.score):
        face[UNREADABLE] = True
    label = UNCERTAIN if face[UNREADABLE] else _label(scores, threshold)
    face[PROBABILITIES], face[EMOTION] = scores, Emotion.of(label, scores)


def _label(scores: NDArray[np.float32], threshold: float) -> str:
    best = int(scores.argmax())
    return EMOTIONS[best] if scores[best] >= threshold else UNCERTAIN
