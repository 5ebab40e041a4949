"""What fervid asks of the libraries under it: to send nothing and to read nothing that lies in the folder.

Where one is missing, how to install it.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

PACKAGES = {
    "libGL.so.1": "libgl1 libglib2.0-0",
    "libgthread-2.0.so.0": "libgl1 libglib2.0-0",
    "libglib-2.0.so.0": "libgl1 libglib2.0-0",
    "libEGL.so.1": "libegl1 libgles2",
    "libGLESv2.so.2": "libegl1 libgles2",
    "libgomp.so.1": "libgomp1",
    "libstdc++.so.6": "libstdc++6",
}
"""Packages of Debian and Ubuntu by the system library that an import misses; those needed together stand together."""

EXTRAS = {"torch": "train", "scipy": "train", "onnx": "export", "openvino": "openvino", "tensorboard": "tensorboard"}
"""Extras of fervid by the Python module that an import misses."""

SILENT = {"ORT_DISABLE_TELEMETRY": "1"}
"""What libraries read as they load, to know that they shall not report to their makers."""
REPORTERS = ("openvino_telemetry",)
"""Modules that do nothing but report; who would use one does without where it cannot be imported."""

_importing = threading.Lock()


@contextmanager
def out_of_the_folder() -> Iterator[None]:
    """Import matplotlib, or what imports it, in here: else a `matplotlibrc` of the working folder goes before others.

    Whoever made the folder could end the run with it, or let it wait for ever.
    """
    with _importing:
        exists = os.path.exists
        os.path.exists = lambda path: path != "matplotlibrc" and exists(path)
        try:
            yield
        finally:
            os.path.exists = exists


def silence() -> None:
    """Let no library of this process or those that it starts report to its maker, whatever the environment says."""
    early = "onnxruntime" in sys.modules and os.environ.get("ORT_DISABLE_TELEMETRY") != "1"
    os.environ.update(SILENT)
    sys.modules.update(dict.fromkeys(REPORTERS))  # type: ignore[arg-type]
    if early:
        warnings.warn(
            "onnxruntime was imported before fervid and may report to its maker; import fervid first, "
            "or set ORT_DISABLE_TELEMETRY=1",
            stacklevel=3,
        )


def missing_library(error: ImportError) -> str | None:
    """Say how to install what an import missed; None where it failed for another reason or nobody knows."""
    if isinstance(error, ModuleNotFoundError):
        module = (error.name or "").partition(".")[0]
        extra = EXTRAS.get(module)
        return extra and f"{module} is not installed; install it: pip install 'fervid[{extra}]'"
    found = re.match(r"(lib\S+\.so[\d.]*): cannot open shared object file", str(error))
    if found is None:
        return None
    packages = PACKAGES.get(found[1])
    how = f"sudo apt-get install {packages}" if packages else "the package of your system that has it"
    return f"the system library {found[1]} is missing; install it: {how}"
