"""The option of a pipeline's source that names what it reads."""

from __future__ import annotations

from fervid.pipeline.configuration.config import Config
from fervid.pipeline.configuration.entry import Entry, Place
from fervid.pipeline.errors import ConfigError
from fervid.pipeline.fact import FRAMES
from fervid.pipeline.roles import Reads, option
from fervid.pipeline.stage import Stage, stages


def source(written: Config) -> tuple[Entry, type[Stage]]:
    """The first stage as it is written, and its class.

    Raises:
        ConfigError: it is no source, or a plugin or the stage cannot be loaded.
    """
    if failed := written.load_plugins():
        raise ConfigError(*failed)
    entry = written.entries[0]
    cls = stages.find(entry.name)
    if cls is None or FRAMES not in cls.gives:
        written.build()
        raise ConfigError(entry.mistake("is no source"))
    return entry, cls


def feed(written: Config, given: str) -> None:
    """Let the source read what was named behind the configuration.

    Raises:
        ConfigError: it reads nothing that has a name, or was told already what to read.
    """
    entry, cls = source(written)
    reads = option(cls, Reads)
    if reads is None:
        raise ConfigError(entry.mistake(f"takes no input, so it cannot read {given}; put a source such as file there"))
    name, _ = reads
    if (place := entry.places.get(name)) and place.file.startswith("--set "):
        raise ConfigError(entry.mistake(f"is to read {given} too; name one of them", name))
    entry.options[name], entry.places[name] = given, Place(given)
