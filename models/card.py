"""What one must know about trained weights: read from and written to the JSON file beside them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Len, Lt

from fervid.models.crop import Framing
from fervid.pipeline.errors import ModelError
from fervid.pipeline.frame import EMOTIONS
from fervid.pipeline.output import write

if TYPE_CHECKING:
    from pydantic import TypeAdapter

LONGEST = 1_000_000
"""Bytes of the longest card that is read; real ones have some thousand."""


Head = Literal["labels", "votes"]
"""Whose judgement a network gives: that of FER2013's labels, or that of FER+'s voters."""

HEADS: tuple[Head, ...] = ("labels", "votes")

Answer = Literal["pooled", "labels", "votes"]
"""What a network can be asked for: one of its heads alone, or both pooled."""

INHERITED = ("must_not_be_used_for", "licence_of_data")
"""Notes that hold for whatever is made from weights that have them."""

Seven = Len(len(EMOTIONS), len(EMOTIONS))


@dataclass(frozen=True)
class Calibration:
    """Probabilities are the softmax of `scale` * logits + `shift` (vector scaling, Guo et al. 2017)."""

    scale: Annotated[tuple[Annotated[float, Gt(0)], ...], Seven] = (1.0,) * len(EMOTIONS)
    shift: Annotated[tuple[float, ...], Seven] = (0.0,) * len(EMOTIONS)
    uncertain_below: Annotated[float, Ge(0), Lt(1)] = 0.0
    """A face whose best probability is lower is labelled uncertain."""


@dataclass(frozen=True)
class Pool:
    """Probabilities are the softmax of `labels` * log p of that head + `votes` * log p of the other + `shift`."""

    labels: Annotated[tuple[Annotated[float, Gt(0)], ...], Seven]
    votes: Annotated[tuple[Annotated[float, Gt(0)], ...], Seven]
    shift: Annotated[tuple[float, ...], Seven]
    uncertain_below: Annotated[float, Ge(0), Lt(1)] = 0.0
    """A face whose best probability is lower is labelled uncertain."""


@dataclass(frozen=True)
class Card:
    """How to use the weights, and where they come from. What is not known stays empty."""

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
    heads: Annotated[dict[Head, Calibration], Len(1)] = field(default_factory=lambda: {"labels": Calibration()})
    """Its answers, and how the logits of each become probabilities."""
    pooled: Pool | None = None
    """How both heads become one answer; none for a network with one head."""
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
    proven: dict[str, dict[Head, tuple[Annotated[tuple[float, ...], Seven], ...]]] = field(default_factory=dict)
    """Of each 8-bit export that lost nothing, by file name: what its heads answer to `precision.probes`."""
    converted_from: str | None = None
    """SHA-256 of the file of torch that it was converted from."""

    @property
    def learned(self) -> list[int]:
        """The epochs of each training that led to it; a mean of weights, which takes none, is no training."""
        every = (row.get("epochs") for row in self.trainings)
        return [epochs for epochs in every if isinstance(epochs, int) and epochs]

    @property
    def answers(self) -> dict[Answer, Calibration | Pool]:
        """What it can be asked for, its default first."""
        made: dict[Answer, Calibration | Pool] = {"pooled": self.pooled} if self.pooled else {}
        made.update(self.heads.items())
        return made

    @property
    def trainings(self) -> list[dict[str, Any]]:
        """Its own training and every one before it, with epochs and seed."""
        before = self.trained.get("before")
        earlier = [row for row in before if isinstance(row, dict)] if isinstance(before, list) else []
        noted = {key: value for key, value in self.trained.items() if key != "before"}
        return [{"epochs": self.epochs, "seed": self.seed, **noted}, *earlier]


def card_path(path: Path) -> Path:
    """Where the card of a weights file lies: `fervid.json` for `fervid.safetensors`, `.onnx` and `.int8.onnx`."""
    return path.with_name(path.stem.removesuffix(".int8") + ".json")


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
    card = checked(path, read_json(path))
    if card.labels != EMOTIONS:
        raise ModelError(f"{path}: its labels are {', '.join(card.labels)}; fervid's are {', '.join(EMOTIONS)}")
    return card


def read_json(path: Path) -> Any:
    """Return what a .json file of a card holds.

    Raises:
        ModelError: it is too long, or not JSON.
    """
    if path.stat().st_size > LONGEST:
        raise ModelError(f"{path}: too long for a card")
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise ModelError(f"{path}: not a card: not JSON") from None


def checked(path: Path, facts: Any) -> Card:
    """Return the card that a file's JSON is, whatever its labels.

    Raises:
        ModelError: it is none.
    """
    from pydantic import ValidationError

    try:
        return _form().validate_python(facts)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "card"
        raise ModelError(f"{path}: not a card: {where}: {first['msg'].lower()}") from None


@cache
def _form() -> TypeAdapter[Card]:
    from pydantic import TypeAdapter

    return TypeAdapter(Card)


def save_card(path: Path, card: Card) -> None:
    """Write the card that belongs to a weights file."""
    write(card_path(path), (json.dumps(asdict(card), indent=2, allow_nan=False) + "\n").encode())
