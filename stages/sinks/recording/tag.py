"""What a video was made from, in its comment, where players and archives show it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from fervid.pipeline.ownership import Origin, Record
from fervid.stages.sources.decoding.opening import LOCAL


def tagged(path: Path) -> Origin | None:
    """What stands there; None where fervid did not write it."""
    import av

    with suppress(av.error.FFmpegError, OSError), av.open(f"file:{path}", options=LOCAL) as container:
        told = {name.lower(): text for name, text in container.metadata.items()}
        return Origin.read(told.get("comment"))
    return None


TAG = Record(tagged)
