"""Bring a stream of one file into another: its packets as they are, or its sound encoded anew; at the same times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from fervid.stages.sources.decoding.clock import JUMP

if TYPE_CHECKING:
    from av import AudioFrame
    from av.container import OutputContainer
    from av.packet import Packet as AnyPacket

    Packet = AnyPacket[Any]

A_CHANNEL = 96_000
"""Bits a second of AAC."""
LAYOUTS = ("mono", "stereo", "3.0", "4.0", "5.0", "5.1", "6.1", "7.1")
"""Of so many channels: some codecs do not say which is which, and encoders refuse that."""


def twin(made: OutputContainer, source: Any) -> Any:
    """A stream for the packets of another one."""
    out: Any = made.add_stream_from_template(source, opaque=True)
    out.time_base = source.time_base
    out.metadata.update(source.metadata)
    return out


class Copied:
    """Takes packets and gives them on, bit for bit."""

    def __init__(self, made: OutputContainer, source: Any, shift: float) -> None:
        """`shift` is what is added to the times of `source`, in seconds."""
        self.source, self.unit = source, source.time_base
        self.shift = round(shift / self.unit)
        self.last: int | None = None
        self.out = self._add(made)

    def _add(self, made: OutputContainer) -> Any:
        return twin(made, self.source)

    def take(self, packet: Packet) -> Iterator[Packet]:
        """What comes of a packet of the source; it is moved to its time."""
        packet.stream = self.out
        yield packet

    def end(self) -> Iterator[Packet]:
        """What comes behind the last one."""
        yield from ()

    def place(self, packet: Packet) -> float | None:
        """Move a packet to its time, which is returned in seconds; None where it tells none.

        A clock that was set back, as in files that were joined, goes on; two packets never share a tick.
        """
        told = packet.dts if packet.dts is not None else packet.pts
        if told is None:
            return None
        if self.last is not None and told + self.shift < self.last - JUMP / self.unit:
            self.shift = self.last + (packet.duration or 1) - told
        due = told + self.shift if self.last is None else max(told + self.shift, self.last + 1)
        packet.pts = max(due, due if packet.pts is None else packet.pts + self.shift)
        packet.dts = self.last = due
        return float(packet.pts * self.unit)


class Encoded(Copied):
    """Takes packets of sound and gives those of another codec; pauses become silence."""

    def __init__(self, made: OutputContainer, source: Any, shift: float, codec: str) -> None:
        from av.filter import Graph

        self.codec = codec
        super().__init__(made, source, shift)
        self.graph = Graph()
        self.begun = False

    def _add(self, made: OutputContainer) -> Any:
        context = self.source.codec_context
        out: Any = made.add_stream(self.codec, rate=context.sample_rate)
        out.layout = LAYOUTS[context.channels - 1]
        if self.codec == "aac":
            out.bit_rate = A_CHANNEL * context.channels
        elif context.format.bytes > 2:
            out.format = "s32"
        out.metadata.update(self.source.metadata)
        return out

    def take(self, packet: Packet) -> Iterator[Packet]:
        """Decode it; one that is damaged leaves a pause."""
        import av

        with suppress(av.error.InvalidDataError):
            for frame in self.source.codec_context.decode(packet):
                yield from self._encoded(frame)

    def end(self) -> Iterator[Packet]:
        for frame in self.source.codec_context.decode(None):
            yield from self._encoded(frame)
        if self.begun:
            self.graph.push(None)
            yield from self._filtered()
            yield from self.out.encode(None)

    def _encoded(self, frame: AudioFrame) -> Iterator[Packet]:
        if not self.begun:
            self._begin(frame)
        self.graph.push(frame)
        yield from self._filtered()

    def _begin(self, frame: AudioFrame) -> None:
        first = self.graph.add_abuffer(
            sample_rate=frame.sample_rate, format=frame.format, layout=frame.layout, time_base=self.unit
        )
        shape = f"channel_layouts={self.out.layout.name}"
        middle = self.graph.add("aresample", "async=1"), self.graph.add("aformat", shape)
        self.graph.link_nodes(first, *middle, self.graph.add("abuffersink")).configure()
        self.begun = True

    def _filtered(self) -> Iterator[Packet]:
        import av

        with suppress(av.error.BlockingIOError, av.error.EOFError):
            while True:
                yield from self.out.encode(self.graph.pull())
