"""Frames on their way into a stage whose memory is kept."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from fervid.pipeline.checkpoint import Keeper
from fervid.pipeline.errors import ConfigError
from fervid.pipeline.fact import Fact
from fervid.pipeline.forgotten import Held, Locals
from fervid.pipeline.frame import Frame, Source
from fervid.pipeline.frames import Frames
from fervid.pipeline.memory import NotPlainError, Reader, Writer
from fervid.pipeline.record import Run

M = TypeVar("M")


class Memory(NamedTuple):
    """One thing that a stage, or what it searches with, remembers."""

    new: Any
    settle: Callable[[], None] | None
    home: str
    """The module that asked for it to be kept; the classes of what is in it can be seen from there."""


class Kept(Frames):
    """Frames of a stage whose memory is kept."""

    def __init__(
        self, frames: Iterable[Frame], run: Run, facts: Sequence[Fact[Any]], keeper: Keeper, name: str
    ) -> None:
        super().__init__(frames, run, facts)
        self._keeper, self._name = keeper, name
        self._number = keeper.answering
        keeper.answering += 1
        self._memories: list[Memory] = []
        self._made: Generator[Frame] | None = None
        self._first: weakref.ref[Frame] | None = None
        """The first frame that the stage was given."""
        self._gave = False
        """Whether a frame has come out of it."""
        self._answered = 0
        """How many marks it has answered to."""

    def out_of(self, made: Generator[Frame]) -> Iterator[Frame]:
        """Pass on what the stage makes of these frames."""
        self._made = made
        for frame in made:
            self._gave = True
            yield frame

    def begin(self, source: Source) -> int:
        start = self._keeper.open(source)
        self._restore()
        return start

    def keep(self, new: M, settle: Callable[[], None] | None = None) -> M:
        self._memories.append(Memory(new, settle, sys._getframe(1).f_globals["__name__"]))
        return new

    def __iter__(self) -> Iterator[Frame]:
        keeper, locals_ = self._keeper, None
        for frame in self._frames:
            if frame.index < keeper.start:
                continue
            if self._first is None:
                self._restore()
                self._first = weakref.ref(frame)
                locals_ = self._locals()
            while self._answered < len(keeper.marks) and frame.index >= keeper.marks[self._answered].start:
                if not self._answered:
                    self._check(locals_)
                self.answer()
            yield frame
        if self._first is None:
            self._restore()

    def _locals(self) -> Locals | None:
        try:
            return Locals(self._made, [memory.new for memory in self._memories]) if self._made else None
        except NotPlainError as error:
            self._keeper.give_up(f"{self._name}: cannot be kept: {error}")
            return None

    def answer(self) -> None:
        """Write down what the stage remembers."""
        for memory in self._memories:
            if memory.settle:
                memory.settle()
        mark = self._keeper.marks[self._answered]
        self._answered += 1
        try:
            self._keeper.answer(mark, self._number, [Writer().write(memory.new) for memory in self._memories])
        except NotPlainError as error:
            self._keeper.give_up(f"{self._name}: cannot be kept: {error}")

    def _check(self, locals_: Locals | None) -> None:
        """Whether the stage remembers or holds what it does not keep.

        Raises:
            ConfigError: it holds frames back.
        """
        held = f"{self._name}: holds frames back without keeping them, so --checkpoint cannot be used with it"
        if self._made and not self._gave and not self._memories and self._first and self._first():
            raise ConfigError(held)
        try:
            names = locals_.changed() if locals_ else []
        except Held:
            raise ConfigError(held) from None
        except NotPlainError:
            return  # told when it is written
        if names:
            self._keeper.give_up(f"{self._name}: remembers in {', '.join(names)}, without frames.keep(...)")

    def _restore(self) -> None:
        if not self._keeper.start:
            return
        kept = self._keeper.memories[self._number]
        try:
            for memory, data in zip(self._memories, kept, strict=True):
                Reader(memory.home).fill(memory.new, data)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(
                f"{self._keeper.path}: what {self._name} kept cannot be read ({error}); --restart begins anew"
            ) from error
