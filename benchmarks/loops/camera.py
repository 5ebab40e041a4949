"""A stand-in for a webcam: pictures come at their moments, whether or not anyone takes them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from math import ceil
from pathlib import Path
from time import sleep, time
from typing import Any

import cv2

FPS = 30
KEPT = 90
"""Pictures of the clip that are shown again and again, decoded before the first one is."""


def camera(clip: Path, seconds: float) -> Iterator[tuple[Any, float]]:
    """Pictures in BGR with the moments at which they were ready (seconds, as of `time.time`): always the next one."""
    pictures = list(islice(_read(clip), KEPT))
    began, number = time(), 0
    while number < seconds * FPS:
        number = max(number + 1, ceil((time() - began) * FPS))
        moment = began + number / FPS
        sleep(max(0.0, moment - time()))
        yield pictures[number % len(pictures)].copy(), moment


def _read(clip: Path) -> Iterator[Any]:
    capture = cv2.VideoCapture(str(clip))
    while True:
        good, image = capture.read()
        if not good:
            return
        yield image
