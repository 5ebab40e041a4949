"""The same faces give the same probabilities whichever library runs the network, and a wrong file is refused."""

import hashlib
import importlib.util
import json
import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper
from tiny import saved

from fervid.models import calibration, checkpoint
from fervid.models.card import Calibration
from fervid.models.export.onnx import export_onnx
from fervid.models.runtime import open_classifier
from fervid.pipeline.errors import ModelError

CROPS: NDArray[np.uint8] = np.random.default_rng(0).integers(0, 256, (70, 24, 24), np.uint8)


def exported(folder: Path, **facts: Any) -> Path:
    path = saved(folder, **facts)
    export_onnx(path, path.with_suffix(".onnx"))
    return path


def refusal(path: Path, runtime: Any = "auto") -> str:
    with pytest.raises(ModelError) as caught:
        open_classifier(path, runtime)
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(f"{path.parent}/", "")


def foreign(folder: Path, shape: list[Any], outputs: int, value: float = 0.0) -> Path:
    """A well-formed ONNX file beside a card that knows it, but not one that reads these faces."""
    path = saved(folder).with_suffix(".onnx")
    faces = helper.make_tensor_value_info("faces", TensorProto.FLOAT, shape)
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", outputs])
    weights = np.full((int(np.prod(shape[1:])), outputs), value, np.float32)
    nodes = [helper.make_node("Flatten", ["faces"], ["flat"]), helper.make_node("MatMul", ["flat", "w"], ["logits"])]
    graph = helper.make_graph(nodes, "g", [faces], [logits], [onnx.numpy_helper.from_array(weights, "w")])
    blob = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    path.write_bytes(blob)
    card = json.loads(path.with_suffix(".json").read_text())
    card["exports"] = {path.name: hashlib.sha256(blob).hexdigest()}
    path.with_suffix(".json").write_text(json.dumps(card))
    return path


def test_probabilities_are_the_softmax_of_the_calibrated_logits(tmp_path: Path) -> None:
    scale, shift = (2.0, 1.0, 1.0, 0.5, 1.0, 1.0, 1.0), (0.0, 0.0, 1.0, 0.0, 0.0, -1.0, 0.0)
    classify = open_classifier(saved(tmp_path, heads={"labels": Calibration(scale, shift)}), "torch")
    faces = (CROPS[:, None].astype(np.float32) / 255 - 0.5) / 0.25
    scores = classify(CROPS)
    assert scores.shape == (70, 7)
    assert scores.dtype == np.float32
    assert np.allclose(scores, calibration.softmax(classify.logits(faces)[0], scale, shift), atol=1e-6)
    assert np.allclose(scores.sum(1), 1, atol=1e-6)
    assert scores.max(1).std() > 0.01


@pytest.mark.parametrize("store", ["fp32", "fp16"])
def test_onnx_and_torch_agree(tmp_path: Path, store: Any) -> None:
    path = exported(tmp_path, store=store)
    first, second = open_classifier(path, "torch"), open_classifier(path, "onnx")
    assert (first.runtime, second.runtime) == ("torch", "onnx")
    assert np.abs(first(CROPS) - second(CROPS)).max() < 1e-5


BOTH = {"labels": Calibration(), "votes": Calibration((2.0,) * 7, (0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0))}


@pytest.mark.parametrize("head", ["labels", "votes"])
def test_each_head_gives_its_own_answer_in_onnx_and_in_torch(tmp_path: Path, head: Any) -> None:
    path = exported(tmp_path, heads=BOTH)
    first, second = open_classifier(path, "torch", head), open_classifier(path, "onnx", head)
    assert np.abs(first(CROPS) - second(CROPS)).max() < 1e-5
    network = checkpoint.load(path)[1]
    pixels = torch.from_numpy((CROPS[:, None].astype(np.float32) / 255 - 0.5) / 0.25)
    with torch.inference_mode():
        logits = {"labels": network(pixels), "votes": network.votes(network.features(pixels))[:, :7]}[head].numpy()  # type: ignore[operator]
    assert np.allclose(first(CROPS), calibration.softmax(logits, BOTH[head].scale, BOTH[head].shift), atol=1e-5)


def test_a_head_that_was_not_learned(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"tiny\.safetensors: did not learn votes; its heads: labels"):
        open_classifier(saved(tmp_path), head="votes")


def test_openvino_agrees_and_reports_to_nobody(tmp_path: Path) -> None:
    if not importlib.util.find_spec("openvino"):
        pytest.skip("openvino is not installed; it is an extra")
    path = exported(tmp_path)
    found = open_classifier(path, "openvino")
    assert found.runtime == "openvino"
    assert np.abs(found(CROPS) - open_classifier(path, "torch")(CROPS)).max() < 0.02
    assert sys.modules["openvino_telemetry"] is None


def test_one_at_a_time_is_the_same_as_many(tmp_path: Path) -> None:
    classify = open_classifier(exported(tmp_path))
    one_by_one = np.concatenate([classify(CROPS[n : n + 1]) for n in range(len(CROPS))])
    assert np.abs(classify(CROPS) - one_by_one).max() < 1e-6


def test_no_face_gives_no_row(tmp_path: Path) -> None:
    assert open_classifier(saved(tmp_path))(CROPS[:0]).shape == (0, 7)


def test_auto_takes_onnx_where_it_lies_and_torch_where_not(tmp_path: Path) -> None:
    path = saved(tmp_path)
    assert open_classifier(path).runtime == "torch"
    assert open_classifier(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    export_onnx(path, path.with_suffix(".onnx"))
    assert open_classifier(path).runtime == "onnx"
    assert open_classifier(path).sha256 == hashlib.sha256(path.with_suffix(".onnx").read_bytes()).hexdigest()


def test_onnx_alone_needs_no_safetensors_and_no_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = exported(tmp_path)
    path.unlink()
    monkeypatch.setitem(sys.modules, "torch", None)
    assert open_classifier(path.with_suffix(".onnx")).runtime == "onnx"


def test_an_export_of_older_weights_is_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    exported(tmp_path, seed=0)
    path = saved(tmp_path, seed=1)
    with caplog.at_level(logging.WARNING, "fervid"):
        assert open_classifier(path).runtime == "torch"
    assert caplog.messages == ["tiny.onnx is no export of tiny.safetensors and is not used; export it again"]
    assert "has no ONNX file; make one with `fervid models export" in refusal(path, "onnx")


def test_torch_leaves_the_threads_of_others_alone(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        open_classifier(saved(tmp_path), "torch")(CROPS)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_onnx_without_an_export_says_how_to_make_one(tmp_path: Path) -> None:
    path = saved(tmp_path)
    command = f"`fervid models export {path} --format onnx`"
    assert refusal(path, "onnx") == f"tiny.safetensors: has no ONNX file; make one with {command}".replace(
        f"{tmp_path}/", ""
    )


def test_torch_cannot_run_onnx(tmp_path: Path) -> None:
    path = exported(tmp_path).with_suffix(".onnx")
    assert refusal(path, "torch").startswith("tiny.onnx: torch cannot run an .onnx file")


@pytest.mark.parametrize(
    ("runtime", "module", "extra"), [("openvino", "openvino", "openvino"), ("torch", "torch", "train")]
)
def test_a_missing_library_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runtime: str, module: str, extra: str
) -> None:
    path = exported(tmp_path)
    monkeypatch.setitem(sys.modules, module, None)
    message = f'is not installed; install it: pip install "fervid[{extra}]"'
    assert refusal(path, runtime).endswith(f"{module} {message}")


def test_an_onnx_file_changed_or_cut_short(tmp_path: Path) -> None:
    path = exported(tmp_path)
    beside = path.with_suffix(".onnx")
    beside.write_bytes(beside.read_bytes()[:-1])
    assert "tiny.onnx: is not the file that its card describes" in refusal(path)


def test_an_onnx_file_that_is_none(tmp_path: Path) -> None:
    path = foreign(tmp_path, ["n", 1, 24, 24], 7)
    path.write_bytes(b"hello")
    card = json.loads(path.with_suffix(".json").read_text())
    card["exports"][path.name] = hashlib.sha256(b"hello").hexdigest()
    path.with_suffix(".json").write_text(json.dumps(card))
    assert refusal(path).startswith("tiny.onnx: ONNX Runtime cannot load it: ")


def test_an_onnx_file_for_other_faces(tmp_path: Path) -> None:
    path = foreign(tmp_path, ["n", 3, 24, 24], 7)
    assert refusal(path) == "tiny.onnx: does not take faces of 1 x 24 x 24; it is of another network"


@pytest.mark.parametrize(("outputs", "value"), [(8, 0.0), (7, float("nan"))])
def test_an_onnx_file_with_other_answers(tmp_path: Path, outputs: int, value: float) -> None:
    path = foreign(tmp_path, ["n", 1, 24, 24], outputs, value)
    assert refusal(path) == "tiny.onnx: gives no seven probabilities; it is damaged, or of another network"


def test_an_onnx_file_that_takes_one_face_only(tmp_path: Path) -> None:
    assert refusal(foreign(tmp_path, [1, 1, 24, 24], 7)).startswith("tiny.onnx: cannot read faces of 24 pixels: ")


def test_a_size_that_the_network_cannot_read(tmp_path: Path) -> None:
    path = exported(tmp_path)
    card = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps(card | {"size": 30}))
    assert refusal(path) == "tiny.onnx: does not take faces of 1 x 30 x 30; it is of another network"
