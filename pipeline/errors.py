"""Errors as sentences for the person who wrote the YAML; each kind has its exit code, none holds a password."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fervid.pipeline.redaction import redact

UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def plain(text: str) -> str:
    """Show characters that would command a terminal, as names of files may hold them, as question marks."""
    return UNSEEN.sub("?", text)


def sentence(error: BaseException) -> str:
    """Say in one line what went wrong."""
    from fervid.pipeline.libraries import missing_library

    if isinstance(error, FervidError):
        return str(error)
    if isinstance(error, MemoryError):
        return "out of memory"
    missing = missing_library(error) if isinstance(error, ImportError) else None
    return missing or redact(f"{type(error).__name__}: {error}")


class FervidError(Exception):
    """Base of all errors that fervid explains in one line; `exit_code` tells a shell which kind it was."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(redact(message))


@dataclass(frozen=True)
class Mistake:
    """One thing that is wrong in a configuration, and what would be right."""

    message: str
    file: str = ""
    """The YAML, or the `--set` of a command line."""
    line: int | None = None
    stage: str = ""
    option: str = ""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(filter(None, (place, self.stage, self.message)))

    def plain(self) -> dict[str, str | int | None]:
        """For programs: the message is its first line, without the list of options that may follow."""
        message = redact(self.message.partition("\n")[0])
        return {
            "file": redact(self.file),
            "line": self.line,
            "stage": self.stage,
            "option": self.option,
            "message": message,
        }


class ConfigError(FervidError):
    """The YAML, an option or an override is wrong; nothing was loaded or written."""

    exit_code = 2

    def __init__(self, *mistakes: str | Mistake) -> None:
        told = [str(one) for one in mistakes]
        super().__init__("\n".join(told if len(told) == 1 else (one.partition("\n")[0] for one in told)))
        self.mistakes = tuple(one if isinstance(one, Mistake) else Mistake(one) for one in mistakes)
        """All that is wrong, in the order of the YAML."""


class InputError(FervidError):
    """A source cannot be read, or what it holds is not what it should be."""

    exit_code = 4


class OutputError(FervidError):
    """A sink cannot write where it was told to."""

    exit_code = 5


class ModelError(FervidError):
    """Weights are missing, damaged, hostile or of another network."""

    exit_code = 6


class StageError(FervidError):
    """A stage raised something that is no FervidError: a fault in the stage, most often in a plugin."""

    exit_code = 7
