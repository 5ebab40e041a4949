"""Signals and closed pipes: what was read is written, and nothing half stands under a final name."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fervid.pipeline.signals import LAST_WORD

PROBES = Path(__file__).with_name("probes.py").as_posix()
MAIN = "from fervid.pipeline.terminal.cli import main; main()"


def start(folder: Path, stages: str, *arguments: str, before: str = "") -> subprocess.Popen[str]:
    config = folder / "a.yaml"
    config.write_text(f"plugins: [{PROBES}]\nstages:\n{stages}")
    command = [*before.split(), sys.executable, "-c", MAIN, "run", str(config), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def sink(folder: Path) -> str:
    return f"- probe_sink: {{path: '{folder}/{{name}}.txt'}}\n"


def until(path: Path, lines: int) -> None:
    """Wait until a file has so many lines."""
    ends = time.monotonic() + 30
    while not path.exists() or path.read_text().count("\n") < lines:
        assert time.monotonic() < ends, f"{path} does not grow"
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_one_ends_a_recording_in_order(tmp_path: Path, number: signal.Signals) -> None:
    process = start(tmp_path, f"- probe_source: {{frames: 100000, delay: 0.01}}\n- probe_apart\n{sink(tmp_path)}")
    until(tmp_path / "probe.txt.part", 5)
    process.send_signal(number)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 128 + number
    first, _, *rest = errors.splitlines()
    assert first == "fervid: stopping; once more to stop at once"
    lines = (tmp_path / "probe.partial.txt").read_text().splitlines()
    assert lines == [str(index) for index in range(len(lines))]
    assert f"  lost      stopped after {len(lines)} of about 100000 frames" in rest
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.yaml", "probe.partial.txt"]


def test_a_camera_that_is_stopped_is_whole(tmp_path: Path) -> None:
    process = start(tmp_path, f"- probe_camera\n{sink(tmp_path)}")
    until(tmp_path / "camera.txt.part", 5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 0
    assert f"  written   {tmp_path}/camera.txt" in errors
    assert (tmp_path / "camera.txt").exists()


@pytest.mark.parametrize("behind", ["", "- probe_apart\n"])
def test_one_that_comes_while_models_load_ends_at_once_and_says_so(tmp_path: Path, behind: str) -> None:
    slow = f"- probe_slow_start: {{seconds: 60, sign: {tmp_path}/sign}}\n"
    process = start(tmp_path, f"- probe_source\n{slow}{behind}{sink(tmp_path)}")
    until(tmp_path / "sign", 1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 130
    assert errors == "fervid: stopped while models load; nothing was written\n"


def test_one_that_comes_behind_the_last_frame_cuts_nothing(tmp_path: Path) -> None:
    process = start(tmp_path, f"- probe_source: {{frames: 3}}\n{sink(tmp_path)}- probe_slow_end\n")
    until(tmp_path / "probe.txt", 3)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 0


def test_the_second_one_does_not_wait(tmp_path: Path) -> None:
    process = start(tmp_path, f"- probe_source: {{delay: 0.01}}\n{sink(tmp_path)}- probe_pass: {{delay: 30}}\n")
    until(tmp_path / "probe.txt.part", 1)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    assert process.stderr.readline() == "fervid: stopping; once more to stop at once\n"
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 130
    assert errors == f"  written   {tmp_path}/probe.partial.txt\n"


HANGS = """
import ctypes, os
from fervid.pipeline.signals import graceful
libc, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(64)
libc.pthread_mutex_lock(mutex)
with graceful(lambda: os.write(1, b"stopping\\n") and False):
    os.write(1, b"hangs\\n")
    libc.pthread_mutex_lock(mutex)
"""
"""As in a network whose answer never comes: the main thread does not come back to Python."""


def test_a_library_that_never_answers_does_not_outlive_the_second_one() -> None:
    process = subprocess.Popen([sys.executable, "-c", HANGS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "hangs\n"
    while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "S":
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "stopping\n"
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert time.monotonic() - began < 1
    assert (process.returncode, errors) == (143, LAST_WORD.decode())


def test_a_kill_leaves_nothing_under_a_final_name(tmp_path: Path) -> None:
    process = start(tmp_path, f"- probe_source: {{frames: 100000, delay: 0.01}}\n{sink(tmp_path)}")
    until(tmp_path / "probe.txt.part", 5)
    process.kill()
    process.communicate(timeout=10)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.yaml", "probe.txt.part"]
    assert (tmp_path / "probe.txt.part").read_text().endswith("\n")


def test_a_signal_that_is_ignored_from_the_start_stays_ignored(tmp_path: Path) -> None:
    process = start(tmp_path, f"- probe_source: {{delay: 0.05}}\n{sink(tmp_path)}", before="nohup")
    until(tmp_path / "probe.txt.part", 2)
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=10)
    assert process.returncode == 0
    assert (tmp_path / "probe.txt").exists()


def test_a_reader_that_leaves_does_not_stop_the_run(tmp_path: Path) -> None:
    fault = "- probe_fault: {kind: warning}\n"
    process = start(tmp_path, f"- probe_source: {{delay: 0.02}}\n{fault}{sink(tmp_path)}", "--profile")
    assert process.stderr is not None
    process.stderr.close()
    assert process.wait(30) == 0
    assert (tmp_path / "probe.txt").read_text().count("\n") == 10


def test_a_listing_into_a_closed_pipe_ends_quietly() -> None:
    command = f"{sys.executable} -c '{MAIN}' schema | head -c 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("{", "")


CHAIN = """
- demo: {{frames: 2000, width: 160, height: 128}}
- probe_pass: {{delay: 0.005}}
- video: {{path: '{0}/{{name}}.mp4'}}
- csv: {{path: '{0}/{{name}}.csv'}}
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_video_and_a_csv_that_were_stopped_can_be_read(tmp_path: Path, number: signal.Signals) -> None:
    import av

    process = start(tmp_path, CHAIN.format(tmp_path))
    until(tmp_path / "demo.csv.part", 20)
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 128 + number, errors
    rows = (tmp_path / "demo.partial.csv").read_text().splitlines()[1:]
    with av.open(str(tmp_path / "demo.partial.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) == len(rows)
    assert [row.split(",")[1] for row in rows] == [str(index) for index in range(len(rows))]
    assert not [
        path.name for path in tmp_path.iterdir() if path.name.startswith("demo.") and ".partial." not in path.name
    ]


def test_a_video_and_a_csv_that_were_killed_have_no_final_name_and_whole_rows(tmp_path: Path) -> None:
    process = start(tmp_path, CHAIN.format(tmp_path))
    until(tmp_path / "demo.csv.part", 20)
    process.kill()
    process.communicate(timeout=20)
    text = (tmp_path / "demo.csv.part").read_text()
    header, *rows = text.splitlines()
    assert text.endswith("\n")
    assert {row.count(",") for row in rows} == {header.count(",")}
    assert not {"demo.csv", "demo.mp4", "demo.partial.csv", "demo.partial.mp4"} & {p.name for p in tmp_path.iterdir()}
