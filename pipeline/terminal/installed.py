"""Find out whether what setup.cfg asks for is installed, in versions that go together."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.requirements import Requirement

OPENCVS = ("opencv-python", "opencv-contrib-python", "opencv-python-headless", "opencv-contrib-python-headless")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    found: str
    fine: bool | None = True
    """None: missing, and fervid runs without it."""
    advice: str = ""


def python() -> Finding:
    from packaging.specifiers import SpecifierSet

    version, wanted = sys.version.split()[0], metadata.metadata("fervid")["Requires-Python"]
    fine = SpecifierSet(wanted).contains(version, prereleases=True)
    return Finding("python", version, fine, "" if fine else f"install Python {wanted} and fervid in it")


def packages() -> Iterator[Finding]:
    """What an extra asks for may be missing."""
    for requirement, extra in requirements():
        if extra != "dev":
            yield _package(requirement, extra)


def requirements() -> Iterator[tuple[Requirement, str]]:
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


def opencvs() -> Iterator[Finding]:
    """All of them own the folder cv2, so that those of different versions overwrite each other's files."""
    found = {}
    for name in OPENCVS:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    if len(set(found.values())) > 1:
        listed = ", ".join(f"{name} {version}" for name, version in found.items())
        wanted = next((one.specifier for one, _ in requirements() if one.name == OPENCVS[0]), "")
        same = " ".join(f'"{name}{wanted}"' for name in found)
        yield Finding("opencv", f"{listed}: must be one version", False, f"pip install --force-reinstall {same}")
