"""Reads emotions from faces in video, through pipelines of stages.

>>> for frame in fervid.Pipeline.load("configs/file.yaml", {"file.path": "talk.mp4"}):
...     print(frame.time, len(frame.faces))

All that a stage of one's own needs is in `fervid.pipeline`; these are the names that come first. They load on use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fervid.pipeline.libraries import silence

if TYPE_CHECKING:
    from fervid.pipeline import Fact as Fact
    from fervid.pipeline import Pipeline as Pipeline
    from fervid.pipeline import Stage as Stage
    from fervid.pipeline import register as register

    __version__: str

__all__ = ["Fact", "Pipeline", "Stage", "__version__", "register"]

silence()  # every way into fervid leads through here, before it loads another library


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("fervid")
    if name not in __all__:
        raise AttributeError(f"module 'fervid' has no attribute {name!r}")
    return getattr(import_module("fervid.pipeline"), name)
