"""Labelled faces in memory: one byte a pixel, whatever they were read from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from fervid.models import ferplus
from fervid.models.crop import box_of_face_image, crop
from fervid.models.target import Target
from fervid.pipeline.errors import InputError
from fervid.pipeline.frame import EMOTIONS, Frame


@dataclass
class Examples:
    """Faces and targets of one split, gathered frame by frame."""

    size: int
    """Width and height in pixels that pictures are brought to."""
    pixels: bytearray = field(default_factory=bytearray)
    emotions: list[int] = field(default_factory=list)
    """Index into EMOTIONS; -1 where only votes exist."""
    votes: list[Sequence[int]] = field(default_factory=list)
    """FER+'s ten counts, or nothing."""

    def __len__(self) -> int:
        return len(self.emotions)

    def add(self, frame: Frame, target: Target) -> None:
        """Keep the frame's whole picture as one grey face, cut as `emotions` will cut it."""
        picture = frame.picture
        self.pixels += crop(picture, box_of_face_image(picture.width, picture.height), None, self.size).tobytes()
        self.emotions.append(-1 if target.emotion is None else target.emotion)
        self.votes.append(target.votes or ())

    def images(self) -> Tensor:
        """N x 1 x size x size, uint8, without a copy."""
        return torch.frombuffer(self.pixels, dtype=torch.uint8).view(-1, 1, self.size, self.size)

    def labels(self) -> Tensor:
        """N indices into EMOTIONS, -1 where there is none."""
        return torch.tensor(self.emotions)

    def opinions(self) -> Tensor:
        """N x 8 shares of FER+'s votes, in the order of FEELINGS; zeros where nobody voted for one."""
        counts = torch.tensor([ferplus.opinions(votes) for votes in self.votes], dtype=torch.float32)
        return counts / counts.sum(1, keepdim=True).clamp(min=1)

    def voted(self) -> bool:
        """Whether voters agree on one of the seven emotions in any of them."""
        return any(ferplus.majority(votes) is not None for votes in self.votes)

    def counts(self) -> list[int]:
        """How many examples each emotion has."""
        return torch.bincount(self.labels().clamp(min=-1) + 1, minlength=len(EMOTIONS) + 1)[1:].tolist()

    def digest(self) -> str:
        """SHA-256 of all pixels and labels: the same data, whichever file they came from, give the same."""
        digest = hashlib.sha256(self.pixels)
        digest.update(repr((self.emotions, self.votes)).encode())
        return digest.hexdigest()

    def require(self, what: str) -> None:
        """Refuse to go on with nothing, or without an emotion.

        Raises:
            InputError: there are no examples, or a class has none.
        """
        if not len(self):
            raise InputError(f"no frames of the {what} split came; check the source's `split`")
        if missing := [name for name, count in zip(EMOTIONS, self.counts(), strict=True) if not count]:
            raise InputError(f"the {what} split has no example of {', '.join(missing)}; all seven emotions are needed")
