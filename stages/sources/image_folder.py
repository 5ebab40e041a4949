"""Read labelled faces from folders named after emotions, as FER2013 lies on Kaggle: train/happy/1.jpg."""

from __future__ import annotations

import logging
import random
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from annotated_types import Ge, Lt

from fervid.models.crop import FRAMED, box_of_face_image, crop
from fervid.models.target import TARGET, Split, Target
from fervid.pipeline.errors import InputError
from fervid.pipeline.fact import FRAMES
from fervid.pipeline.frame import EMOTIONS, FACES, Face, Frame, Source
from fervid.pipeline.frames import Frames
from fervid.pipeline.record import Lost
from fervid.pipeline.roles import Reads
from fervid.pipeline.stage import Stage, register
from fervid.stages.sources.decoding.pictures import decode

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

SPLITS: dict[str, Split] = {
    **{"train": "train", "training": "train"},
    **{"validation": "validation", "val": "validation", "valid": "validation", "publictest": "validation"},
    **{"test": "test", "testing": "test", "privatetest": "test"},
}
WORDS = {
    "angry": ("anger",),
    "disgust": ("disgusted",),
    "fear": ("fearful", "afraid", "scared"),
    "happy": ("happiness", "joy"),
    "sad": ("sadness",),
    "surprise": ("surprised",),
    "neutral": ("neutrality",),
}
"""Other names that folders of an emotion go by."""
LABELS = {word: n for n, name in enumerate(EMOTIONS) for word in (name, *WORDS[name])}


class Item(NamedTuple):
    """One picture and what it should be read as."""

    path: Path
    split: Split
    emotion: int


@register("image_folder")
@dataclass(frozen=True)
class ImageFolder(Stage):
    """Each picture is one face, seen whole and brought to one size.

    Without a folder named validation, a share of each emotion in train becomes the validation split; without a folder
    named train, the emotions may lie directly in the folder.
    """

    path: Annotated[Path, Reads(folders=True)]
    """The folder that holds train/ and test/, or the folders of the emotions themselves."""
    validation: Annotated[float, Ge(0), Lt(1)] = 0.1
    """Share of each emotion's training pictures that becomes the validation split, where there is none; at least one of
    two. They are drawn at random: make the folder yourself where several pictures show one person or come from one
    video."""
    seed: Annotated[int, Ge(0)] = 1
    """Chooses which pictures those are; the same seed chooses the same."""
    split: Literal["all", "train", "validation", "test"] = "all"
    """Which pictures to yield."""
    size: Annotated[int, Ge(16), Lt(1025)] = 48
    """Width and height in pixels that pictures are brought to."""
    on_error: Literal["stop", "skip"] = "stop"
    """What to do at a file that is no picture: stop with its name, or skip and count it."""

    needs = ()
    gives = (FRAMES, TARGET, FACES)

    def run(self, frames: Frames) -> Generator[Frame]:
        items = [item for item in self._items() if self.split in ("all", item.split)]
        source = Source(self.path.name, self.size, self.size, path=self.path, length=len(items))
        box, index = box_of_face_image(self.size, self.size), 0
        for item in items:
            image = self._read(item.path, frames.run.lost)
            if image is not None:
                face, target = Face(box, 1.0, known={FRAMED: True}), Target(item.emotion, item.split)
                yield Frame(index, float(index), image, source, [face], known={TARGET: target})
                index += 1
        if frames.run.lost.damaged:
            log.warning("%s: %d files that cannot be read as pictures were skipped", self.path, frames.run.lost.damaged)
        if not index:
            raise InputError(f"{self.path}: holds no picture" + f" of the {self.split} split" * (self.split != "all"))

    def _items(self) -> list[Item]:
        """All pictures in a fixed order, split as the folders say or by share."""
        if not self.path.is_dir():
            raise InputError(f"{self.path}: no such folder")
        folders: dict[Split, Path] = {}
        for one in (folder for folder in _folders(self.path) if folder.name.lower() in SPLITS):
            other = folders.setdefault(SPLITS[one.name.lower()], one)
            if other is not one:
                raise InputError(f"{one}: is the same split as {other.name}; join them or move one elsewhere")
        loose = [f for f in _folders(self.path) if f.name.lower() in LABELS]
        if "train" in folders and loose:
            raise InputError(f"{loose[0]}: lies beside {folders['train'].name}, not in it; move it there or elsewhere")
        if loose or not folders:
            folders["train"] = self.path
        items = [item for split, folder in folders.items() for item in _labelled(folder, split, folders)]
        return items if "validation" in folders else self._hold_out(items)

    def _hold_out(self, items: list[Item]) -> list[Item]:
        chance, chosen = random.Random(self.seed), set()
        for emotion in range(len(EMOTIONS)):
            paths = [item.path for item in items if item.split == "train" and item.emotion == emotion]
            few = 1 if self.validation and len(paths) > 1 else 0
            chosen |= set(chance.sample(paths, max(few, round(self.validation * len(paths)))))
        return [item._replace(split="validation") if item.path in chosen else item for item in items]

    def _read(self, path: Path, lost: Lost) -> NDArray[np.uint8] | None:
        import numpy as np

        grey, objection, _ = decode(path, grey=True)
        if grey is None:
            if self.on_error == "stop":
                raise InputError(f"{path}: {objection}; remove it, or on_error: skip passes it over")
            lost.damaged += 1
            return None
        height, width = grey.shape
        face = crop(grey, box_of_face_image(width, height), None, self.size)
        return np.repeat(face[:, :, None], 3, axis=2)


def _labelled(folder: Path, split: Split, splits: Mapping[Split, Path]) -> Iterator[Item]:
    """Pictures of one split; folders of other splits that lie among its emotions are passed over.

    Raises:
        InputError: a folder is no emotion, an emotion has no folder, or a folder is empty.
    """
    folders = {}
    for one in _folders(folder):
        if one in splits.values():
            continue
        if one.name.lower() not in LABELS:
            raise InputError(f"{one}: {one.name!r} is no emotion; there are {', '.join(EMOTIONS)}")
        folders[one] = LABELS[one.name.lower()]
    if missing := [name for n, name in enumerate(EMOTIONS) if n not in folders.values()]:
        raise InputError(f"{folder}: has no folder for {', '.join(missing)}; all seven emotions are needed")
    for one, emotion in folders.items():
        files = sorted(path for path in one.iterdir() if path.is_file() and path.name[0] != ".")
        if not files:
            raise InputError(f"{one}: holds no pictures")
        yield from (Item(path, split, emotion) for path in files)


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")
