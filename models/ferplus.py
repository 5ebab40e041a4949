"""FER+: ten counts a face, of what about ten people saw in it (Barsoum et al. 2016)."""

from __future__ import annotations

from collections.abc import Sequence

from fervid.pipeline.frame import EMOTIONS

COUNTS = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt", "unknown", "no face")
"""What the counts are of, in the order of fer2013new.csv."""

FEELINGS = (*EMOTIONS, "contempt")
"""What a network learns from the votes."""


def opinions(votes: Sequence[int]) -> tuple[int, ...]:
    """Return the counts of FEELINGS; zeros where there are no votes.

    A lone vote is taken for a slip, as FER+ does, unless all are lone.
    """
    if not votes:
        return (0,) * len(FEELINGS)
    counts = [votes[COUNTS.index(name)] for name in FEELINGS]
    agreed = tuple(count if count > 1 else 0 for count in counts)
    return agreed if any(agreed) else tuple(counts)


def majority(votes: Sequence[int] | None) -> int | None:
    """What most voters saw, as an index into EMOTIONS; None for a tie, contempt, unknown and no face."""
    if not votes or list(votes).count(max(votes)) > 1:
        return None
    name = COUNTS[list(votes).index(max(votes))]
    return EMOTIONS.index(name) if name in EMOTIONS else None


def published(votes: Sequence[int] | None) -> int | None:
    """What more than half of the voters saw once lone votes are dropped, as FER+'s authors count (Barsoum et al. 2016).

    An index into EMOTIONS; None where nothing has more than half, and for contempt, unknown and no face.
    """
    kept = [count if count > 1 else 0 for count in votes or ()]
    if not kept or 2 * max(kept) <= sum(kept):
        return None
    name = COUNTS[kept.index(max(kept))]
    return EMOTIONS.index(name) if name in EMOTIONS else None
