"""Keep what a run remembers at marks in its stream, so that one that ends in between goes on from the last of them.

A mark is the index of a frame. When a stage asks for that frame, it has done all before it, and what it remembers then
is written down; the mark counts once the whole chain has answered (the barriers of Carbone et al. 2015, "Lightweight
Asynchronous Snapshots for Distributed Dataflows"). Frames that a stage holds back at a mark have reached the stages
behind it by their own answer; so a resumed run passes over what comes out of it with an index before the mark.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from fervid.pipeline.claim import KEPT, is_kept
from fervid.pipeline.errors import ConfigError, FervidError
from fervid.pipeline.frame import Frame, Source
from fervid.pipeline.identity import differences, identity
from fervid.pipeline.output import made, resolve, write
from fervid.pipeline.provenance import settled
from fervid.pipeline.record import Run

log = logging.getLogger(__name__)
VERSION = 1
"""Of what is kept; what another version kept is not read."""
LARGEST = 64 << 20
"""Bytes of what is kept that are read."""


class Whole(FervidError):  # noqa: N818
    """Nothing is left to do: all outputs are there."""

    exit_code = 0


@dataclass(frozen=True)
class Wish:
    """How a run shall be kept, as its user says."""

    every: float | None = None
    """Seconds of video from mark to mark; None keeps nothing."""
    resume: bool = False
    """Go on from what was kept, if anything was."""
    restart: bool = False
    """Begin anew, whatever was kept."""

    @property
    def asked(self) -> str:
        """How a command line says so; empty where it does not."""
        return "--checkpoint" if self.every else "--restart" if self.restart else "--resume" if self.resume else ""


class Mark(NamedTuple):
    """Where all shall write down what they remember: in front of a frame."""

    start: int
    """Its index."""
    time: float
    """Of the frame before it, in seconds."""


@dataclass
class Keeper:
    """What is kept of one run, and what it goes on from."""

    run: Run
    wish: Wish
    outputs: Sequence[str]
    """Path templates of the chain, first to last."""
    answering: int = 0
    """How many answer to a mark."""
    marks: list[Mark] = field(default_factory=list)
    """At which all shall answer, in order."""
    start: int = 0
    memories: list[list[Any]] = field(default_factory=list)
    """What a resumed run remembers, by the number of the stage."""
    path: Path | None = None
    """Where it is kept."""
    last: float | None = None
    """Time of the last mark."""
    _answers: dict[Mark, dict[int, list[Any]]] = field(default_factory=dict)
    """What was answered to a mark, by the number of the stage."""
    _over: bool = False
    _turn: threading.RLock = field(default_factory=threading.RLock)

    def open(self, source: Source) -> int:
        """Find out what the run goes on from; return the index of the frame at which it does.

        Raises:
            ConfigError: that was kept of another run.
            Whole: there is nothing left to do.
        """
        self.run.source = source
        self.path = _page(resolve(self.outputs[0], self.run))
        if os.path.lexists(self.path) and not is_kept(self.path):
            raise ConfigError(f"{self.path}: is in the way, and fervid did not make it; move it")
        if not self.wish.resume or self.wish.restart:
            return 0
        found = next(iter(made(self.outputs[0], self.run, KEPT)[-1:]), None)
        page = _read(found) if found else None
        if found is None or page is None:
            self._end_where_all_is_whole()
            return 0
        if odd := differences(page, self.run):
            raise ConfigError(f"{found}: was kept for another run: {odd}; --restart begins anew")
        self.path, self.start, self.last = found, page["next"], page["last"]
        self.memories = page["memories"]
        self.run.began = datetime.fromisoformat(page["began"])
        self.run.resumed = [*page["resumed"], self.start]
        self.run.resumable = True
        log.warning("resumed at frame %d", self.start)
        return self.start

    def _end_where_all_is_whole(self) -> None:
        """Only a page beside an output proves what it was made of."""
        there = [next(iter(made(template, self.run)[-1:]), None) for template in self.outputs]
        if None in there:
            return
        for path in filter(None, there):
            if (page := _beside(path)) is not None:
                if odd := differences(page, self.run):
                    raise ConfigError(f"{path}: is the whole output of another run: {odd}; --restart begins anew")
                raise Whole(f"{path}: is whole already; nothing is left to do")

    def pass_by(self, frame: Frame) -> bool:
        """Behind the source, before its next frame: whether a mark lies in front of that one."""
        if self.last is None:
            self.last = frame.time
        if self.wish.every is None or self._over or frame.time - self.last < self.wish.every:
            return False
        self.last = frame.time
        self.marks.append(Mark(frame.index + 1, frame.time))
        return True

    def answer(self, mark: Mark, number: int, memories: list[Any]) -> None:
        """Take what a stage remembers at a mark; the last one that answers writes all of it."""
        with self._turn:
            answers = self._answers.setdefault(mark, {})
            answers[number] = memories
            if len(answers) == self.answering and not self._over:
                self._write(mark, [answers[number] for number in range(self.answering)])
                del self._answers[mark]

    def _write(self, mark: Mark, memories: list[list[Any]]) -> None:
        assert self.path
        page = {
            "version": VERSION,
            "fervid": version("fervid"),
            "next": mark.start,
            "last": mark.time,
            "began": self.run.began.isoformat(),
            "resumed": self.run.resumed,
            **identity(self.run),
            "memories": memories,
        }
        blob = json.dumps(page).encode()
        if len(blob) > LARGEST:
            self.give_up(f"what is remembered takes more than {LARGEST >> 20} MB")
        else:
            write(self.path, blob, sync=True)
            self.run.resumable = True

    def give_up(self, why: str) -> None:
        """Keep nothing from here on, nor what was kept."""
        with self._turn:
            if not self._over:
                log.warning("%s; nothing is kept of this run, and --resume will begin anew", why)
            self._over, self.run.resumable = True, False
            if self.path:
                self.path.unlink(missing_ok=True)

    def finish(self) -> None:
        """The outputs are whole: nothing needs to be kept."""
        if self.path:
            self.path.unlink(missing_ok=True)


def _page(path: Path) -> Path:
    return path.with_name(f"{path.name}{KEPT}")


def _read(path: Path) -> dict[str, Any] | None:
    """What was kept; None where another version kept it."""
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError("too long")
        page = json.loads(path.read_bytes())
        page["next"], page["last"], page["began"], page["resumed"], page["memories"], page["config"]
        if page["version"] != VERSION or page["fervid"] != version("fervid"):
            log.warning("%s: was kept by another version of fervid; begins anew", path)
            return None
        return dict(page)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}); --restart begins anew") from None


def _beside(path: Path) -> dict[str, Any] | None:
    """The page beside a whole output, if one of fervid's is there."""
    try:
        page = json.loads(path.with_name(f"{path.name}.json").read_bytes())
        return dict(page) if settled(page) and isinstance(page["config"], list) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
