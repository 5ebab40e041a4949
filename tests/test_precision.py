"""8-bit integers are taken where they are proven to say the same, and the page beside a CSV says so."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from test_export import faces
from tiny import saved

from fervid.models import precision, zoo
from fervid.models.card import load_card, save_card
from fervid.models.export.onnx import export_onnx
from fervid.models.precision import probes
from fervid.models.runtime import open_classifier
from fervid.pipeline import Pipeline
from fervid.pipeline.checkpoint import Wish
from fervid.pipeline.errors import ConfigError, ModelError


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A network with an fp32 and a proven 8-bit export."""
    monkeypatch.setattr(precision, "AGREED", 0.5)
    monkeypatch.setattr(precision, "LOST", 0.5)
    path = saved(tmp_path)
    export_onnx(path, path.with_suffix(".onnx"))
    export_onnx(path, path.with_suffix(".int8.onnx"), True, [*faces("train", 60), *faces("validation", 200)])
    return path


def on_another_processor(path: Path) -> None:
    """Let the card say what a processor said that computes otherwise."""
    card = load_card(path)
    ((name, answers),) = card.proven.items()
    moved = {head: tuple((row[0] + 0.06, *row[1:]) for row in rows) for head, rows in answers.items()}
    save_card(path, replace(card, proven={name: moved}))


def test_int8_where_it_is_proven(weights: Path) -> None:
    read = open_classifier(weights)
    assert (read.runtime, read.precision) == ("onnx", "int8")
    assert read.sha256 == load_card(weights).exports["tiny.int8.onnx"]


def test_fp32_where_this_processor_computes_otherwise(weights: Path, caplog: pytest.LogCaptureFixture) -> None:
    on_another_processor(weights)
    assert open_classifier(weights).precision == "fp32"
    why = "this processor computes it otherwise than the one it was measured on"
    assert caplog.messages == [f"tiny.int8.onnx: not used: {why}"]
    assert open_classifier(weights, precision="int8").precision == "int8"
    assert caplog.messages[1:] == [f"tiny.int8.onnx: {why}"]


def test_fp32_where_nothing_is_proven(weights: Path) -> None:
    save_card(weights, replace(load_card(weights), proven={}))
    assert open_classifier(weights).precision == "fp32"
    assert open_classifier(weights, precision="int8").precision == "int8"


def test_a_proof_of_another_network_counts_for_nothing(weights: Path) -> None:
    card = load_card(weights)
    save_card(weights, replace(card, proven={"tiny.int8.onnx": {"labels": ((0.1,) * 7,)}}))
    assert open_classifier(weights).precision == "fp32"
    save_card(weights, replace(card, proven={"tiny.int8.onnx": {"votes": card.proven["tiny.int8.onnx"]["labels"]}}))
    assert open_classifier(weights).precision == "fp32"


@pytest.mark.parametrize("asked", ["int8", "fp32"])
def test_what_is_asked_for_is_what_runs(weights: Path, asked: Any) -> None:
    assert open_classifier(weights, precision=asked).precision == asked


@pytest.mark.parametrize(("name", "kind"), [("tiny.onnx", "fp32"), ("tiny.int8.onnx", "int8")])
def test_the_file_that_is_named_is_what_runs(weights: Path, name: str, kind: Any) -> None:
    assert open_classifier(weights.with_name(name)).precision == kind
    other = {"fp32": "int8", "int8": "fp32"}[kind]
    with pytest.raises(ModelError, match=rf"{name}: computes in {kind}; name the \.safetensors, or leave out"):
        open_classifier(weights.with_name(name), precision=other)  # type: ignore[arg-type]


def test_int8_that_is_not_there_says_how_to_make_it(tmp_path: Path) -> None:
    path = saved(tmp_path)
    with pytest.raises(
        ModelError, match=r"make one with `fervid models export .* --format onnx --int8 --faces CONFIG`"
    ):
        open_classifier(path, precision="int8")


def test_torch_has_no_integers(weights: Path) -> None:
    assert open_classifier(weights, "torch").precision == "fp32"
    with pytest.raises(ModelError, match=r"torch computes in fp32; leave out the runtime, or the precision int8"):
        open_classifier(weights, "torch", precision="int8")


def test_products_of_the_network_that_ships_fit_into_16_bits() -> None:
    """Processors without VNNI add two products of an activation and a weight in 16 bits, and cut off what is more."""
    graph = onnx.load(zoo.weights("fervid").with_suffix(".int8.onnx")).graph
    numbers = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    matrices = [array for array in numbers.values() if array.dtype == np.int8 and array.ndim > 1]
    activations = {numbers[node.input[2]].dtype for node in graph.node if node.op_type == "QuantizeLinear"}
    assert len(matrices) == 34
    assert activations == {np.dtype(np.uint8)}
    assert 2 * 255 * max(int(abs(array.astype(int)).max()) for array in matrices) <= np.iinfo(np.int16).max


def test_the_network_that_ships_is_proven_and_says_of_each_picture_the_same_alone_and_among_others() -> None:
    read = open_classifier("fervid", precision="int8")
    assert "fervid.int8.onnx" in load_card(zoo.weights("fervid")).proven
    pictures = probes(48)
    assert np.array_equal(read(pictures), np.concatenate([read(picture[None]) for picture in pictures]))


def test_pictures_of_the_proof_reach_from_black_to_white() -> None:
    for size in (24, 48, 96):
        made = probes(size)
        assert made.shape == (4, size, size)
        assert (int(made.min()), int(made.max())) == pytest.approx((0, 255), abs=12)


CHAIN = "stages: [demo: {{frames: {frames}}}, detect, emotions: {{model: {model}}}, csv: {{path: {out}}}]"


def test_the_page_says_which_and_a_resume_does_not_change_it(weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "demo.csv"
    chain = CHAIN.format(frames=30, model=weights, out=out)
    run = iter(Pipeline.parse(chain, keep=Wish(every=0.2)))
    for _ in range(20):
        next(run)
    run.close()
    on_another_processor(weights)
    with pytest.raises(
        ConfigError, match=r"emotions: was begun with other weights: int8 \w+, here fp32 \w+; --restart begins"
    ):
        list(Pipeline.parse(chain, keep=Wish(every=0.2, resume=True)))
    list(Pipeline.parse(chain))
    assert json.loads(Path(f"{out}.json").read_text())["weights"]["precision"] == "fp32"


def test_an_unproven_choice_is_told(weights: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "fervid"):
        list(Pipeline.parse(CHAIN.format(frames=2, model=weights, out=tmp_path / "a.csv")))
    assert not caplog.messages
    assert json.loads((tmp_path / "a.csv.json").read_text())["weights"]["precision"] == "int8"
