"""Watch a network camera, and stay with it through its failures."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from annotated_types import Gt

from fervid.pipeline.errors import ConfigError, InputError
from fervid.pipeline.fact import FRAMES, LIVE
from fervid.pipeline.frame import Frame, Source
from fervid.pipeline.frames import Frames
from fervid.pipeline.record import Lost, Outage
from fervid.pipeline.roles import Reads
from fervid.pipeline.stage import Stage, register
from fervid.stages.sources.decoding.address import address
from fervid.stages.sources.decoding.decoded import Decoded
from fervid.stages.sources.decoding.greeting import greet
from fervid.stages.sources.decoding.pixels import MAX_PIXELS

if TYPE_CHECKING:
    import av

log = logging.getLogger(__name__)
PAUSE = 0.25
"""Seconds between two attempts: a camera that is back must be seen within 2 s, and sends a whole picture only once in
about a second."""
REFUSED_PAUSE = 1.0
"""Seconds after an answer that says no; cameras lock out who tries a password too often."""

OPTIONS = {
    "rtsp_transport": "tcp",
    "allowed_media_types": "video",
    "protocol_whitelist": "rtsp,rtsps,rtp,srtp,tcp,tls,udp",
    "fflags": "nobuffer",
    "analyzeduration": "200000",
}
"""Sound is left at the camera: its packets would hide that the pictures have stopped."""


@register("rtsp")
@dataclass(frozen=True)
class Rtsp(Stage):
    """Frames of a network camera, always the newest; its end is never the end, only a pause until it is back."""

    url: Annotated[str, Reads()]
    """rtsp://user:password@host:port/path; the password appears in no message or output. With ${NAME} in its place, it
    is taken from the environment and is not seen in lists of processes either."""
    timeout: Annotated[float, Gt(0)] = 4.0
    """Seconds without an answer or a picture until the camera counts as lost."""
    wait: Annotated[float, Gt(0)] | None = 10.0
    """Seconds to wait for the first picture before giving up; null waits for ever, as do later interruptions."""

    needs = ()
    gives = (FRAMES, LIVE)

    def __post_init__(self) -> None:
        if not self.url.lower().startswith(("rtsp://", "rtsps://")):
            raise ConfigError("option 'url': must begin with rtsp:// or rtsps://")
        address(self.url)

    def run(self, frames: Frames) -> Generator[Frame]:
        import av

        began = lost = monotonic()
        source: Source | None = None
        index, told, stop, losses = 0, False, frames.run.stopping, frames.run.lost
        while not stop.is_set():
            try:
                for picture in self._pictures(losses):
                    shown, now = Decoded(picture), monotonic()
                    if source is None:
                        source, began = self._source(shown), now
                    elif told:
                        losses.outages[-1].seconds = now - lost
                        log.warning("%s: back after %.1f s", source.name, now - lost)
                    told, lost = False, now
                    yield Frame(index, now - began, shown, source, wall_time=datetime.now(UTC))
                    index += 1
                reason = "the stream ended"
            except (av.error.FFmpegError, OSError, LookupError) as error:
                reason = _reason(error, login=bool(urlsplit(address(self.url)).username))
            hopeless = source is None and self._hopeless(reason, monotonic() - began)
            if source is None and (hopeless or not told) and reason not in ANSWERS:
                reason = greet(address(self.url), 0.45 * self.timeout) or reason
            if hopeless:
                raise InputError(f"{self.name} {self._host()}: {reason}") from None
            if not told:
                state = "no picture yet" if source is None else "camera lost"
                log.warning("%s: %s: %s; trying again", self._host(), state, reason)
                told = True
                if source:
                    losses.outages.append(Outage(lost - began))
            stop.wait(REFUSED_PAUSE if reason in ANSWERS else PAUSE)
            if source:
                losses.outages[-1].seconds = monotonic() - lost

    def _pictures(self, losses: Lost) -> Iterator[av.VideoFrame]:
        import av

        # FFmpeg waits twice for a silent camera: for the picture, then for an answer to its good-bye.
        patience = 0.45 * self.timeout
        with av.open(address(self.url), options=OPTIONS, timeout=(patience, patience)) as container:
            stream = next(iter(container.streams.video), None)
            if stream is None or stream.codec_context is None:
                raise LookupError(ANSWERS[-1])
            stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
            newest = monotonic()
            for packet in container.demux(stream):
                try:
                    for picture in packet.decode():
                        losses.damaged += picture.is_corrupt
                        yield picture
                        newest = monotonic()
                except av.error.InvalidDataError:
                    losses.damaged += 1
                if monotonic() - newest > self.timeout:
                    raise LookupError("it sends nothing that can be decoded")

    def _source(self, shown: Decoded) -> Source:
        return Source(self._host(), shown.width, shown.height, live=True)

    def _host(self) -> str:
        return urlsplit(address(self.url)).hostname or "camera"

    def _hopeless(self, reason: str, waited: float) -> bool:
        return reason in ANSWERS or (self.wait is not None and waited > self.wait)


ANSWERS = (
    "it asks for a user and a password, as in rtsp://user:password@host/path (401)",
    "wrong user or password (401)",
    "access forbidden (403)",
    "the camera knows no such stream (404)",
    "it sends no video that can be decoded",
)
"""What trying again does not mend."""


def _reason(error: Exception, *, login: bool) -> str:
    """In words, without the URL that the library's message holds."""
    import av

    if isinstance(error, LookupError):
        return str(error.args[0])
    if isinstance(error, av.error.HTTPUnauthorizedError):
        return ANSWERS[login]
    if isinstance(error, av.error.HTTPForbiddenError):
        return ANSWERS[2]
    if isinstance(error, av.error.HTTPNotFoundError):
        return ANSWERS[3]
    if isinstance(error, av.error.ExitError):
        return "no answer in time"
    if isinstance(error, av.error.InvalidDataError):
        return "what it sends cannot be read"
    return getattr(error, "strerror", None) or type(error).__name__
