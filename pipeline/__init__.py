"""The engine: what travels, what a stage is, and how a pipeline runs.

The names below load on first use, so that a command that needs none of them starts fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fervid.pipeline.errors import FervidError as FervidError
    from fervid.pipeline.frame import EMOTIONS as EMOTIONS
    from fervid.pipeline.frame import Face as Face
    from fervid.pipeline.frame import Frame as Frame
    from fervid.pipeline.frame import Source as Source
    from fervid.pipeline.run import Pipeline as Pipeline
    from fervid.pipeline.stage import Stage as Stage
    from fervid.pipeline.stage import register as register

_HOMES = {
    "EMOTIONS": "frame",
    "Face": "frame",
    "FervidError": "errors",
    "Frame": "frame",
    "Pipeline": "run",
    "Source": "frame",
    "Stage": "stage",
    "register": "stage",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
