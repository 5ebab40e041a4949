"""Integers where they are quicker, and nowhere else."""

import io
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from fervid.models.card import Card
from fervid.models.export.int8 import _Batches, _merge_pools, to_int8
from fervid.models.networks.fervid import Excite

SIDE = 24


def exported(*layers: nn.Module) -> bytes:
    """ONNX of 1 x 24 x 24 pixels to seven numbers."""
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), *layers)
    flat = body(torch.zeros(1, 1, SIDE, SIDE)).numel()
    network = nn.Sequential(body, nn.Flatten(), nn.Linear(flat, 7)).eval()
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.zeros(1, 1, SIDE, SIDE),),
            buffer,  # type: ignore[arg-type]
            dynamo=False,
            opset_version=17,
            input_names=["faces"],
            output_names=["labels"],
        )
    return buffer.getvalue()


def answer(blob: bytes, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    made: NDArray[np.float32] = onnxruntime.InferenceSession(blob).run(None, {"faces": pixels})[0]
    return made


def kinds(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


@pytest.fixture
def pixels() -> NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal((1, 1, SIDE, SIDE)).astype(np.float32)


@pytest.mark.parametrize("side", [2, 3])
def test_a_mean_over_squares_joins_the_convolution_behind_it(side: int, pixels: NDArray[np.float32]) -> None:
    before = exported(nn.AvgPool2d(side), nn.Conv2d(8, 4, 1))
    model = onnx.load_from_string(before)
    _merge_pools(model.graph)
    assert "AveragePool" not in kinds(model)
    assert answer(model.SerializeToString(), pixels) == pytest.approx(answer(before, pixels), abs=1e-5)


@pytest.mark.parametrize(
    "layers",
    [
        (nn.AvgPool2d(2), nn.Conv2d(8, 4, 3)),
        (nn.AvgPool2d(2), nn.Conv2d(8, 4, 1, padding=1)),
        (nn.AvgPool2d(2), nn.Conv2d(8, 4, 1, stride=2)),
        (nn.AvgPool2d(3, 2), nn.Conv2d(8, 4, 1)),
        (nn.AvgPool2d(2, padding=1), nn.Conv2d(8, 4, 1)),
        (nn.AvgPool2d(5, ceil_mode=True), nn.Conv2d(8, 4, 1)),
        (nn.AvgPool2d(2), nn.ReLU()),
    ],
)
def test_any_other_mean_stays(layers: tuple[nn.Module, ...], pixels: NDArray[np.float32]) -> None:
    before = exported(*layers)
    model = onnx.load_from_string(before)
    _merge_pools(model.graph)
    assert "AveragePool" in kinds(model)
    assert np.array_equal(answer(model.SerializeToString(), pixels), answer(before, pixels))


@pytest.mark.parametrize("count", [5, 900, 5000])
def test_ranges_are_measured_on_faces_from_first_to_last(count: int) -> None:
    crops = np.repeat(np.linspace(0, 255, count).astype(np.uint8), 4).reshape(count, 2, 2)
    batches = _Batches(crops, Card("small", 2, 0.0, 1.0))
    seen = [float(batch["faces"].max()) for batch in iter(batches.get_next, None)]
    assert len(seen) == min(count, 512)
    assert (seen[0], seen[-1]) == (0.0, 1.0)
    assert max(np.diff(seen)) < 1 / min(count - 1, 255) + 0.01


def test_a_convolution_of_one_channel_stays_in_float_and_nothing_else(pixels: NDArray[np.float32]) -> None:
    before = exported(nn.Conv2d(8, 16, 3), Excite(16), nn.Conv2d(16, 16, 3), nn.AdaptiveAvgPool2d(1))
    faces = np.random.default_rng(1).integers(0, 256, (8, SIDE, SIDE)).astype(np.uint8)
    made = onnx.load_from_string(to_int8(before, faces, Card("small", SIDE, 0.5, 0.25)))
    integers = {tensor.name for tensor in made.graph.initializer if tensor.data_type == onnx.TensorProto.INT8}
    scaled = [node for node in made.graph.node if node.op_type == "DequantizeLinear" and node.input[0] in integers]
    weights = {node.output[0] for node in scaled}
    layers = [(node.op_type, node.input[1] in weights) for node in made.graph.node if node.op_type in {"Conv", "Gemm"}]
    assert layers == [("Conv", False)] + [("Conv", True)] * 4 + [("Gemm", True)]
    assert answer(made.SerializeToString(), pixels) == pytest.approx(answer(before, pixels), abs=0.05)


def test_channels_are_weighed_without_leaving_integers(pixels: NDArray[np.float32], tmp_path: Path) -> None:
    before = exported(nn.Conv2d(8, 16, 3), Excite(16), nn.Conv2d(16, 8, 3), nn.AdaptiveAvgPool2d(1))
    faces = np.random.default_rng(1).integers(0, 256, (8, SIDE, SIDE)).astype(np.uint8)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "as_it_runs.onnx")
    onnxruntime.InferenceSession(to_int8(before, faces, Card("small", SIDE, 0.5, 0.25)), options)
    there = kinds(onnx.load(tmp_path / "as_it_runs.onnx"))
    assert "QLinearSigmoid" in there
    assert there.count("DequantizeLinear") == 1
