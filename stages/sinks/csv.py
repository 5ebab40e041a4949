"""Keep one row per face per frame, and beside it a page that says what each column is and what made it."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import re
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from fervid.pipeline.errors import OutputError
from fervid.pipeline.frame import EMOTIONS, Face, Frame, Source
from fervid.pipeline.output import output, partial, resolve, write
from fervid.pipeline.provenance import provenance
from fervid.pipeline.frames import Frames
from fervid.pipeline.stage import Stage, register

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

QUALITY = {
    "size": "square root of the box's area, pixels",
    "sharpness": "variance of the Laplacian of the grey face; higher is sharper",
    "brightness": "mean grey value of the face, 0 to 1",
    "yaw": "turn to the side, degrees, positive to the picture's right",
    "pitch": "nod, degrees, positive upwards",
    "roll": "tilt of the eye line, degrees, positive clockwise",
}
COLUMNS = {
    "source": "name of the input; of several pictures, of the picture; in a batch, with its folders",
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
    "confidence": "probability of the label, 0 to 1; of uncertain, that of the best guess",
    **{emotion: f"probability of {emotion} in this frame, 0 to 1" for emotion in EMOTIONS},
    **{f"{emotion}_smooth": f"probability of {emotion} steadied over time, 0 to 1" for emotion in EMOTIONS},
    **QUALITY,
}
SCORES = ",".join(["%.4f"] * len(EMOTIONS))


@register("csv")
@dataclass(frozen=True)
class Csv(Stage):
    """One row per face per frame; a frame without a face is one row with empty cells.

    Rows are written whole and at once, so that even a killed run leaves only whole rows in `NAME.csv.part`.
    """

    path: str = "out/{name}.csv"
    """Where to write; {name} is the input's name, {time} when it was opened. What the columns mean, and what made them,
    goes to NAME.csv.json."""

    output: ClassVar[str | None] = "path"

    def run(self, frames: Frames) -> Generator[Frame]:
        stream = iter(frames)
        frame = next(stream, None)
        if frame is None:
            return
        path, source, count = resolve(self.path, frame.source), frame.source, 0
        name = _cell(source.title or source.name)
        try:
            with output(path, source) as part, part.open("wb", buffering=0) as file:
                _append(file, ",".join(COLUMNS) + "\n")
                while frame is not None:
                    cell = _cell("/".join(filter(None, (source.title, frame.name)))) if frame.name else name
                    _append(file, "".join(f"{cell},{row}\n" for row in rows(frame)))
                    count += 1
                    yield frame
                    frame = next(stream, None)
        except BaseException:
            with suppress(OutputError):
                _describe(path, source, count)
            raise
        _describe(path, source, count)


def _append(file: io.FileIO, lines: str) -> None:
    """Write at once, so that no kill can tear a row; what a full disk tore is taken back."""
    data = lines.encode("utf-8", "backslashreplace")
    written = file.write(data)
    if written < len(data):
        file.truncate(file.tell() - written)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def rows(frame: Frame) -> list[str]:
    """The lines of one frame, from its index on."""
    wall = frame.wall_time.isoformat(timespec="milliseconds") if frame.wall_time else ""
    head = f"{frame.index},{frame.time:.6f},{wall},"
    return [head + _cells(face) for face in frame.faces] or [head + "," * (len(COLUMNS) - 5)]


def _cells(face: Face) -> str:
    x1, y1, x2, y2 = face.box
    track, quality = "" if face.track is None else face.track, face.quality
    return (
        f"{track},{face.status},{face.score:.4f},{x1:z.2f},{y1:z.2f},{x2 - x1:.2f},{y2 - y1:.2f},"
        f"{_number(quality.overall if quality else None)},{face.emotion or ''},{_number(face.confidence)},"
        f"{_scores(face.emotions)},{_scores(face.smoothed)},"
        + ",".join([_number(getattr(quality, name, None)) for name in QUALITY])
    )


def _scores(scores: NDArray[np.float32] | None) -> str:
    return "," * (len(EMOTIONS) - 1) if scores is None else SCORES % tuple(scores.tolist())


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:z.4f}"


def _cell(text: str) -> str:
    """Quoted where needed; what a spreadsheet would run as a formula begins with an apostrophe."""
    line, text = io.StringIO(), re.sub(r"[\x00-\x1f]", " ", text)
    csv.writer(line, lineterminator="").writerow([f"'{text}" if text.startswith(("=", "+", "-", "@")) else text])
    return line.getvalue()


def _describe(path: Path, source: Source, frames: int) -> None:
    """Lay the page beside the table, under the name that the table took."""
    table = next((one for one in source.outputs if one in (path, partial(path))), None)
    if table is None:
        return
    whole = table == path and source.cut is None
    page = {"complete": whole, "frames": frames, "labels": EMOTIONS, "columns": COLUMNS, **provenance(source)}
    final = _page(table)
    write(final, (json.dumps(page, indent=2) + "\n").encode())
    source.outputs.append(final)
    if table == path:
        _page(partial(path)).unlink(missing_ok=True)


def _page(table: Path) -> Path:
    return table.with_name(f"{table.name}.json")
