"""Weights come back as they were, and what is not what its card says is refused in one line before it is used."""

import hashlib
import json
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load
from safetensors.torch import save as pack
from tiny import Tiny, saved

from fervid.models import checkpoint, tensors
from fervid.models.card import Calibration, Card, Head, load_card, save_card
from fervid.models.crop import Framing
from fervid.pipeline.errors import ModelError, OutputError


def rewrite(path: Path, blob: bytes) -> None:
    """Change the weights and let the card agree, as one would who means harm."""
    path.write_bytes(blob)
    save_card(path, replace(load_card(path), sha256=hashlib.sha256(blob).hexdigest()))


def edit_header(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    blob = path.read_bytes()
    length = struct.unpack("<Q", blob[:8])[0]
    header = json.loads(blob[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    rewrite(path, struct.pack("<Q", len(text)) + text + blob[8 + length :])


def edit_card(path: Path, **facts: Any) -> None:
    card = path.with_suffix(".json")
    card.write_text(json.dumps(json.loads(card.read_text()) | facts))


def refusal(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        checkpoint.load(path)
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(f"{path.parent}/", "")


def test_weights_and_card_come_back(tmp_path: Path) -> None:
    torch.manual_seed(3)
    network = Tiny()
    calibrated: dict[Head, Calibration] = {"labels": Calibration((1.5,) * 7, (0.1,) * 7, uncertain_below=0.4)}
    card = Card("tiny", 24, 0.5, 0.25, heads=calibrated, crop=Framing(1.4), seed=3, epochs=2)
    card = replace(card, recipe={"epochs": 2}, figures={"validation": {"accuracy": 0.5}})
    written = checkpoint.save(tmp_path / "new" / "net.safetensors", network, card)
    read, loaded = checkpoint.load(tmp_path / "new" / "net.safetensors")
    assert read == written
    assert read == replace(card, sha256=written.sha256, parameters=1519)
    assert not loaded.training
    state = loaded.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())


def test_int8_and_fp16_keeps_8_bits_of_dense_layers_and_16_of_convolutions() -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3), torch.nn.Flatten(), torch.nn.Linear(32, 7))
    kept = load(tensors.pack(network.state_dict(), "int8+fp16"))
    assert {name: tensor.dtype for name, tensor in kept.items()} == {
        "0.weight": torch.float16,
        "0.bias": torch.float32,
        "2.weight": torch.int8,
        "2.weight.scale": torch.float32,
        "2.bias": torch.float32,
    }


def test_fp16_halves_the_file_and_int8_quarters_it(tmp_path: Path) -> None:
    network = torch.nn.Linear(4000, 100)
    sizes, faults = {}, {}
    for store in ("fp32", "fp16", "int8"):
        blob = tensors.pack(network.state_dict(), store)  # type: ignore[arg-type]
        back = tensors.unpack(blob, network.state_dict(), tmp_path, "linear")
        sizes[store] = round(len(blob) / 400_000, 1)
        faults[store] = float(
            (back["weight"] - network.weight.detach()).abs().max() / network.weight.detach().abs().max()
        )
        assert back["weight"].dtype == torch.float32
        assert torch.equal(back["bias"], network.bias)
    assert sizes == {"fp32": 4.0, "fp16": 2.0, "int8": 1.0}
    assert faults["fp32"] == 0
    assert faults["fp16"] < 2**-11
    assert faults["int8"] < 0.51 / 127


@pytest.mark.parametrize("store", ["fp16", "int8+fp16", "int8"])
def test_a_small_file_loads_as_a_network_in_fp32(tmp_path: Path, store: Any) -> None:
    faces = torch.rand(4, 1, 24, 24)
    _, whole = checkpoint.load(saved(tmp_path, "whole"))
    _, small = checkpoint.load(saved(tmp_path, "small", store=store))
    assert {parameter.dtype for parameter in small.parameters()} == {torch.float32}
    assert torch.allclose(whole(faces), small(faces), atol=0.1)


def test_a_missing_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.safetensors") == "none.safetensors: no such file"


def test_no_card(tmp_path: Path) -> None:
    path = saved(tmp_path)
    path.with_suffix(".json").unlink()
    assert refusal(path) == "tiny.safetensors: has no card; tiny.json should lie beside it"


@pytest.mark.parametrize("length", [0, 4, 100, 2000, -1])
def test_cut_short(tmp_path: Path, length: int) -> None:
    path = saved(tmp_path)
    path.write_bytes(path.read_bytes()[:length])
    assert refusal(path).endswith("is not the file that its card describes (SHA-256 differs): cut short or changed")


def test_cut_short_with_a_card_that_agrees(tmp_path: Path) -> None:
    path = saved(tmp_path)
    rewrite(path, path.read_bytes()[:-1])
    assert "cut short: " in refusal(path)
    rewrite(path, path.read_bytes()[:100])
    assert refusal(path) == "tiny.safetensors: no safetensors file, or cut short"


def test_one_bit_changed(tmp_path: Path) -> None:
    path = saved(tmp_path)
    blob = bytearray(path.read_bytes())
    blob[-1] ^= 1
    path.write_bytes(blob)
    assert "SHA-256 differs" in refusal(path)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite(tmp_path: Path, number: float) -> None:
    network = Tiny()
    with torch.no_grad():
        network.head.bias[3] = number
    checkpoint.save(tmp_path / "t.safetensors", network, Card("tiny", 24, 0.5, 0.25))
    assert refusal(tmp_path / "t.safetensors").startswith("t.safetensors: head.bias holds numbers that are not finite")


def test_8_bit_weights_that_are_not_finite_once_scaled(tmp_path: Path) -> None:
    weights = {"w": torch.ones(2, 3)}
    kept = load(tensors.pack(weights, "int8"))
    kept["w.scale"][1] = 3e38
    with pytest.raises(ModelError, match="w holds numbers that are not finite"):
        tensors.unpack(pack(kept), weights, tmp_path, "two")


def test_another_network(tmp_path: Path) -> None:
    path = saved(tmp_path)
    edit_card(path, network="cnn3")
    assert refusal(path) == "tiny.safetensors: not weights of cnn3: blocks.0.0.bias is missing"


def test_an_unknown_network(tmp_path: Path) -> None:
    path = saved(tmp_path)
    edit_card(path, network="secret")
    assert refusal(path).startswith("no network 'secret'; there are ")


def test_another_shape(tmp_path: Path) -> None:
    path = saved(tmp_path)
    edit_header(path, lambda header: header["head.weight"].update(shape=[16, 7]))
    assert refusal(path) == "tiny.safetensors: not weights of tiny: head.weight is F32 [16, 7], not [7, 16]"


def test_another_type(tmp_path: Path) -> None:
    path = saved(tmp_path)
    edit_header(path, lambda header: header["head.weight"].update(dtype="I8", shape=[7, 64]))
    assert refusal(path) == "tiny.safetensors: not weights of tiny: head.weight.scale is missing"
    edit_header(path, lambda header: header["head.weight"].update(dtype="F64", shape=[7, 8]))
    assert refusal(path) == "tiny.safetensors: no safetensors file: its header says nonsense of head.weight"


@pytest.mark.parametrize(
    "lie",
    [
        {"shape": [1 << 40, 1 << 40]},
        {"shape": [-7, -16]},
        {"shape": [7.0, 16]},
        {"data_offsets": [0, 1 << 62]},
        {"data_offsets": [-448, 0]},
        {"shape": "many"},
        {"data_offsets": [1]},
        {"dtype": ["F32"]},
    ],
)
def test_a_header_that_lies(tmp_path: Path, lie: dict[str, Any]) -> None:
    path = saved(tmp_path)
    edit_header(path, lambda header: header["head.weight"].update(lie))
    assert "no safetensors file" in refusal(path)


def test_tensors_that_overlap(tmp_path: Path) -> None:
    path = saved(tmp_path)
    edit_header(path, lambda header: header["body.1.weight"].update(data_offsets=header["body.1.bias"]["data_offsets"]))
    assert "no safetensors file: " in refusal(path)


@pytest.mark.parametrize("header", [b"[]", b"{", b"null", b'{"a": 1}', b"[" * 90_000, b"\xff\xff"])
def test_a_header_that_is_none(tmp_path: Path, header: bytes) -> None:
    path = saved(tmp_path)
    rewrite(path, struct.pack("<Q", len(header)) + header)
    assert refusal(path) == "tiny.safetensors: no safetensors file: its header cannot be read"


def test_a_header_longer_than_the_file(tmp_path: Path) -> None:
    path = saved(tmp_path)
    rewrite(path, struct.pack("<Q", 1 << 62) + b"{}")
    assert refusal(path) == "tiny.safetensors: no safetensors file, or cut short"


def test_a_file_larger_than_the_network_is_not_read_whole(tmp_path: Path) -> None:
    path = saved(tmp_path)
    with path.open("r+b") as file:
        file.truncate(1 << 40)
    assert refusal(path) == ("tiny.safetensors: larger than its network needs: not the weights that its card describes")


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    path = saved(tmp_path)
    torch.save(Tiny().state_dict(), path)
    rewrite(path, path.read_bytes())
    assert refusal(path) == "tiny.safetensors: no safetensors file, or cut short"


def heads(**facts: Any) -> dict[str, Any]:
    return {"heads": {"labels": facts}}


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"std": float("nan")}, "tiny.json: not a card: std: input should be a finite number"),
        (heads(scale=[0] * 7), "tiny.json: not a card: heads.labels.scale.0: input should be greater than 0"),
        (heads(shift=[0] * 6), "tiny.json: not a card: heads.labels.shift: tuple should have at least 7 items"),
        ({"heads": {"other": {}}}, "tiny.json: not a card: heads.other.[key]: input should be 'labels' or 'votes'"),
        ({"heads": {}}, "tiny.json: not a card: heads: dictionary should have at least 1 item"),
        ({"std": 0}, "tiny.json: not a card: std: input should be greater than 0"),
        ({"size": 1 << 40}, "tiny.json: not a card: size: input should be less than 1025"),
        (heads(uncertain_below="high"), "tiny.json: not a card: heads.labels.uncertain_below: input should be a valid"),
        ({"crop": {"scale": "big"}}, "tiny.json: not a card: crop.scale: input should be a valid number"),
    ],
)
def test_a_card_out_of_bounds(tmp_path: Path, facts: dict[str, Any], message: str) -> None:
    path = saved(tmp_path)
    edit_card(path, **facts)
    assert refusal(path).startswith(message)


def test_labels_in_another_order(tmp_path: Path) -> None:
    path = saved(tmp_path)
    edit_card(path, labels=["neutral", "happy", "sad", "angry", "fear", "disgust", "surprise"])
    assert "its labels are neutral, happy, sad" in refusal(path)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\x00"])
def test_a_card_that_is_no_json(tmp_path: Path, text: str) -> None:
    path = saved(tmp_path)
    path.with_suffix(".json").write_text(text)
    assert refusal(path) == "tiny.json: not a card: not JSON"


def test_a_card_without_the_network(tmp_path: Path) -> None:
    path = saved(tmp_path)
    path.with_suffix(".json").write_text("{}")
    assert refusal(path) == "tiny.json: not a card: network: field required"


def test_a_card_too_long(tmp_path: Path) -> None:
    path = saved(tmp_path)
    path.with_suffix(".json").write_text(" " * 2_000_000)
    assert refusal(path) == "tiny.json: too long for a card"


def test_a_card_with_facts_of_a_later_version_is_read(tmp_path: Path) -> None:
    path = saved(tmp_path)
    edit_card(path, favourite_colour="blue")
    assert load_card(path).network == "tiny"


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written: "):
        checkpoint.save(tmp_path / "file" / "t.safetensors", Tiny(), Card("tiny", 24, 0.5, 0.25))
