"""The user's own folders; one that is named relative to the working folder is not theirs."""

from __future__ import annotations

import os
from pathlib import Path


def cache() -> Path:
    """For what can be made anew (XDG Base Directory Specification).

    Raises:
        RuntimeError: the user has no home.
    """
    return _named("XDG_CACHE_HOME", ".cache")


def data() -> Path:
    """For what was fetched once.

    Raises:
        RuntimeError: the user has no home.
    """
    return _named("XDG_DATA_HOME", ".local/share")


def _named(variable: str, usual: str) -> Path:
    named = Path(os.environ.get(variable, ""))
    return (named if named.is_absolute() else Path.home() / usual) / "fervid"
