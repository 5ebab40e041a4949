"""One pipeline over many inputs: which there are, what each is called, and where its outputs go."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fervid.pipeline.configuration import config, inputs
from fervid.pipeline.endings import VIDEOS
from fervid.pipeline.errors import ConfigError
from fervid.pipeline.fact import LIVE
from fervid.pipeline.output import MOMENT, harmless
from fervid.pipeline.ownership import Record
from fervid.pipeline.roles import Reads, Writes, option
from fervid.pipeline.roles import written as template_of
from fervid.pipeline.stage import Stage
from fervid.pipeline.temporary import left_over


@dataclass(frozen=True)
class Job:
    """One input and what is put over the YAML for it."""

    path: Path
    label: str
    """What the person at the terminal calls it."""
    title: str
    """What its results call it: with its folders, as its outputs lie."""
    text: str
    origin: str
    overrides: dict[str, Any]
    outputs: tuple[tuple[Path, Record], ...]
    """Each with where it says what it was made from."""
    overwrite: bool = False

    @property
    def done(self) -> bool:
        """Whether all of its outputs are there, with what belongs to them: only whole ones have their names."""
        return bool(self.outputs) and all(any(self._whole(*one)) for one in self.outputs)

    def _whole(self, template: Path, record: Record) -> Iterator[bool]:
        """Of each file that may be this output, whether it was made from this input and has what belongs to it."""
        for name in glob.glob(glob.escape(str(template)).replace("{time}", MOMENT)):
            path = Path(name)
            there = record.origin(path)
            mine = there.name in (self.path.name, self.path.stem) if there else path.is_dir() or left_over(path)
            yield mine and all(file.exists() for file in record.files(path))


def plan(
    path: Path, settings: Mapping[str, Any], given: Sequence[str], out: Path, *, overwrite: bool = False
) -> list[Job]:
    """Make a job of every input. All outputs of an input go under `out`, under its own name.

    Below the folder that holds all that was given, the inputs' folders are kept. An input that shares its stem with
    another one in its folder keeps its suffix in its name.

    Raises:
        ConfigError: the pipeline is wrong, or cannot run over many inputs.
    """
    text = config.read(path)
    written = config.parse(text, settings, str(path))
    key, folders = _input(written)
    sources = _inputs(given, folders, out)
    chain = config.parse(text, {**settings, key: sources[0]}, str(path)).build()
    templates = _templates(chain)
    if "{" in str(out):
        raise ConfigError(f"{out}: no folder with a brace in its name can be written to; choose another one")
    places = _places(sources, _base(given), out)
    jobs = []
    for source, place in zip(sources, places, strict=True):
        made = {one: place.parent / template.replace("{name}", place.name) for one, (template, _) in templates.items()}
        jobs.append(
            Job(
                path=source,
                label=_label(source),
                title=place.relative_to(out).as_posix(),
                text=text,
                origin=str(path),
                overrides={**settings, key: str(source), **{one: str(to) for one, to in made.items()}},
                outputs=tuple((made[one], record) for one, (_, record) in templates.items()),
                overwrite=overwrite,
            )
        )
    return jobs


def _input(written: config.Config) -> tuple[str, bool]:
    """Where the input's path is put, and whether it may be a folder."""
    entry, source = inputs.source(written)
    reads = option(source, Reads)
    if LIVE in source.gives or reads is None:
        what = "reads no files, so it cannot run over many; put a source such as file in its place"
        raise ConfigError(entry.mistake(what))
    return f"{entry.name}#1.{reads[0]}", reads[1].folders


def _inputs(given: Sequence[str], folders: bool, out: Path) -> list[Path]:
    """Files as they are, the videos inside of folders, what patterns match; each once and absolute."""
    found: dict[Path, None] = {}
    for name in given:
        paths = (
            [Path(name)] if os.path.lexists(name) else [Path(one) for one in sorted(glob.glob(name, recursive=True))]
        )
        for path in paths or [Path(name)]:
            inside = _videos(path, out) if path.is_dir() and not folders else [path]
            found |= dict.fromkeys(Path(os.path.abspath(one)) for one in inside)
    if not found:
        raise ConfigError(f"{', '.join(given)}: no videos in there ({' '.join(sorted(VIDEOS))})")
    return list(found)


def _videos(folder: Path, out: Path) -> list[Path]:
    made = out.resolve()
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in VIDEOS
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and (made == folder.resolve() or made not in path.resolve().parents)
    ]


def _base(given: Sequence[str]) -> Path:
    """The deepest folder that holds all that was given and is there."""
    there = [name for name in given if os.path.lexists(name) or glob.has_magic(name)]
    return Path(os.path.commonpath([_folder(name) for name in there or given]))


def _folder(name: str) -> str:
    """A folder itself, the folder of a file, of a pattern the part without wildcards."""
    path = Path(os.path.abspath(name))
    if path.is_dir():
        return str(path)
    while not path.exists() and glob.has_magic(str(path)):
        path = path.parent
    return str(path if path.is_dir() else path.parent)


def _places(inputs: Sequence[Path], base: Path, out: Path) -> list[Path]:
    """The output folder and name of each input."""
    stems = Counter(path.with_suffix("") for path in inputs)
    places = []
    for path in inputs:
        within = path.parent.is_relative_to(base)  # not so for what is missing, nor for one folder of pictures
        folder = [harmless(part) for part in path.parent.relative_to(base).parts] if within else []
        alone = stems[path.with_suffix("")] == 1 and not path.is_dir()
        places.append(out.joinpath(*folder, harmless(path.stem if alone else path.name)))
    twice = [place for place, times in Counter(places).items() if times > 1]
    if twice:
        both = " and ".join(str(path) for path, place in zip(inputs, places, strict=True) if place == twice[0])
        raise ConfigError(f"{both} would write to the same files, {twice[0]}; rename one")
    return places


def _label(path: Path) -> str:
    """The path as one would type it."""
    near = os.path.relpath(path)
    return str(path) if near.startswith("..") else near


def _templates(chain: Sequence[Stage]) -> dict[str, tuple[str, Record]]:
    """What is put over each sink's path: of its template, the part from `{name}` on; and what its record is."""
    found: dict[str, tuple[str, Record]] = {}
    seen: Counter[str] = Counter()
    for stage in chain:
        seen[stage.name] += 1
        template, writes = template_of(stage), option(type(stage), Writes)
        if template is None or writes is None:
            continue
        name = writes[0]
        parts = Path(template).parts
        first = next((number for number, part in enumerate(parts) if "{name}" in part), None)
        if first is None:
            raise ConfigError(
                f"{stage.name}: {name}: {template}: every input would write to this one file; "
                f"put {{name}} into its name"
            )
        kept = str(Path(*parts[first:]))
        if kept in (template for template, _ in found.values()):
            raise ConfigError(f"{stage.name}: {name}: two stages would write to {kept}; give them different names")
        found[f"{stage.name}#{seen[stage.name]}.{name}"] = kept, writes[1].record
    return found
