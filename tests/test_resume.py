"""A run that was ended in any way goes on from its last mark, and its outputs are those of a run that never was."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest

from fervid.pipeline import (
    FACES,
    Column,
    ConfigError,
    Fact,
    Frame,
    Frames,
    OutputError,
    Pipeline,
    Stage,
    Wish,
    register,
)

FERVID = str(Path(sys.executable).with_name("fervid"))
CHAIN = """
stages:
  - demo: {frames: 40, faces: 4}
  - detect: {range: short}
  - track
  - emotions
  - smooth
  - draw
  - video: {path: "OUT/a.mp4"}
  - csv: {path: "OUT/a.csv"}
"""
SHORT = """
stages:
  - demo: {frames: 40}
  - detect: {range: short}
  - STAGE
  - csv: {path: "OUT/a.csv"}
"""
KEPT = Wish(every=0.25, resume=True)
ENDED: list[bool] = []
STEADY: Fact[float] = Fact("faces.probe_steady", "steady size", (Column("steady", "mean width so far", "pixels"),))


@dataclass
class Sum:
    """What is remembered."""

    count: int = 0
    total: float = 0.0


@register("probe_mean")
@dataclass(frozen=True)
class Mean(Stage):
    """Remembers through `keep`."""

    needs = (FACES,)
    gives = (STEADY,)

    def run(self, frames: Frames) -> Generator[Frame]:
        seen = frames.keep(Sum())
        for frame in frames:
            for face in frame.faces:
                seen.count += 1
                seen.total += face.box[2] - face.box[0]
                face[STEADY] = seen.total / seen.count
            yield frame


@register("probe_late")
@dataclass(frozen=True)
class Late(Stage):
    """Holds three frames back, and keeps them."""

    def run(self, frames: Frames) -> Generator[Frame]:
        held: deque[Frame] = frames.keep(deque())
        for frame in frames:
            held.append(frame)
            if len(held) > 3:
                yield held.popleft()
        yield from held


@register("probe_forgetful")
@dataclass(frozen=True)
class Forgetful(Stage):
    """Remembers in a plain local variable."""

    def run(self, frames: Frames) -> Generator[Frame]:
        widths, unchanged = [], {"a": 1}
        for frame in frames:
            widths.append(len(frame.faces) + len(unchanged))
            yield frame


@register("probe_holder")
@dataclass(frozen=True)
class Holder(Stage):
    """Holds frames back in a plain local variable."""

    def run(self, frames: Frames) -> Generator[Frame]:
        held: list[Frame] = []
        for frame in frames:
            held.append(frame)
            if len(held) > 2:
                yield held.pop(0)
        yield from held


@register("probe_hoarder")
@dataclass(frozen=True)
class Hoarder(Stage):
    """Takes all frames before it gives one."""

    def run(self, frames: Frames) -> Generator[Frame]:
        yield from list(frames)


@register("probe_late_faces")
@dataclass(frozen=True)
class LateFaces(Stage):
    """Passes nothing on before the twentieth frame, and holds nothing back."""

    def run(self, frames: Frames) -> Generator[Frame]:
        for frame in frames:
            if frame.index >= 20:
                yield frame


@register("probe_bad_end")
@dataclass(frozen=True)
class BadEnd(Stage):
    """Fails behind the last frame, as a full disk may."""

    at_the_end: bool = True

    def run(self, frames: Frames) -> Generator[Frame]:
        yield from frames
        if self.at_the_end and not ENDED:
            ENDED.append(True)
            raise OutputError("no room for the last bit")


@register("probe_window")
@dataclass(frozen=True)
class Window(Stage):
    """Keeps the last widths of each face, and an array."""

    needs = (FACES,)
    gives = (STEADY,)

    def run(self, frames: Frames) -> Generator[Frame]:
        windows: dict[int, deque[float]] = frames.keep({})
        mean = frames.keep(np.zeros(2))
        for frame in frames:
            for number, face in enumerate(frame.faces):
                window = windows.setdefault(number, deque(maxlen=5))
                window.append(face.box[2] - face.box[0])
                mean += (1, sum(window))
                face[STEADY] = sum(window) / len(window) + mean[1] / mean[0]
            yield frame


def chain(text: str, out: Path, stage: str = "probe_mean", keep: Wish = KEPT, **options: object) -> Pipeline:
    values = {name.replace("__", "."): value for name, value in options.items()}
    return Pipeline.parse(text.replace("OUT", str(out)).replace("STAGE", stage), values, keep=keep)


def run(pipeline: Pipeline, until: int | None = None) -> Pipeline:
    """To the end, or until it is left at a frame."""
    for frame in pipeline:
        if frame.index == until:
            break
    return pipeline


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def shown(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.time or 0) for frame in container.decode(video=0)]


@pytest.mark.parametrize("threads", [True, False])
def test_what_was_left_three_times_ends_as_what_never_was(tmp_path: Path, threads: bool) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    run(chain(CHAIN, whole, keep=Wish(every=0.25)))
    for frame in (9, 20, 33):
        run(chain(CHAIN, broken, threads=threads), frame)
        assert "a.mp4.resume" in names(broken)
    last = run(chain(CHAIN, broken, threads=threads))
    assert (broken / "a.csv").read_bytes() == (whole / "a.csv").read_bytes()
    assert (broken / "a.mp4").read_bytes() == (whole / "a.mp4").read_bytes()
    assert names(broken) == ["a.csv", "a.csv.json", "a.mp4"]
    assert last.run.tally.frames == 40
    page = json.loads((broken / "a.csv.json").read_text())
    assert page["resumed"] == [7, 19, 31]
    assert (page["complete"], page["frames"]) == (True, 40)


def test_the_video_in_pieces_shows_what_one_in_one_piece_shows(tmp_path: Path) -> None:
    run(chain(CHAIN, tmp_path / "one", keep=Wish()))
    run(chain(CHAIN, tmp_path / "pieces", keep=Wish(every=0.25)))
    assert shown(tmp_path / "pieces" / "a.mp4") == shown(tmp_path / "one" / "a.mp4")
    assert (tmp_path / "pieces" / "a.csv").read_bytes() == (tmp_path / "one" / "a.csv").read_bytes()


def test_matroska_is_joined_too(tmp_path: Path) -> None:
    text = CHAIN.replace("a.mp4", "a.mkv").replace("demo: {", "demo: {fps: 29.97, ")
    run(chain(text, tmp_path / "one", keep=Wish()))
    run(chain(text, tmp_path / "pieces"), 20)
    run(chain(text, tmp_path / "pieces"))
    assert shown(tmp_path / "pieces" / "a.mkv") == shown(tmp_path / "one" / "a.mkv")


@pytest.mark.parametrize("stage", ["probe_mean", "probe_late", "probe_window", "probe_late_faces"])
def test_a_plugin_that_keeps_its_memory_goes_on_with_it(tmp_path: Path, stage: str) -> None:
    run(chain(SHORT, tmp_path / "whole", stage, Wish()))
    for frame in (25, 32):
        run(chain(SHORT, tmp_path / "broken", stage), frame)
    run(chain(SHORT, tmp_path / "broken", stage))
    assert (tmp_path / "broken" / "a.csv").read_bytes() == (tmp_path / "whole" / "a.csv").read_bytes()


def test_a_plain_local_is_told_and_nothing_is_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run(chain(SHORT, tmp_path, "probe_forgetful"))
    told = (
        "probe_forgetful: remembers in widths, without frames.keep(...); nothing is kept of this run, "
        "and --resume will begin anew"
    )
    assert [record.getMessage() for record in caplog.records] == [told]
    assert names(tmp_path) == ["a.csv", "a.csv.json"]
    run(chain(SHORT, tmp_path / "left", "probe_forgetful"), 30)
    assert not list((tmp_path / "left").glob("*.resume"))


@pytest.mark.parametrize("stage", ["probe_holder", "probe_hoarder"])
@pytest.mark.parametrize("threads", [True, False])
def test_one_that_holds_frames_back_is_refused_by_name(tmp_path: Path, stage: str, threads: bool) -> None:
    message = f"{stage}: holds frames back without keeping them, so --checkpoint cannot be used with it"
    with pytest.raises(ConfigError, match=message):
        run(chain(SHORT, tmp_path, stage, threads=threads))


@pytest.mark.parametrize(
    "stages",
    [
        "detect: {every: 3}|track|emotions: {predicted: true}|smooth: {method: average}|quality|draw|csv",
        "detect|track|blur|csv|video",
        "detect: {range: full}|quality|csv|emotions|draw",
    ],
)
def test_no_stage_of_fervid_remembers_what_it_does_not_keep(
    tmp_path: Path, stages: str, caplog: pytest.LogCaptureFixture
) -> None:
    listed = "".join(f"- {one}\n" for one in ("demo: {frames: 20, faces: 2}", *stages.split("|")))
    places = {
        f"{one}.path": str(tmp_path / f"a.{end}") for one, end in (("csv", "csv"), ("video", "mp4")) if one in stages
    }
    pipeline = Pipeline.parse(f"stages:\n{listed}", places, keep=KEPT)
    run(pipeline, 15)
    assert list(tmp_path.glob("*.resume"))
    assert [record.getMessage() for record in caplog.records] == []


def test_other_options_are_not_gone_on_with(tmp_path: Path) -> None:
    run(chain(SHORT, tmp_path), 20)
    message = r"a\.csv\.resume: was kept for another run: detect\.min_score was 0\.5 and is 0\.6; --restart begins anew"
    with pytest.raises(ConfigError, match=message):
        run(chain(SHORT, tmp_path, detect__min_score=0.6))
    again = run(chain(SHORT, tmp_path, keep=Wish(0.25, True, True), detect__min_score=0.6))
    assert again.run.resumed == []
    assert names(tmp_path) == ["a.csv", "a.csv.json"]


def test_a_changed_plugin_is_not_gone_on_with(tmp_path: Path) -> None:
    stage = tmp_path / "calm.py"
    stage.write_text(
        "from dataclasses import dataclass\nfrom fervid.pipeline import Stage, register\n\n\n"
        '@register("probe_calm_one")\n@dataclass(frozen=True)\nclass Calm(Stage):\n    """Passes all on."""\n\n'
        "    def run(self, frames):\n        yield from frames\n"
    )
    text = f"plugins: [{stage}]\n" + SHORT.lstrip()
    run(chain(text, tmp_path / "out", "probe_calm_one"), 20)
    stage.write_text(stage.read_text() + "# changed\n")
    with pytest.raises(ConfigError, match="was kept for another run: other plugins; --restart begins anew"):
        run(chain(text, tmp_path / "out", "probe_calm_one"))


@register("probe_table")
@dataclass(frozen=True)
class ProbeTable(Stage):
    """Depends on what a file holds."""

    table: Path | None = None
    """Which."""

    def run(self, frames: Frames) -> Generator[Frame]:
        yield from frames


def test_a_file_that_an_option_names_is_a_part_of_the_run(tmp_path: Path) -> None:
    table = tmp_path / "table.txt"
    text = f"stages: [demo: {{frames: 20}}, probe_table: {{table: '{table}'}}, csv: {{path: '{tmp_path}/a.csv'}}]"
    table.write_text("one")
    for frame in Pipeline.parse(text, keep=Wish(every=0.1)):
        if frame.index == 12:
            break
    assert next(iter(Pipeline.parse(text, keep=KEPT))).index > 0
    table.write_text("two")
    with pytest.raises(ConfigError, match="was kept for another run: other files; --restart begins anew"):
        list(Pipeline.parse(text, keep=KEPT))


def test_what_is_whole_is_not_made_again(tmp_path: Path) -> None:
    run(chain(SHORT, tmp_path))
    before = (tmp_path / "a.csv").stat().st_mtime_ns
    with pytest.raises(Exception, match=r"a\.csv: is whole already; nothing is left to do"):
        run(chain(SHORT, tmp_path))
    with pytest.raises(ConfigError, match=r"a\.csv: is the whole output of another run: demo\.fps was 24"):
        run(chain(SHORT, tmp_path, demo__fps=12))
    assert (tmp_path / "a.csv").stat().st_mtime_ns == before


def test_a_run_that_begins_anew_forgets_what_was_kept(tmp_path: Path) -> None:
    run(chain(SHORT, tmp_path), 20)
    run(chain(SHORT, tmp_path, keep=Wish()))
    assert names(tmp_path) == ["a.csv", "a.csv.json"]


def test_a_kept_run_can_be_profiled_too(tmp_path: Path) -> None:
    pipeline = Pipeline.parse(SHORT.replace("OUT", str(tmp_path)).replace("STAGE", "track"), keep=KEPT, profile=True)
    run(pipeline)
    assert pipeline.timings is not None
    assert all(timing.started and timing.worked > 0 for timing in pipeline.timings)


def test_nothing_kept_is_a_beginning(tmp_path: Path) -> None:
    assert run(chain(SHORT, tmp_path)).run.resumed == []


def test_a_damaged_page_is_a_sentence(tmp_path: Path) -> None:
    run(chain(SHORT, tmp_path), 20)
    (tmp_path / "a.csv.resume").write_text('{"version": 1, "next": ')
    with pytest.raises(ConfigError, match=r"a\.csv\.resume: cannot be read .*--restart begins anew"):
        run(chain(SHORT, tmp_path))


def test_a_damaged_page_is_passed_over_where_all_begins_anew(tmp_path: Path) -> None:
    run(chain(SHORT, tmp_path), 20)
    (tmp_path / "a.csv.resume").write_text("{")
    run(chain(SHORT, tmp_path, keep=Wish(0.25, True, True)))
    assert names(tmp_path) == ["a.csv", "a.csv.json"]


def test_an_end_that_fails_can_be_made_up_for(tmp_path: Path) -> None:
    """All outputs get their names together, so that none is whole while another is not."""
    text = CHAIN.replace("demo: {frames: 40, faces: 4}", "demo: {frames: 40}").replace(
        '  - video: {path: "OUT/a.mp4"}\n  - csv: {path: "OUT/a.csv"}',
        '  - csv: {path: "OUT/a.csv"}\n  - video: {path: "OUT/a.mp4"}\n  - probe_bad_end',
    )
    run(chain(text.replace("- probe_bad_end", "- probe_bad_end: {at_the_end: false}"), tmp_path / "whole"))
    ENDED.clear()
    with pytest.raises(OutputError, match="no room for the last bit"):
        run(chain(text, tmp_path / "broken"))
    assert "a.csv.resume" in names(tmp_path / "broken")
    assert not {"a.csv", "a.mp4"} & set(names(tmp_path / "broken"))
    run(chain(text, tmp_path / "broken"))
    assert names(tmp_path / "broken") == names(tmp_path / "whole") == ["a.csv", "a.csv.json", "a.mp4"]
    for name in ("a.csv", "a.mp4"):
        assert (tmp_path / "broken" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_what_another_input_made_is_not_taken_for_this_one(tmp_path: Path) -> None:
    text = SHORT.replace("a.csv", "{name}_{time}.csv")
    (tmp_path / "demo_2_2024-01-02_03-04-05.csv").touch()
    run(chain(text, tmp_path))
    assert len(names(tmp_path)) == 3


def test_a_video_alone_is_made_again_as_nothing_says_of_what_it_was_made(tmp_path: Path) -> None:
    text = 'stages:\n- demo: {frames: 10}\n- video: {path: "OUT/a.mp4"}\n'
    run(chain(text, tmp_path))
    assert run(chain(text, tmp_path)).run.tally.frames == 10


def test_pieces_of_a_run_that_begins_anew_go(tmp_path: Path) -> None:
    run(chain(CHAIN, tmp_path), 30)
    assert "a.mp4.part.1" in names(tmp_path)
    run(chain(CHAIN, tmp_path, keep=Wish()))
    assert names(tmp_path) == ["a.csv", "a.csv.json", "a.mp4"]


def test_the_time_of_the_first_start_stays(tmp_path: Path) -> None:
    text = SHORT.replace("a.csv", "a_{time}.csv")
    run(chain(text, tmp_path), 20)
    (part,) = tmp_path.glob("*.part")
    time.sleep(1.1)
    run(chain(text, tmp_path))
    assert names(tmp_path) == sorted([part.stem, f"{part.stem}.json"])


def test_cameras_and_what_needs_all_frames_are_refused_before_they_run() -> None:
    with pytest.raises(ConfigError, match="--checkpoint: webcam: shows no moment twice, so its run cannot be resumed"):
        Pipeline.parse("stages: [webcam, csv]", keep=KEPT)
    two = "stages: [demo, detect, track, emotions, {smooth: {two_pass: true}}, csv]"
    message = "--checkpoint: smooth: needs all frames at once, so its run cannot be resumed; leave two_pass out"
    with pytest.raises(ConfigError, match=message):
        Pipeline.parse(two, keep=KEPT)
    with pytest.raises(ConfigError, match="--checkpoint: nothing is written; add csv or video"):
        Pipeline.parse("stages: [demo, detect]", keep=KEPT)


def command(config: Path, *options: str) -> list[str]:
    return [FERVID, "run", str(config), "--checkpoint", "0.25", "--resume", *options]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Long enough to be ended on its way."""
    path = tmp_path / "run.yaml"
    path.write_text(SHORT.replace("OUT", str(tmp_path)).replace("STAGE", "track").replace("frames: 40", "frames: 150"))
    return path


def ended(config: Path, number: signal.Signals, *options: str) -> subprocess.CompletedProcess[str]:
    """End a run by a signal once it has kept something."""
    with subprocess.Popen(command(config, *options), stderr=subprocess.PIPE, text=True) as process:
        until = time.monotonic() + 60
        while not (config.parent / "a.csv.resume").exists() and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(number)
        _, said = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, "", said)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_leaves_what_a_resume_needs(config: Path, number: signal.Signals) -> None:
    done = ended(config, number)
    assert names(config.parent) == ["a.csv.part", "a.csv.resume", "run.yaml"]
    if number != signal.SIGKILL:
        assert done.returncode == 128 + number
        assert "fervid: the same command with --resume goes on where this run was last kept" in done.stderr
    resumed = subprocess.run(command(config, "--quiet"), capture_output=True, text=True, check=False)
    assert resumed.returncode == 0
    assert resumed.stderr.startswith("fervid: resumed at frame ")
    assert names(config.parent) == ["a.csv", "a.csv.json", "run.yaml"]
    whole = subprocess.run(command(config), capture_output=True, text=True, check=False)
    assert (whole.returncode, whole.stderr) == (
        0,
        f"fervid: {config.parent}/a.csv: is whole already; nothing is left to do\n",
    )


def test_a_changed_input_is_not_gone_on_with(clips: Path, tmp_path: Path) -> None:
    clip = tmp_path / "talk.mp4"
    clip.write_bytes((clips / "one_face_short.mp4").read_bytes())
    text = SHORT.replace("demo: {frames: 40}", f"file: {{path: '{clip}'}}")
    run(chain(text, tmp_path / "out", "track"), 40)
    clip.touch()  # a new date alone changes nothing
    assert run(chain(text, tmp_path / "out", "track"), 60).run.resumed
    clip.write_bytes((clips / "one_face_talking.mp4").read_bytes())
    with pytest.raises(ConfigError, match=r"was kept for another run: talk\.mp4 has changed; --restart begins anew"):
        run(chain(text, tmp_path / "out", "track"))


@pytest.mark.parametrize("name", ["one_face_short.mp4", "face_enters.mov", "two_faces_head_pose.gif"])
def test_real_clips_go_on_exactly(clips: Path, tmp_path: Path, name: str) -> None:
    text = CHAIN.replace("demo: {frames: 40, faces: 4}", f"file: {{path: '{clips / name}'}}")
    run(chain(text, tmp_path / "whole", keep=Wish()))
    for frame in (20, 45):
        run(chain(text, tmp_path / "broken"), frame)
    run(chain(text, tmp_path / "broken"))
    assert (tmp_path / "broken" / "a.csv").read_bytes() == (tmp_path / "whole" / "a.csv").read_bytes()
    assert shown(tmp_path / "broken" / "a.mp4") == shown(tmp_path / "whole" / "a.mp4")
