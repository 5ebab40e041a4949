"""Show pictures that come through standard input: python -m fervid.stages.sinks.window.viewer TITLE

A process of its own, because OpenCV ends the process, without an exception, where it finds no screen.
Each picture is height and width as two little-endian 32-bit numbers, then its BGR bytes; each is answered by one byte:
`.` when it is on the screen, `q` when the user wants to end.
"""

from __future__ import annotations

import struct
import sys
from typing import BinaryIO

HEADER = struct.Struct("<II")
QUIT_KEYS = {ord("q"), ord("Q"), 27}


def main(title: str, pictures: BinaryIO, answers: BinaryIO) -> None:
    """Show until the input ends."""
    import cv2
    import numpy as np

    cv2.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
    first = True
    while len(header := pictures.read(HEADER.size)) == HEADER.size:
        height, width = HEADER.unpack(header)
        pixels = pictures.read(height * width * 3)
        if len(pixels) < height * width * 3:
            return
        if first:
            cv2.resizeWindow(title, width, height)
        cv2.imshow(title, np.frombuffer(pixels, np.uint8).reshape(height, width, 3))
        key = cv2.waitKey(1) & 0xFF
        closed = not first and cv2.getWindowProperty(title, cv2.WND_PROP_VISIBLE) < 1
        answers.write(b"q" if closed or key in QUIT_KEYS else b".")
        answers.flush()
        first = False


if __name__ == "__main__":
    main(sys.argv[1], sys.stdin.buffer, sys.stdout.buffer)
