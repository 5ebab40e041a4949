"""Tell videos and pictures by the endings of their names, where nothing else says what a file is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

VIDEOS = frozenset(
    f".{ending}"
    for ending in (  # noqa: SIM905
        "264 265 3g2 3gp asf avi divx dv f4v flv gif gxf h263 h264 h265 hevc ivf m1v m2t m2ts m2v m4v mjpeg mjpg mkv "
        "mod mov mp4 mpe mpeg mpg mts mxf nut ogv qt rm rmvb tod ts vob webm wmv wtv y4m"
    ).split()
)

PICTURES = frozenset(
    f".{ending}"
    for ending in "avif bmp gif j2k jfif jp2 jpe jpeg jpg jpx pgm png pnm ppm tif tiff webp".split()  # noqa: SIM905
)


def ending(path: Path) -> str:
    """That of a name, for those who count them."""
    return path.suffix.lower() or "without an ending"


def counted(kinds: Iterable[str]) -> str:
    """How many there are of each kind of file, most first: `2 .txt, 1 .heic`."""
    return ", ".join(f"{count} {kind}" for kind, count in Counter(sorted(kinds)).most_common())
