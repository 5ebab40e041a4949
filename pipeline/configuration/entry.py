"""One stage as it was written in the YAML, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fervid.pipeline.configuration import options, variables
from fervid.pipeline.configuration.document import Node
from fervid.pipeline.errors import ConfigError, FervidError, Mistake
from fervid.pipeline.roles import Reads, Writes, option
from fervid.pipeline.stage import Stage, stages


@dataclass(frozen=True)
class Place:
    """A file and a line in it, or a `--set` of the command line."""

    file: str
    line: int | None = None


@dataclass
class Entry:
    """A stage's name and options, each with its place for messages."""

    name: str
    place: Place
    options: dict[str, Any] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    readable: bool = True
    """False where something stands in a stage's place that is not written as one."""

    def mistake(self, message: str, option: str = "") -> Mistake:
        """Something that is wrong with the stage, or with one of its options."""
        place = self.places.get(option, self.place)
        return Mistake(message, place.file, place.line, self.name, option)


@dataclass
class Built:
    """What an entry comes to: class and stage, as far as they could be made, and what is wrong with it."""

    entry: Entry
    cls: type[Stage] | None = None
    stage: Stage | None = None
    mistakes: list[Mistake] = field(default_factory=list)
    unknown: bool = False
    """Whether there is no stage of its name."""


def read(node: Node, origin: str) -> Entry:
    """Read one item of `stages`.

    Raises:
        ConfigError: it is not written as a stage is.
    """
    place = Place(origin, node.line)
    if isinstance(node.value, str):
        return Entry(node.value, place)
    if not isinstance(node.value, dict) or len(node.value) != 1:
        raise ConfigError(Mistake("a stage is written `- name` or `- name: {option: value}`", origin, node.line))
    ((name, given),) = node.value.items()
    if given.value is None:
        return Entry(name, place)
    if not isinstance(given.value, dict):
        raise ConfigError(Mistake("options are written `{option: value}`", origin, node.line, name))
    places = {key: Place(origin, value.line) for key, value in given.value.items()}
    return Entry(name, place, given.plain(), places)


def build(entry: Entry) -> Built:
    """Make the stage; nothing is opened."""
    if not entry.readable:
        return Built(entry)
    try:
        cls = stages.find(entry.name)
    except (Exception, SystemExit) as error:
        return Built(entry, mistakes=[entry.mistake(f"cannot be loaded: {type(error).__name__}: {error}")])
    if cls is None:
        return Built(entry, mistakes=[_unknown(entry)], unknown=True)
    if cls.run is Stage.run:
        return Built(entry, cls, mistakes=[entry.mistake(f"its class {cls.__name__} has no method `run`")])
    values, unset = _filled(entry)
    built = Built(entry, cls, mistakes=[*unset.values()])
    try:
        made = options.build(cls, values)
        made.terms()
        options.mark(made, {name: value for name, value in entry.options.items() if variables.mentions(value)})
        built.stage = made
        built.mistakes += _nameless(entry, cls)
    except options.OptionError as error:
        built.mistakes += [entry.mistake(str(one), one.option) for one in error.all if one.option not in unset]
        wrong = {one.option for one in error.all}
        built.mistakes += _of_the_others(entry, cls, {key: one for key, one in values.items() if key not in wrong})
    except FervidError as error:
        built.mistakes += [_refused(entry, error)]
    except (Exception, SystemExit) as error:
        built.mistakes += [entry.mistake(f"raised {type(error).__name__}: {error}")]
    return built


def _nameless(entry: Entry, cls: type[Stage]) -> Iterator[Mistake]:
    for found in (option(cls, Reads), option(cls, Writes)):
        if found and entry.options.get(found[0]) == "":
            yield entry.mistake(f"option {found[0]!r}: is empty", found[0])


def _filled(entry: Entry) -> tuple[dict[str, Any], dict[str, Mistake]]:
    """Its options with the values of variables, and what is wrong with those that are left out."""
    values, unset = {}, {}
    for name, value in entry.options.items():
        try:
            values[name] = variables.fill(value)
        except variables.UnsetError as error:
            unset[name] = entry.mistake(f"option {name!r}: {error}", name)
    return values, unset


def _of_the_others(entry: Entry, cls: type[Stage], values: Mapping[str, Any]) -> list[Mistake]:
    """What a stage says of its options once those that are wrong by themselves are left out."""
    try:
        options.build(cls, values)
    except options.OptionError:
        return []
    except FervidError as error:
        return [_refused(entry, error)]
    return []


def _refused(entry: Entry, error: FervidError) -> Mistake:
    told = str(error)
    named = [option for option in entry.options if told.startswith(f"option {option!r}")]
    quoted = [option for option, value in entry.options.items() if str(value) and str(value) in told]
    return entry.mistake(told, next(iter(named + quoted), ""))


def _unknown(entry: Entry) -> Mistake:
    if " - " in entry.name:
        message = f"{entry.name!r} is more than one stage; begin each as far right as the first"
    else:
        known = stages.names()
        message = f"no stage {entry.name!r}{options.suggest(entry.name, known)} (there is {', '.join(known)})"
    return Mistake(message, entry.place.file, entry.place.line)
