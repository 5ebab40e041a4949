"""Write every frame as a picture of its own: a folder of photographs becomes a folder of annotated ones."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from annotated_types import Ge, Le

from fervid.pipeline.errors import ConfigError, OutputError
from fervid.pipeline.frame import Frame
from fervid.pipeline.frames import Frames
from fervid.pipeline.naming import harmless
from fervid.pipeline.output import resolve
from fervid.pipeline.record import Run
from fervid.pipeline.roles import Writes
from fervid.pipeline.stage import Stage, register
from fervid.stages.sinks.recording.album import FORMATS, MARK, PAGE, Album, put


@register("pictures")
@dataclass(frozen=True)
class Pictures(Stage):
    """A picture for each frame, named after its file, or after the video with the number of the frame.

    Of several that would share a name, one with another ending keeps that (`a.png.jpg`), any other gets the number of
    its frame. Each is whole or absent, and replaces only what was made of the same picture before. Place, time and
    camera, which a photograph's file may tell, do not go with it.
    """

    path: Annotated[str, Writes(record=MARK)] = "out/{name}.jpg"
    """Where to write, as .jpg, .png or .webp; {name} is the picture's name, {time} when the input was opened. Without
    {name}, and in a batch, several pictures of one input lie in a folder of their own. What made them goes to
    NAME.jpg.json."""
    quality: Annotated[int, Ge(1), Le(100)] = 90
    """Of .jpg and .webp; higher is better and larger."""

    detached: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if Path(self.path).suffix.lower() not in FORMATS:
            raise ConfigError(f"{self.path}: pictures are written as .jpg, .png or .webp")

    def run(self, frames: Frames) -> Generator[Frame]:
        run, album = frames.run, frames.keep(Album())
        stream = iter(frames)
        frame = next(stream, None)
        if frame is not None:
            album.alone = frame.name is None and frame.source.length == 1
        elif not album.count:
            return
        with nullcontext() if album.alone else run.output(f"{self.path}.json", record=PAGE) as page:
            if page:
                _keep_apart(page.path.parent, run)
                page.path.unlink(missing_ok=True)  # it tells of pictures that are replaced
            while frame is not None:
                put(frame, path := self._path(frame, run, album), self.quality, run)
                run.outputs.append(path)
                album.count += 1
                yield frame
                frame = next(stream, None)
            if page:
                page.part.write_text(album.told(run), encoding="utf-8")

    def _path(self, frame: Frame, run: Run, album: Album) -> Path:
        path = resolve(self.path, run)
        if album.alone:
            return path
        if "{name}" in self.path:
            return resolve(self.path, run, name=album.name(frame, f"{frame.source.name}_{frame.index:06d}"))
        return path.with_suffix("") / f"{harmless(album.name(frame, f'{frame.index:06d}'))}{path.suffix}"


def _keep_apart(folder: Path, run: Run) -> None:
    """Refuse to write where the next run would read it."""
    source = run.source
    if source and source.path and source.path.exists() and folder.samefile(source.path):
        raise OutputError(f"{folder}: they would lie among the pictures that are read; write to another folder")
