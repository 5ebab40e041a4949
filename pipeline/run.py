"""Run a pipeline: one fold of generators, each closed whatever happens, last stage first."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from fervid.pipeline.buffer import AHEAD, NEWEST, hand_over
from fervid.pipeline.checkpoint import Keeper, Wish
from fervid.pipeline.claim import ensure, reach
from fervid.pipeline.configuration import config, options, order
from fervid.pipeline.errors import FervidError
from fervid.pipeline.fact import LIVE, Fact
from fervid.pipeline.fault import no_frames, raised, watched
from fervid.pipeline.frame import Frame, Source
from fervid.pipeline.frames import Frames
from fervid.pipeline.identity import named
from fervid.pipeline.kept import Kept
from fervid.pipeline.output import resolve, unknown_placeholder
from fervid.pipeline.provenance import sha256
from fervid.pipeline.record import Progress, Run
from fervid.pipeline.roles import Writes, option, plugin_files, written
from fervid.pipeline.stage import Stage
from fervid.pipeline.tally import summed_up
from fervid.pipeline.timing import Timing, timed

log = logging.getLogger(__name__)


class Pipeline:
    """Stages in a row. Iterating runs them and yields the frames that come out at the end.

    >>> for frame in Pipeline.load("configs/file.yaml", {"file.path": "talk.mp4"}):
    ...     print(frame.time, len(frame.faces))
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        *,
        threads: bool = True,
        profile: bool = False,
        title: str | None = None,
        keep: Wish | None = None,
        overwrite: bool = False,
    ) -> None:
        self.stages = tuple(stages)
        self.threads = threads
        self.title = title
        self.timings = [Timing(stage.name) for stage in stages] if profile else None
        self.keep = keep or Wish()
        """How the run is kept, so that it can be resumed."""
        self.overwrite = overwrite
        """Whether outputs may replace what fervid did not make from the same input."""
        self.run = Run()
        """The notebook of the run, a new one each time that it begins."""
        self.watch: Progress | None = None
        """Told by stages how far work is that sees no frames."""
        self._stop = self.run.stopping
        if self.keep != Wish():
            order.check_kept(self.stages, self.keep.asked)

    @classmethod
    def load(
        cls,
        path: str | Path,
        overrides: Mapping[str, Any] | None = None,
        *,
        profile: bool = False,
        keep: Wish | None = None,
        overwrite: bool = False,
    ) -> Pipeline:
        """Make a pipeline from a YAML file, with `{"stage.option": value}` put over it.

        Raises:
            ConfigError: with file and line, and what would be right.
        """
        return cls._from(config.load(path, overrides), profile, keep, overwrite)

    @classmethod
    def parse(
        cls,
        text: str,
        overrides: Mapping[str, Any] | None = None,
        *,
        profile: bool = False,
        keep: Wish | None = None,
        overwrite: bool = False,
    ) -> Pipeline:
        """Make a pipeline from YAML text."""
        return cls._from(config.parse(text, overrides), profile, keep, overwrite)

    @classmethod
    def _from(cls, written: config.Config, profile: bool, keep: Wish | None, overwrite: bool) -> Pipeline:
        return cls(written.build(), threads=written.threads, profile=profile, keep=keep, overwrite=overwrite)

    def stop(self) -> None:
        """Let the run end in order: no further frame is read, what was read still reaches the sinks."""
        self._stop.set()

    def __iter__(self) -> Generator[Frame]:
        run = self._begin()
        keeper = self._keeper(run)
        frames: Iterable[Frame] = ()
        given: list[Frames] = []
        facts: list[Fact[Any]] = []
        handed = False
        try:
            with ExitStack() as stack:
                for number, stage in enumerate(self.stages):
                    if self.threads and number and stage.detached and not handed:
                        ahead = NEWEST if LIVE in facts else AHEAD
                        frames, handed = stack.enter_context(_closing(hand_over(frames, run, ahead))), True
                    given.append(_given(frames, run, facts, keeper, stage.name))
                    frames = stack.enter_context(_closing(self._run(stage, given[-1], number, waits=handed)))
                    if not number:
                        frames = stack.enter_context(_closing(self._watch(frames, given[0], keeper)))
                        frames = self._asked(frames if LIVE in stage.terms().gives else _begun(frames))
                    facts += [fact for fact in stage.terms().gives if fact not in facts]
                    handed = self.threads and LIVE in facts and not number
                    if handed:
                        frames = stack.enter_context(_closing(hand_over(frames, run, 1, newest=True)))
                given.append(_given(frames, run, facts, keeper, "summary"))
                stack.callback(run.stopping.set)
                yield from self._counted(given[-1], summed_up(facts))
            _name_outputs(run)
            if keeper and not run.interrupted:
                keeper.finish()
        except BaseException:
            if not run.resumable:
                _name_outputs(run)
            raise
        finally:
            run.stopping.clear()

    def _begin(self) -> Run:
        given = [fact for stage in self.stages for fact in stage.terms().gives]
        facts = list(dict.fromkeys(given))
        self.run = Run(
            options.resolved(self.stages), self.title, facts, self._stop, watch=self.watch, overwrite=self.overwrite
        )
        for template in filter(None, map(written, self.stages)):
            reach(Path(template))
        return self.run

    def _keeper(self, run: Run) -> Keeper | None:
        if self.keep == Wish():
            return None
        run.deferred = []
        if code := {name: sha256(path) for stage in self.stages for name, path in plugin_files(stage)}:
            run.note("plugins", code)
        if files := named(self.stages):
            run.note("files", files)
        outputs = [template for stage in self.stages if (template := written(stage))]
        return Keeper(run, self.keep, outputs)

    def _run(self, stage: Stage, frames: Frames, number: int, *, waits: bool) -> Generator[Frame]:
        timing = self.timings[number] if self.timings else None
        if timing and number:
            frames.through(lambda made: timed(made, timing, work=-1, wait=1 if waits else 0))
        made = stage.run(frames)
        if not isinstance(made, Generator):
            raise no_frames(stage, made)
        try:
            with closing(made):
                out = frames.out_of(made)
                yield from timed(out, timing, begins=True) if timing else out
        except (FervidError, MemoryError):
            raise
        except (Exception, SystemExit) as error:
            raise raised(stage, error) from error

    def _watch(self, frames: Iterable[Frame], given: Frames, keeper: Keeper | None) -> Generator[Frame]:
        """Stand behind the source: end the stream when the user asks for it, and set the marks at which it is kept."""
        run, begun, read = self.run, False, 0
        for frame in frames:
            if not begun:
                begun = True
                self._begin_with(frame.source, keeper)
            if run.stopping.is_set():
                if not frame.source.live:
                    run.lost.cut = "interrupted"
                return
            read = frame.index + 1
            yield frame
            if keeper and isinstance(given, Kept) and frame.index >= keeper.start and keeper.pass_by(frame):
                given.answer()
        run.read = read
        if run.source and run.source.original:
            run.source.original.check()

    def _asked(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Note that frames are asked for: every stage has what it needs."""
        self.run.ready = True
        yield from frames

    def _begin_with(self, source: Source, keeper: Keeper | None) -> None:
        """Note the input, and refuse outputs that cannot be written before anything is loaded for them."""
        run = self.run
        if run.source is None:
            run.source = source
            if keeper:
                keeper.open(source)
        for stage in self.stages:
            template, found = written(stage), option(type(stage), Writes)
            if template and found and not found[1].folder and not unknown_placeholder(template):
                ensure(resolve(template, run), run, found[1].record)

    def _counted(self, frames: Frames, facts: Sequence[Fact[Any]]) -> Generator[Frame]:
        tally = frames.keep(self.run.tally)
        for frame in watched(frames, self.run.facts):
            tally.add(frame, facts)
            yield frame


def _begun(frames: Iterable[Frame]) -> Iterable[Frame]:
    """Ask for the first frame now: what cannot be read is known before other stages load what they need."""
    first = list(islice(frames, 1))

    def all_of_them() -> Iterator[Frame]:
        while first:
            yield first.pop()
        yield from frames

    return all_of_them()


def _name_outputs(run: Run) -> None:
    for name in run.deferred or ():
        name()


def _given(frames: Iterable[Frame], run: Run, facts: Sequence[Fact[Any]], keeper: Keeper | None, name: str) -> Frames:
    return Kept(frames, run, facts, keeper, name) if keeper else Frames(frames, run, facts)


@contextmanager
def _closing(frames: Generator[Frame]) -> Generator[Generator[Frame]]:
    try:
        yield frames
    finally:
        try:
            frames.close()
        except ValueError:
            log.debug("a generator is still running in a thread that was left behind")
