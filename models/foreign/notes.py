"""What a file of torch does not hold, and its user says in a .json beside it: a card of which only some is known."""

from __future__ import annotations

import dataclasses
import difflib
import json
from pathlib import Path
from typing import Any

from fervid.models.card import Card, card_path, checked, read_json
from fervid.pipeline.errors import ModelError
from fervid.pipeline.frame import EMOTIONS

KNOWN = tuple(field.name for field in dataclasses.fields(Card))


def notes(path: Path) -> dict[str, Any]:
    """Return what lies beside the file `path`: nothing, where nothing does.

    Raises:
        ModelError: it is no card, or says what no card says.
    """
    beside = card_path(path)
    if not beside.is_file():
        return {}
    said = read_json(beside)
    if not isinstance(said, dict):
        raise ModelError(f"{beside}: not a card: not a JSON object")
    if odd := next((key for key in said if key not in KNOWN), None):
        near = difflib.get_close_matches(odd, KNOWN, 1)
        guess = f"did you mean {near[0]!r}?" if near else "rename the file if it is no card of these weights"
        raise ModelError(f"{beside}: cards know no {odd!r}; {guess}")
    return said


def card(path: Path, said: dict[str, Any], network: str, defaults: dict[str, Any]) -> Card:
    """Return the whole card of a network: what was said, else the network's own defaults.

    Raises:
        ModelError: what was said is no card, or its labels are not the seven emotions.
    """
    beside = card_path(path)
    made = checked(beside, {"network": network, **defaults, **said})
    if sorted(made.labels) != sorted(EMOTIONS):
        raise ModelError(
            f"{beside}: labels must be these, in the order of the network's answers: {', '.join(EMOTIONS)}"
        )
    return made


def told(path: Path, said: dict[str, Any], made: Card) -> str:
    """Say in words what was taken for granted."""
    facts = {
        ("size",): f"grey faces of {made.size} x {made.size} pixels",
        ("mean", "std"): f"pixels (p / 255 - {made.mean:g}) / {made.std:g}",
        ("labels",): f"answers in the order {', '.join(made.labels)}",
        ("heads",): "probabilities as the network gives them, not calibrated",
    }
    assumed = [text for keys, text in facts.items() if not all(key in said for key in keys)]
    words = f"taken for the network {made.network}, whose layers it has, with that one's activations and pooling"
    if not assumed:
        return words
    example = json.dumps({"mean": 0, "std": 1, "labels": sorted(EMOTIONS)})
    return (
        f"{words}. Not in the file, and so assumed: {'; '.join(assumed)}. "
        f"Where it learned otherwise, say so in {card_path(path).name} beside it, such as {example}"
    )
