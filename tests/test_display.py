"""The window: a real one on a virtual screen, a key pressed in it, and what happens without a screen."""

import ctypes
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from fervid.pipeline import Frame, Frames, Pipeline, Run, Source
from fervid.pipeline.errors import InputError, OutputError
from fervid.stages.sinks.display import Display
from fervid.stages.sinks.window.window import Window, reason

CHAIN = "stages:\n  - demo: {frames: 600}\n  - display: {title: fervid test}\n  - csv"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[bytes]]:
    if not shutil.which("Xvfb") or not shutil.which("xdotool"):
        pytest.skip("needs Xvfb and xdotool (apt-get install xvfb xdotool)")
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "800x600x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as number:
        name = f":{number.readline().strip()}"
    monkeypatch.setenv("DISPLAY", name)
    yield server
    server.terminate()
    server.wait()


@pytest.fixture
def screen(server: subprocess.Popen[bytes]) -> str:
    return os.environ["DISPLAY"]


def windows() -> list[str]:
    command = ["xdotool", "search", "--name", "fervid test"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()


def press(key: str) -> None:
    for window in windows():
        subprocess.run(["xdotool", "windowfocus", window, "key", key], check=False, capture_output=True)


class ClientMessage(ctypes.Structure):
    """X11's event by which a window manager asks a window to close."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("sent", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("kind", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 24),
    )


def close(screen: str) -> None:
    """Do what a window manager does when its cross is clicked."""
    x11 = ctypes.CDLL("libX11.so.6")
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XInternAtom.restype = ctypes.c_ulong
    display = ctypes.c_void_p(x11.XOpenDisplay(screen.encode()))
    for window in map(int, windows()):
        message = ClientMessage(type=33, window=window, format=32)
        message.kind = x11.XInternAtom(display, b"WM_PROTOCOLS", 0)
        message.data[0] = x11.XInternAtom(display, b"WM_DELETE_WINDOW", 0)
        x11.XSendEvent(display, ctypes.c_ulong(window), 0, ctypes.c_long(0), ctypes.byref(message))
    x11.XCloseDisplay(display)


@pytest.mark.parametrize("key", ["q", "Escape"])
def test_a_key_ends_the_run_in_order(screen: str, tmp_path: Path, key: str) -> None:
    count, last = 0, time.monotonic()
    for _ in Pipeline.parse(CHAIN, {"csv.path": str(tmp_path / "{name}.csv")}):
        count += 1
        if count > 20 and time.monotonic() - last > 0.3:
            press(key)
            last = time.monotonic()
    assert 20 < count < 600
    rows = (tmp_path / "demo.partial.csv").read_text().splitlines()
    assert len(rows) == count + 1


def test_a_file_is_shown_at_its_own_speed(screen: str) -> None:
    began = time.monotonic()
    frames = sum(1 for _ in Pipeline.parse("stages:\n  - demo: {frames: 48}\n  - display"))
    assert frames == 48
    assert time.monotonic() - began >= 47 / 24


def test_no_screen_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(OutputError, match="there is no screen"):
        list(Pipeline.parse("stages:\n  - demo\n  - display"))


def test_a_screen_that_does_not_answer_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":987")
    with pytest.raises(OutputError, match="window could not be opened"):
        list(Pipeline.parse("stages:\n  - demo\n  - display"))


def test_no_screen_can_be_a_warning(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert sum(1 for _ in Pipeline.parse("stages:\n  - demo: {frames: 3}\n  - display: {required: false}")) == 3
    assert "there is no screen" in caplog.text


def test_nothing_is_asked_of_the_source_before_the_window_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":987")

    def source() -> Iterator[Frame]:
        raise AssertionError
        yield

    with pytest.raises(OutputError, match=r"could not connect to display :987|sudo apt-get install libsm6"):
        next(Display().run(Frames(source())))


def test_missing_libraries_of_windows_are_named() -> None:
    plugin = 'Could not load the Qt platform plugin "xcb" in "/plugins" even though it was found.'
    assert "sudo apt-get install libsm6" in reason(f"qt.qpa.plugin: {plugin}\nThis application failed to start.")
    connect = "qt.qpa.xcb: could not connect to display :987"
    assert reason(f"{connect}\nqt.qpa.plugin: {plugin}") == f" ({connect})"


def until_it_stops(run: Run, act: Callable[[str], None], what: str) -> None:
    """Do it again and again in a thread, as a busy machine takes its time to open a window."""

    def repeat() -> None:
        for _ in range(100):
            if run.stopping.wait(0.3):
                return
            act(what)

    threading.Thread(target=repeat, daemon=True).start()


def picture(source: Source, moment: float, side: int = 100) -> Frame:
    return Frame(0, moment, np.zeros((side, side, 3), np.uint8), source)


def test_a_key_is_heard_while_no_frame_comes(screen: str) -> None:
    """As with a camera that hangs, and with a file whose next picture is an hour away."""
    source, run = Source("cam", 100, 100, live=True), Run()

    def hanging() -> Iterator[Frame]:
        yield picture(source, 0)
        run.stopping.wait(60)

    until_it_stops(run, press, "q")
    assert len(list(Display("fervid test").run(Frames(hanging(), run)))) == 1
    assert run.stopping.is_set()
    source, run = Source("slow", 100, 100), Run()
    until_it_stops(run, press, "q")
    frames = Frames([picture(source, 0), picture(source, 3600)], run)
    assert len(list(Display("fervid test").run(frames))) == 2
    assert run.stopping.is_set()


def test_a_window_that_dies_is_a_sentence(screen: str) -> None:
    source = Source("cam", 100, 100, live=True)
    with Window("fervid test") as window:
        os.kill(window._process.pid, signal.SIGKILL)
        window._process.wait()
        with pytest.raises(OutputError, match="the window is gone"):
            window.show(picture(source, 0, 1000).image)


def test_a_screen_that_goes_away_ends_nothing_else(
    server: subprocess.Popen[bytes], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = {"csv.path": str(tmp_path / "{name}.csv"), "demo.frames": 60, "display.realtime": False}
    for frame in Pipeline.parse(CHAIN, settings):
        if frame.index == 10:
            server.kill()
            server.wait()
        if frame.index > 10:
            time.sleep(0.02)
    assert len((tmp_path / "demo.csv").read_text().splitlines()) == 61
    assert "display: the window is gone" in caplog.text
    assert "the run goes on without it" in caplog.text


def test_it_shows_the_picture_alone_pixel_by_pixel(screen: str) -> None:
    if not shutil.which("import"):
        pytest.skip("needs ImageMagick (apt-get install imagemagick)")
    import cv2

    shown = np.random.default_rng(0).integers(0, 256, (90, 160, 3), np.uint8)
    with Window("fervid test") as window:
        for _ in range(50):
            window.show(shown)
            time.sleep(0.1)
            shot = subprocess.run(["import", "-window", "root", "png:-"], capture_output=True, check=True).stdout
            seen = cv2.imdecode(np.frombuffer(shot, np.uint8), cv2.IMREAD_COLOR)
            assert seen is not None
            if np.array_equal(seen[:90, :160], shown):
                return
    pytest.fail("the window shows something else")


def test_without_a_camera_and_a_screen_the_camera_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(InputError, match=r"no such device file|there is no camera"):
        list(Pipeline.parse("stages:\n- webcam: {device: /dev/no-video}\n- display"))


def test_closing_the_window_ends_the_run(screen: str) -> None:
    source, run = Source("cam", 100, 100, live=True), Run()

    def endless() -> Iterator[Frame]:
        while not run.stopping.wait(0.02) and time.monotonic() < until:
            yield picture(source, 0)

    until = time.monotonic() + 60
    until_it_stops(run, close, screen)
    assert list(Display("fervid test").run(Frames(endless(), run)))
    assert run.stopping.is_set()


def test_a_slow_window_holds_nobody_up_and_large_pictures_are_made_smaller(screen: str) -> None:
    source = Source("cam", 3840, 2160, live=True)
    image = np.zeros((2160, 3840, 3), np.uint8)
    frames = [Frame(index, index / 30, image, source) for index in range(30)]
    assert list(Display().run(Frames(frames))) == frames
