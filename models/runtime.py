"""Turn crops of faces into probabilities, with whichever library runs the network fastest here."""

from __future__ import annotations

import hashlib
import importlib
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fervid.models import checkpoint, pooling
from fervid.models.card import Answer, Calibration, Card, Head, Pool, load_card
from fervid.models.foreign import conversion
from fervid.models.precision import INT8, Kind, Precision, as_measured, kind, probes
from fervid.pipeline.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float32]
    Logits = Callable[[Numbers], Sequence[Numbers]]

Runtime = Literal["auto", "onnx", "torch", "openvino"]

BATCH = 32
"""Most faces that are read at once: more gain no time and cost memory."""

LARGEST = 256 << 20
"""Bytes of the largest .onnx that is read."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Classifier:
    """A network ready to read faces: uint8 N x size x size in, N x 7 calibrated probabilities out."""

    card: Card
    runtime: str
    """Which library runs it: onnx, torch or openvino."""
    sha256: str
    """Of the file that runs."""
    logits: Logits
    """From normalised float32 N x 1 x size x size to N x 7 for each head of the card, in its order."""
    head: Answer
    """Which of the network's answers it gives."""
    precision: Kind = "fp32"
    """In which numbers it computes."""

    def __call__(self, crops: NDArray[np.uint8]) -> Numbers:
        """Return the probabilities of each crop, in the order of EMOTIONS."""
        return self._read(crops, [self.head])[self.head]

    def every_head(self, crops: NDArray[np.uint8]) -> dict[Head, Numbers]:
        """Return the probabilities that each head gives, in one pass."""
        read = self._read(crops, list(self.card.heads))
        return {head: read[head] for head in self.card.heads}

    def _read(self, crops: NDArray[np.uint8], wanted: Sequence[Answer]) -> dict[Answer, Numbers]:
        import numpy as np

        if not len(crops):
            return {head: np.zeros((0, len(self.card.labels)), np.float32) for head in wanted}
        logits = self.head_logits(crops)
        card = self.card
        made = {answer: pooling.probabilities(answer, logits, card.heads, card.pooled) for answer in wanted}
        return {answer: scores.astype(np.float32) for answer, scores in made.items()}

    def head_logits(self, crops: NDArray[np.uint8]) -> dict[Head, Numbers]:
        """Return the logits of each head, of one crop or more."""
        import numpy as np

        parts = [crops[start : start + BATCH] for start in range(0, len(crops), BATCH)]
        made = zip(*(self.logits(normalised(part, self.card)) for part in parts), strict=True)
        return dict(zip(self.card.heads, map(np.concatenate, made), strict=True))

    @property
    def calibration(self) -> Calibration | Pool:
        """What the card says of its answer."""
        return self.card.answers[self.head]


def normalised(crops: NDArray[np.uint8], card: Card) -> Numbers:
    """What a network takes: float32 N x 1 x size x size with the mean and deviation of its card."""
    import numpy as np

    scale, shift = 1 / (255 * card.std), card.mean / card.std
    return crops[:, None].astype(np.float32) * np.float32(scale) - np.float32(shift)


def open_classifier(
    model: str | Path, runtime: Runtime = "auto", head: Answer | None = None, precision: Precision = "auto"
) -> Classifier:
    """Load a network by shipped name or path. `auto` is ONNX Runtime where an export lies beside the weights.

    Without `head` it gives both heads pooled, or the labels if that is all that it learned. An .onnx file that is named
    is what runs; else `precision` says which, and `auto` is the 8-bit one where it is proven on this processor.

    Raises:
        ModelError: weights, library or head are missing, or the weights are not what their card says.
    """
    path = conversion.weights(model)
    card = load_card(path)
    head = head or next(iter(card.answers))
    if head not in card.answers:
        raise ModelError(f"{path}: did not learn {head}; its heads: {', '.join(card.answers)}")
    if runtime == "torch":
        return _probed(path, _torch(path, head, precision))
    if precision == "auto" and runtime != "openvino" and (proven := _proven(path, card, head)):
        return proven
    exported = _export(path, card, precision)
    if exported is None and runtime == "auto" and precision != "int8":
        return _probed(path, _torch(path, head, precision))
    if exported is None:
        how = " --int8 --faces CONFIG" if precision == "int8" else ""
        raise ModelError(f"{path}: has no ONNX file; make one with `fervid models export {model} --format onnx{how}`")
    made = _of_file(exported, card, "openvino" if runtime == "openvino" else "onnx", head)
    if exported.name in card.proven and not _as_measured(exported, made):
        log.warning("%s: this processor computes it otherwise than the one it was measured on", exported.name)
    return made


def _proven(path: Path, card: Card, head: Answer) -> Classifier | None:
    """The 8-bit export that lost nothing, if this processor computes it as the one on which that was measured."""
    quick = path.with_suffix(INT8)
    if path.suffix == ".onnx" or quick.name not in card.proven or not quick.is_file():
        return None
    made = _of_file(quick, card, "onnx", head)
    if _as_measured(quick, made):
        return made
    log.warning("%s: not used: this processor computes it otherwise than the one it was measured on", quick.name)
    return None


def _as_measured(path: Path, made: Classifier) -> bool:
    return as_measured(made.card, path.name, made.every_head(probes(made.card.size)))


def _of_file(path: Path, card: Card, library: str, head: Answer) -> Classifier:
    blob = checkpoint.read(path, card.exports.get(path.name, ""), LARGEST)
    return _probed(path, _exported(blob, card, path, library, head))


def from_onnx(blob: bytes, card: Card, path: Path, head: Answer) -> Classifier:
    """Return a classifier of an ONNX file that is not written yet; `path` names it in messages."""
    return _probed(path, _exported(blob, card, path, "onnx", head))


def _exported(blob: bytes, card: Card, path: Path, library: str, head: Answer) -> Classifier:
    load = _openvino if library == "openvino" else _onnx
    sha256 = hashlib.sha256(blob).hexdigest()
    return Classifier(card, library, sha256, load(blob, card, path), head, kind(path))


def _export(path: Path, card: Card, precision: Precision) -> Path | None:
    """The ONNX file for these weights; one that the card does not know was made from other weights."""
    if path.suffix == ".onnx" and precision not in ("auto", kind(path)):
        raise ModelError(f"{path}: computes in {kind(path)}; name the .safetensors, or leave out the precision")
    beside = path if path.suffix == ".onnx" else path.with_suffix(INT8 if precision == "int8" else ".onnx")
    if path == beside or beside.name in card.exports:
        return beside if beside.is_file() else None
    if beside.is_file():
        log.warning("%s is no export of %s and is not used; export it again", beside.name, path.name)
    return None


def _probed(path: Path, classifier: Classifier) -> Classifier:
    """Let the network read some pictures, so that a wrong one fails here and not in the middle of a video."""
    import numpy as np

    crops = probes(classifier.card.size)
    try:
        logits = classifier.logits(normalised(crops, classifier.card))
    except Exception as error:
        raise ModelError(f"{path}: cannot read faces of {classifier.card.size} pixels: {_line(error)}") from error
    shape = (len(crops), len(classifier.card.labels))
    if any(each.shape != shape or not np.isfinite(each).all() for each in logits):
        raise ModelError(f"{path}: gives no seven probabilities; it is damaged, or of another network")
    return classifier


def _torch(path: Path, head: Answer, precision: Precision) -> Classifier:
    if precision == "int8":
        raise ModelError(f"{path}: torch computes in fp32; leave out the runtime, or the precision int8")
    if path.suffix == ".onnx":
        raise ModelError(f"{path}: torch cannot run an .onnx file; name the .safetensors, or use runtime: onnx")
    _library("torch", "train", path)
    import torch

    from fervid.models.heads import Answers

    card, network = checkpoint.load(path)
    network = Answers(network, tuple(card.heads)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def logits(faces: Numbers) -> Sequence[Numbers]:
        with torch.inference_mode(), _one_thread():
            return [made.numpy() for made in network(torch.from_numpy(faces))]

    return Classifier(card, "torch", card.sha256, logits, head)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Small networks run best on one thread; others in this process keep their number."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _onnx(blob: bytes, card: Card, path: Path) -> Logits:
    ort = _library("onnxruntime", "", path)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = ort.InferenceSession(blob, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(f"{path}: ONNX Runtime cannot load it: {_line(error)}") from error
    inputs, outputs = session.get_inputs(), session.get_outputs()
    size, count = card.size, len(card.heads)
    if len(inputs) != 1 or len(outputs) < count or inputs[0].shape[1:] != [1, size, size]:
        raise ModelError(f"{path}: does not take faces of 1 x {size} x {size}; it is of another network")
    given, wanted = inputs[0].name, [output.name for output in outputs[:count]]

    def logits(faces: Numbers) -> Sequence[Numbers]:
        made: Sequence[Numbers] = session.run(wanted, {given: faces})
        return made

    return logits


def _openvino(blob: bytes, card: Card, path: Path) -> Logits:
    """One thread; where the processor has AMX it computes in bfloat16, which moves scores by some thousandths."""
    openvino = _library("openvino", "openvino", path)
    try:
        options = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY"}
        core = openvino.Core()
        network = core.compile_model(core.read_model(model=blob), "CPU", options)
    except Exception as error:
        raise ModelError(f"{path}: OpenVINO cannot load it: {_line(error)}") from error
    request = network.create_infer_request()

    def logits(faces: Numbers) -> Sequence[Numbers]:
        made = request.infer([faces])
        return [made[number].copy() for number in range(len(card.heads))]

    return logits


def _library(module: str, extra: str, path: Path) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        what = f"fervid[{extra}]" if extra else module
        raise ModelError(f'{path}: {module} is not installed; install it: pip install "{what}"') from None


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
