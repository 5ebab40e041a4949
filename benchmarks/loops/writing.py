"""What the hand-written loops write: a table, a box with a word, and a video with the settings that all share."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2

from fervid.pipeline import EMOTIONS

OPTIONS = {"h264": {"preset": "veryfast", "crf": "23"}, "mpeg4": {"qmin": "4", "qmax": "4"}}
CODECS = {"h264": "libx264", "mpeg4": "mpeg4"}

Box = tuple[float, float, float, float]


@contextmanager
def table(path: Path) -> Iterator[Any]:
    """A CSV that is flushed by every row, as fervid's is."""
    with path.open("w", newline="", buffering=1) as file:
        writer = csv.writer(file)
        writer.writerow(["frame", "x1", "y1", "x2", "y2", *EMOTIONS])
        yield writer


class Writer:
    """An encoder with the settings that all share."""

    def __init__(self, path: Path, width: int, height: int, rate: Fraction, encoder: str) -> None:
        self.container = av.open(str(path), "w")
        self.stream: Any = self.container.add_stream(CODECS[encoder], rate=rate, options=OPTIONS[encoder])
        self.stream.width, self.stream.height = width, height
        self.stream.pix_fmt = "yuv420p"
        self.count = 0

    def write(self, frame: av.VideoFrame) -> None:
        frame.pts = self.count
        self.count += 1
        self.container.mux(self.stream.encode(frame))

    def close(self) -> None:
        self.container.mux(self.stream.encode())
        self.container.close()


def annotate(image: Any, box: Box, scores: Any, color: int | tuple[int, int, int] = (0, 255, 0)) -> None:
    """A box and a word."""
    x1, y1, x2, y2 = map(int, box)
    cv2.rectangle(image, (x1, y1), (x2, y2), color, 2)
    cv2.putText(image, EMOTIONS[int(scores.argmax())], (x1, y1 - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.8, color, 2)
