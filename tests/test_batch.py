"""Many inputs: where outputs go, and that one bad input takes nothing else with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import footage
import pytest
from click.testing import CliRunner, Result

from fervid.pipeline.batch import plan as batch
from fervid.pipeline.errors import ConfigError
from fervid.pipeline.terminal.cli import app

PROBES = Path(__file__).with_name("probes.py").as_posix()
SINK = "- probe_sink: {path: 'out/{name}.txt'}\n"
COMMAND = [sys.executable, "-c", "from fervid.pipeline.terminal.cli import main; main()", "batch"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six inputs: two of them share a stem, two a name, one is bad and one is no video."""
    monkeypatch.chdir(tmp_path)
    for name in ("talks/a.mp4", "talks/p1/b.MOV", "talks/p2/b.MOV", "talks/p2/b.mp4", "talks/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "talks" / "z.mkv").write_text("bad")
    (tmp_path / "talks" / ".hidden.mp4").touch()
    return tmp_path


def written(folder: Path, stages: str = SINK, source: str = "- probe_source") -> Path:
    path = folder / "a.yaml"
    path.write_text(f"plugins: [{PROBES}]\nstages:\n{source}\n{stages}")
    return path


def places(folder: Path, *given: str, out: str = "out") -> dict[str, str]:
    jobs = batch.plan(written(folder), {}, given, Path(out))
    return {job.label: job.overrides["probe_sink#1.path"] for job in jobs}


def refusal(folder: Path, stages: str, source: str = "- probe_source", given: str = "talks") -> str:
    with pytest.raises(ConfigError) as caught:
        batch.plan(written(folder, stages, source), {}, [given], Path("out"))
    return str(caught.value)


def call(folder: Path, stages: str, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["batch", str(written(folder, stages)), *arguments], prog_name="fervid")


def outputs(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_folder_keeps_its_folders(folder: Path) -> None:
    assert places(folder, "talks") == {
        "talks/a.mp4": "out/a.txt",
        "talks/p1/b.MOV": "out/p1/b.txt",
        "talks/p2/b.MOV": "out/p2/b.MOV.txt",
        "talks/p2/b.mp4": "out/p2/b.mp4.txt",
        "talks/z.mkv": "out/z.txt",
    }


def test_files_keep_the_folders_below_the_one_that_holds_all(folder: Path) -> None:
    assert places(folder, "talks/a.mp4", "talks/notes.txt") == {
        "talks/a.mp4": "out/a.txt",
        "talks/notes.txt": "out/notes.txt",
    }
    assert places(folder, "talks/p1/b.MOV", "talks/p2/b.MOV", "talks/p1/../p1/b.MOV") == {
        "talks/p1/b.MOV": "out/p1/b.txt",
        "talks/p2/b.MOV": "out/p2/b.txt",
    }


def test_what_is_missing_does_not_move_the_others(folder: Path) -> None:
    assert places(folder, "talks/p1/b.MOV", "/nowhere/c.mp4") == {
        "talks/p1/b.MOV": "out/b.txt",
        "/nowhere/c.mp4": "out/c.txt",
    }


def test_folders_are_handed_to_a_source_that_reads_them(folder: Path) -> None:
    config = written(folder, SINK, "- images: {path: photos}")
    jobs = batch.plan(config, {}, ["talks/p1", "talks/p2"], Path("out"))
    assert [job.overrides for job in jobs] == [
        {"images#1.path": f"{folder}/talks/{name}", "probe_sink#1.path": f"out/{name}.txt"} for name in ("p1", "p2")
    ]


def test_one_folder_of_pictures_is_an_input(folder: Path) -> None:
    (job,) = batch.plan(written(folder, SINK, "- images: {path: photos}"), {}, ["talks/p1"], Path("out"))
    assert job.overrides == {"images#1.path": f"{folder}/talks/p1", "probe_sink#1.path": "out/p1.txt"}


def test_patterns_are_matched_from_their_fixed_part(folder: Path) -> None:
    expected = {"talks/p1/b.MOV": "out/p1/b.txt", "talks/p2/b.MOV": "out/p2/b.txt"}
    assert places(folder, "talks/*/b.MOV") == expected
    assert places(folder, "talks/**/b.MOV") == expected


def test_what_was_made_before_is_no_input(folder: Path) -> None:
    (folder / "talks" / "out").mkdir()
    (folder / "talks" / "out" / "a.mp4").touch()
    assert "talks/out/a.mp4" not in places(folder, "talks", out="talks/out")
    assert "talks/out/a.mp4" in places(folder, "talks")


def test_names_that_no_output_can_have_are_made_plain(folder: Path) -> None:
    (folder / "what?{1}.mp4").touch()
    assert places(folder, "what?{1}.mp4") == {"what?{1}.mp4": "out/what__1_.txt"}


def test_the_part_of_a_template_from_its_name_on_is_kept(folder: Path) -> None:
    stages = "- probe_sink: {path: 'x/{name}/emotions.txt'}\n- probe_sink: {path: 'x/y-{name}.txt'}\n"
    (job,) = batch.plan(written(folder, stages), {"probe_source.frames": 3}, ["talks/a.mp4"], Path("out"))
    assert job.overrides == {
        "probe_source.frames": 3,
        "probe_source#1.path": str(folder / "talks/a.mp4"),
        "probe_sink#1.path": "out/a/emotions.txt",
        "probe_sink#2.path": "out/y-a.txt",
    }


@pytest.mark.parametrize(
    ("stages", "source", "message"),
    [
        (
            "- probe_sink: {path: out/all.txt}\n",
            "- probe_source",
            "probe_sink: path: out/all.txt: every input would write to this one file; put {name} into its name",
        ),
        (
            "- probe_sink: {path: 'a/{name}.txt'}\n- probe_sink: {path: 'b/{name}.txt'}\n",
            "- probe_source",
            "probe_sink: path: two stages would write to {name}.txt; give them different names",
        ),
        (
            SINK,
            "- probe_camera",
            "probe_camera: reads no files, so it cannot run over many; put a source such as file in its place",
        ),
        (SINK, "- probe_pass", "probe_pass: needs frames; put a source such as file, webcam or demo before it"),
        (
            SINK,
            "- probe_source: {frames: -1}",
            "probe_source: option 'frames': input should be greater than or equal to 0",
        ),
    ],
)
def test_a_pipeline_that_cannot_run_over_many_is_refused(folder: Path, stages: str, source: str, message: str) -> None:
    assert refusal(folder, stages, source).removeprefix(f"{folder}/a.yaml:3: ") == message


def test_a_folder_without_videos_is_refused(folder: Path) -> None:
    (folder / "empty").mkdir()
    assert refusal(folder, SINK, given="empty").startswith("empty: no videos in there (.264 .265 ")


def test_what_is_passed_over_is_counted_with_the_reason(folder: Path) -> None:
    for name in ("one.HEIC", "two.heic", ".DS_Store", "readme"):
        (folder / "talks" / name).touch()
    (folder / "talks" / "gone.mp4").symlink_to(folder / "nowhere.mp4")
    (folder / "talks" / "more").symlink_to(folder / "talks" / "p1")
    (folder / "talks" / "round").symlink_to(folder / "talks")
    done = call(folder, SINK, "talks", "--out", "talks/out")
    kinds = "2 .heic, 1 .mp4 that is no file, 1 .txt, 1 hidden .mp4, 1 without an ending"
    assert f"fervid: talks: passed over what is no visible file with a video's ending: {kinds}\n" in done.stderr
    linked = "linked folders are passed over; name those that shall be read: talks/more, talks/round"
    assert f"fervid: talks: {linked}\n" in done.stderr
    assert "of 5 inputs done" in done.stderr
    quiet = call(folder, SINK, "talks", "--out", "talks/out", "--quiet")
    assert (linked in quiet.stderr, kinds in quiet.stderr) == (True, True)
    assert places(folder, "talks/more") == {"talks/more/b.MOV": "out/b.txt"}


@pytest.mark.parametrize("ending", "m2t MOD tod h264 hevc f4v qt dv divx m2v 3g2 wtv y4m nut mjpeg".split())  # noqa: SIM905
def test_less_usual_recordings_are_taken_from_a_folder(folder: Path, ending: str) -> None:
    (folder / "talks" / f"z.{ending}").touch()
    assert f"talks/z.{ending}" in places(folder, "talks")


def test_a_folder_that_cannot_be_read_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    scandir = os.scandir

    def locked(path: str) -> object:
        if str(path).endswith("p1"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", locked)
    assert "talks/p1/b.MOV" not in places(folder, "talks")
    assert "talks/p1: passed over, as it cannot be read: Permission denied" in caplog.text


def test_a_folder_below_the_outputs_can_be_given(folder: Path) -> None:
    assert places(folder, "talks/p1", out="talks") == {"talks/p1/b.MOV": "talks/b.txt"}


def test_one_bad_input_does_not_stop_the_rest(folder: Path) -> None:
    done = call(folder, SINK, "talks", "--out", "out", "--jobs", "2", "-s", "probe_source.frames=4")
    assert done.exit_code == 3
    assert done.stdout == ""
    _, *each, failed, counts, written_to = done.stderr.splitlines()
    assert sorted(line.partition(" in ")[0] for line in each) == [
        "talks/a.mp4: 4 frames",
        "talks/p1/b.MOV: 4 frames",
        "talks/p2/b.MOV: 4 frames",
        "talks/p2/b.mp4: 4 frames",
        "talks/z.mkv: failed: not a video",
    ]
    assert failed == "talks/z.mkv  not a video"
    assert counts.startswith("4 of 5 inputs done, 1 failed: 16 frames in ")
    assert written_to == "  written   out"
    assert outputs(folder / "out") == ["a.txt", "p1/b.txt", "p2/b.MOV.txt", "p2/b.mp4.txt"]
    assert (folder / "out" / "a.txt").read_text() == "0\n1\n2\n3\n"


def test_results_tell_inputs_of_one_name_apart(folder: Path) -> None:
    for path in ("p1/one/b.mp4", "p2/two/b.mp4"):
        (folder / path).parent.mkdir(parents=True)
        footage.make(folder / path, seconds=0.1, size="64x64")
    config = folder / "b.yaml"
    config.write_text("stages:\n- file\n- csv\n")
    done = CliRunner().invoke(app, ["batch", str(config), "p1", "p2", "--out", "out"])
    assert done.exit_code == 0, done.output
    tables = [path.read_text().splitlines()[1] for path in sorted((folder / "out").rglob("*.csv"))]
    assert [line.partition(",")[0] for line in tables] == ["p1/one/b", "p2/two/b"]


def test_a_missing_file_fails_alone(folder: Path) -> None:
    done = call(folder, SINK, "talks/a.mp4", "talks/none.mp4", "--out", "out", "--jobs", "1")
    assert done.exit_code == 3
    assert "talks/none.mp4  no such file\n" in done.stderr
    assert outputs(folder / "out") == ["a.txt"]


@pytest.mark.parametrize("kind", ["kill", "exit", "memory", "error"])
def test_a_process_that_dies_takes_only_its_own_input(folder: Path, kind: str) -> None:
    stages = f"{SINK}- probe_fault: {{kind: {kind}, only: a}}\n"
    done = call(folder, stages, "talks/a.mp4", "talks/p1", "talks/p2/b.mp4", "--out", "out", "--jobs", "1")
    assert done.exit_code == 3
    reason = {
        "kill": "its process was ended by SIGKILL; out of memory?",
        "exit": "probe_fault: raised SystemExit: a stage must not exit",
        "memory": "out of memory",
        "error": "probe_fault: raised ValueError: a fault for rtsp://***@camera/live",
    }[kind]
    assert any(line.startswith(f"talks/a.mp4  {reason}") for line in done.stderr.splitlines())
    assert "2 of 3 inputs done, 1 failed" in done.stderr
    left = "a.txt.part" if kind == "kill" else "a.partial.txt"
    assert outputs(folder / "out") == sorted([left, "p1/b.txt", "p2/b.txt"])


def test_what_is_done_is_skipped_if_asked_for(folder: Path) -> None:
    call(folder, SINK, "talks/a.mp4", "--out", "out")
    first = (folder / "out" / "a.txt").stat().st_mtime_ns
    (folder / "out" / "b.txt.part").touch()
    done = call(folder, SINK, "talks/a.mp4", "talks/p1", "--out", "out", "--skip-done")
    assert (done.exit_code, (folder / "out" / "a.txt").stat().st_mtime_ns) == (0, first)
    assert "1 of 2 inputs are done already" in done.stderr
    assert (folder / "out" / "p1" / "b.txt").exists()
    again = call(folder, SINK, "talks/a.mp4", "talks/p1", "--out", "out", "--skip-done")
    assert (again.exit_code, again.stderr) == (0, "fervid: 2 of 2 inputs are done already\n")
    call(folder, SINK, "talks/a.mp4", "--out", "out")
    assert (folder / "out" / "a.txt").stat().st_mtime_ns > first


def test_what_is_done_is_known_by_any_time(folder: Path) -> None:
    sink = "- probe_sink: {path: 'out/{name}_{time}.txt'}\n"
    assert call(folder, sink, "talks/a.mp4", "--out", "out").exit_code == 0
    done = call(folder, sink, "talks/a.mp4", "talks/notes.txt", "--out", "out", "--skip-done")
    assert done.stderr.startswith("fervid: 1 of 2 inputs are done already\n")


def test_nothing_is_called_written_where_nothing_is(folder: Path) -> None:
    done = call(folder, SINK, "talks/none.mp4", "--out", "nowhere")
    assert "nowhere" not in done.stderr
    assert not (folder / "nowhere").exists()
    assert "written" not in call(folder, SINK, "talks/none.mp4", "--out", "talks").stderr


def test_losses_of_an_input_are_told(folder: Path) -> None:
    done = call(folder, SINK, "talks/a.mp4", "--out", "out", "-s", "probe_source.damaged=2")
    assert done.exit_code == 0
    assert (
        "talks/a.mp4  2 damaged packets or images, passed over or shown with their faults" in done.stderr.splitlines()
    )


def test_what_stages_log_is_told_with_the_input(folder: Path) -> None:
    done = call(folder, f"{SINK}- probe_fault: {{kind: warning, only: a}}\n", "talks/a.mp4", "--out", "out", "--quiet")
    assert done.stderr == "fervid: talks/a.mp4: rtsp://***@camera/live is slow\n"


def test_quiet_says_only_what_failed(folder: Path) -> None:
    assert call(folder, SINK, "talks/a.mp4", "--out", "out", "--quiet").stderr == ""
    assert "not a video" in call(folder, SINK, "talks/z.mkv", "--out", "out", "--quiet").stderr


def slow(folder: Path, stderr: int = subprocess.PIPE) -> subprocess.Popen[str]:
    config = written(folder, SINK, "- probe_source: {frames: 10000, delay: 0.01}")
    command = [*COMMAND, str(config), "talks", "--out", "out", "--jobs", "2"]
    process = subprocess.Popen(command, stderr=stderr, text=True, cwd=folder, start_new_session=True)
    ends = time.monotonic() + 30
    while len(list(folder.rglob("*.part"))) < 2:
        assert time.monotonic() < ends
        time.sleep(0.05)
    return process


def test_ctrl_c_stops_all_in_order(folder: Path) -> None:
    process = slow(folder)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "fervid: stopping; once more to stop at once\n" in errors
    assert "0 of 5 inputs done, 5 stopped: " in errors
    assert "Traceback" not in errors
    assert outputs(folder / "out") == ["a.partial.txt", "p1/b.partial.txt"]


def test_asked_twice_it_does_not_wait_and_still_sums_up(folder: Path) -> None:
    config = written(folder, SINK, "- probe_source: {frames: 10000, delay: 0.01}\n- probe_pass: {delay: 6}")
    process = subprocess.Popen(
        [*COMMAND, str(config), "talks", "--out", "out"], stderr=subprocess.PIPE, text=True, cwd=folder
    )
    while not list(folder.rglob("*.part")):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=4)
    assert process.returncode == 143
    assert "0 of 5 inputs done, 5 stopped: " in errors


def test_a_terminal_that_goes_away_stops_all_in_order(folder: Path) -> None:
    ours, theirs = os.openpty()
    process = slow(folder, theirs)
    os.close(theirs)
    os.close(ours)
    os.killpg(process.pid, signal.SIGHUP)
    assert process.wait(20) == 129
    assert outputs(folder / "out") == ["a.partial.txt", "p1/b.partial.txt"]


def test_workers_end_in_order_when_their_parent_is_killed(folder: Path) -> None:
    process = slow(folder)
    process.kill()
    process.communicate(timeout=20)
    ends = time.monotonic() + 20
    while outputs(folder / "out") != ["a.partial.txt", "p1/b.partial.txt"]:
        assert time.monotonic() < ends, outputs(folder / "out")
        time.sleep(0.05)
