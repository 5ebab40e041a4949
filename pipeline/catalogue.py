"""Which stages there are, and what each of them takes, needs and gives."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from fervid.pipeline import options
from fervid.pipeline.errors import ConfigError, sentence
from fervid.pipeline.stage import FACTS, Stage, find, names

ROOMS = ("sources", "faces", "sinks", "learning", "plugins")
"""The folders of stages in the order of the chain; what other packages bring comes last."""
WIDTH = 120  # characters of the longest example


def rooms(tell: Callable[[str], None]) -> dict[str, list[type[Stage]]]:
    """All stages by the folder they are in; `tell` is told of those that cannot be used."""
    found: dict[str, list[type[Stage]]] = {room: [] for room in ROOMS}
    for name in names():
        try:
            if cls := find(name):
                found[room(cls)].append(cls)
        except Exception as error:
            tell(f"{name}: cannot be loaded: {sentence(error)}")
    return found


def room(cls: type[Stage]) -> str:
    """The folder of a stage."""
    parts = cls.__module__.split(".")
    return parts[2] if parts[:2] == ["fervid", "stages"] and len(parts) > 2 else "plugins"


def gain(cls: type[Stage]) -> str:
    """One line: what a reader gains from a stage. A file of fervid holds one stage, and its first line says it."""
    module = "" if room(cls) == "plugins" else inspect.getdoc(sys.modules[cls.__module__])
    own = "" if cls.__doc__ is None or cls.__doc__.startswith(f"{cls.__name__}(") else inspect.getdoc(cls)
    return (module or own or "").partition("\n")[0]


def page(name: str) -> str:
    """All that a user of a stage must know, with an example to copy.

    Raises:
        ConfigError: there is no such stage, or it cannot be used.
    """
    try:
        cls = find(name)
    except Exception as error:
        raise ConfigError(f"{name}: cannot be loaded: {sentence(error)}") from error
    if cls is None:
        there = f"there is {', '.join(names())}; one of your own needs --plugin FILE"
        raise ConfigError(f"no stage {name!r}{options.suggest(name, names())} ({there})")
    try:
        return _page(cls)
    except options.OptionError as error:
        raise ConfigError(f"{name}: {error}") from error


def _page(cls: type[Stage]) -> str:
    name = cls.name
    parts = [f"{name}: {gain(cls)}", options.listing(cls), _facts(cls), f"  in a YAML:\n  {example(cls)}"]
    own = inspect.getdoc(cls)
    if own and own != gain(cls) and not own.startswith(f"{cls.__name__}("):
        parts.insert(1, own)
    return "\n\n".join(part for part in parts if part)


def example(cls: type[Stage]) -> str:
    """The stage as a line of YAML with its defaults, as far as they fit; what must be given stands in capitals."""
    described = options.schema(cls)
    required = described.get("required", [])
    given = {
        key: key.upper() if key in required else field.get("default")
        for key, field in described.get("properties", {}).items()
    }
    line = _line(cls.name, given)
    return line if len(line) <= WIDTH else _line(cls.name, {key: given[key] for key in required})


def _line(name: str, given: Mapping[str, Any]) -> str:
    inside = ", ".join(f"{key}: {_scalar(value)}" for key, value in given.items())
    return f"  - {name}: {{{inside}}}" if given else f"  - {name}"


def _scalar(value: Any) -> str:
    plain = isinstance(value, str) and value.replace("_", "").isalnum() and not value[0].isdigit()
    return value if plain else json.dumps(value)


def _facts(cls: type[Stage]) -> str:
    sentences = []
    for verb, facts in (("needs", cls.needs), ("gives", cls.gives), ("must stand before what gives", cls.refuses)):
        if facts:
            sentences.append(f"  {verb} {', '.join(FACTS.get(fact, fact) for fact in sorted(facts))}")
    return "\n".join(sentences)
