"""Write a network as ONNX, and prove that it still says the same."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from fervid.models import checkpoint, pooling
from fervid.models.card import Answer, Card, card_path, read_card, save_card
from fervid.models.crop import crop_face
from fervid.models.export.int8 import to_int8
from fervid.models.foreign import conversion
from fervid.models.precision import INT8, Parity, kind, probes
from fervid.models.runtime import Classifier, from_onnx, open_classifier
from fervid.models.target import TARGET
from fervid.pipeline.errors import ModelError, OutputError
from fervid.pipeline.frame import Frame
from fervid.pipeline.output import write

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

LARGEST_DIFFERENCE = 1e-4
"""Of a probability, between torch and an fp32 export."""

OPSET = 17


@dataclass(frozen=True)
class Export:
    """What was written and how well it agrees with the network in torch."""

    path: Path
    sha256: str
    faces: int
    """How many faces it was measured on; noise and gradients when none were given."""
    answers: dict[Answer, Parity]
    """Each of the network's answers, its default first; accuracy is that on the validation split."""

    @property
    def difference(self) -> float:
        """Largest difference of a probability, of all answers."""
        return max(parity.largest_difference for parity in self.answers.values())

    @property
    def lost_nothing(self) -> bool:
        """Whether labelled faces say of every answer that it is as good as before."""
        return all(parity.lost_nothing for parity in self.answers.values())


@dataclass(frozen=True)
class Faces:
    """Crops to measure on, and their labels: -1 where there is none."""

    crops: NDArray[np.uint8]
    labels: NDArray[np.int64]


def export_onnx(model: str | Path, out: Path, int8: bool = False, frames: Iterable[Frame] = ()) -> Export:
    """Write `out` (NAME.onnx, NAME.int8.onnx) and note its hash in the card beside it, and what proves int8.

    `frames` are faces to compare on, such as those of the fer2013 source. int8 measures its ranges on those of the
    training split and cannot do without them; those of the test split are left alone.

    Raises:
        ModelError: an fp32 export differs from torch by more than 1e-4, or int8 has no faces to measure on.
        OutputError: the card beside `out` belongs to another network, or nothing can be written there.
    """
    import numpy as np

    if find_spec("onnx") is None:
        raise ModelError('onnx is not installed; install it: pip install "fervid[export]"')
    path = conversion.weights(model)
    if path.suffix == ".onnx":
        raise ModelError(f"{path}: is ONNX already; copy it, with its card {card_path(path).name} beside it")
    card, network = checkpoint.load(path)
    if kind(out) != ("int8" if int8 else "fp32"):
        raise OutputError(f"{out}: the name of an 8-bit file ends in {INT8}, and no other's does")
    noted = _card_beside(out, path, card)
    calibration, others = _gather(frames, card)
    if int8 and not len(calibration.crops):
        raise ModelError("int8 needs faces to measure its ranges on: give labelled ones, such as fer2013.csv")
    blob = _to_onnx(network, card)
    blob = to_int8(blob, calibration.crops, card) if int8 else _compact(blob)
    unlabelled = replace(calibration, labels=np.full(len(calibration.crops), -1))
    faces = next((given for given in (others, unlabelled) if len(given.crops)), _patterns(card.size))
    made = from_onnx(blob, card, out, next(iter(card.answers)))
    export = _compared(open_classifier(path, "torch"), made, faces, out)
    if not int8 and export.difference > LARGEST_DIFFERENCE:
        raise ModelError(f"{out}: not written: its probabilities differ from torch's by {export.difference:.1g}")
    write(out, blob)
    proven = {name: answers for name, answers in noted.proven.items() if name != out.name}
    if int8 and export.lost_nothing:
        said = made.every_head(probes(card.size))
        proven[out.name] = {head: tuple(map(tuple, scores.round(4).tolist())) for head, scores in said.items()}
    save_card(out, replace(noted, exports={**noted.exports, out.name: export.sha256}, proven=proven))
    return export


def _card_beside(out: Path, path: Path, card: Card) -> Card:
    if out.suffix != ".onnx":
        raise OutputError(f"{out}: an ONNX file is named .onnx")
    beside = card_path(out)
    there = read_card(beside) if beside.exists() else replace(card, exports={})
    if out.exists() and out.name not in there.exports:
        raise OutputError(f"{out}: is there, and no card says that it is an export; choose another name")
    if there.sha256 != card.sha256:
        raise OutputError(f"{out}: {beside.name} there is the card of other weights than {path}; choose another name")
    return there


def _gather(frames: Iterable[Frame], card: Card) -> tuple[Faces, Faces]:
    """Training faces (or those of unknown split), and those of the validation split."""
    import numpy as np

    found: dict[bool, list[tuple[NDArray[np.uint8], int]]] = {True: [], False: []}
    for frame in frames:
        target = frame[TARGET]
        if target and target.split == "test":
            continue
        label = -1 if target is None or target.emotion is None else target.emotion
        training = target is None or target.split == "train"
        for face in frame.faces:
            cut = crop_face(frame.picture, face, card.size, card.crop)
            found[training].append((cut, label))
    empty = np.zeros((0, card.size, card.size), np.uint8)
    known, unseen = (
        Faces(np.array([c for c, _ in part], np.uint8) if part else empty, np.array([n for _, n in part], np.int64))
        for part in (found[True], found[False])
    )
    return known, unseen


def _patterns(size: int) -> Faces:
    import numpy as np

    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (64, size, size))
    slopes = random.integers(-3, 4, (64, 2, 1, 1)) * np.mgrid[:size, :size] + 128
    crops = np.concatenate([noise, slopes.sum(1)]).clip(0, 255).astype(np.uint8)
    return Faces(crops, np.full(len(crops), -1))


def _to_onnx(network: nn.Module, card: Card) -> bytes:
    """One output for each head, in the order of the card."""
    import torch

    from fervid.models.heads import Answers

    buffer, outputs = io.BytesIO(), list(card.heads)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # this exporter is the old one; the new one wants two more packages
        torch.onnx.export(
            Answers(network, tuple(outputs)).eval(),
            (torch.zeros(1, 1, card.size, card.size),),
            buffer,  # type: ignore[arg-type]
            dynamo=False,
            opset_version=OPSET,
            training=torch.onnx.TrainingMode.PRESERVE,  # the stored numbers stay as they are: loading folds them
            do_constant_folding=False,
            input_names=["faces"],
            output_names=outputs,
            dynamic_axes={name: {0: "n"} for name in ("faces", *outputs)},
        )
    return buffer.getvalue()


def _compact(blob: bytes) -> bytes:
    """Keep as 16-bit floats what is the same as such, as in weights stored in fp16; loading makes fp32 of it."""
    import numpy as np
    import onnx

    model = onnx.load_from_string(blob)
    casts = []
    for tensor in model.graph.initializer:
        numbers = onnx.numpy_helper.to_array(tensor)
        with np.errstate(over="ignore"):
            half = numbers.astype(np.float16)
        if numbers.dtype == np.float32 and numbers.ndim > 1 and np.array_equal(half.astype(np.float32), numbers):
            name = tensor.name
            tensor.CopyFrom(onnx.numpy_helper.from_array(half, f"{name}.half"))
            casts.append(onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    made: bytes = model.SerializeToString()
    return made


def _compared(before: Classifier, after: Classifier, faces: Faces, out: Path) -> Export:
    card, (first, second) = before.card, (each.head_logits(faces.crops) for each in (before, after))

    def parity(answer: Answer) -> Parity:
        scores, others = (pooling.probabilities(answer, made, card.heads, card.pooled) for made in (first, second))
        return _parity(scores, others, faces.labels)

    return Export(
        path=out,
        sha256=after.sha256,
        faces=len(faces.crops),
        answers={answer: parity(answer) for answer in card.answers},
    )


def _parity(before: NDArray[np.float64], after: NDArray[np.float64], labels: NDArray[np.int64]) -> Parity:
    known = labels >= 0
    first, second = before.argmax(1), after.argmax(1)
    right = [float((best == labels)[known].mean()) for best in (first, second) if known.any()]
    return Parity(
        largest_difference=float(abs(before - after).max()),
        agreement=float((first == second).mean()),
        labelled=int(known.sum()),
        accuracy_before_and_after=(right[0], right[1]) if right else None,
    )
