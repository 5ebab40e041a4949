"""What a shell closed before the command began."""

from __future__ import annotations

import os
import sys


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
