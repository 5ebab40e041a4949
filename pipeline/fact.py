"""What can be known of a frame, of a face in it, or of a chain: its word, its columns, and how a value fills them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar, cast
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

T = TypeVar("T")
Cell: TypeAlias = str | int | float | None
"""What stands in a table; None where nothing is known."""

named: WeakValueDictionary[str, Fact[Any]] = WeakValueDictionary()
"""Facts by name, so that what is known of a face can be kept and brought back."""


@dataclass(frozen=True)
class Column:
    """One column of every table that a fact is in.

    Raises:
        ValueError: its type is none of these.
    """

    name: str
    meaning: str
    unit: str = ""
    type: Literal["float", "int", "text"] = "float"
    decimals: int = 4
    """Of a float, in text."""
    summed_up: bool = True
    """Whether the summary of a run tells of it: the mean and the range of numbers, the shares of texts."""

    def __post_init__(self) -> None:
        if self.type not in ("float", "int", "text"):
            raise ValueError(f'column {self.name!r}: its type is "float", "int" or "text", not {self.type!r}')


@dataclass(frozen=True, eq=False)
class Fact(Generic[T]):
    """One thing that can be known. `face[FACT]` and `frame[FACT]` give its value, or None.

    A fact named "faces", or "faces." and more, is known of each face, any other of the frame. Some are known of the
    chain alone and have no value: that a source is live, say.
    """

    name: str
    words: str
    """What it is called in messages, as in "needs face tracks"."""
    columns: tuple[Column, ...] = ()
    cells: Callable[[T], Sequence[Cell]] | None = None
    """From a value to a cell for each column; without it the value is the only cell, or a sequence of them."""
    value: Callable[[Sequence[Cell]], T] | None = None
    """From the cells back to the value; without it, a value that is the only cell comes back, any other cannot."""

    to_cells: Callable[[T], Sequence[Cell]] = field(init=False, repr=False)
    """One cell for each column."""
    of_faces: bool = field(init=False, repr=False)
    """Whether it is known of each face, and not of the whole frame."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "to_cells", self.cells or (_alone if len(self.columns) == 1 else _as_it_is))
        object.__setattr__(self, "of_faces", self.name.partition(".")[0] == "faces")
        named[self.name] = self

    def read(self, known: Mapping[Fact[Any], Any], _holder: object) -> T | None:
        """The value among what is known of a face or frame."""
        return known.get(self)

    def from_cells(self, cells: Sequence[Cell]) -> T:
        """The value again.

        Raises:
            ValueError: its cells do not tell.
        """
        if self.value:
            return self.value(cells)
        if self.cells is None and len(self.columns) == 1:
            return cast(T, cells[0])
        raise ValueError(f"{self.words} cannot be made of their cells again; give the fact a `value`")


def _alone(value: Any) -> tuple[Cell]:
    return (value,)


def _as_it_is(value: Any) -> Any:
    return value


FRAMES: Fact[None] = Fact("frames", "frames")
"""Given by sources, and needed by all other stages."""
LIVE: Fact[None] = Fact("frames.live", "frames that wait for nobody")
"""Given by cameras: when later stages are slow, only the newest frame is kept."""
AGAIN: Fact[None] = Fact("frames.again", "an input that can be read twice")
"""Given by sources whose `Source.reopen` reads the same frames once more."""
CHANGED: Fact[None] = Fact("image.changed", "a changed picture")
SPARSE: Fact[bool] = Fact("frames.sparse", "frames in which no face was looked for")
"""True of a frame that was passed over. What ends it has filled the gaps; until then nothing is made of faces."""
BRIDGED: Fact[None] = Fact("frames.bridged", "faces that were not looked for in every frame")
"""Given with SPARSE, and never ended: an estimate between two looks may miss who was there for a moment."""
ALONE: Fact[bool] = Fact("frames.alone", "pictures that stand alone")
"""True of a frame that has nothing to do with those before and behind it."""
GATHERED: Fact[None] = Fact("frames.gathered", "frames that are gathered up to the last")
"""Given by stages that need the whole input at once, so that a run cannot go on from its middle."""


def vector(name: str, words: str, entries: Sequence[Column]) -> Fact[NDArray[np.float32]]:
    """A fact whose value is a float32 array with an entry for each column."""

    def again(cells: Sequence[Cell]) -> NDArray[np.float32]:
        import numpy as np

        return np.array(cells, np.float32)

    return Fact(name, words, tuple(entries), lambda array: array.tolist(), again)


def columns(facts: Iterable[Fact[Any]]) -> list[Column]:
    """The columns of facts, in order."""
    return [column for fact in facts for column in fact.columns]
