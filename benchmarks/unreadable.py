"""What `emotions` says of faces that cannot be read, made so on purpose of the validation faces of FER2013.

python benchmarks/unreadable.py FER2013_CSV [FACES]

Each kind is shown to the stage as FER2013's faces are, with the score that the short-range detector gives to the face
on a grey ground three times as wide; one that it does not find is never named. `named` are those that got an emotion,
`wrong` those of all that got another one than FER2013's label; `before`, what the threshold of the network alone would
let through. The figures, in fp32 as all others, go into the card of the network, from where `docs/how_good.py` takes
them. Only the validation split is looked at.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fervid.models import zoo
from fervid.models.card import load_card, save_card
from fervid.models.conditions import defocused, dimmed, shrunk
from fervid.models.target import TARGET
from fervid.pipeline import EMOTIONS, UNCERTAIN, Frame, Frames, Pipeline
from fervid.stages.faces.detection.mediapipe_faces import short_range
from fervid.stages.faces.emotions import EMOTION, PROBABILITIES, READER, Emotions

Picture = NDArray[np.uint8]

SIDE, GROUND = 48, 144
LEAST = 0.05
"""The lowest score that is asked for."""
RANDOM = np.random.default_rng(0)


def covered(rows: slice, columns: slice = slice(None)) -> Callable[[Picture], Picture]:
    def spoil(face: Picture) -> Picture:
        hidden = face.copy()
        hidden[rows, columns] = RANDOM.integers(40, 200)
        return hidden

    return spoil


KINDS: dict[str, Callable[[Picture], Picture]] = {
    "as they are": lambda face: face,
    "black": lambda face: dimmed(face, 0, 0, RANDOM),
    "3 % of their light": lambda face: dimmed(face, 0.03, 0, RANDOM),
    "6 %, with noise": lambda face: dimmed(face, 0.06, 2, RANDOM),
    "10 %": lambda face: dimmed(face, 0.1, 0, RANDOM),
    "20 %": lambda face: dimmed(face, 0.2, 0, RANDOM),
    "blurred by 2 of 48 pixels": lambda face: defocused(face, 2),
    "by 3": lambda face: defocused(face, 3),
    "by 4": lambda face: defocused(face, 4),
    "12 pixels wide": lambda face: shrunk(face, 12),
    "8 pixels wide": lambda face: shrunk(face, 8),
    "lower half covered": covered(slice(SIDE // 2, None)),
    "upper half covered": covered(slice(None, SIDE // 2)),
    "left half covered": covered(slice(None), slice(None, SIDE // 2)),
}


def spoiled(frames: Iterable[Frame], spoil: Callable[[Picture], Picture]) -> Generator[Frame]:
    with short_range(LEAST, None) as find:
        for frame in frames:
            (face,) = frame.faces
            grey = spoil(np.ascontiguousarray(frame.image[:, :, 0]))
            ground = np.full((GROUND, GROUND), int(grey.mean()), np.uint8)
            ground[SIDE : 2 * SIDE, SIDE : 2 * SIDE] = grey
            faces = find(np.repeat(ground[:, :, None], 3, 2))
            face.score = max((one.score for one in faces), default=0.0)
            frame.image = np.repeat(grey[:, :, None], 3, 2)
            yield frame


def measure(table: Path, spoil: Callable[[Picture], Picture], count: int) -> dict[str, float]:
    """Shares of the faces, named and wrong: by the network's threshold alone, and by all that `emotions` looks at."""
    source = Pipeline.parse(f"stages:\n- fer2013: {{path: {table}, split: validation}}\n")
    rows = []
    for frame in Emotions(precision="fp32").run(Frames(spoiled(islice(source, count), spoil))):
        (face,) = frame.faces
        target, read, scores, reader = frame[TARGET], face[EMOTION], face[PROBABILITIES], frame[READER]
        assert target
        assert read
        assert reader
        assert scores is not None
        wrong, sure = int(scores.argmax()) != target.emotion, float(scores.max()) >= reader.uncertain_below
        rows.append((sure, sure and wrong, read.label in EMOTIONS, read.label != UNCERTAIN and wrong))
    before, before_wrong, named, wrong_ = np.mean(rows, axis=0).round(4).tolist()
    return {"faces": len(rows), "before": before, "before_wrong": before_wrong, "named": named, "wrong": wrong_}


def main() -> None:
    table, count = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 10**6
    figures = {}
    print(f"{'validation faces':28} {'before':>7} {'wrong':>7} {'named':>7} {'wrong':>7}")
    for kind, spoil in KINDS.items():
        row = figures[kind] = measure(table, spoil, count)
        print(f"{kind:28} " + " ".join(f"{share:7.1%}" for share in list(row.values())[1:]), flush=True)
    path = zoo.weights("fervid")
    card = load_card(path)
    save_card(path, replace(card, figures={**card.figures, "unreadable": figures}))


if __name__ == "__main__":
    main()
