"""Which stages there are, and what each of them takes, needs and gives."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

from fervid.pipeline.configuration import options
from fervid.pipeline.errors import ConfigError, sentence
from fervid.pipeline.fact import columns
from fervid.pipeline.roles import Names, option
from fervid.pipeline.stage import Stage, gain, room, stages

ROOMS = ("sources", "faces", "sinks", "learning", "plugins")
"""The folders of stages in the order of the chain; what other packages bring comes last."""
WIDTH = 120  # characters of the longest example


def rooms(tell: Callable[[str], None]) -> dict[str, list[type[Stage]]]:
    """All stages by the folder they are in; `tell` is told of those that cannot be used."""
    found: dict[str, list[type[Stage]]] = {room: [] for room in ROOMS}
    for name in stages.names():
        try:
            if cls := stages.find(name):
                found[room(cls)].append(cls)
        except Exception as error:
            tell(f"{name}: cannot be loaded: {sentence(error)}")
    return found


def page(name: str) -> str:
    """All that a user of a stage must know, with an example to copy.

    Raises:
        ConfigError: there is no such stage, or it cannot be used.
    """
    try:
        cls = stages.find(name)
    except Exception as error:
        raise ConfigError(f"{name}: cannot be loaded: {sentence(error)}") from error
    if cls is None:
        there = f"there is {', '.join(stages.names())}; one of your own needs --plugin FILE"
        raise ConfigError(f"no stage {name!r}{options.suggest(name, stages.names())} ({there})")
    try:
        return _page(cls)
    except options.OptionError as error:
        raise ConfigError(f"{name}: {error}") from error


def _page(cls: type[Stage]) -> str:
    name = cls.name
    parts = [
        f"{name}: {gain(cls)}",
        options.listing(cls),
        _choice(cls),
        _facts(cls),
        _columns(cls),
        f"  in a YAML:\n  {example(cls)}",
    ]
    own = inspect.getdoc(cls)
    if own and own != gain(cls) and not own.startswith(f"{cls.__name__}("):
        parts.insert(1, own)
    return "\n\n".join(part for part in parts if part)


def _choice(cls: type[Stage]) -> str:
    """What one of its options can name, such as detectors, and what each of them takes besides."""
    role = option(cls, Names)
    if role is None:
        return ""
    (field, names), own = role, {name for name, _, _ in options.describe(cls)}
    lines = [f"  its {field}s"]
    for name in names.registry.names():
        try:
            lines += _chosen(name, names.registry.find(name), own)
        except Exception as error:
            lines.append(f"    {name}: cannot be loaded: {sentence(error)}")
    return "\n".join(lines)


def _chosen(name: str, cls: Any, known: Collection[str]) -> list[str]:
    rows = [f"      {key}: {kind}    {text}".rstrip() for key, kind, text in options.describe(cls) if key not in known]
    return [f"    {name}: {gain(cls)}", *rows]


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
    verbs = (
        ("needs", cls.needs),
        ("gives", cls.gives),
        ("must stand before what gives", cls.refuses),
        ("ends", cls.ends),
    )
    for verb, facts in verbs:
        if facts:
            sentences.append(f"  {verb} {', '.join(fact.words for fact in facts)}")
    return "\n".join(sentences)


def _columns(cls: type[Stage]) -> str:
    """What it adds to tables."""
    shown = columns(cls.gives)
    width = max((len(column.name) for column in shown), default=0)
    lines = [f"    {one.name:<{width}}  {one.meaning}{f', {one.unit}' if one.unit else ''}" for one in shown]
    return "\n".join(["  its columns", *lines]) if lines else ""
