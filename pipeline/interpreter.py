"""Start Python anew, so that nothing that lies in the working folder is taken for one of its modules."""

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
