"""Videos made for tests: a moving pattern with a tone, in the forms that cameras, phones and editors leave behind."""

import subprocess
from pathlib import Path

import av
import imageio_ffmpeg

Packets = list[bytes]


def make(path: Path, *options: str, size: str = "320x240", seconds: float = 2, sound: bool = False) -> Path:
    """A test pattern at 25 frames a second, encoded with the given options of ffmpeg."""
    inputs = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25:duration={seconds}"]
    if sound:
        inputs += ["-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}"]
    return ffmpeg(*inputs, *(options or ("-c:v", "libx264", "-pix_fmt", "yuv420p")), str(path))


def ffmpeg(*arguments: str) -> Path:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-loglevel", "error", "-y", *arguments]
    subprocess.run(command, check=True)
    return Path(arguments[-1])


def times(path: Path) -> list[float]:
    """Presentation times of a video's frames in seconds, as the container has them."""
    with av.open(str(path)) as container:
        return [float(frame.time) for frame in container.decode(video=0)]


def sound(path: Path) -> Packets:
    """The audio packets as they lie in the container."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]
