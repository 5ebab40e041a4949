"""Put a finished training among the weights that ship: python -m fervid.models.ship RUN FER2013_CSV [FERPLUS_CSV].

Stores the weights in half precision, exports them to ONNX, measures what ships through the pipeline, and writes all of
it into the card; the report with its pictures lies in RUN/evaluation. The test split is looked at
here and nowhere else.
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
from fervid.models.card import load_card, save_card
from fervid.models.export import Export, export_onnx
from fervid.pipeline import Pipeline
from fervid.pipeline.frame import Frame

log = logging.getLogger(__name__)

WEIGHTS = Path(__file__).parent / "weights"

NOTES = {
    "must_not_be_used_for": (
        "Decisions about people: hiring, policing, health, education, credit. It reads how a face looks to others in "
        "one picture, not what a person feels; voters themselves disagree on every third face of FER2013."
    ),
    "known_failures": (
        "Fear, sad, angry and neutral are taken for one another; disgust is rare in the data and often read as angry. "
        "Hands before the face, strong side light, profiles, glasses with glare, and young children are read worse. "
        "A talking mouth may look surprised or happy for some frames; smooth over time."
    ),
    "licence_of_data": "FER2013 is for research; FER+ labels are MIT.",
}


def ship(run: Path, data: dict[str, Any], folder: Path = WEIGHTS, int8: bool = False) -> Path:
    """Return the .safetensors file that now ships; `data` are options of the fer2013 source."""
    (trained,) = (path for path in run.glob("*.safetensors") if path.with_suffix(".json").exists())
    card, network = checkpoint.load(trained)
    shipped, onnx = folder / trained.name, (folder / trained.name).with_suffix(".onnx")
    checkpoint.save(shipped, network, replace(card, notes={**NOTES, **card.notes}), "fp16")
    exports = [export_onnx(shipped, onnx, frames=_frames({**data, "split": "validation"}))]
    if int8:
        exports.append(export_onnx(shipped, onnx.with_suffix(".int8.onnx"), True, _frames(data)))
    measured = _measured(onnx, data, run / "evaluation")
    figures = {**measured, "speed": _speed(onnx), "exports": {e.path.name: _parity(e) for e in exports}}
    save_card(shipped, replace(load_card(shipped), figures=figures))
    return shipped


def _frames(data: dict[str, Any]) -> Iterator[Frame]:
    return iter(Pipeline.parse(json.dumps({"stages": [{"fer2013": data}]})))


def _measured(model: Path, data: dict[str, Any], out: Path) -> dict[str, Any]:
    """Figures of each split, as the evaluate stage gives them."""
    stages = [{"fer2013": data}, {"emotions": {"model": str(model)}}, {"evaluate": {"out": str(out)}}]
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
    log.info("%s ships", ship(run, data, int8=run.name == "fervid"))


if __name__ == "__main__":
    main()
