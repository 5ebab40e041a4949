"""From YAML to stages: line numbers in every error, and every mistake at once."""

from __future__ import annotations

import importlib.resources
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from fervid.pipeline.configuration import document, entry, options, order, overrides
from fervid.pipeline.configuration.document import Node
from fervid.pipeline.configuration.entry import Built, Entry, Place
from fervid.pipeline.configuration.plugins import load_plugin
from fervid.pipeline.endings import PICTURES, VIDEOS
from fervid.pipeline.errors import ConfigError, Mistake
from fervid.pipeline.stage import Stage

KEYS = ("plugins", "stages", "threads")
MOST = 100
"""Stages of a pipeline."""


@dataclass(frozen=True)
class Config:
    """A pipeline as it was written; `build` makes its stages."""

    origin: str
    entries: list[Entry]
    plugins: list[tuple[str, Place]] = field(default_factory=list)
    """Each plugin and the place that names it."""
    threads: bool = True
    mistakes: list[Mistake] = field(default_factory=list)
    """What is wrong with how it is written."""

    def load_plugins(self) -> list[Mistake]:
        """Load the modules that it names, so that their stages can be found; return what is wrong with them."""
        mistakes = []
        for plugin, place in self.plugins:
            try:
                load_plugin(plugin, Path(self.origin).parent)
            except ConfigError as error:
                mistakes.append(Mistake(str(error), place.file, place.line))
        return mistakes

    def build(self, asked: str = "") -> list[Stage]:
        """Load the plugins and make the stages; no camera, file or model is opened.

        `asked` is the option of a command line that wants the run to be kept, so that it can be resumed.

        Raises:
            ConfigError: with all mistakes, each with file and line, and what would be right.
        """
        failed = self.load_plugins()
        chain = [entry.build(one) for one in self.entries]
        found = [one for part in chain for one in part.mistakes if not (part.unknown and failed)]
        found += [*self.mistakes, *failed, *order.check(chain)]
        made = [part.stage for part in chain if part.stage]
        if asked and len(made) == len(chain):
            found += [self._unkept(stage, f"{asked}: {why}", chain) for stage, why in order.unkept(made)]
        if found:
            raise ConfigError(*sorted(found, key=_place))
        return made

    def _unkept(self, stage: Stage | None, message: str, chain: Sequence[Built]) -> Mistake:
        entry = next((part.entry for part in chain if part.stage is stage), None)
        return entry.mistake(message) if entry else Mistake(message, self.origin)


def _place(mistake: Mistake) -> tuple[bool, int]:
    return mistake.line is None, mistake.line or 0


def load(path: str | Path, values: Mapping[str, Any] | None = None) -> Config:
    """Read a pipeline from a YAML file, with `{"stage.option": value}` put over it."""
    return parse(read(path), values, origin=str(path))


def read(path: str | Path) -> str:
    """Return the text of a YAML file, no more of it than `parse` takes.

    Raises:
        ConfigError: it is missing or no text.
    """
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(document.MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(Mistake("no such file", str(path))) from None
    except OSError as error:
        raise ConfigError(Mistake(f"cannot be read: {error.strerror}", str(path))) from None
    except UnicodeDecodeError:
        raise ConfigError(Mistake(f"not YAML: {_instead(Path(path))}", str(path))) from None


def _instead(path: Path) -> str:
    """What one who gave a video or a picture for a pipeline may have meant."""
    for endings, source, what in ((VIDEOS, "file", "a video"), (PICTURES, "images", "a picture")):
        if path.suffix.lower() in endings:
            return f"it is {what}; try: fervid run {source} {shlex.quote(str(path))}"
    return "not text in UTF-8"


def locate(name: str) -> Path:
    """Return the path of a config: a file, or one that ships with fervid, such as `webcam`.

    A word alone is the name of one that ships, whatever lies in the working folder; a file has a suffix or a folder
    in its name: `mine.yaml`, `./mine`.

    Raises:
        ConfigError: there is neither.
    """
    path = Path(name)
    alone = not path.suffix and os.path.basename(name) == name
    if not alone and path.exists() and not path.is_dir():
        return path
    folder = Path(str(importlib.resources.files("fervid.configs")))
    shipped = sorted(file.stem for file in folder.glob("*.yaml"))
    if name.removesuffix(".yaml") in shipped:
        return folder / f"{name.removesuffix('.yaml')}.yaml"
    if alone and path.is_file():
        raise ConfigError(Mistake(f"is none that fervid ships; for the file write ./{name}", name))
    raise ConfigError(
        Mistake(f"no such file{options.suggest(name, shipped)} (fervid ships {', '.join(shipped)})", name)
    )


def parse(text: str, values: Mapping[str, Any] | None = None, origin: str = "<text>") -> Config:
    """Read a pipeline from YAML text; `origin` names it in messages, its folder is where plugins are looked for.

    Raises:
        ConfigError: it is no pipeline at all; other mistakes are told by `Config.build`.
    """
    root, mistakes = document.examine(text, origin)
    if not isinstance(root.value, dict):
        raise ConfigError(Mistake("a pipeline is a mapping with a list of 'stages'", origin, root.line))
    mistakes += [_unknown(key, node, origin) for key, node in root.value.items() if key not in KEYS]
    stages = root.value.get("stages")
    if stages is None and mistakes:
        raise ConfigError(*mistakes)
    if stages is None or not isinstance(stages.value, list) or not stages.value:
        line = stages.line if stages else root.line
        raise ConfigError(*mistakes, Mistake("'stages' must be a list of stages", origin, line))
    if len(stages.value) > MOST:
        raise ConfigError(*mistakes, Mistake(f"more than {MOST} stages are no pipeline", origin, stages.line))
    entries: list[Entry] = []
    for node in stages.value:
        try:
            entries.append(entry.read(node, origin))
        except ConfigError as error:
            mistakes += error.mistakes
            entries.append(Entry("", Place(origin, node.line), readable=False))
    threads, wrong = _threads(root, values or {}, origin)
    plugins, odd = _plugins(root, origin)
    others = {key: value for key, value in (values or {}).items() if not _is_threads(key, value)}
    mistakes += [*wrong, *odd, *overrides.put(others, entries, origin)]
    return Config(origin, entries, plugins, threads, mistakes)


def resolved(written: Config) -> dict[str, Any]:
    """The pipeline with every default filled in and without secrets."""
    whole: dict[str, Any] = {"plugins": [name for name, _ in written.plugins]} if written.plugins else {}
    return whole | {"threads": written.threads, "stages": options.resolved(written.build())}


def text(written: Config) -> str:
    """The same as YAML."""
    return yaml.safe_dump(resolved(written), sort_keys=False, allow_unicode=True, width=1000)


def _unknown(key: str, node: Node, origin: str) -> Mistake:
    message = f"no key {key!r}{options.suggest(key, KEYS)} (there is {', '.join(KEYS)})"
    return Mistake(message, origin, node.line)


def _plugins(root: Node, origin: str) -> tuple[list[tuple[str, Place]], list[Mistake]]:
    node = root.value.get("plugins") or Node([], 0)
    listed = [] if node.value is None else node.value
    if not isinstance(listed, list) or not all(isinstance(one.value, str) for one in listed):
        return [], [Mistake("'plugins' must be a list of modules or .py files", origin, node.line)]
    return [(one.value, Place(origin, one.line)) for one in listed], []


def _threads(root: Node, values: Mapping[str, Any], origin: str) -> tuple[bool, list[Mistake]]:
    node = root.value.get("threads") or Node(True, 0)
    if not isinstance(node.value, bool):
        return True, [Mistake("'threads' must be true or false", origin, node.line)]
    over = values.get("threads")
    return over if isinstance(over, bool) else node.value, []


def _is_threads(key: str, value: Any) -> bool:
    return key == "threads" and isinstance(value, bool)
