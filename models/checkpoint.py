"""Keep a network as safetensors with a card beside it, and load it back only if it is what the card says."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fervid.models import tensors, zoo
from fervid.models.card import Card, card_path, load_card, save_card
from fervid.pipeline.errors import ModelError
from fervid.pipeline.output import write

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Card", "card_path", "load", "load_card", "read", "save", "save_card"]


def save(path: Path, network: nn.Module, card: Card, store: tensors.Store = "fp32") -> Card:
    """Write the network to `path` (.safetensors) and its card beside it; return the card with the hash filled in.

    `store="fp16"` halves the file; "int8" quarters it and rounds the weights to 127 steps a row; "int8+fp16"
    does so with dense layers alone.
    """
    blob = tensors.pack(network.state_dict(), store)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    card = replace(card, sha256=hashlib.sha256(blob).hexdigest(), parameters=parameters, exports={}, proven={})
    write(path, blob)
    save_card(path, card)
    return card


def load(path: Path) -> tuple[Card, nn.Module]:
    """Return the card and the network, ready to classify.

    Raises:
        ModelError: file or card is missing, damaged, not finite, or belongs to another network.
    """
    card = load_card(path)
    network = zoo.build(card.network)
    wanted = network.state_dict()
    blob = read(path, card.sha256, tensors.largest(wanted))
    network.load_state_dict(tensors.unpack(blob, wanted, path, card.network))
    return card, network.eval()


def bounded(path: Path, limit: int, larger: str) -> bytes:
    """Return the bytes of a file of at most `limit` bytes; `larger` says what it means if there are more.

    Raises:
        ModelError: too large or unreadable.
    """
    try:
        with path.open("rb") as file:
            blob = file.read(limit + 1)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    if len(blob) > limit:
        raise ModelError(f"{path}: {larger}")
    return blob


def read(path: Path, sha256: str, limit: int) -> bytes:
    """Return the bytes of a weights file of at most `limit` bytes, if they have that hash.

    Raises:
        ModelError: too large, unreadable or changed.
    """
    blob = bounded(path, limit, "larger than its network needs: not the weights that its card describes")
    if hashlib.sha256(blob).hexdigest() != sha256:
        raise ModelError(f"{path}: is not the file that its card describes (SHA-256 differs): cut short or changed")
    return blob
