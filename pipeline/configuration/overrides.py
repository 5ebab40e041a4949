"""Values that a command line or a program puts over those of the YAML."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from fervid.pipeline.configuration import document
from fervid.pipeline.configuration.entry import Entry, Place
from fervid.pipeline.configuration.options import suggest
from fervid.pipeline.configuration.variables import literal
from fervid.pipeline.errors import ConfigError, Mistake


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


def put(overrides: Mapping[str, Any], entries: Sequence[Entry], origin: str) -> list[Mistake]:
    """Put `{"stage.option": value}` over the entries; return what is wrong with them."""
    mistakes: list[Mistake] = []
    for key, value in overrides.items():
        try:
            entry, option = _addressed(entries, key, origin)
        except ConfigError as error:
            if all(one.readable for one in entries):  # else it may mean the one that cannot be read
                mistakes += error.mistakes
            continue
        entry.options[option] = literal(os.fspath(value)) if isinstance(value, os.PathLike) else value
        entry.places[option] = Place(f"--set {key}")
    return mistakes


def _addressed(entries: Sequence[Entry], key: str, origin: str) -> tuple[Entry, str]:
    stage, dot, option = key.rpartition(".")
    if key == "threads":
        raise _error(key, "is true or false")
    if not dot:
        raise _error(key, "write it as stage.option=value")
    name, _, number = stage.partition("#")
    matches = [entry for entry in entries if entry.name == name]
    if not matches:
        known = [entry.name for entry in entries if entry.readable]
        raise _error(key, f"no stage {name!r} in {origin}{suggest(name, known)} (it has {', '.join(known)})")
    if number.isdecimal() and 1 <= int(number) <= len(matches):
        return matches[int(number) - 1], option
    if number or len(matches) > 1:
        raise _error(key, f"{len(matches)} stages are named {name!r}; write {name}#1.{option}=...")
    return matches[0], option


def _error(key: str, message: str) -> ConfigError:
    return ConfigError(Mistake(message, f"--set {key}"))
