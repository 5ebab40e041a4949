"""From YAML to stages: line numbers in every error, overrides, plugins, and the order of stages checked."""

from __future__ import annotations

import hashlib
import importlib
import importlib.resources
import importlib.util
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from fervid.pipeline import document, options
from fervid.pipeline.document import Node
from fervid.pipeline.endings import PICTURES, VIDEOS
from fervid.pipeline.errors import ConfigError, FervidError
from fervid.pipeline.output import unknown_placeholder
from fervid.pipeline.stage import FACTS, Stage, find, names

KEYS = ("plugins", "stages", "threads")


@dataclass(frozen=True)
class Entry:
    """One stage as it was written, with the place of each option for messages."""

    name: str
    options: dict[str, Any]
    place: str
    places: dict[str, str]

    def error(self, message: str, option: str = "") -> ConfigError:
        """An error that begins with the place of the stage or option."""
        return ConfigError(f"{self.places.get(option, self.place)}: {self.name}: {message}")


@dataclass(frozen=True)
class Config:
    """A pipeline as it was written; `build` makes its stages."""

    origin: str
    entries: list[Entry]
    plugins: list[tuple[str, str]] = field(default_factory=list)
    """Each plugin and the place that names it."""
    threads: bool = True

    def load_plugins(self) -> None:
        """Load the modules that it names, so that their stages can be found."""
        for plugin, place in self.plugins:
            load_plugin(plugin, place, Path(self.origin).parent)

    def build(self) -> list[Stage]:
        """Load the plugins and make the stages; no camera, file or model is opened.

        Raises:
            ConfigError: with file and line, and what would be right.
        """
        self.load_plugins()
        stages = [_build(entry) for entry in self.entries]
        _check_order(stages, self.entries)
        _check_outputs(stages, self.entries)
        return stages


def load(path: str | Path, overrides: Mapping[str, Any] | None = None) -> Config:
    """Read a pipeline from a YAML file, with `{"stage.option": value}` put over it."""
    return parse(read(path), overrides, origin=str(path))


def read(path: str | Path) -> str:
    """Return the text of a YAML file, no more of it than `parse` takes.

    Raises:
        ConfigError: it is missing or no text.
    """
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(document.MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not YAML: {_instead(Path(path))}") from None


def _instead(path: Path) -> str:
    """What one who gave a video or a picture for a pipeline may have meant."""
    for endings, source, what in ((VIDEOS, "file", "a video"), (PICTURES, "images", "a picture")):
        if path.suffix.lower() in endings:
            return f"it is {what}; try: fervid run {source} --set {source}.path={shlex.quote(str(path))}"
    return "not text in UTF-8"


def locate(name: str) -> Path:
    """Return the path of a config: a file, or one that ships with fervid, such as `webcam`.

    Raises:
        ConfigError: there is neither.
    """
    if (path := Path(name)).exists() and not path.is_dir():
        return path
    folder = Path(str(importlib.resources.files("fervid.configs")))
    shipped = sorted(file.stem for file in folder.glob("*.yaml"))
    if name.removesuffix(".yaml") in shipped:
        return folder / f"{name.removesuffix('.yaml')}.yaml"
    raise ConfigError(f"{name}: no such file{options.suggest(name, shipped)} (fervid ships {_list(shipped)})")


def parse(text: str, overrides: Mapping[str, Any] | None = None, origin: str = "<text>") -> Config:
    """Read a pipeline from YAML text; `origin` names it in messages, its folder is where plugins are looked for."""
    root = document.read(text, origin)
    if not isinstance(root.value, dict):
        raise ConfigError(f"{origin}:{root.line}: a pipeline is a mapping with a list of 'stages'")
    for key, node in root.value.items():
        if key not in KEYS:
            raise ConfigError(
                f"{origin}:{node.line}: no key {key!r}{options.suggest(key, KEYS)} (there is {_list(KEYS)})"
            )
    stages = root.value.get("stages")
    if stages is None or not isinstance(stages.value, list) or not stages.value:
        raise ConfigError(f"{origin}:{stages.line if stages else root.line}: 'stages' must be a list of stages")
    config = Config(
        origin, [_entry(node, origin) for node in stages.value], _plugins(root, origin), _threads(root, origin)
    )
    return _override(config, overrides or {})


def setting(text: str) -> tuple[str, Any]:
    """Split `stage.option=value` of a command line; the value is read as YAML.

    Raises:
        ConfigError: there is no `=`.
    """
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ConfigError(f"--set {text}: write it as stage.option=value")
    try:
        parsed = document.read(value, "--set").plain()
    except ConfigError:
        return key, value
    quoted = value.lstrip()[:1] in {"'", '"'}
    return key, value if isinstance(parsed, dict) or (isinstance(parsed, str) and not quoted) else parsed


def resolved(stages: Sequence[Stage]) -> list[dict[str, dict[str, Any]]]:
    """The stages with all their options, as plain data without secrets."""
    return [{stage.name: options.values(stage)} for stage in stages]


def text(written: Config) -> str:
    """The pipeline as YAML with every default filled in and without secrets."""
    whole: dict[str, Any] = {"plugins": [name for name, _ in written.plugins]} if written.plugins else {}
    whole |= {"threads": written.threads, "stages": resolved(written.build())}
    return yaml.safe_dump(whole, sort_keys=False, allow_unicode=True, width=1000)


def _plugins(root: Node, origin: str) -> list[tuple[str, str]]:
    node = root.value.get("plugins") or Node([], 0)
    listed = [] if node.value is None else node.value
    if not isinstance(listed, list) or not all(isinstance(one.value, str) for one in listed):
        raise ConfigError(f"{origin}:{node.line}: 'plugins' must be a list of modules or .py files")
    return [(one.value, f"{origin}:{one.line}") for one in listed]


def _threads(root: Node, origin: str) -> bool:
    node = root.value.get("threads") or Node(True, 0)
    if not isinstance(node.value, bool):
        raise ConfigError(f"{origin}:{node.line}: 'threads' must be true or false")
    return node.value


def _entry(node: Node, origin: str) -> Entry:
    place = f"{origin}:{node.line}"
    if isinstance(node.value, str):
        return Entry(node.value, {}, place, {})
    if not isinstance(node.value, dict) or len(node.value) != 1:
        raise ConfigError(f"{place}: a stage is written `- name` or `- name: {{option: value}}`")
    ((name, given),) = node.value.items()
    if given.value is None:
        return Entry(name, {}, place, {})
    if not isinstance(given.value, dict):
        raise ConfigError(f"{place}: {name}: options are written `{{option: value}}`")
    places = {key: f"{origin}:{value.line}" for key, value in given.value.items()}
    return Entry(name, given.plain(), place, places)


def _override(config: Config, overrides: Mapping[str, Any]) -> Config:
    threads = config.threads
    for key, value in overrides.items():
        if key == "threads" and isinstance(value, bool):
            threads = value
            continue
        entry, option = _addressed(config, key)
        entry.options[option] = os.fspath(value) if isinstance(value, os.PathLike) else value
        entry.places[option] = f"--set {key}"
    return Config(config.origin, config.entries, config.plugins, threads)


def _addressed(config: Config, key: str) -> tuple[Entry, str]:
    stage, dot, option = key.rpartition(".")
    if key == "threads":
        raise ConfigError("--set threads: is true or false")
    if not dot:
        raise ConfigError(f"--set {key}: write it as stage.option=value")
    name, _, number = stage.partition("#")
    matches = [entry for entry in config.entries if entry.name == name]
    if not matches:
        known = [entry.name for entry in config.entries]
        raise ConfigError(
            f"--set {key}: no stage {name!r} in {config.origin}{options.suggest(name, known)} (it has {_list(known)})"
        )
    if number.isdecimal() and 1 <= int(number) <= len(matches):
        return matches[int(number) - 1], option
    if number or len(matches) > 1:
        raise ConfigError(f"--set {key}: {len(matches)} stages are named {name!r}; write {name}#1.{option}=...")
    return matches[0], option


def _build(entry: Entry) -> Stage:
    try:
        cls = find(entry.name)
    except Exception as error:
        raise entry.error(f"cannot be loaded: {type(error).__name__}: {error}") from error
    if cls is None and " - " in entry.name:
        raise ConfigError(f"{entry.place}: {entry.name!r} is more than one stage; begin each as far right as the first")
    if cls is None:
        known = names()
        raise ConfigError(
            f"{entry.place}: no stage {entry.name!r}{options.suggest(entry.name, known)} (there is {_list(known)})"
        )
    if cls.run is Stage.run:
        raise entry.error(f"its class {cls.__name__} has no method `run`")
    try:
        return options.build(cls, entry.options)
    except options.OptionError as error:
        raise entry.error(str(error), error.option) from None
    except FervidError as error:
        to_blame = (option for option, value in entry.options.items() if str(value) and str(value) in str(error))
        raise entry.error(str(error), next(to_blame, "")) from error


def _check_order(stages: Sequence[Stage], entries: Sequence[Entry]) -> None:
    facts: dict[str, str] = {}
    for stage, entry in zip(stages, entries, strict=True):
        if "frames" in stage.gives and facts:
            raise entry.error("is a source; a pipeline has one source, and it stands first")
        for fact in sorted(stage.needs - facts.keys()):
            raise entry.error(_lack(fact, stages))
        for fact in sorted(stage.refuses & facts.keys()):
            given = FACTS.get(fact, fact)
            if facts[fact] == entry.name:
                raise entry.error(f"stands here twice, and the second would replace {given}; remove one")
            raise entry.error(f"must stand before {facts[fact]}, which gives {given}")
        facts |= dict.fromkeys(stage.gives, entry.name)
    for number, (stage, entry) in enumerate(zip(stages, entries, strict=True)):
        behind = stages[number + 1 :] if stage.gaps else ()
        if other := _first_in_the_dark(behind):
            raise entry.error(f"passes frames over, in which {other.name} would miss faces; put track between them")
        if strict := next((stage for stage in behind if stage.strict), None):
            raise entry.error(f"passes frames over, and {strict.name} would miss faces there; search every frame")


def _first_in_the_dark(stages: Sequence[Stage]) -> Stage | None:
    """What makes something of faces before tracks bridge the frames that were passed over."""
    bridge = next((number for number, stage in enumerate(stages) if "faces.track" in stage.gives), len(stages))
    return next((stage for stage in stages[:bridge] if stage.output or stage.gives), None)


def _check_outputs(stages: Sequence[Stage], entries: Sequence[Entry]) -> None:
    """Two stages that write to one file would leave neither's."""
    writers: dict[str, Entry] = {}
    for stage, entry in zip(stages, entries, strict=True):
        option = stage.output
        template = getattr(stage, option) if option else None
        if option is None or template is None:
            continue
        if unknown := unknown_placeholder(str(template), stage.placeholders):
            raise entry.error(f"option {option!r}: {unknown}", option)
        other = writers.setdefault(os.path.normpath(template), entry)
        if other is not entry:
            raise entry.error(f"would write to {template}, as {other.name} before it; give it another path", option)


def _lack(fact: str, stages: Sequence[Stage]) -> str:
    if fact == "frames":
        return "needs frames; put a source such as file, webcam or demo before it"
    if giver := next((stage.name for stage in stages if fact in stage.gives), None) or _giver(fact):
        return f"needs {FACTS.get(fact, fact)}; put {giver} before it"
    return f"needs {fact!r}, which no stage gives{options.suggest(fact, FACTS)} (stages give {_list(sorted(FACTS))})"


def _giver(fact: str) -> str | None:
    """A stage that is not in the pipeline and gives it."""
    for name in names():
        with suppress(Exception):  # one that cannot be loaded gives nothing
            cls = find(name)
            if cls is not None and fact in cls.gives:
                return name
    return None


def load_plugin(plugin: str, place: str, folder: Path) -> None:
    """Load a module, or a .py file that is looked for in `folder`; `place` names it in messages.

    Raises:
        ConfigError: it is missing or raised.
    """
    try:
        if plugin.endswith(".py"):
            _load_file((folder / plugin).resolve(), plugin)
        else:
            importlib.import_module(plugin)
    except FervidError as error:
        raise ConfigError(f"{place}: plugin {plugin}: {error}") from error
    except Exception as error:
        raise ConfigError(f"{place}: plugin {plugin}: raised {type(error).__name__}: {error}") from error


def _load_file(path: Path, plugin: str) -> None:
    name = f"fervid_plugin_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    if name in sys.modules:
        return
    if not path.is_file():
        raise ConfigError(f"no such file; looked for {path}")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{plugin} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise


def _list(words: Sequence[str]) -> str:
    return ", ".join(words)
