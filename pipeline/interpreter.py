"""Start other processes so that nothing that lies in the working folder is taken for a module or library of theirs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

PYTHON = (sys.executable, "-P")
"""How a command begins."""


@contextmanager
def safe_path() -> Iterator[None]:
    """What `multiprocessing` starts in here is started so too; it takes no options but through the environment."""
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = before


def name_library_folders() -> None:
    """Leave no empty entry in LD_LIBRARY_PATH, which would mean the working folder to every process that is started.

    OpenCV makes one where it is imported and the variable is unset.
    """
    named = [one for one in os.environ.get("LD_LIBRARY_PATH", "").split(":") if one]
    if sys.platform == "linux":
        os.environ["LD_LIBRARY_PATH"] = ":".join(named or [os.devnull])
