"""Find out what a machine lacks before a run does."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from fervid.pipeline.errors import FervidError
from fervid.pipeline.interpreter import PYTHON
from fervid.pipeline.libraries import missing_library
from fervid.pipeline.stage import stages
from fervid.pipeline.terminal import installed
from fervid.pipeline.terminal.installed import Finding

LOADED = ("cv2", "av", "ai_edge_litert.interpreter", "mediapipe", "onnxruntime")
"""Modules with parts outside of Python, which can be installed and still not load."""
PATIENCE = 60  # seconds that one of them may take


def examine() -> Iterator[Finding]:
    """Look at everything, the network left alone."""
    yield installed.python()
    yield from installed.packages()
    yield from installed.opencvs()
    for module in LOADED:
        if importlib.util.find_spec(module.partition(".")[0]):
            yield _loads(module)
    yield from _models()
    yield from _stages()
    yield _display()
    yield _cameras()
    yield _gpu()


def _loads(module: str) -> Finding:
    """Load it in a process of its own, since some libraries abort instead of raising."""
    done = _python_says(f"import {module}")
    if done.returncode == 0:
        return Finding(f"import {module}", "loads")
    last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    kind, _, message = last.partition(": ")
    known = missing_library(ImportError(message)) if kind == "ImportError" else None
    return Finding(f"import {module}", known or last, False)


def _python_says(code: str) -> subprocess.CompletedProcess[str]:
    command, elsewhere = [*PYTHON, "-c", code], os.path.dirname(sys.executable)
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False, cwd=elsewhere)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"does not load within {PATIENCE} seconds")


def _models() -> Iterator[Finding]:
    from fervid.models import zoo

    try:
        yield Finding("weights", str(zoo.weights("fervid")))
    except FervidError as error:
        yield Finding("weights", str(error), False, "install fervid again")
    yield _face_detectors()


def _face_detectors() -> Finding:
    from fervid.stages.faces.detection import files

    for network in files.NETWORKS:
        try:
            files.load(network)
        except FervidError as error:
            return Finding("face detectors", str(error), False, "fervid models fetch detector")
    return Finding("face detectors", str(files.there()))


def _stages() -> Iterator[Finding]:
    broken = 0
    for name in stages.names():
        try:
            stages.find(name)
        except Exception as error:
            broken += 1
            yield Finding(f"stage {name}", f"{type(error).__name__}: {error}", False)
    yield Finding("stages", f"{len(stages.names()) - broken} load")


def _display() -> Finding:
    screen = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY")
    if screen or sys.platform in {"darwin", "win32"}:
        return Finding("display", screen or "yes")
    return Finding("display", "none: DISPLAY is not set", None, "only the stage `display` needs one")


def _cameras() -> Finding:
    devices = sorted(Path("/dev").glob("video*"))
    if not devices:
        return Finding("cameras", "none in /dev", None, "only the stage `webcam` needs one")
    closed = [str(device) for device in devices if not os.access(device, os.R_OK | os.W_OK)]
    if closed:
        return Finding("cameras", f"{', '.join(closed)} may not be opened", None, "sudo usermod -aG video $USER")
    return Finding("cameras", ", ".join(str(device) for device in devices))


def _gpu() -> Finding:
    if importlib.util.find_spec("torch") is None:
        return Finding("GPU", "not looked for: torch is not installed", None, "only training gains from one")
    done = _python_says("import torch; print(torch.cuda.get_device_name() if torch.cuda.is_available() else '')")
    name = done.stdout.strip()
    return Finding("GPU", name or "none", True if name else None, "" if name else "only training gains from one")
