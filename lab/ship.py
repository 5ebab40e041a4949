"""Put a finished training among the weights that ship: python lab/ship.py RUN FER2013_CSV [FERPLUS_CSV].

The network fervid is stored in half precision with its exports to ONNX; others in 8 bits, as far as nothing is lost.
What ships is measured through the pipeline and all of it written into the card; the report with its pictures lies in
RUN/evaluation. What someone saw who looked at its mistakes there goes into the card from RUN/known_failures.txt.
This measures on the test split, so it is for a network on which every choice is made. `benchmarks/unreadable.py` then
adds what it says of faces that cannot be read; of the very same weights that stays. All is measured in fp32; the
figures of each export say what 8 bits change.
"""

from __future__ import annotations

import csv
import json
import logging
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from fervid.models import checkpoint
from fervid.models.card import Answer, Card, load_card, save_card
from fervid.models.export.onnx import Export, export_onnx
from fervid.models.runtime import Classifier, open_classifier
from fervid.models.tensors import Store
from fervid.pipeline import Pipeline
from fervid.pipeline.frame import Frame

log = logging.getLogger(__name__)

WEIGHTS = Path(__file__).parents[1] / "models" / "weights"

NOTES = {
    "must_not_be_used_for": (
        "Decisions about people: hiring, policing, health, education, credit. It reads how a face looks to others in "
        "one picture, not what a person feels; the majority of FER+'s voters contradict every third label of FER2013."
    ),
    "licence_of_data": "FER2013 is for research; FER+ labels are MIT.",
    "duplicates_in_data": (
        "289 of the 3,589 test faces and 279 of the 3,589 validation faces of FER2013 also stand in its training "
        "split, pixel for pixel, most with the same label, and 44 test faces in the validation split, on which choices "
        "are made; every figure on the official splits is a little too good."
    ),
}

EXPORTED = {"fervid"}
"""Networks that ship with ONNX files."""

LOSS = 0.001
"""Largest loss of validation accuracy for which weights are stored in fewer bits."""


def ship(run: Path, data: dict[str, Any], folder: Path = WEIGHTS) -> Path:
    """Return the .safetensors file that now ships; `data` are options of fer2013."""
    (trained,) = (path for path in run.glob("*.safetensors") if path.with_suffix(".json").exists())
    shipped = folder / trained.name
    earlier = load_card(shipped) if shipped.exists() else None
    exports: list[Export] = []
    if load_card(trained).network in EXPORTED:
        _store(trained, shipped, "fp16")
        plain = shipped.with_suffix(".onnx")
        exports.append(export_onnx(shipped, plain, frames=_frames({**data, "split": "validation"})))
        exports.append(export_onnx(shipped, plain.with_suffix(".int8.onnx"), True, _frames(data)))
    else:
        _store_small(trained, shipped, {**data, "split": "validation"}, run)
    files = [export.path for export in exports] or [shipped]
    card = load_card(shipped)
    figures = measured(files[0], data, run / "evaluation") | {"speed": _speeds(files)}
    figures["exports"] = {export.path.name: _parity(export) for export in exports}
    figures |= _kept(card, {"conditions"})
    if earlier and earlier.sha256 == card.sha256:
        figures |= _kept(earlier, {"unreadable"})
    save_card(shipped, replace(card, figures=figures, notes={"known_failures": _known_failures(run), **card.notes}))
    return shipped


def _known_failures(run: Path) -> str:
    """The four confusions on the validation split that take the most of an emotion's faces, and what was seen."""
    with (run / "evaluation" / "confusion_validation.csv").open(newline="") as file:
        rows = {row.pop("label"): {name: int(count) for name, count in row.items()} for row in csv.DictReader(file)}
    faces = {label: sum(row.values()) for label, row in rows.items()}
    wrong = [(count, label, answer) for label, row in rows.items() for answer, count in row.items() if answer != label]
    worst = sorted(wrong, key=lambda one: one[0] / max(faces[one[1]], 1), reverse=True)[:4]
    parts = [f"of {faces[label]} faces labelled {label} it calls {count} {answer}" for count, label, answer in worst]
    seen = run / "known_failures.txt"
    text = f"On the validation split {', '.join(parts)}."
    return f"{text} {' '.join(seen.read_text('utf-8').split())}" if seen.exists() else text


def _store(trained: Path, shipped: Path, store: Store) -> None:
    card, network = checkpoint.load(trained)
    checkpoint.save(shipped, network, replace(card, notes={**card.notes, **NOTES, "stored_as": store}), store)


def _store_small(trained: Path, shipped: Path, data: dict[str, Any], run: Path) -> None:
    """Keep the fewest bits a weight with which validation faces show no loss."""
    before = _measured(trained, data, run / "stored")["validation"]["accuracy"]
    stores: tuple[Store, ...] = ("int8", "int8+fp16")
    for store in stores:
        _store(trained, shipped, store)
        after = _measured(shipped, data, run / "stored")["validation"]["accuracy"]
        log.info("validation accuracy %.2f %%, stored as %s %.2f %%", 100 * before, store, 100 * after)
        if before - after <= LOSS:
            return
    _store(trained, shipped, "fp16")


def _frames(data: dict[str, Any]) -> Iterator[Frame]:
    return iter(Pipeline.parse(json.dumps({"stages": [{"fer2013": data}]})))


def measured(model: Path, data: dict[str, Any], out: Path) -> dict[str, Any]:
    """Figures of each split by the labels, and of each other answer that the network has."""
    figures = _measured(model, data, out)
    answers = load_card(model).answers
    if "votes" in answers:
        voted = _measured(model, data, out / "votes", "votes")
        figures["votes"] = {
            split: row["ferplus_majority"] | {"published": row["ferplus_published"]} for split, row in voted.items()
        }
    if "pooled" in answers:
        figures["pooled"] = _measured(model, data, out / "pooled", "pooled")
    return figures


def _measured(model: Path, data: dict[str, Any], out: Path, head: Answer = "labels") -> dict[str, Any]:
    """Figures of each split, as the evaluate stage gives them."""
    stages = [{"fer2013": data}, {"emotions": {"model": str(model), "head": head}}, {"evaluate": {"out": str(out)}}]
    for _ in Pipeline.parse(json.dumps({"stages": stages})):
        pass
    splits: dict[str, Any] = json.loads((out / "evaluation.json").read_text("utf-8"))["splits"]
    return splits


def _speeds(files: list[Path], turns: int = 30, faces: int = 20) -> dict[str, dict[str, Any]]:
    """Milliseconds a face on one thread, one face at a time, the files by turns of some faces: the medians.

    With turns of one face each file would be measured with its weights out of the cache.
    """
    import numpy as np

    timed: list[tuple[Classifier, list[float]]] = [(open_classifier(file), []) for file in files]
    for _ in range(turns):
        for classify, times in timed:
            face = np.full((1, classify.card.size, classify.card.size), 128, np.uint8)
            for _ in range(faces):
                start = time.perf_counter()
                classify(face)
                times.append(1000 * (time.perf_counter() - start))
    return {
        file.name: {"runtime": classify.runtime, "ms_per_face": round(float(np.median(times)), 3)}
        for file, (classify, times) in zip(files, timed, strict=True)
    }


def _parity(export: Export) -> dict[Answer, dict[str, Any]]:
    return {answer: asdict(parity) for answer, parity in export.answers.items()}


def _kept(card: Card, names: set[str]) -> dict[str, Any]:
    """Figures that another program measured of these very weights."""
    return {name: row for name, row in card.figures.items() if name in names}


def main() -> None:
    """Take the folder of a run and the csv files from the command line."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    run, *tables = (Path(argument) for argument in sys.argv[1:])
    data = dict(zip(("path", "votes"), map(str, tables), strict=False))
    log.info("%s ships", ship(run, data))


if __name__ == "__main__":
    main()
