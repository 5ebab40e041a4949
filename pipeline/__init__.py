"""The engine: what travels, what a stage is, and how a pipeline runs.

The names below load on first use, so that a command that needs none of them starts fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fervid.pipeline.interpreter import name_library_folders

if TYPE_CHECKING:
    from fervid.pipeline.checkpoint import Wish as Wish
    from fervid.pipeline.errors import ConfigError as ConfigError
    from fervid.pipeline.errors import FervidError as FervidError
    from fervid.pipeline.errors import InputError as InputError
    from fervid.pipeline.errors import ModelError as ModelError
    from fervid.pipeline.errors import OutputError as OutputError
    from fervid.pipeline.fact import AGAIN as AGAIN
    from fervid.pipeline.fact import ALONE as ALONE
    from fervid.pipeline.fact import BRIDGED as BRIDGED
    from fervid.pipeline.fact import CHANGED as CHANGED
    from fervid.pipeline.fact import FRAMES as FRAMES
    from fervid.pipeline.fact import GATHERED as GATHERED
    from fervid.pipeline.fact import LIVE as LIVE
    from fervid.pipeline.fact import SPARSE as SPARSE
    from fervid.pipeline.fact import Column as Column
    from fervid.pipeline.fact import Fact as Fact
    from fervid.pipeline.frame import EMOTIONS as EMOTIONS
    from fervid.pipeline.frame import FACES as FACES
    from fervid.pipeline.frame import FOUND as FOUND
    from fervid.pipeline.frame import TRACKS as TRACKS
    from fervid.pipeline.frame import UNCERTAIN as UNCERTAIN
    from fervid.pipeline.frame import Face as Face
    from fervid.pipeline.frame import Frame as Frame
    from fervid.pipeline.frame import Source as Source
    from fervid.pipeline.frame import found as found
    from fervid.pipeline.frames import Frames as Frames
    from fervid.pipeline.picture import Picture as Picture
    from fervid.pipeline.record import Run as Run
    from fervid.pipeline.roles import Reads as Reads
    from fervid.pipeline.roles import Shows as Shows
    from fervid.pipeline.roles import Writes as Writes
    from fervid.pipeline.run import Pipeline as Pipeline
    from fervid.pipeline.stage import Stage as Stage
    from fervid.pipeline.stage import Terms as Terms
    from fervid.pipeline.stage import register as register
    from fervid.pipeline.table import Table as Table

_NAMES = {
    "checkpoint": ("Wish",),
    "errors": ("ConfigError", "FervidError", "InputError", "ModelError", "OutputError"),
    "fact": ("AGAIN", "ALONE", "BRIDGED", "CHANGED", "FRAMES", "GATHERED", "LIVE", "SPARSE", "Column", "Fact"),
    "frame": ("EMOTIONS", "FACES", "FOUND", "TRACKS", "UNCERTAIN", "Face", "Frame", "Source", "found"),
    "frames": ("Frames",),
    "picture": ("Picture",),
    "record": ("Run",),
    "roles": ("Reads", "Shows", "Writes"),
    "run": ("Pipeline",),
    "stage": ("Stage", "Terms", "register"),
    "table": ("Table",),
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names}
__all__ = list(_HOMES)

name_library_folders()


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found
