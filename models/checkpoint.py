"""Keep a network as safetensors with a card beside it, and load it back only if it is what the card says."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NoReturn

from annotated_types import Ge, Gt, Lt

from fervid.models import zoo
from fervid.models.crop import Framing
from fervid.pipeline.errors import ModelError, OutputError
from fervid.pipeline.frame import EMOTIONS

if TYPE_CHECKING:
    import torch
    from torch import nn

HEADER = 1_000_000
"""Longest header of a safetensors file and longest card, in bytes; real ones have some ten thousand."""


@dataclass(frozen=True)
class Card:
    """What one must know to use a checkpoint, and where it comes from. What is not known stays empty."""

    __pydantic_config__: ClassVar[Any] = {"extra": "ignore", "allow_inf_nan": False}

    network: str
    """Its name in the zoo."""
    size: Annotated[int, Ge(8), Lt(1025)]
    """Side of the grey crop in pixels."""
    mean: float
    """Of pixels scaled to 0..1, subtracted first."""
    std: Annotated[float, Gt(0)]
    """Of the same; divided by after that."""
    labels: tuple[str, ...] = EMOTIONS
    """What the logits stand for, in order."""
    temperature: Annotated[float, Gt(0)] = 1.0
    """Logits are divided by it before the softmax (Guo et al. 2017)."""
    uncertain_below: Annotated[float, Ge(0), Lt(1)] = 0.0
    """A face whose best probability is lower is labelled uncertain."""
    crop: Framing = field(default_factory=Framing)
    """How faces were framed for it."""
    recipe: dict[str, Any] = field(default_factory=dict)
    """Every option of the training."""
    recipe_sha256: str | None = None
    data: dict[str, Any] = field(default_factory=dict)
    """Name, counts and SHA-256 of what it learned from."""
    seed: int | None = None
    epochs: int | None = None
    trained: dict[str, Any] = field(default_factory=dict)
    """Date, seconds, machine and versions of the training."""
    figures: dict[str, Any] = field(default_factory=dict)
    """What was measured: accuracy, macro-F1, calibration, speed, by split."""
    notes: dict[str, Any] = field(default_factory=dict)
    """Known failures, what it must not be used for, anything else."""
    parameters: int | None = None
    sha256: str = ""
    """Of the .safetensors file."""
    exports: dict[str, str] = field(default_factory=dict)
    """SHA-256 of each .onnx file made from it, by file name."""


def save(path: Path, network: nn.Module, card: Card, half: bool = False) -> Card:
    """Write the network to `path` (.safetensors) and its card beside it; return the card with the hash filled in.

    `half` stores 16-bit floats: half the space; they are computed with as 32-bit ones.
    """
    from safetensors.torch import save as to_bytes

    def stored(tensor: torch.Tensor) -> torch.Tensor:
        plain = tensor.detach().cpu().contiguous()
        return plain.half() if half and plain.is_floating_point() else plain.clone()

    blob = to_bytes({name: stored(tensor) for name, tensor in network.state_dict().items()})
    parameters = sum(parameter.numel() for parameter in network.parameters())
    card = replace(card, sha256=hashlib.sha256(blob).hexdigest(), parameters=parameters, exports={})
    write(path, blob)
    save_card(path, card)
    return card


def save_card(path: Path, card: Card) -> None:
    """Write the card that belongs to a weights file."""
    write(card_path(path), (json.dumps(asdict(card), indent=2, allow_nan=False) + "\n").encode())


def card_path(path: Path) -> Path:
    """Where the card of a weights file lies: `fervid.json` for `fervid.safetensors`, `.onnx` and `.int8.onnx`."""
    return path.with_name(path.stem.removesuffix(".int8") + ".json")


def load(path: Path) -> tuple[Card, nn.Module]:
    """Return the card and the network, ready to classify.

    Raises:
        ModelError: file or card is missing, damaged, not finite, or belongs to another network.
    """
    from safetensors.torch import load as from_bytes

    card = load_card(path)
    network = zoo.build(card.network)
    blob = read(path, card.sha256, HEADER + 8 + sum(t.nbytes for t in network.state_dict().values()))
    _check_header(path, blob, network, card.network)
    tensors = from_bytes(blob)
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise ModelError(f"{path}: {name} holds numbers that are not finite; train or download it again")
    network.load_state_dict(tensors)
    return card, network.eval()


def load_card(path: Path) -> Card:
    """Return the card of a weights file.

    Raises:
        ModelError: there is no such file, it has no card, or the card is not one.
    """
    beside = card_path(path)
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    if not beside.is_file():
        raise ModelError(f"{path}: has no card; {beside.name} should lie beside it")
    return read_card(beside)


def read_card(path: Path) -> Card:
    """Return the card in a .json file.

    Raises:
        ModelError: it is not one.
    """
    from pydantic import TypeAdapter, ValidationError

    if path.stat().st_size > HEADER:
        raise ModelError(f"{path}: too long for a card")
    try:
        card = TypeAdapter(Card).validate_python(json.loads(path.read_bytes()))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "card"
        raise ModelError(f"{path}: not a card: {where}: {first['msg'].lower()}") from None
    except (ValueError, RecursionError):
        raise ModelError(f"{path}: not a card: not JSON") from None
    if card.labels != EMOTIONS:
        raise ModelError(f"{path}: its labels are {', '.join(card.labels)}; fervid's are {', '.join(EMOTIONS)}")
    return card


def read(path: Path, sha256: str, limit: int) -> bytes:
    """Return the bytes of a weights file of at most `limit` bytes, if they have that hash.

    Raises:
        ModelError: too large, unreadable or changed.
    """
    try:
        with path.open("rb") as file:
            blob = file.read(limit + 1)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    if len(blob) > limit:
        raise ModelError(f"{path}: larger than its network needs; it is of another one")
    if hashlib.sha256(blob).hexdigest() != sha256:
        raise ModelError(f"{path}: is not the file that its card describes (SHA-256 differs): cut short or changed")
    return blob


def _check_header(path: Path, blob: bytes, network: nn.Module, name: str) -> None:
    """Compare names, types, shapes and places of the stored tensors with the network's, before any is made."""

    def refuse(why: str) -> NoReturn:
        raise ModelError(f"{path}: {why}")

    length = int.from_bytes(blob[:8], "little")
    if length > min(HEADER, len(blob) - 8):
        refuse("no safetensors file, or cut short")
    try:
        header: dict[str, Any] = json.loads(blob[8 : 8 + length])
        stored = {
            key: (e["dtype"], tuple(e["shape"]), *e["data_offsets"]) for key, e in header.items() if key[:2] != "__"
        }
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
        refuse("no safetensors file: its header cannot be read")
    wanted = network.state_dict()
    if odd := sorted(wanted.keys() ^ stored.keys()):
        refuse(f"not weights of {name}: {odd[0]} is {'missing' if odd[0] in wanted else 'unknown to it'}")
    for key, (dtype, shape, begin, end) in stored.items():
        width = {"F32": 4, "F16": 2} if wanted[key].is_floating_point() else {"I64": 8}
        if shape != tuple(wanted[key].shape) or dtype not in width:
            refuse(f"not weights of {name}: {key} is {dtype} {list(shape)}, not {list(wanted[key].shape)}")
        if not 0 <= begin <= end <= len(blob) - 8 - length or end - begin != width[dtype] * prod(shape):
            refuse(f"no safetensors file, or cut short: {key} lies outside of it")


def write(path: Path, blob: bytes) -> None:
    """Write a file that is complete or absent.

    Raises:
        OutputError: the folder cannot be written to, or the disk is full.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(blob)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
