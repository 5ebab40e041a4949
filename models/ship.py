"""Put a finished training among the weights that ship: python -m fervid.models.ship RUN FER2013_CSV [FERPLUS_CSV].

The network fervid is stored in half precision with its exports to ONNX; others as 8-bit weights, where nothing is lost.
What ships is measured through the pipeline and all of it written into the card; the report with its pictures lies in
RUN/evaluation. The test split is looked at here and nowhere else.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from fervid.models import checkpoint, runtime
from fervid.models.card import Head, load_card, save_card
from fervid.models.export import Export, export_onnx
from fervid.models.tensors import Store
from fervid.pipeline import Pipeline
from fervid.pipeline.frame import Frame

log = logging.getLogger(__name__)

WEIGHTS = Path(__file__).parent / "weights"

NOTES = {
    "must_not_be_used_for": (
        "Decisions about people: hiring, policing, health, education, credit. It reads how a face looks to others in "
        "one picture, not what a person feels; the majority of FER+'s voters contradict every third label of FER2013."
    ),
    "licence_of_data": "FER2013 is for research; FER+ labels are MIT.",
    "duplicates_in_data": (
        "289 of the 3,589 test faces and 279 of the 3,589 validation faces of FER2013 also stand in its training "
        "split, pixel for pixel, most with the same label; every figure on the official splits is a little too good."
    ),
}

KNOWN_FAILURES = {
    "fervid": (
        "Of PublicTest's 496 faces labelled fear it calls 99 sad and 57 neutral, of 653 labelled sad 109 neutral, of "
        "56 labelled disgust 17 angry. Among its 20 surest mistakes there most faces look as it says: smiles labelled "
        "angry, sad or neutral, wide eyes above an open mouth labelled fear and read as surprise. It does take lifted "
        "cheeks beside closed lips for a smile, on a painted face and on one half in shadow."
    ),
}

LOSS = 0.001
"""Largest loss of validation accuracy for which weights are stored in 8 bits."""


def ship(run: Path, data: dict[str, Any], folder: Path = WEIGHTS, onnx: bool = True) -> Path:
    """Return the .safetensors file that now ships, with ONNX files if asked for; `data` are options of fer2013."""
    (trained,) = (path for path in run.glob("*.safetensors") if path.with_suffix(".json").exists())
    shipped = folder / trained.name
    exports: list[Export] = []
    if onnx:
        _store(trained, shipped, "fp16")
        plain = shipped.with_suffix(".onnx")
        exports.append(export_onnx(shipped, plain, frames=_frames({**data, "split": "validation"})))
        exports.append(export_onnx(shipped, plain.with_suffix(".int8.onnx"), True, _frames(data)))
    else:
        _store_small(trained, shipped, {**data, "split": "validation"}, run)
    files = [export.path for export in exports] or [shipped]
    measured = _measured(files[0], data, run / "evaluation")
    if "votes" in load_card(shipped).heads:
        voted = _measured(files[0], data, run / "evaluation" / "votes", "votes")
        measured["votes"] = {split: row["ferplus_majority"] for split, row in voted.items()}
    figures = {**measured, "speed": {file.name: _speed(file) for file in files}}
    figures["exports"] = {export.path.name: _parity(export) for export in exports}
    save_card(shipped, replace(load_card(shipped), figures=figures))
    return shipped


def _store(trained: Path, shipped: Path, store: Store) -> None:
    card, network = checkpoint.load(trained)
    failures = {"known_failures": KNOWN_FAILURES[card.network]} if card.network in KNOWN_FAILURES else {}
    checkpoint.save(
        shipped, network, replace(card, notes={**NOTES, **failures, "stored_as": store, **card.notes}), store
    )


def _store_small(trained: Path, shipped: Path, data: dict[str, Any], run: Path) -> None:
    """Keep 8 bits a weight, or 16 where validation faces show a loss."""
    _store(trained, shipped, "int8")
    before, after = (_measured(path, data, run / "stored")["validation"]["accuracy"] for path in (trained, shipped))
    log.info("validation accuracy %.2f %%, with 8-bit weights %.2f %%", 100 * before, 100 * after)
    if before - after > LOSS:
        _store(trained, shipped, "fp16")


def _frames(data: dict[str, Any]) -> Iterator[Frame]:
    return iter(Pipeline.parse(json.dumps({"stages": [{"fer2013": data}]})))


def _measured(model: Path, data: dict[str, Any], out: Path, head: Head = "labels") -> dict[str, Any]:
    """Figures of each split, as the evaluate stage gives them."""
    stages = [{"fer2013": data}, {"emotions": {"model": str(model), "head": head}}, {"evaluate": {"out": str(out)}}]
    for _ in Pipeline.parse(json.dumps({"stages": stages})):
        pass
    splits: dict[str, Any] = json.loads((out / "evaluation.json").read_text("utf-8"))["splits"]
    return splits


def _speed(model: Path, repeats: int = 300) -> dict[str, Any]:
    """Milliseconds a face on one thread, one face at a time: the median."""
    import numpy as np

    classify = runtime.open_classifier(model)
    face, times = np.full((1, classify.card.size, classify.card.size), 128, np.uint8), []
    for _ in range(repeats):
        start = time.perf_counter()
        classify(face)
        times.append(1000 * (time.perf_counter() - start))
    return {"runtime": classify.runtime, "ms_per_face": round(float(np.median(times)), 3)}


def _parity(export: Export) -> dict[str, Any]:
    return {
        "largest_difference": export.difference,
        "agreement": export.agreement,
        "accuracy_before_and_after": export.accuracy,
    }


def main() -> None:
    """Take the folder of a run and the csv files from the command line."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    run, *tables = (Path(argument) for argument in sys.argv[1:])
    data = dict(zip(("path", "votes"), map(str, tables), strict=False))
    log.info("%s ships", ship(run, data, onnx=run.name == "fervid"))


if __name__ == "__main__":
    main()
