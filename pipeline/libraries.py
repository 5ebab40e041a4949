"""Turn a missing system library into one line that names the package to install."""

from __future__ import annotations

import re

DEBIAN = {
    "libGL.so.1": "libgl1 libglib2.0-0",
    "libgthread-2.0.so.0": "libgl1 libglib2.0-0",
    "libglib-2.0.so.0": "libgl1 libglib2.0-0",
    "libEGL.so.1": "libegl1 libgles2",
    "libGLESv2.so.2": "libegl1 libgles2",
    "libgomp.so.1": "libgomp1",
    "libstdc++.so.6": "libstdc++6",
}
"""Packages of Debian and Ubuntu by the library that an import misses; those needed together stand together."""


def missing_library(error: ImportError) -> str | None:
    """Say what to install where an import failed for a shared library; None where it failed for another reason."""
    found = re.match(r"(lib\S+\.so[\d.]*): cannot open shared object file", str(error))
    if found is None:
        return None
    library = found[1]
    if packages := DEBIAN.get(library):
        return f"the system library {library} is missing; install it: sudo apt-get install {packages}"
    return f"the system library {library} is missing; install the package of your system that has it"
