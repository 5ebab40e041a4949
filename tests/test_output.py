"""An output is complete, or named as what it is, or absent."""

from __future__ import annotations

import errno
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import pytest

from fervid.pipeline.errors import ConfigError, OutputError
from fervid.pipeline.frame import Source
from fervid.pipeline.output import output, resolve
from fervid.pipeline.record import Run


def run(cut: Literal["interrupted", "truncated"] | None = None, **known: Any) -> Run:
    """The notebook of a run over a source of which this is known."""
    overwrite = known.pop("overwrite", False)
    made = Run(source=Source(**{"name": "talk", "width": 8, "height": 8, **known}), overwrite=overwrite)
    made.lost.cut = cut
    return made


def write(path: Path, about: Run, error: BaseException | None = None) -> list[str]:
    """Write one word and end with the error; return what lies in the folder then."""
    try:
        with output(path, about) as made:
            made.part.write_text("word")
            assert [one.name for one in path.parent.iterdir()] == ["a.csv.part"]
            if error:
                raise error
    except BaseException as raised:
        if raised is not error:
            raise
    return [one.name for one in path.parent.iterdir()]


@pytest.mark.parametrize(
    ("about", "error", "name"),
    [
        (run(), None, "a.csv"),
        (run(), GeneratorExit(), "a.partial.csv"),
        (run(), KeyboardInterrupt(), "a.partial.csv"),
        (run(), ValueError("a fault"), "a.partial.csv"),
        (run(cut="interrupted"), None, "a.partial.csv"),
        (run(cut="truncated"), None, "a.csv"),
        (run(live=True), GeneratorExit(), "a.csv"),
        (run(live=True, cut="interrupted"), None, "a.csv"),
        (run(live=True), ValueError("a fault"), "a.partial.csv"),
    ],
)
def test_the_name_says_whether_it_is_whole(tmp_path: Path, about: Run, error: BaseException | None, name: str) -> None:
    about.outputs.clear()
    assert write(tmp_path / "out" / "a.csv", about, error) == [name]
    assert about.outputs == [tmp_path / "out" / name]


def test_a_full_disk_is_an_error_that_keeps_what_was_written(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OutputError, match=r"a\.csv: cannot be written: No space left on device"):
        write(tmp_path / "a.csv", run(), full)
    assert (tmp_path / "a.partial.csv").read_text() == "word"


def test_what_is_whole_takes_the_place_of_what_was_not(tmp_path: Path) -> None:
    assert write(tmp_path / "a.csv", run(cut="interrupted")) == ["a.partial.csv"]
    with output(tmp_path / "a.csv", run()) as made:
        made.part.write_text("all")
    assert [one.name for one in tmp_path.iterdir()] == ["a.csv"]


def test_a_file_in_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(OutputError, match=r"out/deep/a\.csv: cannot be written: .*/out is a file, not a folder"):
        write(tmp_path / "out" / "deep" / "a.csv", run())


def test_the_input_is_never_overwritten(tmp_path: Path) -> None:
    video, link = tmp_path / "a.mp4", tmp_path / "b.mp4"
    video.write_text("video")
    link.symlink_to(video)
    for path in (video, link):
        with pytest.raises(OutputError, match="would overwrite the input; write to another name"):
            write(path, run(path=video))
    assert video.read_text() == "video"


@pytest.mark.parametrize("name", ["a.mp4.part", "a.partial.mp4"])
def test_the_input_may_have_the_name_of_what_a_stopped_run_left(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("video")
    with pytest.raises(OutputError, match="would overwrite the input; write to another name"):
        write(tmp_path / "a.mp4", run(path=tmp_path / name))
    assert (tmp_path / name).read_text() == "video"


def test_a_folder_in_the_place_of_the_file_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is a folder; name a file in it"):
        write(tmp_path, run())


def test_a_place_that_cannot_be_written_is_an_error_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"file/a\.csv: cannot be written: "):
        write(tmp_path / "file" / "a.csv", run())


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("talk", "out/talk.csv"),
        ("../../etc/passwd", "out/_.._etc_passwd.csv"),
        ("a b", "out/a b.csv"),
        ("grüße", "out/grüße.csv"),
        ("..", "out/unnamed.csv"),
        ("{name}", "out/_name_.csv"),
        ("talk.partial", "out/talk_partial.csv"),
        ("talk.PART", "out/talk_PART.csv"),
        ("я" * 123, f"out/{'я' * 95}_5e340302.csv"),
    ],
)
def test_a_name_cannot_leave_its_folder(name: str, path: str) -> None:
    assert resolve("out/{name}.csv", run(name=name)) == Path(path)


def test_what_else_is_filled_in_cannot_leave_it_either() -> None:
    assert resolve("out/{model}/{name}", run(name="{model}"), model="../a") == Path("out/_a/_model_")


def test_an_unknown_placeholder_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"out/{date}\.csv: no placeholder {date}; there is {name}, {time}"):
        resolve("out/{date}.csv", run())


def test_a_name_that_is_taken_meanwhile_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    writing = output(path, run())
    writing.__enter__().part.write_text("word")
    path.mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        writing.__exit__(None, None, None)


def test_the_time_is_when_the_source_was_opened() -> None:
    opened = run()
    opened.began = datetime(2026, 3, 1, 9, 5, 7)
    assert resolve("out/{name}_{time}.csv", opened) == Path("out/talk_2026-03-01_09-05-07.csv")


@pytest.mark.parametrize("name", ["a.csv", "a.partial.csv", "a.csv.part"])
def test_a_recording_of_a_camera_is_never_replaced(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("three hours")
    with pytest.raises(OutputError, match=f"{name}: is there, and no camera shows it again; move it, or put {{time}}"):
        write(tmp_path / "a.csv", run(live=True))
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir() if path.stat().st_size] == [
        (name, "three hours")
    ]


def test_nothing_to_write_is_a_whole_output(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("old")
    with output(tmp_path / "a.csv", run(overwrite=True)):
        pass
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.csv", "")]


def test_two_runs_do_not_write_one_file(tmp_path: Path) -> None:
    with output(tmp_path / "a.csv", run()) as made:
        made.part.write_text("first")
        with (
            pytest.raises(OutputError, match=r"a\.csv: another stage or run is writing it"),
            output(tmp_path / "a.csv", run()),
        ):
            raise AssertionError
    assert (tmp_path / "a.csv").read_text() == "first"
    with output(tmp_path / "a.csv", run()) as made:
        made.part.write_text("second")
    assert (tmp_path / "a.csv").read_text() == "second"


def test_what_was_never_begun_leaves_nothing(tmp_path: Path) -> None:
    about = run()
    with pytest.raises(ValueError, match="a fault"), output(tmp_path / "a.csv", about):
        raise ValueError("a fault")
    assert (list(tmp_path.iterdir()), about.outputs) == ([], [])


def test_a_name_that_is_too_long_is_a_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match="cannot be written: File name too long"),
        output(tmp_path / ("a" * 300), run()),
    ):
        raise AssertionError


def test_an_output_before_the_first_frame_is_a_sentence() -> None:
    with pytest.raises(RuntimeError, match="an output is opened behind the first frame"), Run().output("a.csv"):
        pass
