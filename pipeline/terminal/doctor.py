"""Find out what a machine lacks before a run does."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from fervid.pipeline.errors import FervidError
from fervid.pipeline.interpreter import PYTHON
from fervid.pipeline.libraries import missing_library
from fervid.pipeline.stage import stages

if TYPE_CHECKING:
    from packaging.requirements import Requirement

LOADED = ("cv2", "av", "ai_edge_litert.interpreter", "mediapipe", "onnxruntime")
"""Modules with parts outside of Python, which can be installed and still not load."""
OPENCVS = ("opencv-python", "opencv-contrib-python", "opencv-python-headless", "opencv-contrib-python-headless")
PATIENCE = 60  # seconds that one of them may take


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    found: str
    fine: bool | None = True
    """None: missing, and fervid runs without it."""
    advice: str = ""


def examine() -> Iterator[Finding]:
    """Look at everything, the network left alone."""
    yield _python()
    yield from _packages()
    yield from _opencvs()
    for module in LOADED:
        if importlib.util.find_spec(module.partition(".")[0]):
            yield _loads(module)
    yield _ffmpeg()
    yield from _models()
    yield from _stages()
    yield _display()
    yield _cameras()
    yield _gpu()


def _python() -> Finding:
    from packaging.specifiers import SpecifierSet

    version, wanted = sys.version.split()[0], metadata.metadata("fervid")["Requires-Python"]
    fine = SpecifierSet(wanted).contains(version, prereleases=True)
    return Finding("python", version, fine, "" if fine else f"install Python {wanted} and fervid in it")


def _packages() -> Iterator[Finding]:
    """What an extra asks for may be missing."""
    for requirement, extra in _requirements():
        if extra != "dev":
            yield _package(requirement, extra)


def _requirements() -> Iterator[tuple[Requirement, str]]:
    """What setup.cfg asks for on this Python, each with its extra, if it has one."""
    from packaging.requirements import Requirement

    for line in metadata.requires("fervid") or []:
        wanted = Requirement(line)
        found = re.search(r"extra == ['\"](\w+)['\"]", line)
        extra = found[1] if found else ""
        if wanted.marker is None or wanted.marker.evaluate({"extra": extra}):
            yield wanted, extra


def _package(wanted: Requirement, extra: str) -> Finding:
    install = f'pip install "fervid[{extra}]"' if extra else f'pip install "{wanted.name}{wanted.specifier}"'
    try:
        version = metadata.version(wanted.name)
    except metadata.PackageNotFoundError:
        return Finding(wanted.name, "not installed", None if extra else False, install)
    if wanted.specifier.contains(version, prereleases=True):
        return Finding(wanted.name, version)
    return Finding(wanted.name, f"{version}, but fervid was made for {wanted.specifier}", False, install)


def _opencvs() -> Iterator[Finding]:
    """All of them own the folder cv2, so that those of different versions overwrite each other's files."""
    found = {}
    for name in OPENCVS:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    if len(set(found.values())) > 1:
        listed = ", ".join(f"{name} {version}" for name, version in found.items())
        wanted = next((one.specifier for one, _ in _requirements() if one.name in OPENCVS), "")
        same = " ".join(f'"{name}{wanted}"' for name in found)
        yield Finding("opencv", f"{listed}: must be one version", False, f"pip install --force-reinstall {same}")


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


def _ffmpeg() -> Finding:
    try:
        import imageio_ffmpeg

        path = imageio_ffmpeg.get_ffmpeg_exe()
        first = subprocess.run([path, "-version"], capture_output=True, text=True, check=True).stdout
    except (ImportError, RuntimeError, OSError, subprocess.CalledProcessError) as error:
        return Finding("ffmpeg", str(error), False, "pip install --force-reinstall imageio-ffmpeg")
    return Finding("ffmpeg", f"{' '.join(first.split()[:3])} ({path})")


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
