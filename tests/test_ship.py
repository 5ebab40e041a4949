"""What ships is small, says the same as what was trained, and its card is about it and no other."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import drawn
import pytest
import ship
import tiny

from fervid.models import checkpoint
from fervid.models.runtime import open_classifier


@pytest.fixture
def data(tmp_path: Path) -> dict[str, str]:
    rows = drawn.rows()
    votes = drawn.votes(tmp_path / "fer2013new.csv", rows)
    return {"path": str(drawn.write(tmp_path / "fer2013.csv", rows)), "votes": str(votes)}


def run(folder: Path) -> Path:
    folder.mkdir()
    tiny.saved(folder)
    (folder / "last.safetensors").write_bytes(b"a checkpoint")
    return folder


def test_with_onnx_files_that_the_card_knows(
    tmp_path: Path, data: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ship, "EXPORTED", {"tiny"})
    trained = run(tmp_path / "any name")
    (trained / "known_failures.txt").write_text("It fears\nglare.\n")
    path = ship.ship(trained, data, tmp_path / "weights")
    card = checkpoint.load_card(path)
    assert sorted(card.exports) == ["tiny.int8.onnx", "tiny.onnx"] == sorted(card.figures["speed"])
    assert card.figures["test"]["faces"] == 28
    assert card.figures["test"]["ferplus_majority"]["faces"] == 28
    assert card.figures["exports"]["tiny.onnx"]["labels"]["largest_difference"] < 1e-4
    assert card.notes["known_failures"].endswith(". It fears glare.")
    assert open_classifier(path).runtime == "onnx"


def test_what_another_program_measured_of_the_same_weights_stays(tmp_path: Path, data: dict[str, str]) -> None:
    trained = run(tmp_path / "run")
    for measured in ({"black": {"named": 0.0}}, None):
        path = ship.ship(trained, data, tmp_path / "weights")
        card = checkpoint.load_card(path)
        assert card.figures.get("unreadable") == (None if measured else {"black": {"named": 0.0}})
        checkpoint.save_card(path, replace(card, figures={**card.figures, "unreadable": measured}))
    tiny.saved(trained, seed=1)
    assert "unreadable" not in checkpoint.load_card(ship.ship(trained, data, tmp_path / "weights")).figures


@pytest.mark.parametrize(("loss", "store"), [(1.0, "int8"), (-1.0, "fp16")])
def test_the_weights_alone(
    tmp_path: Path, data: dict[str, str], loss: float, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ship, "LOSS", loss)
    path = ship.ship(run(tmp_path / "run"), data, tmp_path / "weights")
    card = checkpoint.load_card(path)
    assert sorted(file.name for file in path.parent.iterdir()) == ["tiny.json", "tiny.safetensors"]
    assert card.notes["stored_as"] == store
    assert _counts(card.notes["known_failures"]) == _worst(tmp_path / "run" / "evaluation")
    assert card.figures["speed"]["tiny.safetensors"]["runtime"] == "torch"
    assert set(card.figures) == {"train", "validation", "test", "speed", "exports"}


def test_dense_layers_alone_in_8_bits_where_convolutions_would_lose(
    tmp_path: Path, data: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = ship._measured

    def as_if_int8_lost(model: Path, *rest: Any) -> dict[str, Any]:
        splits = measured(model, *rest)
        if checkpoint.load_card(model).notes.get("stored_as") == "int8":
            splits["validation"]["accuracy"] -= 0.5
        return splits

    monkeypatch.setattr(ship, "_measured", as_if_int8_lost)
    monkeypatch.setattr(ship, "LOSS", 0.25)
    path = ship.ship(run(tmp_path / "run"), data, tmp_path / "weights")
    assert checkpoint.load_card(path).notes["stored_as"] == "int8+fp16"


def _counts(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"it calls (\d+)", text)]


def _worst(folder: Path) -> list[int]:
    """Four emotions with the same number of faces: the largest counts beside the diagonal."""
    with (folder / "confusion_validation.csv").open() as file:
        table = [list(map(int, row[1:])) for row in list(csv.reader(file))[1:]]
    return sorted((n for i, row in enumerate(table) for j, n in enumerate(row) if i != j), reverse=True)[:4]
