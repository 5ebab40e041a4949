"""What made a result: input, configuration, weights and versions, for the page that lies beside it."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fervid.pipeline.frame import Source
from fervid.pipeline.ownership import origin
from fervid.pipeline.record import Run, losses

PACKAGES = ("fervid", "ai-edge-litert", "av", "mediapipe", "numpy", "onnxruntime", "opencv-python", "torch")
_hashes: dict[tuple[str, int, int], str] = {}
"""SHA-256 by path, size and time of change."""


def standing(run: Run, frames: int, *, whole: bool = True) -> dict[str, Any]:
    """Whether outputs that hold so many frames are all that there is of the input, and in words what is lost.

    Not `whole` are outputs that the run did not bring to their end.
    """
    original = run.source and run.source.original
    intact = not run.lost.anything and not (original and original.changed)
    return {"complete": whole and intact, "lost": losses(run, frames)}


def settled(page: Mapping[str, Any]) -> bool:
    """Whether the input holds no more than what a page tells of, so that another run would make the same of it."""
    return bool(page["complete"] or page["lost"])


def provenance(run: Run) -> dict[str, Any]:
    """Plain data about a run that has ended."""
    source = run.source
    assert source
    return {
        "origin": json.loads(origin(source).text),
        "input": {
            "name": source.name,
            "sha256": _read(source),
            "width": source.width,
            "height": source.height,
            "nominal_fps": source.fps,
            "live": source.live,
            "frames_expected": source.length,
            "frames_dropped": run.lost.dropped,
            "frames_missing": run.lost.missing,
            "damaged": run.lost.damaged,
            "outages": [{"after_s": round(one.start, 3), "seconds": round(one.seconds, 3)} for one in run.lost.outages],
            "cut": run.lost.cut,
        },
        "config": run.config,
        **run.notes,
        **({"resumed": run.resumed} if run.resumed else {}),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
    }


def _read(source: Source) -> str | None:
    """SHA-256 of the file that was read."""
    if source.original:
        return source.original.sha256()
    return str(fingerprint(source.path)["sha256"]) if source.path and source.path.is_file() else None


def fingerprint(path: Path) -> dict[str, Any]:
    """Size, time of change and SHA-256 of a file, of a folder that of its files' names and sizes."""
    key = _key(path)
    if key not in _hashes:
        _hashes[key] = sha256(path) if path.is_file() else _listed(path)
    return {"size": key[1], "mtime_ns": key[2], "sha256": _hashes[key]}


def trust(path: Path, known: Mapping[str, Any]) -> None:
    """Take over what `fingerprint` said earlier, where size and time of change are still the same."""
    if (key := _key(path))[1:] == (known["size"], known["mtime_ns"]):
        _hashes[key] = known["sha256"]


def sha256(path: Path) -> str:
    """Of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _key(path: Path) -> tuple[str, int, int]:
    state = path.stat()
    return str(path.absolute()), state.st_size, state.st_mtime_ns


def _listed(folder: Path) -> str:
    lines = (f"{path.name} {path.stat().st_size}" for path in sorted(folder.iterdir()))
    return hashlib.sha256("\n".join(lines).encode(errors="replace")).hexdigest()


@cache
def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
