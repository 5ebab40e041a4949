"""One pipeline over many inputs: which there are, what each is called, and where its outputs go."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from fervid.pipeline.batch.inputs import base, find
from fervid.pipeline.batch.places import places
from fervid.pipeline.configuration import config, inputs
from fervid.pipeline.configuration.variables import literal
from fervid.pipeline.errors import ConfigError
from fervid.pipeline.fact import LIVE
from fervid.pipeline.original import sampled
from fervid.pipeline.output import MOMENT
from fervid.pipeline.ownership import Origin, Record, page, paged
from fervid.pipeline.provenance import settled
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
        return bool(self.outputs) and all(any(self._whole(*one)) or any(self._many(one[0])) for one in self.outputs)

    def _whole(self, template: Path, record: Record) -> Iterator[bool]:
        """Of each file that may be this output, whether it was made from this input and has what belongs to it."""
        for path in _all(str(template)):
            there = record.origin(path)
            mine = self._is_of_this(there) if there else path.is_dir() or left_over(path)
            yield mine and all(file.exists() for file in record.files(path))

    def _many(self, template: Path) -> Iterator[bool]:
        """Of each page that tells of many files in place of this output, whether they were made from this input."""
        for path in _all(f"{template}.json"):
            output = path.with_suffix("")
            told, there = page(output), paged(output)
            with suppress(KeyError):
                yield bool(there and self._is_of_this(there) and told["pictures"] and settled(told))

    def _is_of_this(self, there: Origin) -> bool:
        """Of a file its contents tell, of what is read as a part of a folder, or as a whole one, its name."""
        if there.name == self.path.name and self.path.is_file():
            return there.digest == self._digest
        return there.name in (self.path.name, self.path.stem)

    @cached_property
    def _digest(self) -> str:
        try:
            return sampled(self.path)
        except OSError:
            return ""


def _all(template: str) -> list[Path]:
    """Files that a template stands for, at whatever time they were begun."""
    return [Path(name) for name in glob.glob(glob.escape(template).replace("{time}", MOMENT))]


def plan(
    path: Path, settings: Mapping[str, Any], given: Sequence[str], out: Path, *, overwrite: bool = False
) -> list[Job]:
    """Make a job of every input. All outputs of an input go under `out`, under its own name.

    Below the folder that holds all that was given, the inputs' folders are kept.

    Raises:
        ConfigError: the pipeline is wrong, or cannot run over many inputs.
    """
    text = config.read(path)
    written = config.parse(text, settings, str(path))
    key, reads = _input(written)
    sources = find(given, reads[1].folders, out)
    chain = config.parse(text, {**settings, key: sources[0]}, str(path)).build()
    templates = _templates(chain)
    if "{" in str(out):
        raise ConfigError(f"{out}: no folder with a brace in its name can be written to; choose another one")

    def outputs(place: Path) -> list[tuple[Path, Record]]:
        named = ((template.replace("{name}", place.name), record) for template, record in templates.values())
        return [(place.parent / name, record) for name, record in named]

    jobs = []
    for source, place in zip(sources, places(sources, base(given), out, outputs, reads[0]), strict=True):
        made = outputs(place)
        paths = {key: str(source)} | {one: str(path) for one, (path, _) in zip(templates, made, strict=True)}
        jobs.append(
            Job(
                path=source,
                label=_label(source),
                title=place.relative_to(out).as_posix(),
                text=text,
                origin=str(path),
                overrides={**settings, **{one: literal(to) for one, to in paths.items()}},
                outputs=tuple(made),
                overwrite=overwrite,
            )
        )
    return jobs


def _input(written: config.Config) -> tuple[str, tuple[str, Reads]]:
    """Where the input's path is put, and the source's option that takes it."""
    entry, source = inputs.source(written)
    reads = option(source, Reads)
    if LIVE in source.gives or reads is None:
        what = "reads no files, so it cannot run over many; put a source such as file in its place"
        raise ConfigError(entry.mistake(what))
    return f"{entry.name}#1.{reads[0]}", reads


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
