"""Networks by name: what is built in has exactly the size its origin has, and what is wrong is said with names."""

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
import torch
from torch import nn

from fervid.models import zoo
from fervid.pipeline.errors import ConfigError, ModelError

Shape = tuple[int, int, int]
ORIGINS: dict[str, tuple[int, list[Shape]]] = {
    "cnn3": (1_274_823, [(32, 24, 24), (64, 12, 12), (128, 6, 6)]),
    "deep_elu": (7_827_719, [(256, 24, 24), (128, 12, 12), (512, 6, 6)]),
    "keras_cnn4": (2_782_919, [(64, 24, 24), (128, 12, 12), (256, 6, 6)]),
    "scratch_cnn": (1_054_719, [(32, 24, 24), (64, 12, 12), (128, 6, 6), (264, 3, 3)]),
}


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("name", ORIGINS)
def test_a_network_has_its_parameters_and_each_block_its_shape(name: str) -> None:
    network, (count, shapes) = zoo.build(name), ORIGINS[name]
    assert parameters(network) == count
    x, found = torch.zeros(2, 1, 48, 48), []
    for block in network.blocks:  # type: ignore[union-attr]
        x = block(x)
        found.append(tuple(x.shape[1:]))
    assert found == shapes


def test_keras_counts_the_running_averages_too() -> None:
    network = zoo.build("deep_elu")
    averages = sum(buffer.numel() for name, buffer in network.named_buffers() if "running" in name)
    assert parameters(network) + averages == 7_831_815


def test_flattened_features_are_as_many_as_the_origins_have() -> None:
    wide = {
        name: next(m for m in zoo.build(name).modules() if isinstance(m, nn.Linear)).in_features for name in ORIGINS
    }
    assert wide == {"cnn3": 4608, "deep_elu": 18432, "keras_cnn4": 9216, "scratch_cnn": 2376}


@pytest.mark.parametrize("name", [*ORIGINS, "fervid"])
def test_every_network_keeps_the_contract(name: str) -> None:
    assert name in zoo.networks.names()
    network = zoo.build(name).eval()
    faces = torch.randn(3, 1, network.size, network.size)  # type: ignore[arg-type]
    assert network(faces).shape == (3, 7)
    assert torch.equal(network.head(network.features(faces)), network(faces))  # type: ignore[operator]
    assert isinstance(network.mean, float)
    assert isinstance(network.std, float)


def test_fervid_is_small() -> None:
    assert parameters(zoo.build("fervid")) <= 5_000_000


def test_an_unknown_network_is_an_error_with_a_suggestion() -> None:
    with pytest.raises(ModelError, match=r"no network 'cnn_3'; did you mean 'cnn3'\? There are cnn3, deep_elu, "):
        zoo.build("cnn_3")


def test_a_module_that_is_no_network_is_none() -> None:
    with pytest.raises(ModelError, match="no network 'checkpoint'"):
        zoo.build("checkpoint")


def test_a_name_of_fervid_cannot_be_taken() -> None:
    with pytest.raises(ConfigError, match="'cnn3' is a network of fervid; choose another name"):
        zoo.network("cnn3")(type("Mine", (nn.Module,), {}))


def test_two_networks_of_one_name_are_an_error() -> None:
    zoo.network("twice")(type("First", (nn.Module,), {"__module__": "one"}))
    with pytest.raises(ConfigError, match=r"two networks are named 'twice': one\.First and two\.Second; rename one"):
        zoo.network("twice")(type("Second", (nn.Module,), {"__module__": "two"}))


def test_unknown_weights_are_an_error_that_says_what_there_is() -> None:
    with pytest.raises(
        ModelError, match=r"no weights 'nonesuch'; .*or give the path of a \.safetensors, \.onnx or \.pth file"
    ):
        zoo.weights("nonesuch")


def test_a_network_without_weights_says_what_makes_them() -> None:
    with pytest.raises(ModelError, match="deep_elu ships without weights: `fervid run train_deep_elu --set ") as caught:
        zoo.weights("deep_elu")
    assert "makes runs/deep_elu/deep_elu.safetensors" in str(caught.value)
    assert Path(str(files("fervid.configs"))).joinpath("train_deep_elu.yaml").is_file()


def test_a_path_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"mine\.safetensors: no such file"):
        zoo.weights(tmp_path / "mine.safetensors")


def test_a_path_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    path.touch()
    assert zoo.weights(str(path)) == path


def test_listing_networks_does_not_import_torch() -> None:
    code = "import sys; from fervid.models import zoo; zoo.networks.names(); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
