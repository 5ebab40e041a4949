"""Make an ONNX network compute in 8-bit integers, where that is quicker than floats."""

from __future__ import annotations

from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from fervid.models.card import Card
from fervid.models.runtime import normalised

if TYPE_CHECKING:
    import numpy as np
    import onnx
    from numpy.typing import NDArray

CALIBRATION = 512
"""Faces that ranges are measured on."""


def to_int8(blob: bytes, crops: NDArray[np.uint8], card: Card) -> bytes:
    """Return the network with weights and activations as 8-bit integers, their ranges measured on N x size x size."""
    import onnx
    from onnxruntime import quantization as q
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with TemporaryDirectory() as folder:
        given, clean, made = (Path(folder, f"{name}.onnx") for name in ("given", "clean", "made"))
        given.write_bytes(blob)
        quant_pre_process(given, clean, skip_symbolic_shape=True)
        model = onnx.load(clean)
        _merge_pools(model.graph)
        onnx.save(model, clean)
        kinds = {"activation_type": q.QuantType.QUInt8, "weight_type": q.QuantType.QInt8}
        q.quantize_static(
            clean,
            made,
            _Batches(crops, card),
            per_channel=True,
            reduce_range=True,  # 7 bits a weight: with 8, processors without VNNI run over in silence
            nodes_to_exclude=_of_one_channel(model.graph),
            **kinds,
        )
        return made.read_bytes()


class _Batches:
    """Calibration faces as the quantiser asks for them, one at a time, spread over all that there are."""

    def __init__(self, crops: NDArray[np.uint8], card: Card) -> None:
        import numpy as np

        every = np.linspace(0, len(crops) - 1, min(len(crops), CALIBRATION)).astype(int)
        self._crops = iter(crops[every])
        self._card = card

    def get_next(self) -> dict[str, Any] | None:
        crop = next(self._crops, None)
        return None if crop is None else {"faces": normalised(crop[None], self._card)}


def _merge_pools(graph: onnx.GraphProto) -> None:
    """Make one convolution of a mean over squares and the 1 x 1 convolution behind it; integers pool slowly."""
    import numpy as np
    from onnx import numpy_helper

    weights = {tensor.name: tensor for tensor in graph.initializer}
    for pool in [node for node in graph.node if node.op_type == "AveragePool"]:
        behind = [node for node in graph.node if pool.output[0] in node.input]
        how = _attributes(pool)
        square = (
            how["kernel_shape"] == how.get("strides") and not any(how.get("pads", [0])) and not how.get("ceil_mode")
        )
        if not (square and len(behind) == 1 and _is_pointwise(behind[0]) and behind[0].input[1] in weights):
            continue
        conv, kernel = behind[0], how["kernel_shape"]
        before = weights[conv.input[1]]
        matrix = numpy_helper.to_array(before)
        spread = np.tile(matrix / prod(kernel), (1, 1, *kernel)).astype(np.float32)
        graph.initializer.append(numpy_helper.from_array(spread, f"{conv.output[0]}.merged"))
        conv.input[0], conv.input[1] = pool.input[0], f"{conv.output[0]}.merged"
        for attribute in conv.attribute:
            if attribute.name in ("kernel_shape", "strides"):
                attribute.ints[:] = kernel
        graph.node.remove(pool)
        if not any(before.name in node.input for node in graph.node):
            graph.initializer.remove(before)


def _is_pointwise(node: onnx.NodeProto) -> bool:
    how = _attributes(node)
    return node.op_type == "Conv" and how["kernel_shape"] == [1, 1] == how["strides"] and not any(how["pads"])


def _of_one_channel(graph: onnx.GraphProto) -> list[str]:
    """Names of convolutions so small that turning their numbers into integers costs more than it gains."""
    channels = {tensor.name: tensor.dims[1] for tensor in graph.initializer if len(tensor.dims) > 1}
    return [node.name for node in graph.node if node.op_type == "Conv" and channels.get(node.input[1]) == 1]


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    from onnx import helper

    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
