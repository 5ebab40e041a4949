"""A run is one fold: closed in reverse order, with or without threads, whatever happens."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from fervid.pipeline import FervidError, Pipeline
from fervid.pipeline.errors import InputError, StageError
from fervid.pipeline.stage import stages as known

PROBES = Path(__file__).with_name("probes.py").as_posix()


def pipeline(stages: str, profile: bool = False, **overrides: object) -> Pipeline:
    text = f"plugins: [{PROBES}]\nstages:\n{stages}"
    return Pipeline.parse(text, {key.replace("__", "."): value for key, value in overrides.items()}, profile=profile)


@pytest.fixture
def events() -> list[str]:
    """What the probes write down, empty at first."""
    Pipeline.parse(f"plugins: [{PROBES}]\nstages: [probe_source]")
    cls = known.find("probe_source")
    assert cls is not None
    log: list[str] = cls.run.__globals__["EVENTS"]
    log.clear()
    return log


THREE = "- probe_source\n- probe_pass: {name_of_it: a}\n- probe_apart: {name_of_it: b}\n"
CLOSED = ["close b", "close a", "close source"]


@pytest.mark.parametrize("threads", [True, False])
def test_every_frame_comes_out_in_order(threads: bool) -> None:
    running = pipeline(THREE, threads=threads)
    assert [frame.index for frame in running] == list(range(10))
    used = running.run.notes["threads"]
    assert (used["a"] != used["b"]) == threads
    assert used["b"] == threading.get_ident()


@pytest.mark.parametrize("threads", [True, False])
def test_all_are_closed_last_first_when_the_reader_leaves(events: list[str], threads: bool) -> None:
    frames = iter(pipeline(THREE, threads=threads))
    next(frames)
    frames.close()  # type: ignore[attr-defined]
    assert events[-3:] == CLOSED


@pytest.mark.parametrize("threads", [True, False])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_all_are_closed_when_a_stage_raises(events: list[str], threads: bool, place: int) -> None:
    lines, before = THREE.splitlines(keepends=True), threading.enumerate()
    with pytest.raises(StageError):
        list(pipeline("".join([*lines[: place + 1], "- probe_fault\n", *lines[place + 1 :]]), threads=threads))
    assert sorted(events[-3:]) == sorted(CLOSED)
    assert not set(threading.enumerate()).difference(before)


@pytest.mark.parametrize("threads", [True, False])
def test_frames_before_a_fault_come_out(threads: bool) -> None:
    frames = iter(pipeline("- probe_source\n- probe_fault: {at: 3}\n- probe_apart\n", threads=threads))
    assert [next(frames).index for _ in range(3)] == [0, 1, 2]
    with pytest.raises(StageError):
        next(frames)


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("error", StageError, "probe_fault: raised ValueError: a fault for rtsp://***@camera/live"),
        ("input", InputError, "rtsp://***@camera/live: refused"),
        (
            "library",
            StageError,
            "probe_fault: the system library libGL.so.1 is missing; "
            "install it: sudo apt-get install libgl1 libglib2.0-0",
        ),
        ("memory", MemoryError, ""),
    ],
)
def test_an_error_says_which_stage_and_no_password(kind: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        list(pipeline(f"- probe_source\n- probe_fault: {{kind: {kind}}}\n- probe_apart\n"))
    assert str(caught.value).partition(", /")[0] == message


@pytest.mark.parametrize("threads", [True, False])
def test_stop_ends_in_order_what_was_read_arrives(events: list[str], threads: bool) -> None:
    running = pipeline(THREE, threads=threads, probe_source__frames=100_000)
    seen = []
    for frame in running:
        seen.append(frame.index)
        if frame.index == 5:
            running.stop()
    assert seen == list(range(len(seen)))
    assert 6 <= len(seen) < 20
    assert running.run.source is not None
    assert running.run.lost.cut == "interrupted"
    assert sorted(events[-3:]) == sorted(CLOSED)


def test_a_stage_can_end_the_run_and_the_pipeline_can_run_again() -> None:
    running = pipeline("- probe_source: {frames: 100000}\n- probe_pass\n")
    for _ in range(2):
        seen = []
        for frame in running:
            seen.append(frame.index)
            if frame.index == 3:
                running.run.stopping.set()
        assert seen == [0, 1, 2, 3]


@pytest.mark.parametrize("threads", [True, False])
def test_a_source_that_waits_is_told_when_the_reader_leaves(threads: bool) -> None:
    running = pipeline("- probe_camera: {silent_after: 2}\n- probe_pass\n", threads=threads)
    began = time.perf_counter()
    for frame in running:
        if frame.index == (0 if threads else 1):
            break
    assert time.perf_counter() - began < 3


def test_stopping_a_camera_does_not_cut_it_short() -> None:
    running = pipeline("- probe_camera\n- probe_pass: {delay: 0.02}\n")
    for frame in running:
        if frame.index == 3:
            running.stop()
    assert running.run.source is not None
    assert running.run.lost.cut is None
    assert running.run.lost.dropped > 0


def test_a_run_knows_its_source_and_its_pipeline() -> None:
    running = pipeline("- probe_source: {frames: 1}\n- probe_fault: {only: none}\n")
    assert running.run.source is None
    (frame,) = running
    assert running.run.source is frame.source
    assert running.run.config[1] == {"probe_fault": {"at": 3, "kind": "error", "only": "none"}}


def test_a_profile_parts_work_from_waiting() -> None:
    stages = "- probe_source: {delay: 0.005, frames: 40}\n- probe_pass: {delay: 0.005}\n- probe_apart\n"
    running = pipeline(stages, profile=True)
    began = time.perf_counter()
    assert len(list(running)) == 40
    spent = time.perf_counter() - began
    assert running.timings is not None
    source, work, last = running.timings
    assert 0.19 < source.worked < spent * 0.7
    assert 0.19 < work.worked < spent * 0.7
    assert 0.004 < source.start < 0.15
    assert (source.waited, work.waited) == (0, 0)
    assert last.worked < spent * 0.3
    assert spent * 0.6 < last.waited <= spent


def test_a_profile_parts_start_up_from_work() -> None:
    running = pipeline("- probe_source: {frames: 5}\n- probe_slow_start\n- probe_apart\n", profile=True)
    list(running)
    assert running.timings is not None
    source, slow, last = running.timings
    assert 0.3 <= slow.start < 2
    assert slow.worked < 0.2
    assert max(source.start, last.start, last.waited) < 0.2


def test_an_abandoned_recording_is_partial(tmp_path: Path) -> None:
    stages = f"- probe_source\n- probe_sink: {{path: '{tmp_path}/{{name}}.txt'}}\n"
    for frame in pipeline(stages):
        if frame.index == 4:
            break
    assert [path.name for path in tmp_path.iterdir()] == ["probe.partial.txt"]


def test_an_error_keeps_what_was_written(tmp_path: Path) -> None:
    stages = f"- probe_source\n- probe_sink: {{path: '{tmp_path}/{{name}}.txt'}}\n- probe_fault: {{at: 3}}\n"
    running = pipeline(stages)
    with pytest.raises(FervidError):
        list(running)
    assert running.run.source is not None
    assert running.run.outputs == [tmp_path / "probe.partial.txt"]
    assert (tmp_path / "probe.partial.txt").read_text() == "0\n1\n2\n3\n"
