"""Frames handed from thread to thread: in order, bounded, complete, with their errors."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator

import numpy as np
import pytest

from fervid.pipeline import buffer
from fervid.pipeline.buffer import hand_over
from fervid.pipeline.frame import Frame, Source
from fervid.pipeline.record import Run


def made(count: int, log: list[int] | None = None, delay: float = 0.0) -> Iterator[Frame]:
    source, image = Source("test", 2, 2), np.zeros((2, 2, 3), np.uint8)
    for index in range(count):
        time.sleep(delay)
        if log is not None:
            log.append(index)
        yield Frame(index, float(index), image, source)


def failing(count: int) -> Iterator[Frame]:
    yield from made(count)
    raise ValueError("a fault")


def threads() -> int:
    return sum(thread.name == "fervid-segment" for thread in threading.enumerate())


def test_every_frame_comes_in_order() -> None:
    assert [frame.index for frame in hand_over(made(500), Run(), 3)] == list(range(500))
    assert threads() == 0


def test_frames_are_made_in_another_thread_and_not_further_ahead_than_allowed() -> None:
    log: list[int] = []
    frames = hand_over(made(100, log), Run(), 3)
    assert next(frames).index == 0
    time.sleep(0.1)
    assert log == [0, 1, 2, 3, 4]  # one taken, three ready, one in hand
    frames.close()


def test_an_error_comes_after_the_frames_before_it() -> None:
    frames = hand_over(failing(5), Run())
    assert [next(frames).index for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="a fault"):
        next(frames)
    assert threads() == 0


def test_closing_early_ends_the_thread() -> None:
    frames = hand_over(made(1_000_000), Run())
    next(frames)
    frames.close()
    assert threads() == 0


def test_the_newest_frame_is_kept_and_the_others_are_counted() -> None:
    run = Run()
    frames = hand_over(made(100, delay=0.002), run, 1, newest=True)
    taken = []
    for frame in frames:
        taken.append((frame.index, frame.time))
        time.sleep(0.02)
    assert [index for index, _ in taken] == list(range(len(taken)))
    assert taken[-1][1] == 99
    assert run.lost.dropped == 100 - len(taken)
    assert 5 < len(taken) < 50


def test_a_camera_that_is_silent_does_not_keep_a_stop_waiting(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(buffer, "PATIENCE", 0.1)
    answer, run = threading.Event(), Run()

    def silent() -> Generator[Frame]:
        yield from made(2)
        answer.wait(30)

    frames = hand_over(silent(), run, 1, newest=True)
    next(frames)
    threading.Timer(0.1, run.stopping.set).start()
    began = time.perf_counter()
    list(frames)
    assert time.perf_counter() - began < 2
    assert caplog.messages == ["a source does not answer; left behind"]
    answer.set()


def test_an_interrupt_waits_for_nobody() -> None:
    answer = threading.Event()

    def silent() -> Generator[Frame]:
        yield from made(2)
        answer.wait(30)

    frames = hand_over(silent(), Run())
    next(frames)
    began = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        frames.throw(KeyboardInterrupt)
    assert time.perf_counter() - began < 1
    answer.set()


def test_after_a_stop_a_recording_is_still_handed_over() -> None:
    run = Run()
    run.stopping.set()
    assert len(list(hand_over(made(20, delay=0.001), run))) == 20
