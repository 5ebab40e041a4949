"""Run one pipeline for the person at the terminal: progress, an orderly end, a summary."""

from __future__ import annotations

import logging
from contextlib import suppress
from time import perf_counter

from fervid.pipeline import progress
from fervid.pipeline.console import Stderr, messages
from fervid.pipeline.run import Pipeline
from fervid.pipeline.signals import graceful


def run(pipeline: Pipeline, *, quiet: bool = False) -> int:
    """Run to the end and return the exit code.

    That is 0, or 128 + the signal where one cut a file short. A live source has no end, so stopping one is a good end.
    """
    console = Stderr()
    with messages(console, logging.WARNING if quiet else logging.INFO):
        return _follow(pipeline, console, quiet)


def _follow(pipeline: Pipeline, console: Stderr, quiet: bool) -> int:
    tally, began = progress.Tally(), perf_counter()

    def stop() -> None:
        pipeline.stop()
        with suppress(RuntimeError):  # the signal came while another line was being written
            console.print("fervid: stopping; once more to stop at once")

    with graceful(stop) as caught:
        try:
            with progress.bar(console) as show:
                for frame in pipeline:
                    tally.add(frame)
                    show(frame, tally)
        except BaseException as error:
            if pipeline.source:
                progress.written(console, pipeline.source)
            if isinstance(error, KeyboardInterrupt) and caught.number:
                return caught.exit_code
            raise
    seconds = perf_counter() - began
    if pipeline.source and not quiet:
        progress.summary(console, tally, pipeline.source, seconds)
    if pipeline.timings is not None:
        progress.profile(console, pipeline.timings, tally.frames, seconds)
    return 0 if pipeline.source and pipeline.source.live else caught.exit_code
