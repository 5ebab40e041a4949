"""Say what a stage did that none does: what it raised and where in a plugin's file, and facts that it does not give."""

from __future__ import annotations

import logging
from collections.abc import Collection, Generator, Iterable
from traceback import extract_tb
from typing import Any

from fervid.pipeline.errors import StageError
from fervid.pipeline.fact import Fact
from fervid.pipeline.frame import Frame
from fervid.pipeline.libraries import missing_library
from fervid.pipeline.roles import plugin_files
from fervid.pipeline.stage import Stage

log = logging.getLogger(__name__)


def raised(stage: Stage, error: BaseException) -> StageError:
    """The error that tells of another one, which `stage` did not expect."""
    files = {str(path) for _, path in plugin_files(stage)}
    places = [f", {one.filename}:{one.lineno}" for one in extract_tb(error.__traceback__) if one.filename in files]
    place = places[-1] if places else ""
    missing = missing_library(error) if isinstance(error, ImportError) else None
    return StageError(f"{stage.name}: {missing or f'raised {type(error).__name__}: {error}{place}'}")


def no_frames(stage: Stage, made: object) -> StageError:
    """The error of a `run` that is no generator."""
    return StageError(f"{stage.name}: run gives {type(made).__name__}, not frames; `yield frame` hands each on")


def watched(frames: Iterable[Frame], given: Collection[Fact[Any]]) -> Generator[Frame]:
    """Pass frames on, and warn once of each fact with columns that is known though no stage gives it."""
    known = set(given)
    for frame in frames:
        for holder in (frame, *frame.faces):
            if not holder.known.keys() <= known:
                _warn(new := holder.known.keys() - known)
                known |= new
        yield frame


def _warn(facts: Iterable[Fact[Any]]) -> None:
    for fact in facts:
        if fact.columns:
            log.warning("%s: known, but in no table: the stage that sets it does not name it in `gives`", fact.words)
