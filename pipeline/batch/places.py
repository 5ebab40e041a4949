"""Where the outputs of each input lie: under its own name, which no other input has."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fervid.pipeline.naming import digest, folded, harmless
from fervid.pipeline.output import MOMENT
from fervid.pipeline.ownership import Record, page

Outputs = Callable[[Path], Sequence[tuple[Path, Record]]]
"""What is written for an input whose outputs lie in this folder, under this name, and where it says what it is of."""
KNOWN = 3
"""How many of its names an input is looked for under."""


@dataclass
class Wish:
    """An input, and the name that it would like."""

    path: Path
    folder: Path
    """Where its outputs lie."""
    within: str
    """The input's path below the folder that holds all of them."""
    stem: str
    """Its name without an ending; folders have none."""
    level: int = 0
    """0 its stem, 1 with its ending, 2 and more its stem with a hash."""
    kept: bool = False
    """Whether an output of that name was made of it."""

    @property
    def place(self) -> Path:
        """The folder and the name."""
        if self.level == 1:
            return self.folder / harmless(self.path.name)
        hashed = f"{self.stem}_{digest(self.within * self.level)}"
        return self.folder / harmless(hashed if self.level else self.stem)


def places(inputs: Sequence[Path], base: Path, out: Path, outputs: Outputs, option: str) -> list[Path]:
    """The output folder and name of each input, without an ending; below `base` the folders are kept.

    A name is the stem. Of several inputs that would share an output, each keeps its own ending; where that is not
    enough, a hash follows the stem. An input that has outputs already, by what the source's `option` was then, keeps
    its name, whoever comes to it.
    """
    wishes = [_wish(path, base, out) for path in inputs]
    for wish in wishes:
        _remember(wish, outputs, option)
    while clashing := _clashing(wishes, outputs):
        for wish in clashing:
            wish.level += 1
    return [wish.place for wish in wishes]


def _wish(path: Path, base: Path, out: Path) -> Wish:
    """What lies elsewhere, as what is missing may, and one folder of pictures, has no folder of its own."""
    stem = path.name if path.is_dir() else path.stem
    if not path.parent.is_relative_to(base):
        return Wish(path, out, str(path), stem)
    within = path.relative_to(base)
    return Wish(path, out.joinpath(*map(harmless, within.parts[:-1])), str(within), stem)


def _remember(wish: Wish, outputs: Outputs, option: str) -> None:
    """Find the name under which it was read before."""
    for level in range(KNOWN if wish.folder.is_dir() else 0):
        wish.level = level
        made_of = {of for output in outputs(wish.place) for of in _made_of(*output, option)}
        if made_of and made_of <= {str(wish.path), wish.path.name}:
            wish.kept = True
            return
    wish.level = 0


def _made_of(output: Path, record: Record, option: str) -> Iterator[str]:
    """The inputs that an output was made of at any time: by their paths, where a page tells them, or their names."""
    for name in glob.glob(glob.escape(str(output)).replace("{time}", MOMENT)):
        origin = record.origin(Path(name))
        try:
            (options,) = page(Path(name))["config"][0].values()
            yield str(options[option])
        except (LookupError, ValueError, TypeError, AttributeError):
            yield origin.name if origin else ""


def _clashing(wishes: Sequence[Wish], outputs: Outputs) -> list[Wish]:
    """Those that would share a file with another one, where case makes no difference, and give way to it."""
    sharing: dict[str, list[Wish]] = {}
    for wish in wishes:
        for name in {folded(str(path)) for path in (wish.place, *(path for path, _ in outputs(wish.place)))}:
            sharing.setdefault(name, []).append(wish)
    found = (wish for group in sharing.values() if len(group) > 1 for wish in _plainest(group))
    return list({id(wish): wish for wish in found}.values())


def _plainest(group: Sequence[Wish]) -> list[Wish]:
    movable = [wish for wish in group if not wish.kept]
    return [wish for wish in movable if wish.level == min(one.level for one in movable)]
