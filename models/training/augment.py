"""Show a network each face a little differently every time: whole batches at once, on any device."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Augment:
    """What may happen to a face; 0 switches a change off."""

    rotation: float = 0.0
    """Largest turn in degrees."""
    shift: float = 0.0
    """Largest move, as a share of the side."""
    scale: float = 0.0
    """Largest change of size, as a share."""
    flip: float = 0.0
    """Probability of a mirror image."""
    flip_vertical: float = 0.0
    """Probability of standing on its head."""
    brightness: float = 0.0
    """Largest change of brightness and of contrast, as a share of white."""
    erase: float = 0.0
    """Probability that a rectangle of 2 to 25 % of the area becomes noise."""
    cutout: int = 0
    """Side in pixels of a square that becomes grey."""

    def __call__(self, images: Tensor, random: torch.Generator) -> Tensor:
        """Return N x 1 x H x W float pixels, 0 to 1, of N x 1 x H x W uint8."""
        pixels = images.float() / 255
        if self.rotation or self.shift or self.scale or self.flip or self.flip_vertical:
            pixels = self._move(pixels, random)
        if self.brightness:
            pixels = self._light(pixels, random)
        if self.erase:
            pixels = self._erase(pixels, random)
        if self.cutout:
            pixels = self._cut(pixels, random)
        return pixels

    def _move(self, pixels: Tensor, random: torch.Generator) -> Tensor:
        """All geometry in one interpolation, so that pixels blur once."""
        n = len(pixels)
        angle = _spread(n, math.radians(self.rotation), random)
        size = 1 + _spread(n, self.scale, random)
        mirror = 1 - 2 * _chance(n, self.flip, random).float()
        upside = 1 - 2 * _chance(n, self.flip_vertical, random).float()
        cos, sin = angle.cos() / size, angle.sin() / size
        x, y = _spread(n, 2 * self.shift, random), _spread(n, 2 * self.shift, random)
        rows = torch.stack((cos * mirror, -sin * mirror, x, sin * upside, cos * upside, y), 1).view(n, 2, 3)
        grid = functional.affine_grid(rows, list(pixels.shape), align_corners=False)
        return functional.grid_sample(pixels, grid, padding_mode="border", align_corners=False)

    def _light(self, pixels: Tensor, random: torch.Generator) -> Tensor:
        n = len(pixels)
        contrast = 1 + _spread(n, self.brightness, random)
        offset = _spread(n, self.brightness, random)
        middle = pixels.mean((1, 2, 3))
        lit = (pixels - _wide(middle)) * _wide(contrast) + _wide(middle + offset)
        return lit.clamp_(0, 1)

    def _erase(self, pixels: Tensor, random: torch.Generator) -> Tensor:
        """Random erasing (Zhong et al. 2020)."""
        n, _, height, width = pixels.shape
        area = 0.02 + 0.23 * _uniform(n, random)
        ratio = torch.exp(_spread(n, math.log(3.0), random))
        tall, broad = (area * ratio).sqrt() * height, (area / ratio).sqrt() * width
        inside = _rectangle(pixels, tall, broad, random) & _wide(_chance(n, self.erase, random))
        noise = torch.rand(pixels.shape, generator=random, device=random.device)
        return torch.where(inside, noise, pixels)

    def _cut(self, pixels: Tensor, random: torch.Generator) -> Tensor:
        """Cutout (DeVries and Taylor 2017): the square may reach beyond the border."""
        side = torch.full((len(pixels),), float(self.cutout), device=pixels.device)
        return torch.where(_rectangle(pixels, side, side, random), torch.tensor(0.5, device=pixels.device), pixels)


def mixed(count: int, alpha: float, random: torch.Generator) -> tuple[Tensor, float]:
    """Return partners for a batch and the share of the first of each pair (mixup, Zhang et al. 2018)."""
    partners = torch.randperm(count, generator=random, device=random.device)
    first, second = (torch._standard_gamma(torch.tensor([alpha, alpha]), generator=_on_cpu(random))).tolist()
    share = first / max(first + second, 1e-12)
    return partners, max(share, 1 - share)


def _on_cpu(random: torch.Generator) -> torch.Generator:
    if random.device.type == "cpu":
        return random
    seed = torch.randint(2**62, (1,), generator=random, device=random.device)
    return torch.Generator().manual_seed(int(seed))


def _uniform(count: int, random: torch.Generator) -> Tensor:
    return torch.rand(count, generator=random, device=random.device)


def _spread(count: int, reach: float, random: torch.Generator) -> Tensor:
    return (2 * _uniform(count, random) - 1) * reach


def _chance(count: int, probability: float, random: torch.Generator) -> Tensor:
    return _uniform(count, random) < probability


def _wide(values: Tensor) -> Tensor:
    return values[:, None, None, None]


def _rectangle(pixels: Tensor, tall: Tensor, broad: Tensor, random: torch.Generator) -> Tensor:
    """A mask of one rectangle a picture, its centre anywhere."""
    n, _, height, width = pixels.shape
    y, x = _uniform(n, random) * height, _uniform(n, random) * width
    rows = torch.arange(height, device=pixels.device)[None, :] + 0.5
    columns = torch.arange(width, device=pixels.device)[None, :] + 0.5
    inside_y = (rows - y[:, None]).abs() <= tall[:, None] / 2
    inside_x = (columns - x[:, None]).abs() <= broad[:, None] / 2
    return (inside_y[:, None, :, None]) & (inside_x[:, None, None, :])
