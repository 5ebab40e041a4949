"""Run pipelines for the person at the terminal: progress, an orderly end, a summary."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Any

from fervid.pipeline.batch import plan as batch_plan
from fervid.pipeline.batch.plan import Job
from fervid.pipeline.batch.workers import Message, Pool, Result
from fervid.pipeline.errors import ConfigError
from fervid.pipeline.record import Run
from fervid.pipeline.run import Pipeline
from fervid.pipeline.signals import graceful
from fervid.pipeline.stage import in_vain
from fervid.pipeline.terminal import progress, summary
from fervid.pipeline.terminal.console import Stderr, messages

log = logging.getLogger(__name__)

SOME_FAILED = 3  # exit code
STOPPING = "stopping; once more to stop at once"


def run(pipeline: Pipeline, *, quiet: bool = False) -> int:
    """Run to the end and return the exit code.

    That is 0, or 128 + the signal where one cut a file short. A live source has no end, so stopping one is a good end.
    """
    console = Stderr()
    with messages(console, _level(quiet)):
        if not quiet and (warning := in_vain(pipeline.stages)):
            log.warning(warning)
        return _follow(pipeline, console, quiet)


def plan(
    path: Path,
    settings: Mapping[str, Any],
    given: Sequence[str],
    out: Path,
    *,
    overwrite: bool = False,
    quiet: bool = False,
) -> list[Job]:
    """Make a job of every input, and say what was passed over."""
    with messages(Stderr(), _level(quiet)):
        return batch_plan.plan(path, settings, given, out, overwrite=overwrite)


def batch(jobs: Sequence[Job], size: int, out: Path, *, quiet: bool = False) -> int:
    """Run all jobs, `size` at a time, and return the exit code: 3 where some failed, 128 + a signal that ended it."""
    console, pool, results = Stderr(), Pool(jobs, size, _level(quiet)), list[Result]()
    began = perf_counter()
    with graceful(lambda: _stop_all(pool, console)) as caught, progress.batch_bar(console, len(jobs)) as show:
        try:
            for event in pool:
                if isinstance(event, Message):
                    progress.message(console, event)
                else:
                    show(event)
                if isinstance(event, Result):
                    results.append(event)
                    if not quiet and (event.frames or not event.stopped):
                        summary.finished(console, event)
        except KeyboardInterrupt:
            if not caught.number:
                raise
            ended = {result.label for result in results}
            results += [Result(job.label, stopped=True) for job in jobs if job.label not in ended]
    if not quiet or any(result.error for result in results):
        summary.batch_summary(console, results, out, perf_counter() - began)
    return caught.exit_code or (SOME_FAILED if any(result.error for result in results) else 0)


def _follow(pipeline: Pipeline, console: Stderr, quiet: bool) -> int:
    start, began = 0.0, perf_counter()
    with graceful(lambda: _stop(pipeline, console)) as caught:
        try:
            with progress.bar(console) as bar:
                pipeline.watch = bar.work if not quiet else None
                for frame in pipeline:
                    start = start or perf_counter() - began
                    bar.frame(frame, pipeline.run)
        except BaseException as error:
            summary.written(console, pipeline.run)
            if not isinstance(error, ConfigError):
                _say_how_to_go_on(pipeline.run, console)
            if caught.number and (caught.again or isinstance(error, KeyboardInterrupt)):
                return caught.exit_code  # of what was interrupted, some libraries make errors of their own
            raise
    run, seconds = pipeline.run, perf_counter() - began
    if run.source and not quiet:
        summary.summary(console, run, seconds)
    if pipeline.timings is not None:
        summary.profile(console, pipeline.timings, run.tally.frames, start, seconds)
    if run.interrupted or run.source is None:
        _say_how_to_go_on(run, console)
        return caught.exit_code
    return 0


def _say_how_to_go_on(run: Run, console: Stderr) -> None:
    if run.resumable:
        console.print("fervid: the same command with --resume goes on where this run was last kept")


def _stop(pipeline: Pipeline, console: Stderr) -> bool:
    """Begin the end; True before the first frame, when nothing is lost by an end at once."""
    pipeline.stop()
    run = pipeline.run
    if run.ready and run.source:
        _tell(console, STOPPING)
        return False
    when = "before the first frame" if run.ready else "while models load"
    _tell(console, f"stopped {when}; nothing was written")
    return True


def _stop_all(pool: Pool, console: Stderr) -> None:
    pool.stop()
    _tell(console, STOPPING)


def _tell(console: Stderr, what: str) -> None:
    with suppress(RuntimeError):  # the signal came while another line was being written
        console.print(f"fervid: {what}")


def _level(quiet: bool) -> int:
    return logging.WARNING if quiet else logging.INFO
