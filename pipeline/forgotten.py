"""Find what a stage remembers in plain local variables, which no resume can bring back."""

from __future__ import annotations

import dataclasses
import inspect
import sys
from collections import deque
from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from types import FrameType
from typing import Any

from fervid.pipeline.frame import Face, Frame, Source
from fervid.pipeline.frames import Frames
from fervid.pipeline.memory import Writer
from fervid.pipeline.output import Output
from fervid.pipeline.record import Run

DEPTH = 6
"""How deep a variable is looked into."""
OTHERS = (Frames, Run, Source, Output, type)
"""What belongs to the run and not to the stage."""


class Held(Exception):  # noqa: N818
    """A variable holds frames back."""


class Locals:
    """The local variables of a stage at its first frame, to compare with those at a later one.

    What remembers was there before the first frame came; what is only made of a frame was not.
    """

    def __init__(self, made: Any, kept: list[Any]) -> None:
        self._made, self._kept = made, kept
        self._before = self._prints(self._now())

    def changed(self) -> list[str]:
        """Names of those that are not what they were.

        Raises:
            Held: one of them holds frames.
        """
        now = self._prints({name: value for name, value in self._now().items() if name in self._before})
        return [name for name, print_ in now.items() if print_ != self._before[name]]

    def _prints(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Something for each variable that differs where its contents do, all that is kept left out."""
        writer = Writer()
        for one in self._kept:
            writer.write(one)
        return {name: self._print(value, writer.seen) for name, value in variables.items()}

    def _now(self) -> dict[str, Any]:
        """Of all functions between the stage's generator and here that stand in the stage's module."""
        outermost, found = self._made.gi_frame, dict[str, Any]()
        here: FrameType | None = sys._getframe()
        while here is not None and outermost is not None:
            if here.f_globals is outermost.f_globals:
                found |= here.f_locals
            if here is outermost:
                break
            here = here.f_back
        return {name: value for name, value in found.items() if name != "self"}

    def _print(self, value: Any, kept: Collection[int], depth: int = 0) -> Any:
        import numpy as np

        if id(value) in kept:
            return None
        if isinstance(value, Frame | Face) and depth:
            raise Held
        if depth > DEPTH or isinstance(value, (*OTHERS, Frame, Face)):
            return None
        if isinstance(value, str | int | float | bytes | bytearray):
            return value if not isinstance(value, bytearray) else bytes(value)
        if isinstance(value, np.ndarray):
            return value.shape, value.tobytes()
        if isinstance(value, Mapping):
            return [self._print(pair, kept, depth) for pair in value.items()]
        if isinstance(value, list | tuple | deque | AbstractSet):
            return [self._print(one, kept, depth + 1) for one in value]
        if dataclasses.is_dataclass(value) or type(value).__module__ == self._made.gi_frame.f_globals["__name__"]:
            return self._print(_fields(value), kept, depth + 1)
        return None


def _fields(value: Any) -> dict[str, Any]:
    names = [*getattr(value, "__dict__", {}), *(name for name, _ in inspect.getmembers_static(type(value), _is_slot))]
    return {name: getattr(value, name, None) for name in names}


def _is_slot(member: object) -> bool:
    return inspect.ismemberdescriptor(member)
