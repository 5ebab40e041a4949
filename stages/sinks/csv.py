"""Keep one row per face per frame, and beside it a page that says what each column is and what made it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from fervid.pipeline.frame import EMOTIONS, Face, Frame, Source
from fervid.pipeline.output import output, resolve
from fervid.pipeline.provenance import provenance
from fervid.pipeline.stage import Stage, register

QUALITY = {
    "size": "square root of the box's area, pixels",
    "sharpness": "variance of the Laplacian of the grey face; higher is sharper",
    "brightness": "mean grey value of the face, 0 to 1",
    "yaw": "turn to the side, degrees, positive to the picture's right",
    "pitch": "nod, degrees, positive upwards",
    "roll": "tilt of the eye line, degrees, positive clockwise",
}
COLUMNS = {
    "source": "name of the input",
    "frame": "index of the frame, from 0",
    "time_s": "presentation time in the container, seconds; of a live source, since its first frame",
    "wall_time": "UTC time of capture, ISO 8601; live sources only",
    "face_id": "identity of the face within this run, from 1",
    "status": "detected, or predicted where the tracker bridges a gap",
    "score": "the detector's confidence, 0 to 1",
    "x": "left edge of the face, pixels",
    "y": "upper edge of the face, pixels",
    "w": "width of the face, pixels",
    "h": "height of the face, pixels",
    "quality": "how well the face can be read, 0 to 1",
    "emotion": "the label: one of the seven, or uncertain",
    "confidence": "probability of the label, 0 to 1",
    **{emotion: f"probability of {emotion} in this frame, 0 to 1" for emotion in EMOTIONS},
    **{f"{emotion}_smooth": f"probability of {emotion} steadied over time, 0 to 1" for emotion in EMOTIONS},
    **QUALITY,
}


@register("csv")
@dataclass(frozen=True)
class Csv(Stage):
    """One row per face per frame; a frame without a face is one row with empty cells.

    Rows are written whole and at once, so that even a killed run leaves only whole rows in `NAME.csv.part`.
    """

    path: str = "out/{name}.csv"
    """Where to write; {name} is the input's name. What the columns mean and what made them goes to NAME.csv.json."""

    output: ClassVar[str | None] = "path"

    def run(self, frames: Iterable[Frame]) -> Generator[Frame]:
        stream = iter(frames)
        frame = next(stream, None)
        if frame is None:
            return
        path, source, count = resolve(self.path, frame.source), frame.source, 0
        name = _cell(source.name)
        with output(path.with_name(f"{path.name}.json"), source) as page:
            complete = False
            try:
                with output(path, source) as part, part.open("wb", buffering=0) as file:
                    file.write((",".join(COLUMNS) + "\n").encode())
                    while frame is not None:
                        file.write("".join(f"{name},{row}\n" for row in rows(frame)).encode())
                        count += 1
                        yield frame
                        frame = next(stream, None)
                complete = source.cut is None
            finally:
                page.write_text(json.dumps(_page(source, count, complete), indent=2) + "\n", encoding="utf-8")


def rows(frame: Frame) -> list[str]:
    """The lines of one frame, from its index on."""
    wall = frame.wall_time.isoformat(timespec="milliseconds") if frame.wall_time else ""
    head = f"{frame.index},{frame.time:.6f},{wall},"
    return [head + _cells(face) for face in frame.faces] or [head + "," * (len(COLUMNS) - 5)]


def _cells(face: Face) -> str:
    x1, y1, x2, y2 = face.box
    cells = ["" if face.track is None else str(face.track), face.status, f"{face.score:.4f}"]
    cells += [f"{one:.2f}" for one in (x1, y1, x2 - x1, y2 - y1)]
    cells += [_number(getattr(face.quality, "overall", None)), face.emotion or "", _number(face.confidence)]
    for scores in (face.emotions, face.smoothed):
        cells += [""] * len(EMOTIONS) if scores is None else [f"{one:.4f}" for one in scores.tolist()]
    cells += [_number(getattr(face.quality, name, None)) for name in QUALITY]
    return ",".join(cells)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _cell(text: str) -> str:
    """Quoted where needed; what a spreadsheet would run as a formula begins with an apostrophe."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([f"'{text}" if text[:1] in "=+-@\t\r" and text else text])
    return line.getvalue()


def _page(source: Source, frames: int, complete: bool) -> dict[str, Any]:
    return {"complete": complete, "frames": frames, "labels": EMOTIONS, "columns": COLUMNS, **provenance(source)}
