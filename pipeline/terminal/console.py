"""Speak to the person at the terminal, on stderr, in lines that leave a progress bar whole."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any, TextIO, cast

from rich.console import Console
from rich.text import Text

from fervid.pipeline.errors import plain
from fervid.pipeline.redaction import redact


class Stderr(Console):
    """Prints text as it is; a closed pipe or terminal does not stop the run."""

    def __init__(self) -> None:
        file = cast(IO[str], _Forgiving())
        super().__init__(file=file, markup=False, highlight=False, emoji=False, soft_wrap=True)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print them, but no character that would command the terminal."""
        super().print(*map(_harmless, objects), **options)

    @property
    def lively(self) -> bool:
        """Whether a person watches, so that a line may be drawn anew."""
        return self.is_terminal and not self.is_dumb_terminal


def _harmless(thing: Any) -> Any:
    if isinstance(thing, Text):
        thing.plain = plain(thing.plain)
        return thing
    return plain(thing) if isinstance(thing, str) else thing


class _Forgiving(io.TextIOBase):
    """The standard error of the moment; that it cannot be written to could be told to nobody."""

    def write(self, text: str) -> int:
        try:
            self._stream.write(text)
        except OSError:
            self._abandon()
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError:
            self._abandon()

    def _abandon(self) -> None:
        """Else what waits in the buffer fails once more when Python ends, and makes its exit code 120."""
        with suppress(OSError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding

    @property
    def _stream(self) -> TextIO:
        """Not what rich puts in its place while a bar is shown."""
        return getattr(sys.stderr, "rich_proxied_file", sys.stderr)


@contextmanager
def messages(console: Console, level: int = logging.INFO) -> Iterator[None]:
    """Show what fervid logs, and warnings of the libraries under it, as lines of the console."""
    root, ours = logging.getLogger(), logging.getLogger("fervid")
    handler, levels = _Lines(console), (root.level, ours.level)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    ours.setLevel(logging.DEBUG if os.environ.get("FERVID_DEBUG") else level)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(levels[0])
        ours.setLevel(levels[1])


class _Lines(logging.Handler):
    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console

    def emit(self, record: logging.LogRecord) -> None:
        ours = record.name.partition(".")[0] == "fervid"
        line = f"{'fervid' if ours else record.name}: {redact(record.getMessage())}"
        self.console.print(Text(line, style="yellow" if record.levelno >= logging.WARNING else ""))
