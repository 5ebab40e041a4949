"""MediaPipe's face networks run by LiteRT: as they lie in mediapipe's wheel, at any size, without the rest of it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fervid.pipeline.errors import ModelError
from fervid.stages.faces.detection.blazeface import FULL, SHORT, Network, anchors, decode
from fervid.stages.faces.detection.files import load
from fervid.stages.faces.detection.silence import silent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fervid.pipeline.frame import Face

    Picture = NDArray[np.uint8]

STEP = 32
"""Widths and heights of what the full range sees are multiples of this, in pixels."""
SIZES = 6
"""Sizes of the full range that are kept ready: each takes 20 to 60 ms to make."""


class Model:
    """A network for pictures of one size."""

    def __init__(self, network: Network, blob: bytes, width: int, height: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.size, self.anchors = (width, height), anchors(network, width, height)
        self._runner = Interpreter(model_content=blob, num_threads=1)
        self._input = self._runner.get_input_details()[0]["index"]
        self._runner.resize_tensor_input(self._input, (1, height, width, 3))
        self._runner.allocate_tensors()
        outputs = {int(one["shape"][-1]): one["index"] for one in self._runner.get_output_details()}
        self._raw, self._logits = outputs[16], outputs[1]

    def __call__(self, picture: Picture, least: float) -> list[Face]:
        """Faces of at least that score, in pixels of an RGB picture of the model's size."""
        import numpy as np

        scaled = picture[None].astype(np.float32)
        scaled *= np.float32(2 / 255)
        scaled -= np.float32(1)
        self._runner.set_tensor(self._input, scaled)
        self._runner.invoke()
        raw, logits = self._runner.get_tensor(self._raw)[0], self._runner.get_tensor(self._logits)[0, :, 0]
        return decode(raw, logits, self.anchors, least)


class Networks:
    """Both networks, ready at the sizes that are asked for."""

    def __init__(self, model: Path | None = None) -> None:
        """With `model`, a short-range .tflite of one's own.

        Raises:
            ModelError: a file is missing, or is no such network.
        """
        self._full = load(FULL)
        self._sized: dict[tuple[int, int], Model] = {}
        try:
            blob = model.read_bytes() if model else load(SHORT)
            self.short = _opened(SHORT, blob, SHORT.side, SHORT.side)
            self.short(_blank(), 0.5)
        except FileNotFoundError:
            raise ModelError(f"{model}: no such face detector") from None
        except (ValueError, RuntimeError, KeyError, IndexError, OSError) as error:
            raise ModelError(f"{model or SHORT.file}: not a short-range face detector of MediaPipe") from error

    def full(self, width: int = FULL.side, height: int = FULL.side) -> Model:
        """The full range for pictures of a size, in multiples of STEP."""
        key = width, height
        found = self._sized.pop(key, None) or _opened(FULL, _resized(self._full, width, height), width, height)
        self._sized[key] = found
        if len(self._sized) > SIZES:
            del self._sized[next(iter(self._sized))]
        return found


def _opened(network: Network, blob: bytes, width: int, height: int) -> Model:
    with silent():
        return Model(network, blob, width, height)


def _resized(blob: bytes, width: int, height: int) -> bytes:
    """The full range for another size: sizes that it brings layers to (RESIZE_BILINEAR) are written into its file."""
    import numpy as np

    made = bytearray(blob)
    for place in _sizes_within(blob) if (width, height) != (FULL.side, FULL.side) else ():
        size = np.frombuffer(made, "<i4", 2, place)
        size[:] = size * (height, width) // FULL.side
    return bytes(made)


@cache
def _sizes_within(blob: bytes) -> list[int]:
    """Where in its file those sizes stand, each as a height and a width."""
    from ai_edge_litert import schema_py_generated as schema

    model: Any = schema.Model.GetRootAs(blob, 0)
    graph, found = model.Subgraphs(0), []
    for operator in (graph.Operators(number) for number in range(graph.OperatorsLength())):
        if model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode() == schema.BuiltinOperator.RESIZE_BILINEAR:
            size = model.Buffers(graph.Tensors(operator.Inputs(1)).Buffer())
            found.append(size._tab.Vector(size._tab.Offset(4)))
    return found


def _blank() -> Picture:
    import numpy as np

    return np.zeros((SHORT.side, SHORT.side, 3), np.uint8)
