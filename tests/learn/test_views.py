"""Two views of a picture differ, from each other and from those of its neighbours, and stay pictures."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from earthcurator.errors import BadInput
from earthcurator.learn.views import Views, as_planes, preset

STILL = Views(
    size=16, area=(1, 1), ratio=(1, 1), any_turn=0, brightness=0, contrast=0, saturation=0, hue=0, haze=0, grey=0,
    blur=0, holes=0,
)  # fmt: skip


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int = 6, size: int = 16) -> Tensor:
    return torch.randint(0, 256, (count, size, size, 3), generator=seeded(9), dtype=torch.uint8)


def test_views_are_pictures_of_the_size_asked_for() -> None:
    first, second = preset("aerial", 24)(pictures(), seeded())
    assert first.shape == second.shape == (6, 3, 24, 24)
    assert first.dtype == torch.float32
    assert min(first.min(), second.min()) >= 0
    assert max(first.max(), second.max()) <= 1


def test_no_two_views_share_their_changes() -> None:
    same = pictures(1).expand(8, -1, -1, -1)
    first, second = preset("aerial", 16)(same, seeded())
    views = torch.cat([first, second])
    distances = (views[:, None] - views[None]).abs().mean(dim=(2, 3, 4)) + torch.eye(16)
    assert distances.min() > 0.005


@pytest.mark.parametrize("strength", ["brightness", "contrast", "saturation", "hue", "haze"])
def test_each_change_of_colour_is_drawn_for_every_view_alone(strength: str) -> None:
    flat = torch.tensor([200, 90, 40], dtype=torch.uint8).expand(4, 16, 16, 3).clone()
    flat[:, :8] //= 2
    views = replace(STILL, **{strength: 0.4})  # type: ignore[arg-type]  # the strengths above are floats
    first, second = views(flat, seeded())
    colours = torch.cat([first, second]).amax(dim=(2, 3))
    assert len({tuple(colour) for colour in (colours * 100_000).round().tolist()}) == 8


def test_the_same_seed_makes_the_same_views() -> None:
    first, second = preset("aerial", 16)(pictures(), seeded(5))
    again = preset("aerial", 16)(pictures(), seeded(5))
    assert torch.equal(first, again[0])
    assert torch.equal(second, again[1])


def test_without_changes_a_view_is_the_picture_turned_or_mirrored() -> None:
    planes = as_planes(pictures(12))
    turns = [torch.rot90(planes, quarter, (2, 3)) for quarter in range(4)]
    ways = torch.stack([*turns, *(way.flip(3) for way in turns)])
    view, _ = STILL(pictures(12), seeded())
    found = (ways - view).abs().amax(dim=(2, 3, 4)).min(dim=0)
    assert found.values.max() < 1e-3
    assert len(set(found.indices.tolist())) > 3


def test_a_crop_shows_part_of_the_picture_larger() -> None:
    halves = torch.zeros(40, 16, 16, 3, dtype=torch.uint8)
    halves[:, :, 8:] = 255
    view, _ = replace(STILL, area=(0.1, 0.1))(halves, seeded())
    assert (view.amax(dim=(1, 2, 3)) < 0.01).any()
    assert (view.amin(dim=(1, 2, 3)) > 0.99).any()


def test_views_for_form_have_no_colour() -> None:
    view, _ = preset("form", 16)(pictures(), seeded())
    torch.testing.assert_close(view[:, 0], view[:, 1], atol=1e-5, rtol=0)


def test_blur_smooths_and_keeps_the_brightness() -> None:
    planes = as_planes(pictures(size=48))
    still = replace(STILL, size=48)
    sharp, blurred = still.one(planes, seeded()), replace(still, blur=1).one(planes, seeded())
    assert blurred.std() < 0.8 * sharp.std()
    torch.testing.assert_close(blurred.mean(), sharp.mean(), atol=0.01, rtol=0)


def test_holes_are_black_and_leave_something_to_see() -> None:
    white = torch.full((64, 16, 16, 3), 255, dtype=torch.uint8)
    view, _ = replace(STILL, holes=1)(white, seeded())
    missing = (view == 0).float().mean(dim=(1, 2, 3))
    assert (missing > 0).float().mean() > 0.8
    assert missing.max() < 0.9


@pytest.mark.parametrize("wrong", [{"size": 4}, {"size": 16, "area": (0.5, 2.0)}])
def test_views_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        Views(**wrong)  # type: ignore[arg-type]  # that is what is tested


def test_an_unknown_preset_is_answered_with_those_there_are() -> None:
    with pytest.raises(BadInput) as error:
        preset("underwater", 16)
    assert "aerial" in error.value.hint
