"""Two random looks at each picture: what self-supervised methods must find to be the same place.

Imagery from above has no up, so views are turned by any angle and mirrored; colours vary with sun, season, haze and
sensor; and parts may be missing where no data came. Crop, turn and mirror are one affine resampling, all changes of
colour one 3 x 3 matrix and an offset a picture, so a view costs a few per cent of a training step.

Every view of every picture draws its own parameters. They are drawn on the CPU from the generator given, so the same
seed makes the same views on any device.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from earthcurator.errors import BadInput

_GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601 luma
_AIR = 0.85  # brightness of thick haze


@dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    """How strongly pictures are changed. Strengths are half-widths of uniform ranges; shares are probabilities."""

    size: int
    """Sides of a view in pixels."""
    area: tuple[float, float] = (0.25, 1.0)
    """Share of the picture that a view covers."""
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    """Width to height of the part that is stretched to the square."""
    any_turn: float = 0.5
    """Share of views turned by any angle; the others by quarter turns, which blur nothing."""
    brightness: float = 0.4
    """Gain of all channels, 1 ± this."""
    contrast: float = 0.4
    """Stretch about the picture's mean, 1 ± this."""
    saturation: float = 0.4
    """Distance from grey, 1 ± this."""
    hue: float = 0.1
    """Turn about the grey axis, ± this part of a circle."""
    haze: float = 0.3
    """Most haze that is mixed in, 0 to 1."""
    grey: float = 0.1
    """Share of views without colour; 1 makes an encoder that ignores it."""
    blur: float = 0.2
    """Share of views that are blurred."""
    holes: float = 0.1
    """Share of views with a black rectangle or strip, as where a swath ends."""

    def __post_init__(self) -> None:
        if self.size < 8:
            raise BadInput(f"views of {self.size} pixels show nothing", hint="use a size of at least 8")
        if not 0 < self.area[0] <= self.area[1] <= 1:
            raise BadInput(f"the area of views is {self.area}, not a range within 0..1", hint="e.g. (0.25, 1.0)")

    def __call__(self, pictures: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Two views of each picture: (n, h, w, 3) uint8 to twice (n, 3, size, size) float32 within 0..1."""
        planes = as_planes(pictures)
        return self.one(planes, generator), self.one(planes, generator)

    def one(self, planes: Tensor, generator: torch.Generator) -> Tensor:
        """One view of each picture, (n, 3, h, w) float within 0..1."""
        draw = _Draw(len(planes), generator, planes.device)
        seen = functional.grid_sample(
            planes,
            functional.affine_grid(self._places(draw), [len(planes), 3, self.size, self.size], align_corners=False),
            mode="bilinear",
            padding_mode="reflection",
            align_corners=False,
        )
        return self._with_holes(self._blurred(self._coloured(seen, draw), draw), draw)

    def _places(self, draw: _Draw) -> Tensor:
        """Where each view looks, (n, 2, 3): from its coordinates to the picture's, both -1 to 1."""
        share = draw.between(*self.area)
        ratio = draw.between(math.log(self.ratio[0]), math.log(self.ratio[1])).exp()
        half_width, half_height = (share * ratio).sqrt().clamp(max=1), (share / ratio).sqrt().clamp(max=1)
        quarter = (draw.between(0, 4)).floor() * (math.pi / 2)
        angle = torch.where(draw.chance(self.any_turn), draw.between(0, 2 * math.pi), quarter)
        cos, sin = angle.cos(), angle.sin()
        mirror = 1 - 2 * draw.chance(0.5).float()
        # The window's extent along the picture's axes says how far its middle may be from the picture's.
        room_x = (1 - (half_width * cos.abs() + half_height * sin.abs())).clamp(min=0)
        room_y = (1 - (half_width * sin.abs() + half_height * cos.abs())).clamp(min=0)
        x, y = draw.between(-1, 1) * room_x, draw.between(-1, 1) * room_y
        rows = (mirror * half_width * cos, -half_height * sin, x, mirror * half_width * sin, half_height * cos, y)
        return torch.stack(rows, dim=1).view(-1, 2, 3)

    def _coloured(self, seen: Tensor, draw: _Draw) -> Tensor:
        """Hue, saturation, gain, contrast and haze: each is linear in the channels, so together they are too."""
        grey = torch.tensor(_GREY, device=seen.device)
        mean = torch.einsum("nchw,c->n", seen, grey) / (seen.shape[2] * seen.shape[3])
        gain = draw.around_one(self.brightness)
        stretch = draw.around_one(self.contrast)
        colour = torch.where(draw.chance(self.grey), torch.zeros_like(gain), draw.around_one(self.saturation))
        haze = draw.between(0, self.haze)
        turned = _hue_turn(draw.between(-self.hue, self.hue) * (2 * math.pi))
        pale = colour[:, None, None] * torch.eye(3, device=seen.device) + (1 - colour)[:, None, None] * grey
        matrix = (gain * stretch * (1 - haze))[:, None, None] * (pale @ turned)
        offset = (1 - haze) * (1 - stretch) * gain * mean + haze * _AIR
        flat = torch.baddbmm(offset[:, None, None].expand(-1, 3, 1), matrix, seen.flatten(2))
        return flat.clamp_(0, 1).view_as(seen)

    def _blurred(self, seen: Tensor, draw: _Draw) -> Tensor:
        chosen = draw.chance(self.blur).nonzero()[:, 0]
        sigma = draw.between(0.3, max(0.4, self.size / 40))[chosen]
        if len(chosen) == 0:
            return seen
        reach = max(1, math.ceil(self.size / 20))
        steps = torch.arange(-reach, reach + 1, device=seen.device)
        kernel = torch.softmax(-(steps**2) / (2 * sigma[:, None] ** 2), dim=1).repeat_interleave(3, dim=0)
        sharp = seen[chosen].flatten(0, 1)[None]
        padded = functional.pad(sharp, (reach,) * 4, mode="reflect")
        groups = len(kernel)
        smooth = functional.conv2d(padded, kernel[:, None, None, :], groups=groups)
        smooth = functional.conv2d(smooth, kernel[:, None, :, None], groups=groups)
        return seen.index_copy(0, chosen, smooth.view(len(chosen), 3, *seen.shape[2:]))

    def _with_holes(self, seen: Tensor, draw: _Draw) -> Tensor:
        """A turned rectangle in black; one that is longer than the picture is a strip."""
        chosen = draw.chance(self.holes)
        angle, across, along = draw.between(0, math.pi), draw.between(0.1, 0.4), draw.between(0.1, 2.0)
        middle_x, middle_y = draw.between(-1, 1), draw.between(-1, 1)
        line = torch.linspace(-1, 1, self.size, device=seen.device)
        x, y = line[None, None, :] - middle_x[:, None, None], line[None, :, None] - middle_y[:, None, None]
        cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
        inside = ((x * cos + y * sin).abs() < across[:, None, None]) & (
            (y * cos - x * sin).abs() < along[:, None, None]
        )
        return seen.masked_fill((inside & chosen[:, None, None])[:, None], 0.0)


def preset(name: str, size: int) -> Views:
    """Views by name: `aerial` for most imagery, `coarse` for wide scenes with haze and swath ends, `gentle`, `form`."""
    usual = Views(size=size)
    presets = {
        "aerial": usual,
        "coarse": replace(usual, area=(0.4, 1.0), haze=0.5, hue=0.03, holes=0.3),
        "gentle": replace(usual, area=(0.5, 1.0), brightness=0.2, contrast=0.2, saturation=0.2, hue=0.02, haze=0.1),
        "form": replace(usual, grey=1.0),
    }
    if name not in presets:
        raise BadInput(f"there are no views called {name}", hint=f"choose one of: {', '.join(presets)}")
    return presets[name]


def as_planes(pictures: Tensor) -> Tensor:
    """Prepared pictures as trunks read them: (n, h, w, 3) uint8 to (n, 3, h, w) float32 within 0..1."""
    return pictures.permute(0, 3, 1, 2).float() / 255


def as_bytes(planes: Tensor) -> Tensor:
    """Planes within 0..1 in a quarter of the memory, for those that wait: uint8."""
    return (planes * 255).round().byte()


class _Draw:
    """One number a picture at a time, from the CPU's generator to the pictures' device."""

    def __init__(self, count: int, generator: torch.Generator, device: torch.device) -> None:
        self.count, self.generator, self.device = count, generator, device

    def between(self, low: float, high: float) -> Tensor:
        return (torch.rand(self.count, generator=self.generator) * (high - low) + low).to(self.device)

    def around_one(self, strength: float) -> Tensor:
        return self.between(1 - strength, 1 + strength)

    def chance(self, share: float) -> Tensor:
        return self.between(0, 1) < share


def _hue_turn(angle: Tensor) -> Tensor:
    """Rotations of RGB about its grey axis, (n, 3, 3) (Rodrigues' formula for the axis (1, 1, 1) / sqrt 3)."""
    device = angle.device
    cross = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]], device=device) / math.sqrt(3)
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    return cos * torch.eye(3, device=device) + sin * cross + (1 - cos) / 3
