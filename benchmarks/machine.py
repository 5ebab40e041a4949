"""On what is measured: the machine, the versions of what does the work, and the memory that it takes."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("ai-edge-litert", "av", "mediapipe", "numpy", "onnxruntime", "opencv-python", "torch")
ROOT = Path(__file__).parents[1]


def machine() -> dict[str, str]:
    """Processor, cores that may be used, memory and system."""
    return {
        "processor": _line("/proc/cpuinfo", r"model name\s*: (.*)") or platform.processor() or platform.machine(),
        "cores": str(cores()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": _line("/etc/os-release", r'PRETTY_NAME="(.*)"') or platform.platform(),
    }


def versions(fer: str | None) -> dict[str, str]:
    """Of fervid, Python, packages that are installed, and of `fer` in the environment of another python."""
    found = {"fervid": f"{version('fervid')}, revision {_revision()}", "Python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    ask = "from importlib.metadata import version; print(version('fer'))"
    return found | ({"fer": _said(fer, "-c", ask)} if fer else {})


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def resident(field: str = "VmRSS") -> float:
    """Resident memory of this process in MB; of VmHWM, the most that it ever was."""
    return int(_line("/proc/self/status", rf"{field}:\s*(\d+) kB") or 0) * 1024 / 1e6


def _revision() -> str:
    """Of the checkout; what this page itself changes there does not count."""
    git = ("git", "-C", str(ROOT))
    changed = _said(*git, "status", "--porcelain", "--", str(ROOT), ":(top,exclude)docs/benchmarks.*")
    return (_said(*git, "describe", "--always") or "unknown") + ("-dirty" if changed else "")


def _said(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _line(file: str, pattern: str) -> str | None:
    try:
        found = re.search(pattern, Path(file).read_text())
    except OSError:
        return None
    return found[1] if found else None
