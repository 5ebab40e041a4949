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
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from fervid.pipeline.errors import ConfigError, FervidError
from fervid.pipeline.frame import Frame, Source
from fervid.pipeline.identity import differences, identity
from fervid.pipeline.output import KEPT, made, resolve, write
from fervid.pipeline.record import Run

log = logging.getLogger(__name__)
M = TypeVar("M")

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
    """Begin anew where that was kept for another configuration, other weights or another input."""


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
    begun: list[bool] = field(default_factory=list)
    """Of each that answers to a mark, in the order of the chain, whether it has been given a frame."""
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
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def open(self, source: Source) -> int:
        """Find out what the run goes on from; return the index of the frame at which it does.

        Raises:
            ConfigError: that was kept of another run.
            Whole: there is nothing left to do.
        """
        self.run.source = source
        self.path = _page(resolve(self.outputs[0], self.run))
        if not self.wish.resume:
            return 0
        found = next(iter(sorted(made(self.outputs[0], self.run, KEPT), key=os.path.getmtime)[-1:]), None)
        page = _read(found) if found else None
        if found is None or page is None:
            self._end_where_all_is_whole()
            return 0
        if odd := differences(page, self.run):
            if self.wish.restart:
                found.unlink()
                return 0
            raise ConfigError(f"{found}: was kept for another run: {odd}; --restart begins anew")
        self.path, self.start, self.last = found, page["next"], page["last"]
        self.memories = page["memories"]
        self.run.began = datetime.fromisoformat(page["began"])
        self.run.resumed = [*page["resumed"], self.start]
        self.run.resumable = True
        log.warning("resumed at frame %d", self.start)
        return self.start

    def _end_where_all_is_whole(self) -> None:
        there = [next(iter(made(template, self.run)), None) for template in self.outputs]
        if self.wish.restart or None in there:
            return
        for path in filter(None, there):
            beside = path.with_name(f"{path.name}.json")
            page = json.loads(beside.read_bytes()) if beside.is_file() else None
            if page and (odd := differences(page, self.run)):
                raise ConfigError(f"{path}: is the whole output of another run: {odd}; --restart begins anew")
        raise Whole(f"{there[0]}: is whole already; nothing is left to do")

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
            if len(answers) == len(self.begun) and not self._over:
                self._write(mark, [answers[number] for number in range(len(self.begun))])
                del self._answers[mark]

    def _write(self, mark: Mark, memories: list[list[Any]]) -> None:
        assert self.path
        page = {
            "version": VERSION,
            "next": mark.start,
            "last": mark.time,
            "began": self.run.began.isoformat(),
            "resumed": self.run.resumed,
            **identity(self.run),
            "memories": memories,
        }
        write(self.path, json.dumps(page).encode(), sync=True)
        self.run.resumable = True

    def give_up(self, why: str) -> None:
        """Keep nothing from here on, nor what was kept."""
        log.warning("%s; nothing is kept of this run, and --resume will begin anew", why)
        self._over, self.run.resumable = True, False
        if self.path:
            self.path.unlink(missing_ok=True)

    def finish(self) -> None:
        """The outputs are whole: nothing needs to be kept."""
        if self.path and self.wish != Wish():
            self.path.unlink(missing_ok=True)


def _page(path: Path) -> Path:
    return path.with_name(f"{path.name}{KEPT}")


def _read(path: Path) -> dict[str, Any] | None:
    """What was kept; None where another version kept it."""
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError("too long")
        page = json.loads(path.read_bytes())
        if page["version"] != VERSION:
            log.warning("%s: was kept by another version of fervid; begins anew", path)
            return None
        return dict(page)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}); remove it, or --restart begins anew") from None
