"""What a stage is given: frames to go through, the run that they belong to, and a memory that outlives it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from fervid.pipeline.fact import Fact
from fervid.pipeline.frame import Frame, Source
from fervid.pipeline.record import Run

M = TypeVar("M")


class Frames(Iterable[Frame]):
    """Frames in order. A stage goes through them once.

    >>> list(Largest(count=2).run(Frames([frame])))
    """

    def __init__(self, frames: Iterable[Frame] = (), run: Run | None = None, facts: Sequence[Fact[Any]] = ()) -> None:
        self._frames = frames
        self.run = run or Run()
        """The notebook of the run."""
        self.facts = tuple(facts)
        """What the stages in front have given, in order: what a table of these frames holds."""

    def __iter__(self) -> Iterator[Frame]:
        frames = iter(self._frames)
        first = next(frames, None)
        if first is not None:
            self.run.source = self.run.source or first.source
            yield first
            yield from frames

    def through(self, wrap: Callable[[Iterable[Frame]], Iterable[Frame]]) -> None:
        """Let the frames pass through something on their way to the stage, such as a clock."""
        self._frames = wrap(self._frames)

    def out_of(self, made: Generator[Frame]) -> Iterable[Frame]:
        """What the stage makes of these frames, on its way out."""
        return made

    def begin(self, source: Source) -> int:
        """For a source that can begin in the middle: tell what the input is, and get the index of its first frame.

        Call it once, behind `keep`. A source that does not call it begins at 0, and what a resumed run has seen before
        is passed over.
        """
        self.run.source = source
        return 0

    def keep(self, new: M, settle: Callable[[], None] | None = None) -> M:
        """Return `new`, which a resume fills with what it held when the run was last kept.

        Call it before the first frame is asked for; it is filled by the time that frame comes. `new` is a list, dict,
        set, deque, array or dataclass, or of a class with `__getstate__` and `__setstate__`, and holds plain data: such
        objects, numbers and texts. It is read while the stage asks for a frame, behind all frames before it; `settle`
        is called just then, to bring what lies in files up to it.
        """
        return new
