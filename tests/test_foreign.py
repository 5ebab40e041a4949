"""Weights that torch saved elsewhere: found by their layers, never by running them, and never guessed."""

import hashlib
import io
import json
import os
import pickle
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import drawn
import numpy as np
import pytest
import torch
from tiny import Tiny
from torch import Tensor, nn

from fervid.models import checkpoint, zoo
from fervid.models.foreign import conversion, matching, reading, unpickle
from fervid.models.runtime import open_classifier
from fervid.pipeline import EMOTIONS, ConfigError, Pipeline
from fervid.pipeline.errors import ModelError
from fervid.stages.faces.emotions import PROBABILITIES

State = dict[str, Tensor]
BUILT_IN = ("cnn3", "deep_elu", "fervid", "keras_cnn4", "scratch_cnn")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where converted weights go."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "fervid" / "weights"


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are read in this process, which spares seconds where what is asked is what comes of them."""

    def run(blob: bytes, answer: io.BytesIO) -> int:
        try:
            answer.write(unpickle.answer(blob, reading.NUMBERS))
        except unpickle.UnreadableError as error:
            answer.write(str(error).encode())
            return unpickle.REFUSED
        return 0

    monkeypatch.setattr(reading, "_run", run)


def tiny(seed: int = 0) -> Tiny:
    torch.manual_seed(seed)
    network = Tiny()
    with torch.no_grad():
        network.head.weight *= 8
        network.train()(torch.randn(64, 1, 24, 24))
    return network.eval()


def renamed(network: nn.Module) -> State:
    """Its numbers under names that no network of fervid has."""
    names = {layer.name: f"net.part{number}" for number, layer in enumerate(matching.layers(network.state_dict()))}
    parts = ((key.rpartition("."), tensor) for key, tensor in network.state_dict().items())
    return {f"{names[name]}.{part}": tensor for (name, _, part), tensor in parts}


def saved(folder: Path, held: object, name: str = "best_model.pth", **how: Any) -> Path:
    torch.save(held, folder / name, **how)
    return folder / name


def faces(size: int = 24) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, (3, size, size), np.uint8)


def expected(network: nn.Module, mean: float = 0.5, std: float = 0.25) -> np.ndarray[Any, Any]:
    with torch.inference_mode():
        pixels = (torch.from_numpy(faces())[:, None].float() / 255 - mean) / std
        return network(pixels).softmax(1).numpy()  # type: ignore[no-any-return]


def refusal(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        conversion.weights(path)
    return str(caught.value)


def test_a_run_reads_a_state_dict_and_its_page_says_so(tmp_path: Path, cache: Path) -> None:
    """In a process of its own, and once: the second run takes what the first made."""
    path = saved(tmp_path, {"epoch": 7, "model_state_dict": renamed(tiny())})
    text = f"stages:\n- demo: {{frames: 1}}\n- detect\n- emotions: {{model: {path}}}\n"
    for _ in range(2):
        pipeline = Pipeline.parse(text)
        (frame,) = pipeline
        assert frame.faces[0][PROBABILITIES] is not None
        assert len(list(cache.glob("*/weights.safetensors"))) == 1
    note = pipeline.run.notes["weights"]
    assert note["model"] == str(path)
    assert note["card"]["converted_from"] == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", BUILT_IN)
def test_every_network_is_found_by_its_layers(tmp_path: Path, name: str) -> None:
    network = zoo.build(name).eval()
    card, read = checkpoint.load(conversion.weights(saved(tmp_path, renamed(network))))
    assert card.network == name
    assert (card.size, card.mean, card.std) == tuple(getattr(network, fact) for fact in ("size", "mean", "std"))
    assert all(torch.equal(tensor, read.state_dict()[key]) for key, tensor in network.state_dict().items())


def numbers_beside(network: nn.Module) -> dict[str, Any]:
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.zeros(2, 1, 24, 24)).sum().backward()
    optimizer.step()
    return {"state_dict": network.state_dict(), "optimizer": optimizer.state_dict(), "best": np.float64(0.6)}


HOLDERS: dict[str, Callable[[nn.Module], object]] = {
    "plain": lambda network: network.state_dict(),
    "state_dict": lambda network: {"epoch": 3, "state_dict": network.state_dict(), "classes": list(EMOTIONS)},
    "model": lambda network: {"model": network.state_dict()},
    "training": numbers_beside,
    "parallel": lambda network: {f"module.{key}": tensor for key, tensor in network.state_dict().items()},
    "halved": lambda network: {key: tensor.half() for key, tensor in network.state_dict().items()},
    "doubled": lambda network: {key: tensor.double() for key, tensor in network.state_dict().items()},
    "no count": lambda network: {key: t for key, t in network.state_dict().items() if "tracked" not in key},
}


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("holder", HOLDERS)
def test_it_may_be_held_in_many_ways(tmp_path: Path, holder: str) -> None:
    network = tiny()
    held = HOLDERS[holder](network)
    wanted = expected(network.eval())
    read = open_classifier(saved(tmp_path, held))(faces())
    assert np.allclose(read, wanted, atol=2e-2 if holder == "halved" else 1e-5)


@pytest.mark.usefixtures("here")
def test_a_file_of_an_old_torch_is_read(tmp_path: Path) -> None:
    path = saved(tmp_path, tiny().state_dict(), "old.tar", _use_new_zipfile_serialization=False)
    assert np.allclose(open_classifier(path)(faces()), expected(tiny()), atol=1e-5)


@pytest.mark.usefixtures("here")
def test_layers_may_be_named_kind_by_kind(tmp_path: Path) -> None:
    """All convolutions first, then all normalisations."""
    state = renamed(tiny())
    by_kind = dict(sorted(state.items(), key=lambda item: -item[1].dim()))
    assert list(by_kind) != list(state)
    assert np.allclose(open_classifier(saved(tmp_path, by_kind))(faces()), expected(tiny()), atol=1e-5)


@pytest.mark.usefixtures("here")
def test_what_is_not_in_the_file_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = saved(tmp_path, tiny().state_dict())
    made = conversion.weights(path)
    (told,) = caplog.messages
    assert f"{path}: taken for the network tiny" in told
    assert "pixels (p / 255 - 0.5) / 0.25; answers in the order angry, disgust, fear, happy, sad, " in told
    assert "say so in best_model.json beside it" in told
    assert conversion.weights(path) == made
    assert len(caplog.messages) == 1
    assert "pixels (p / 255 - 0.5) / 0.25" in checkpoint.load_card(made).notes["converted"]


@pytest.mark.usefixtures("here")
def test_a_card_beside_it_says_what_the_file_does_not(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    network, path = tiny(), tmp_path / "best_model.pth"
    saved(tmp_path, network.state_dict())
    first = conversion.weights(path)
    order = sorted(EMOTIONS)
    (tmp_path / "best_model.json").write_text(json.dumps({"mean": 0.25, "std": 0.75, "labels": order}))
    caplog.clear()
    read = open_classifier(path)
    assert np.allclose(
        read(faces())[:, [EMOTIONS.index(one) for one in order]], expected(network, 0.25, 0.75), atol=1e-5
    )
    assert (read.card.labels, read.card.mean, conversion.weights(path) == first) == (EMOTIONS, 0.25, False)
    assert "order" not in caplog.text
    assert "assumed: grey faces of 24 x 24 pixels; probabilities as the network gives them" in caplog.text


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("said", "message"),
    [
        ('{"meen": 0}', "cards know no 'meen'; did you mean 'mean'?"),
        ('{"train_loss": [1, 2]}', "cards know no 'train_loss'; rename the file"),
        ('{"labels": ["happy"]}', "labels must be these, in the order of the network's answers: angry, disgust, "),
        ('{"std": 0}', "not a card: std: "),
        ('{"network": "cnn_3"}', "no network 'cnn_3'; did you mean 'cnn3'"),
        ('{"network": ["cnn3"]}', "no network"),
        ("[]", "not a card: not a JSON object"),
        ("{", "not a card: not JSON"),
        ('{"size": 48}', ""),
    ],
)
def test_what_is_said_wrongly_is_an_error(tmp_path: Path, said: str, message: str) -> None:
    path = saved(tmp_path, tiny().state_dict())
    (tmp_path / "best_model.json").write_text(said)
    if message:
        assert message in refusal(path)


@pytest.mark.usefixtures("here")
def test_the_users_files_stay_as_they_are(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    path = saved(mine, tiny().state_dict())
    (mine / "best_model.safetensors").write_text("a file of mine")
    before = {file.name: file.read_bytes() for file in mine.iterdir()}
    conversion.weights(path)
    assert {file.name: file.read_bytes() for file in mine.iterdir()} == before


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("place", ["a file", "relative"])
def test_where_no_cache_can_be_kept_it_works_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", {"a file": str(tmp_path / "file"), "relative": "cache"}[place])
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    monkeypatch.chdir(tmp_path)
    assert np.allclose(open_classifier(saved(tmp_path, tiny().state_dict()))(faces()), expected(tiny()), atol=1e-5)
    assert not (tmp_path / "cache").exists()


@pytest.mark.usefixtures("here")
def test_a_training_goes_on_from_it_with_the_pixels_that_its_card_says(tmp_path: Path) -> None:
    drawn.write(tmp_path / "fer2013.csv", drawn.rows())
    path = saved(tmp_path, tiny().state_dict())
    (tmp_path / "best_model.json").write_text('{"mean": 0.25, "std": 0.75}')
    train = {"network": "tiny", "start": str(path), "epochs": 0, "votes": 0, "out": str(tmp_path / "out")}
    stages = [{"fer2013": {"path": str(tmp_path / "fer2013.csv")}}, {"train": train}]
    list(Pipeline.parse(json.dumps({"stages": stages})))
    card, network = checkpoint.load(tmp_path / "out" / "tiny.safetensors")
    assert (card.mean, card.std) == (0.25, 0.75)
    assert torch.equal(network.state_dict()["head.weight"], tiny().head.weight)


class Resnet(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Conv2d(3, 64, 7), nn.BatchNorm2d(64), nn.Linear(64, 7))


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("evil",)


def wrong(key: str, change: Callable[[Tensor], Tensor]) -> State:
    state = tiny().state_dict()
    return {name: change(tensor) if name == key else tensor for name, tensor in state.items()}


def torchscript() -> bytes:
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), file)
    return file.getvalue()


def keras() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", b"")
    return file.getvalue()


def dumped(held: object) -> bytes:
    file = io.BytesIO()
    torch.save(held, file)
    return file.getvalue()


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "module": (lambda: dumped(Tiny()), "it would run code (tiny.Tiny) to be read"),
    "module beside": (lambda: dumped({"model": Tiny(), "epoch": 1}), "keep its numbers: torch.save(model.state_dict()"),
    "code": (lambda: dumped(Evil()), "it would run code (posix.mkdir) to be read"),
    "pickle": (lambda: pickle.dumps(Evil(), 2), "it would run code (posix.mkdir) to be read"),
    "torchscript": (torchscript, "is TorchScript, a program"),
    "hdf5": (lambda: reading.HDF5 + bytes(100), "is a Keras file, which fervid does not read; train the network here"),
    "keras": (keras, "is a Keras file, which fervid does not read; train the network here"),
    "text": (lambda: b"hello", "is no file that torch.save wrote, or is damaged"),
    "empty": (lambda: b"", "is no file that torch.save wrote, or is damaged"),
    "cut": (lambda: dumped(tiny().state_dict())[:3000], "is no file that torch.save wrote, or is damaged"),
    "list": (lambda: dumped([1, 2]), "holds no state dict: it is a list"),
    "history": (lambda: dumped({"loss": [1.0], "epoch": 3}), "holds no state dict: it is a dict of loss, epoch"),
    "huge": (lambda: dumped({"a": torch.zeros(1).expand(10**12)}), "claims more memory than a network"),
    "sparse": (lambda: dumped({"a": torch.eye(3).to_sparse()}), "holds a in a form that fervid does not read: float32"),
    "nowhere": (lambda: dumped({"a": torch.empty(10**12, device="meta")}), "in a form that fervid does not read"),
    "complex": (lambda: dumped({"a": torch.zeros(3, dtype=torch.complex64)}), "a form that fervid does not read: comp"),
    "many": (
        lambda: dumped({str(n): torch.zeros(1) for n in range(2001)}),
        "holds 2001 tensors, more than any network",
    ),
    "nan": (lambda: dumped(wrong("head.bias", lambda t: t * torch.nan)), "head.bias holds numbers that are not finite"),
    "too large": (
        lambda: dumped(wrong("body.0.weight", lambda t: t.double() * 1e300)),
        "body.0.weight holds numbers that are not finite",
    ),
    "foreign": (
        lambda: dumped(Resnet().state_dict()),
        "of no network that fervid knows (cnn3, deep_elu, ",
    ),
    "colours": (lambda: dumped(Resnet().state_dict()), "it holds 3 layers, from 0 (64 x 3 x 7 x 7) to 2 (7 x 64)"),
    "other classes": (
        lambda: dumped(wrong("head.bias", lambda t: torch.zeros(8)) | {"head.weight": torch.zeros(8, 16)}),
        "tiny has head (7 x 16) in the place of head (8 x 16)",
    ),
    "longer": (
        lambda: dumped(tiny().state_dict() | {"last.weight": torch.zeros(7, 7)}),
        "tiny has no more layer in the place of last (7 x 7)",
    ),
    "no layer": (lambda: dumped({"norm.num_batches_tracked": torch.zeros(())}), "it holds 0 layers"),
    "long name": (lambda: dumped({"a" * 9999 + ".weight": torch.zeros(3)}), f"from {'a' * 80} (3) to"),
    "two": (
        lambda: dumped({"model": tiny().state_dict(), "ema": tiny(1).state_dict()}),
        "holds several weights, 'ema', 'model'; keep one of them in a file",
    ),
}


@pytest.mark.usefixtures("here")
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning", "ignore:.*TorchScript:UserWarning")
@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_read_is_a_sentence(
    tmp_path: Path, kind: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    blob, message = REFUSED[kind]
    (path := tmp_path / "best_model.pth").write_bytes(blob())
    assert message in (told := refusal(path))
    assert told.startswith(f"{path}: ")
    assert "\n" not in told
    assert not cache.exists()
    assert not (tmp_path / "evil").exists()


@pytest.mark.usefixtures("here")
def test_an_order_that_names_contradict_is_not_sure(tmp_path: Path) -> None:
    network = zoo.build("scratch_cnn")
    names = [layer.name for layer in matching.layers(network.state_dict()) if layer.shapes.get("weight") == (64,)]
    assert len(names) == 2
    swap = {names[0]: "norm2", names[1]: "norm1"}
    parts = ((key.rpartition("."), tensor) for key, tensor in network.state_dict().items())
    state = {f"{swap.get(name, name)}.{part}": tensor for (name, _, part), tensor in parts}
    told = refusal(saved(tmp_path, state))
    assert "norm2 (64) stands in front of norm1 (64): the order of its layers is not sure" in told


@pytest.fixture
def twin() -> Iterator[None]:
    zoo.network("twin")(type("Twin", (Tiny,), {"__module__": "mine"}))
    yield
    del zoo.networks.known["twin"]


@pytest.mark.usefixtures("here", "twin")
def test_layers_of_two_networks_are_not_guessed_between(tmp_path: Path) -> None:
    path = saved(tmp_path, tiny().state_dict())
    assert "has the layers of tiny and of twin; say which" in refusal(path)
    (tmp_path / "best_model.json").write_text('{"network": "tiny"}')
    assert checkpoint.load_card(conversion.weights(path)).network == "tiny"


def repacked(pickled: bytes) -> bytes:
    """A file of torch whose pickle is another one, compressed."""
    file, source = io.BytesIO(), zipfile.ZipFile(io.BytesIO(dumped({})))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in source.namelist():
            archive.writestr(name, pickled if name.endswith("data.pkl") else source.read(name))
    return file.getvalue()


def endless() -> bytes:
    """A dict whose one key, a pair of pairs of pairs, takes two to the power of a hundred steps to be hashed."""
    pairs = b"".join(b"h%c\x86q%c" % (n, n + 1) for n in range(100))
    return repacked(b"\x80\x02}K\x01\x85q\x00" + pairs + b"K\x01s.")


def unfolding() -> bytes:
    """Some kilobytes that become a string of a hundred megabytes."""
    return repacked(b"\x80\x02X" + (100 << 20).to_bytes(4, "little") + bytes(100 << 20) + b".")


@pytest.mark.parametrize(("make", "limit", "at"), [(endless, "SECONDS", 1), (unfolding, "MEMORY", 32 << 20)])
def test_a_file_that_takes_too_much_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[], bytes], limit: str, at: int
) -> None:
    monkeypatch.setattr(reading, limit, at)
    (path := tmp_path / "bomb.pth").write_bytes(make())
    assert path.stat().st_size < 1 << 20
    assert re.search(r"takes more memory or time to read than|claims more memory than", refusal(path))


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pth")
    assert refusal(tmp_path / "pipe.pth") == f"{tmp_path}/pipe.pth: no such file"
    assert refusal(tmp_path / "none.pth") == f"{tmp_path}/none.pth: no such file"


def test_a_file_of_keras_is_refused_before_anything_is_opened() -> None:
    with pytest.raises((ConfigError, ModelError), match=r"best\.h5: is a Keras file, which fervid does not read"):
        Pipeline.parse("stages:\n- demo\n- detect\n- emotions: {model: best.h5}\n")
