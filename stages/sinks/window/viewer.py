"""Show pictures that come through standard input: python -m fervid.stages.sinks.window.viewer TITLE

A process of its own, because OpenCV ends the process, without an exception, where it finds no screen.
Each picture is height and width as two little-endian 32-bit numbers, then its BGR bytes. Answers are single bytes:
`.` when the window is open and when a picture is on the screen, `q` when the user wants to end.
"""

from __future__ import annotations

import queue
import struct
import sys
import threading
from collections.abc import Iterator
from typing import BinaryIO

HEADER = struct.Struct("<II")
QUIT_KEYS = {ord("q"), ord("Q"), 27}
WAIT = 0.005  # seconds for a picture before the window looks at its keys again

Picture = tuple[int, int, bytes]


def main(title: str, pictures: BinaryIO, answers: BinaryIO) -> None:
    """Show until the input ends or the user does; the window answers its keys while no picture comes."""
    import cv2
    import numpy as np

    def answer(what: bytes) -> None:
        answers.write(what)
        answers.flush()

    cv2.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
    cv2.waitKey(1)
    answer(b".")
    shown = False
    for picture in _as_they_come(pictures):
        if picture:
            height, width, pixels = picture
            if not shown:
                cv2.resizeWindow(title, width, height)
            cv2.imshow(title, np.frombuffer(pixels, np.uint8).reshape(height, width, 3))
        key = cv2.waitKey(1) & 0xFF
        if key in QUIT_KEYS or (shown and cv2.getWindowProperty(title, cv2.WND_PROP_VISIBLE) < 1):
            return answer(b"q")
        if picture:
            answer(b".")
            shown = True
    return None


def _as_they_come(pictures: BinaryIO) -> Iterator[Picture | None]:
    """Each picture, and None while there is no new one; ends with the input."""
    ready: queue.Queue[Picture | None] = queue.Queue(1)
    threading.Thread(target=_read, args=(pictures, ready), daemon=True).start()
    while True:
        try:
            picture = ready.get(timeout=WAIT)
        except queue.Empty:
            yield None
            continue
        if picture is None:
            return
        yield picture


def _read(pictures: BinaryIO, ready: queue.Queue[Picture | None]) -> None:
    while len(header := pictures.read(HEADER.size)) == HEADER.size:
        height, width = HEADER.unpack(header)
        pixels = pictures.read(height * width * 3)
        if len(pixels) < height * width * 3:
            break
        ready.put((height, width, pixels))
    ready.put(None)


if __name__ == "__main__":
    main(sys.argv[1], sys.stdin.buffer, sys.stdout.buffer)
