"""What is exported says the same as the network, or is not written."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from tiny import saved

from fervid.models import precision
from fervid.models.card import Calibration, Pool, load_card
from fervid.models.crop import box_of_face_image
from fervid.models.export import onnx as export
from fervid.models.export.onnx import export_onnx
from fervid.models.precision import Parity
from fervid.models.runtime import open_classifier
from fervid.models.target import TARGET, Target
from fervid.pipeline import Face, Frame, Source
from fervid.pipeline.errors import ModelError, OutputError

EVEN = Pool((0.5,) * 7, (0.5,) * 7, (0.0,) * 7)


def faces(split: Any, count: int = 40) -> Iterator[Frame]:
    """Labelled slopes, as a source of faces would yield them."""
    random, source = np.random.default_rng(len(split)), Source("faces", 24, 24)
    for index in range(count):
        slopes = (random.integers(-5, 6, (2, 1, 1)) * np.mgrid[:24, :24]).sum(0) + 128
        image = np.repeat(slopes.clip(0, 255).astype(np.uint8)[:, :, None], 3, 2)
        face = Face(box_of_face_image(24, 24), 1.0)
        yield Frame(index, index, image, source, [face], known={TARGET: Target(index % 7, split)})


def accuracy(made: export.Export) -> tuple[float, float] | None:
    return made.answers["labels"].accuracy_before_and_after


def test_an_export_agrees_and_its_hash_is_in_the_card(tmp_path: Path) -> None:
    path = saved(tmp_path)
    made = export_onnx(path, tmp_path / "tiny.onnx")
    assert made.difference < 1e-6
    assert made.answers["labels"].agreement == 1.0
    assert (made.faces, accuracy(made)) == (128, None)
    assert load_card(path).exports == {"tiny.onnx": made.sha256}
    assert load_card(path).sha256 == load_card(tmp_path / "tiny.onnx").sha256
    assert not list(tmp_path.glob(".*"))


def test_an_export_elsewhere_takes_its_card_along(tmp_path: Path) -> None:
    made = export_onnx(saved(tmp_path), tmp_path / "other" / "mine.onnx")
    assert open_classifier(made.path).sha256 == made.sha256


def test_labelled_faces_give_the_accuracy_before_and_after(tmp_path: Path) -> None:
    made = export_onnx(saved(tmp_path), tmp_path / "tiny.onnx", frames=faces("validation"))
    assert made.faces == 40
    before, after = accuracy(made) or (0, 1)
    assert before == after


def test_the_test_split_is_left_alone(tmp_path: Path) -> None:
    made = export_onnx(saved(tmp_path), tmp_path / "tiny.onnx", frames=faces("test"))
    assert (made.faces, accuracy(made)) == (128, None)


def test_an_accuracy_is_never_that_of_training_faces(tmp_path: Path) -> None:
    made = export_onnx(saved(tmp_path), tmp_path / "tiny.onnx", frames=faces("train"))
    assert (made.faces, accuracy(made)) == (40, None)


def test_numbers_kept_in_fp16_take_half_the_space_in_onnx_too(tmp_path: Path) -> None:
    sizes = {}
    for store in ("fp32", "fp16"):
        made = export_onnx(saved(tmp_path, store, store=store), tmp_path / f"{store}.onnx")  # type: ignore[arg-type]
        assert made.difference < 1e-6
        model = onnx.load(made.path)
        sizes[store] = sum(len(tensor.raw_data) for tensor in model.graph.initializer if len(tensor.dims) > 1)
    assert sizes["fp16"] * 2 == sizes["fp32"]


def test_int8_is_measured_on_training_faces_and_judged_on_others(tmp_path: Path) -> None:
    path = saved(tmp_path)
    frames = [*faces("train", 60), *faces("validation")]
    made = export_onnx(path, tmp_path / "tiny.int8.onnx", int8=True, frames=frames)
    assert 0 < made.difference < 0.2
    assert made.answers["labels"].agreement > 0.8
    assert made.faces == 40
    assert accuracy(made)
    assert load_card(path).exports == {"tiny.int8.onnx": made.sha256}
    assert open_classifier(tmp_path / "tiny.int8.onnx").runtime == "onnx"
    kinds = {node.op_type for node in onnx.load(made.path).graph.node}
    assert "QuantizeLinear" in kinds
    assert "BatchNormalization" not in kinds


def test_int8_is_proven_by_enough_labelled_faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "AGREED", 0.5)
    monkeypatch.setattr(precision, "LOST", 0.5)
    path = saved(tmp_path)
    for count, proven in ((199, []), (200, ["tiny.int8.onnx"]), (199, [])):
        frames = [*faces("train", 60), *faces("validation", count)]
        export_onnx(path, tmp_path / "tiny.int8.onnx", int8=True, frames=frames)
        assert list(load_card(path).proven) == proven


@pytest.mark.parametrize(
    ("parity", "proven"),
    [
        (Parity(0.1, 0.98, 200, (0.7, 0.6985)), True),
        (Parity(0.1, 0.98, 200, (0.7, 0.6975)), False),
        (Parity(0.1, 0.97, 200, (0.7, 0.71)), False),
        (Parity(0.1, 0.99, 199, (0.7, 0.7)), False),
        (Parity(0.0, 1.0, 0, None), False),
    ],
)
def test_what_counts_as_nothing_lost(parity: Parity, proven: bool) -> None:
    assert parity.lost_nothing == proven


def test_int8_with_pooled_heads_is_proven_for_every_answer(tmp_path: Path) -> None:
    path = saved(tmp_path, heads={"labels": Calibration(), "votes": Calibration()}, pooled=EVEN)
    made = export_onnx(path, tmp_path / "tiny.onnx", frames=faces("validation"))
    assert list(made.answers) == ["pooled", "labels", "votes"]


@pytest.mark.parametrize(("name", "int8"), [("tiny.onnx", True), ("tiny.int8.onnx", False)])
def test_the_name_of_a_file_says_in_which_numbers_it_computes(tmp_path: Path, name: str, int8: bool) -> None:
    with pytest.raises(OutputError, match=r"the name of an 8-bit file ends in \.int8\.onnx, and no other's does"):
        export_onnx(saved(tmp_path), tmp_path / name, int8=int8, frames=faces("train"))


def test_int8_without_faces_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="int8 needs faces to measure its ranges on"):
        export_onnx(saved(tmp_path), tmp_path / "tiny.int8.onnx", int8=True, frames=faces("validation"))


def test_an_export_that_differs_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path)
    before = path.with_suffix(".json").read_bytes()

    def damage(blob: bytes) -> bytes:
        model = onnx.load_from_string(blob)
        bias = next(tensor for tensor in model.graph.initializer if tensor.name == "network.head.bias")
        bias.CopyFrom(
            onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(bias) + np.float32([0.01, *[0] * 6]), bias.name)
        )
        return model.SerializeToString()  # type: ignore[no-any-return]

    monkeypatch.setattr(export, "_compact", damage)
    with pytest.raises(ModelError, match=r"tiny\.onnx: not written: its probabilities differ from torch's by 0\.003"):
        export_onnx(path, tmp_path / "tiny.onnx")
    assert not (tmp_path / "tiny.onnx").exists()
    assert path.with_suffix(".json").read_bytes() == before


def test_the_card_of_other_weights_is_not_overwritten(tmp_path: Path) -> None:
    first, second = saved(tmp_path, "first"), saved(tmp_path, "second", seed=1)
    with pytest.raises(OutputError, match=r"second\.json there is the card of other weights than .*first\.safetensors"):
        export_onnx(first, second.with_suffix(".onnx"))


def test_what_is_onnx_already_is_told_to_be_copied(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"fervid\.int8\.onnx: is ONNX already; copy it, with its card fervid\.json"):
        export_onnx("fervid.int8", tmp_path / "mine.onnx")


def test_another_suffix_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"tiny\.bin: an ONNX file is named \.onnx"):
        export_onnx(saved(tmp_path), tmp_path / "tiny.bin")


def test_exports_of_the_same_weights_stand_side_by_side(tmp_path: Path) -> None:
    path = saved(tmp_path)
    export_onnx(path, tmp_path / "tiny.onnx")
    export_onnx(path, tmp_path / "tiny.int8.onnx", int8=True, frames=faces("train"))
    card = load_card(path)
    assert set(card.exports) == {"tiny.onnx", "tiny.int8.onnx"}
    assert replace(card, exports={}) == replace(load_card(saved(tmp_path / "again")), exports={})
    assert json.loads(path.with_suffix(".json").read_text())["network"] == "tiny"
