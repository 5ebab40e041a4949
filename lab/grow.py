"""Make a network larger and keep what it learned: python lab/grow.py SMALL.safetensors LARGE.safetensors.

The small file is of an earlier version of the same network. What it computes stays the same number for number: added
channels have no say in the old ones, added residual blocks pass through what they get. (A short cut that was the
identity must stay one.) A training that starts from the large file gives them their part, as in Net2Net (Chen et al.
2016), but without copies.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from fervid.models import checkpoint, tensors, zoo
from fervid.models.card import INHERITED
from fervid.pipeline.errors import ModelError


@torch.no_grad()
def grow(network: nn.Module, narrow: Mapping[str, Tensor]) -> None:
    """Put narrower weights into a network; what the narrow one lacks belongs to added layers.

    Raises:
        ModelError: the narrow one has something that the network lacks, or is wider.
    """
    state = network.state_dict()
    for name, old in narrow.items():
        new = state.get(name)
        if new is None or new.ndim != old.ndim or any(a < b for a, b in zip(new.shape, old.shape, strict=True)):
            raise ModelError(f"{name} is not in {type(network).__name__}, or narrower there; it can only grow")
        if new.ndim > 1:
            new[: len(old), old.shape[1] :] = 0
        new[tuple(slice(length) for length in old.shape)] = old


def main() -> None:
    """Take the two files from the command line."""
    from safetensors.torch import load

    narrow, wide = map(Path, sys.argv[1:])
    card = checkpoint.load_card(narrow)
    torch.manual_seed(card.seed or 0)
    network = zoo.build(card.network)
    grow(network, load(checkpoint.read(narrow, card.sha256, tensors.largest(network.state_dict()))))
    notes = {name: note for name, note in card.notes.items() if name in INHERITED} | {"grown_from_sha256": card.sha256}
    checkpoint.save(wide, network, replace(card, figures={}, notes=notes))


if __name__ == "__main__":
    main()
