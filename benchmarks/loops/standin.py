"""The stand-in for a webcam as a source of fervid's."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from fervid.pipeline import FRAMES, LIVE, Frame, Frames, Source, Stage, register


@register("standin")
@dataclass(frozen=True)
class StandIn(Stage):
    """Frames of what it is given to show."""

    needs = ()
    gives = (FRAMES, LIVE)
    shown: ClassVar[Iterable[tuple[Any, float]]] = ()

    @classmethod
    @contextmanager
    def shows(cls, pictures: Iterable[tuple[Any, float]]) -> Iterator[None]:
        """Show these pictures, each with its moment."""
        cls.shown = pictures
        yield
        cls.shown = ()

    def run(self, frames: Frames) -> Generator[Frame]:
        for index, (image, moment) in enumerate(self.shown):
            source = Source("standin", image.shape[1], image.shape[0], live=True)
            yield Frame(index, moment, image, source, wall_time=datetime.fromtimestamp(moment, UTC))
