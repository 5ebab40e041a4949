"""Which inputs a batch has: files, the videos inside of folders, what patterns match."""

from __future__ import annotations

import glob
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from fervid.pipeline.endings import VIDEOS, counted, ending
from fervid.pipeline.errors import ConfigError

log = logging.getLogger(__name__)


def find(given: Sequence[str], folders: bool, out: Path) -> list[Path]:
    """Files as they are, the videos inside of folders, what patterns match; each once and absolute.

    With `folders`, a folder is an input itself. What a folder holds beside is told.

    Raises:
        ConfigError: there is nothing.
    """
    found: dict[Path, None] = {}
    for name in given:
        paths = (
            [Path(name)] if os.path.lexists(name) else [Path(one) for one in sorted(glob.glob(name, recursive=True))]
        )
        for path in paths or [Path(name)]:
            inside = _videos(path, out) if path.is_dir() and not folders else [path]
            found |= dict.fromkeys(Path(os.path.abspath(one)) for one in inside)
    if not found:
        raise ConfigError(f"{', '.join(given)}: no videos in there ({' '.join(sorted(VIDEOS))})")
    return list(found)


def base(given: Sequence[str]) -> Path:
    """The deepest folder that holds all that was given and is there."""
    there = [name for name in given if os.path.lexists(name) or glob.has_magic(name)]
    return Path(os.path.commonpath([_folder(name) for name in there or given]))


def _folder(name: str) -> str:
    """A folder itself, the folder of a file, of a pattern the part without wildcards."""
    path = Path(os.path.abspath(name))
    if path.is_dir():
        return str(path)
    while not path.exists() and glob.has_magic(str(path)):
        path = path.parent
    return str(path if path.is_dir() else path.parent)


def _videos(folder: Path, out: Path) -> list[Path]:
    """In order of their paths; what lies below `out` was made, not given."""
    made, taken, others, links = out.resolve(), list[Path](), list[str](), list[str]()
    for place, folders, files in os.walk(folder, onerror=_locked):
        inside = [Path(place, name) for name in folders if name[0] != "." and Path(place, name).resolve() != made]
        links += [str(path) for path in inside if path.is_symlink()]
        folders[:] = [path.name for path in inside]
        for path in (Path(place, name) for name in files):
            if (kind := _kind(path)) in VIDEOS:
                taken.append(path)
            elif kind:
                others.append(kind)
    if others:
        log.warning("%s: passed over what is no visible file with a video's ending: %s", folder, counted(others))
    if links:
        log.warning("%s: linked folders are passed over; name those that shall be read: %s", folder, ", ".join(links))
    return sorted(taken)


def _kind(path: Path) -> str:
    """The ending of a name, and what else keeps the file from being read; of what is hidden, only videos are told."""
    kind = ending(path)
    if path.name.startswith("."):
        return f"hidden {kind}" if kind in VIDEOS else ""
    return kind if path.is_file() else f"{kind} that is no file"


def _locked(error: OSError) -> None:
    log.warning("%s: passed over, as it cannot be read: %s", error.filename, error.strerror)
