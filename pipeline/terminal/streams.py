"""Standard streams that a shell closed, and what a library would print there of its own accord."""

from __future__ import annotations

import os
import sys
from types import TracebackType


def open_streams() -> None:
    """Let standard streams that are closed, as by `2>&-`, lead nowhere, here and in every process that is started.

    Else the next file that is opened has the number of one of them, and what libraries print there stands in it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))


def told_elsewhere(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Be `sys.excepthook`, without interrupts: what ends for one says so itself.

    A library in C that is interrupted while it imports another prints that here, and raises an error of its own.
    """
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
