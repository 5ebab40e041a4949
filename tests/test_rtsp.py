"""The rtsp source against a real camera that is killed, hung, refused and brought back."""

import logging
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import imageio_ffmpeg
import pytest

from fervid.pipeline import Pipeline
from fervid.pipeline.errors import ConfigError, InputError
from fervid.pipeline.provenance import provenance
from fervid.pipeline.record import losses

SECRET = "s3c@r/e#t? %x"
PYTHON = "/usr/bin/python3"


class Camera:
    def __init__(self, script: Path, clip: Path, *credentials: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.command = [PYTHON, str(script), str(clip), str(self.port), *credentials]
        self.process: subprocess.Popen[bytes] | None = None

    def url(self, credentials: str = "", path: str = "cam") -> str:
        return f"rtsp://{credentials}127.0.0.1:{self.port}/{path}"

    def start(self) -> None:
        environment = {**os.environ, "FFMPEG": imageio_ffmpeg.get_ffmpeg_exe()}
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, env=environment, start_new_session=True)
        assert self.process.stdout
        assert self.process.stdout.readline() == b"ready\n"

    def signal(self, number: signal.Signals) -> None:
        """To the camera, and to what feeds it where that shall stop as well."""
        assert self.process
        (os.kill if number == signal.SIGUSR1 else os.killpg)(self.process.pid, number)

    def stop(self) -> None:
        if self.process:
            self.signal(signal.SIGKILL)
            self.process.communicate()
            self.process = None


@pytest.fixture
def camera(data: Path) -> Iterator[Camera]:
    yield from cameras(data)


@pytest.fixture
def locked_camera(data: Path) -> Iterator[Camera]:
    yield from cameras(data, f"user:{SECRET}")


def cameras(data: Path, *credentials: str) -> Iterator[Camera]:
    script = data.parent / "tools" / "rtsp_camera.py"
    check = "import gi; gi.require_version('GstRtspServer', '1.0')"
    if not script.is_file() or subprocess.run([PYTHON, "-c", check], capture_output=True, check=False).returncode:
        pytest.skip("needs the RTSP camera script and GStreamer's RTSP server (python3-gi, gir1.2-gst-rtsp-server-1.0)")
    made = Camera(script, data / "videos" / "one_face_short.mp4", *credentials)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def watch(url: str, **options: float) -> Pipeline:
    return Pipeline.parse(
        "stages:\n  - rtsp", {"rtsp.url": url, **{f"rtsp.{key}": one for key, one in options.items()}}
    )


def test_frames_come_with_times(camera: Camera) -> None:
    frames, moments = [], []
    for frame in watch(camera.url()):
        frames.append(frame)
        moments.append(time.monotonic())
        if len(frames) == 24:
            break
    assert frames[0].image.shape == (360, 640, 3)
    times = [frame.time for frame in frames]
    assert times == sorted(times)
    assert times[0] == 0
    assert times[-1] == pytest.approx(moments[-1] - moments[0], abs=0.3)
    assert frames[0].wall_time is not None
    assert [frame.index for frame in frames] == list(range(24))
    assert frames[-1].source.live


@pytest.mark.parametrize(
    ("hurt", "mend"),
    [(signal.SIGKILL, None), (signal.SIGSTOP, signal.SIGCONT), (signal.SIGUSR1, signal.SIGUSR1)],
    ids=["killed", "hung", "frozen"],
)
def test_a_lost_camera_is_said_and_comes_back(
    camera: Camera, caplog: pytest.LogCaptureFixture, hurt: signal.Signals, mend: signal.Signals | None
) -> None:
    def bring_back() -> None:
        time.sleep(4)
        if not mend:
            camera.stop()
            camera.start()
        else:
            camera.signal(mend)
        moments["returned"] = time.time()

    moments: dict[str, float] = {}
    helper = threading.Thread(target=bring_back)
    pipeline, times = watch(camera.url(), timeout=2), list[float]()
    with caplog.at_level(logging.WARNING, "fervid"):
        for number, frame in enumerate(pipeline):
            times.append(frame.time)
            if number == 10:
                camera.signal(hurt)
                moments["hurt"] = time.time()
                helper.start()
            if "back after" in caplog.text:
                break
    helper.join()
    lost, back = (next(one.created for one in caplog.records if word in one.message) for word in ("lost", "back"))
    assert lost - moments["hurt"] < 2.2  # the timeout, and what a busy machine takes to say so
    assert back - moments["returned"] < 2
    (outage,) = pipeline.run.lost.outages
    assert outage.seconds == pytest.approx(times[-1] - outage.start, abs=0.1)
    assert outage.seconds > 3
    assert provenance(pipeline.run)["input"]["outages"] == [
        {"after_s": round(outage.start, 3), "seconds": round(outage.seconds, 3)}
    ]
    assert f"1 outage of the camera, {outage.seconds:.1f} s in all" in losses(pipeline.run, pipeline.run.tally.frames)


def test_an_outage_that_lasts_until_the_end_is_counted_up_to_it(camera: Camera) -> None:
    pipeline = watch(camera.url(), timeout=1)
    for number, _ in enumerate(pipeline):
        if number == 5:
            camera.stop()
            threading.Timer(3, pipeline.stop).start()
    (outage,) = pipeline.run.lost.outages
    assert 0.5 < outage.seconds < 5


def test_a_camera_that_is_not_there_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"rtsp://user:{SECRET}@127.0.0.1:{free.getsockname()[1]}/cam"
    with pytest.raises(InputError, match=r"nothing listens at port \d+") as error:
        list(watch(url, wait=1))
    assert SECRET not in str(error.value) + caplog.text


@contextmanager
def listener(answer: bytes | None) -> Iterator[int]:
    """What listens at a port and is no camera; None says nothing."""

    def attend() -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                kept.append(connection)
                if answer is not None:
                    connection.sendall(answer)
                    connection.close()

    kept: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=attend, daemon=True).start()
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    ("scheme", "answer", "words"),
    [
        ("rtsp", b"xkcd" * 500, "what listens there does not speak RTSP"),
        ("rtsp", b"HTTP/1.1 400 Bad Request\r\n\r\n", "what listens there does not speak RTSP"),
        ("rtsp", b"", "it closes the connection without an answer"),
        ("rtsp", None, "it takes the connection and says nothing"),
        ("rtsps", b"HTTP/1.1 400 Bad Request\r\n\r\n", "what listens there does not speak TLS"),
    ],
)
def test_what_is_no_camera_is_told_apart(scheme: str, answer: bytes | None, words: str) -> None:
    with listener(answer) as port, pytest.raises(InputError, match=words):
        list(watch(f"{scheme}://127.0.0.1:{port}/cam", wait=0.1, timeout=0.5))


def test_a_host_that_nobody_knows_is_said() -> None:
    with pytest.raises(InputError, match="no host of that name is known"):
        list(watch("rtsp://no-such-host.invalid/cam", wait=0.1))


def test_a_camera_that_comes_late_is_waited_for(camera: Camera, caplog: pytest.LogCaptureFixture) -> None:
    camera.stop()
    starter = threading.Timer(1.5, camera.start)
    starter.start()
    frame = next(iter(watch(camera.url())))
    starter.join()
    assert frame.time == 0
    assert "no picture yet: nothing listens at port" in caplog.text


def test_a_stream_that_the_camera_does_not_have_is_said_at_once(camera: Camera) -> None:
    with pytest.raises(InputError, match=r"no such stream \(404\)"):
        list(watch(camera.url(path="other")))


def test_a_missing_login_is_no_wrong_one(locked_camera: Camera) -> None:
    with pytest.raises(InputError, match=r"it asks for a user and a password, as in rtsp://.* \(401\)"):
        list(watch(locked_camera.url()))


def test_a_wrong_password_is_said_at_once_and_not_repeated(
    locked_camera: Camera, caplog: pytest.LogCaptureFixture
) -> None:
    began = time.monotonic()
    with pytest.raises(InputError, match="wrong user or password") as error:
        list(watch(locked_camera.url("user:wrong0ne@")))
    assert time.monotonic() - began < 5
    assert "wrong0ne" not in str(error.value) + caplog.text


def test_no_output_holds_the_password(locked_camera: Camera, caplog: pytest.LogCaptureFixture) -> None:
    pipeline = watch(locked_camera.url(f"user:{SECRET}@"))
    for frame in pipeline:
        told = f"{frame.source} {pipeline.run}"
        break
    assert SECRET not in told + caplog.text


def test_another_protocol_is_refused() -> None:
    with pytest.raises(ConfigError, match="must begin with rtsp"):
        watch("file:///etc/passwd")


def test_stopping_does_not_wait_for_a_silent_camera(camera: Camera) -> None:
    pipeline = watch(camera.url(), timeout=60)
    for number, _ in enumerate(pipeline):
        if number == 5:
            camera.signal(signal.SIGSTOP)
            began = time.monotonic()
            pipeline.stop()
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("profile", [False, True])
def test_stopping_does_not_wait_for_a_camera_that_is_not_there(profile: bool) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"rtsp://127.0.0.1:{free.getsockname()[1]}/cam"
    settings = {"rtsp.url": url, "rtsp.wait": None}
    pipeline = Pipeline.parse("stages:\n  - rtsp", settings, profile=profile)
    threading.Timer(0.7, pipeline.stop).start()
    began = time.monotonic()
    assert list(pipeline) == []
    assert time.monotonic() - began < 2
