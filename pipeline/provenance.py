"""What made a result: input, configuration, weights and versions, for the page that lies beside it."""

from __future__ import annotations

import hashlib
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fervid.pipeline.frame import Source

PACKAGES = ("fervid", "av", "mediapipe", "numpy", "onnxruntime", "opencv-python", "torch")


def provenance(source: Source) -> dict[str, Any]:
    """Plain data about a run that has ended."""
    return {
        "input": {
            "name": source.name,
            "sha256": sha256(source.path) if source.path and source.path.is_file() else None,
            "width": source.width,
            "height": source.height,
            "nominal_fps": source.fps,
            "live": source.live,
            "frames_expected": source.length,
            "frames_dropped": source.dropped,
            "damaged": source.damaged,
            "cut": source.cut,
        },
        **source.provenance,
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
    }


def sha256(path: Path) -> str:
    """Of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
