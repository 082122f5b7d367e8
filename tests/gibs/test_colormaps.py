from __future__ import annotations

import time
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from earthcurator.errors import BadInput, SourceUnreachable
from earthcurator.gibs.colormaps import Colormap, read_colormap, read_values
from earthcurator.pictures import encode_png

NO_DATA = """<ColorMap title="No Data"><Entries><ColorMapEntry rgb="0,0,0" transparent="true" nodata="true" ref="1"/>
</Entries><Legend type="classification"><LegendEntry rgb="0,0,0" tooltip="No Data" id="1"/></Legend></ColorMap>"""


def colormap(*maps: str) -> Colormap:
    return read_colormap(f'<?xml version="1.0"?><ColorMaps xmlns="urn:x">{"".join(maps)}</ColorMaps>'.encode())


def values(*entries: str, kind: str = "continuous", units: str = "K") -> str:
    return (
        f'<ColorMap title="Temperature" units="{units}"><Entries>{"".join(entries)}</Entries>'
        f'<Legend type="{kind}"/></ColorMap>'
    )


def entry(rgb: str, value: str, more: str = "") -> str:
    return f'<ColorMapEntry rgb="{rgb}" transparent="false" nodata="false" value="{value}" {more}/>'


RAMP = colormap(NO_DATA, values(*(entry(f"{i},{255 - i},9", f"[{i},{i + 1})") for i in range(1, 200))))
CLASSES = colormap(
    NO_DATA,
    '<ColorMap title="Flood"><Entries>'
    + "".join(f'<ColorMapEntry rgb="{i},{i},{i}" transparent="false" ref="{i}"/>' for i in (10, 20, 30))
    + '</Entries><Legend type="classification">'
    + "".join(f'<LegendEntry rgb="{i},{i},{i}" tooltip="class {i}" id="{i}"/>' for i in (10, 20, 30))
    + "</Legend></ColorMap>",
)


def row(*colours: tuple[int, ...]) -> NDArray[np.uint8]:
    return np.array([colours], np.uint8)


def test_a_continuous_map_gives_intervals_and_their_middles() -> None:
    found = RAMP.invert(row((1, 254, 9), (199, 56, 9), (0, 0, 0), (1, 2, 3)))
    assert (RAMP.title, RAMP.units, RAMP.classes) == ("Temperature", "K", ())
    np.testing.assert_array_equal(found.middle, np.array([[1.5, 199.5, np.nan, np.nan]], np.float32))
    np.testing.assert_array_equal(found.low, np.array([[1, 199, np.nan, np.nan]], np.float32))
    np.testing.assert_array_equal(found.high, np.array([[2, 200, np.nan, np.nan]], np.float32))
    assert found.unknown == 1


def test_a_discrete_map_gives_its_numbers() -> None:
    found = colormap(values(entry("1,1,1", "[3]"), entry("2,2,2", "7"), kind="discrete")).invert(
        row((1, 1, 1), (2, 2, 2))
    )
    assert found.middle.tolist() == found.low.tolist() == found.high.tolist() == [[3, 7]]


def test_a_classification_gives_classes_without_numbers() -> None:
    found = CLASSES.invert(row((20, 20, 20), (0, 0, 0), (99, 0, 0)))
    assert CLASSES.classes == ("class 10", "class 20", "class 30")
    assert found.classes.tolist() == [[1, -1, -1]]
    assert np.isnan(found.middle).all()


def test_open_intervals_count_as_their_finite_end() -> None:
    opened = colormap(values(entry("1,1,1", "(-INF,-2.5)"), entry("2,2,2", "[1e2,+INF)"), entry("3,3,3", "(-INF,INF)")))
    found = opened.invert(row((1, 1, 1), (2, 2, 2), (3, 3, 3)))
    np.testing.assert_array_equal(found.middle, np.array([[-2.5, 100, np.nan]], np.float32))
    assert found.low.tolist() == [[-np.inf, 100, -np.inf]]
    assert found.high.tolist() == [[-2.5, np.inf, np.inf]]
    assert [one.closed for one in opened.entries] == [(False, False), (True, False), (False, False)]


def test_a_colour_of_several_entries_stands_for_all_of_them() -> None:
    found = colormap(values(entry("1,1,1", "[0,1)"), entry("2,2,2", "[1,2)"), entry("1,1,1", "[5,6)"))).invert(
        row((1, 1, 1), (2, 2, 2))
    )
    assert (found.low.tolist(), found.high.tolist()) == ([[0, 1]], [[6, 2]])


def test_a_colour_that_may_be_no_data_has_no_value() -> None:
    found = colormap(NO_DATA, values(entry("0,0,0", "[0,1)"))).invert(row((0, 0, 0)))
    assert np.isnan(found.middle).all()
    assert found.unknown == 0


def test_transparent_pixels_have_no_value_whatever_their_colour() -> None:
    found = RAMP.invert(row((1, 254, 9, 0), (1, 254, 9, 255), (7, 7, 7, 0)))
    np.testing.assert_array_equal(found.middle, np.array([[np.nan, 1.5, np.nan]], np.float32))
    assert found.unknown == 0


def test_every_colour_of_a_large_map_is_found_again_and_no_other() -> None:
    rng = np.random.default_rng(3)
    colours = np.unique(rng.integers(0, 256, (2000, 3), dtype=np.uint8), axis=0)
    known, strange = colours[::2], colours[1::2]
    large = colormap(values(*(entry(",".join(map(str, rgb)), f"[{i}]") for i, rgb in enumerate(known.tolist()))))
    assert large.invert(known[None]).middle.tolist() == [list(range(len(known)))]
    assert large.invert(strange[None]).unknown == len(strange)


def painted(pixels: NDArray[np.uint8]) -> tuple[bytes, NDArray[np.uint8]]:
    """A palette PNG, colour 0 of which is transparent, and its palette."""
    palette = np.array([(0, 0, 0, 0), *((i, 255 - i, 9, 255) for i in range(1, 200))], np.uint8)
    image = Image.fromarray(pixels).convert("L")
    image.putpalette(palette[:, :3].tobytes())
    out = BytesIO()
    image.save(out, "png", transparency=0)
    return out.getvalue(), palette


def test_a_palette_tile_reads_as_its_colours_do() -> None:
    pixels = np.random.default_rng(0).integers(0, 200, (64, 64), dtype=np.uint8)
    png, palette = painted(pixels)
    expected = np.where(pixels > 0, pixels + 0.5, np.nan).astype(np.float32)
    for found in (
        read_values(png, RAMP),
        read_values(encode_png(palette[pixels]), RAMP),
        RAMP.invert(pixels, palette),
        RAMP.invert(palette[pixels]),
    ):
        np.testing.assert_array_equal(found.middle, expected)


def test_a_palette_tile_takes_no_longer_than_a_look_at_it() -> None:
    pixels = np.random.default_rng(0).integers(0, 200, (512, 512), dtype=np.uint8)
    _, palette = painted(pixels)
    best = 1.0
    for _ in range(20):
        begun = time.process_time()
        RAMP.summarise(pixels, palette)
        best = min(best, time.process_time() - begun)
    assert best < 0.01  # 0.4 ms on an idle machine


def test_only_exact_colours_are_read() -> None:
    out = BytesIO()
    Image.new("RGB", (8, 8)).save(out, "jpeg")
    with pytest.raises(BadInput, match="no exact colours"):
        read_values(out.getvalue(), RAMP)
    with pytest.raises(BadInput, match="no colours"):
        RAMP.invert(np.zeros((4, 4), np.uint8))
    with pytest.raises(BadInput, match="palette of 2"):
        RAMP.invert(np.full((1, 1), 2, np.uint8), np.zeros((2, 3), np.uint8))


def test_a_summary_counts_what_has_a_value() -> None:
    found = RAMP.summarise(row((1, 254, 9, 255), (3, 252, 9, 255), (0, 0, 0, 0), (9, 9, 9, 255)))
    assert (found.unit, found.mean, found.minimum, found.maximum) == ("K", 2.5, 1.5, 3.5)
    assert (found.label, found.known, found.unknown) == (None, 0.5, 0.25)


def test_a_summary_of_classes_names_the_most_common_one() -> None:
    found = CLASSES.summarise(row((20, 20, 20), (20, 20, 20), (30, 30, 30), (0, 0, 0)))
    assert (found.label, found.mean, found.known, found.unknown) == ("class 20", None, 0.75, 0)


def test_a_summary_of_nothing_has_no_numbers() -> None:
    for pixels in (row((0, 0, 0, 0)), np.zeros((0, 0, 4), np.uint8)):
        found = RAMP.summarise(pixels)
        assert (found.mean, found.label, found.known, found.unknown) == (None, None, 0, 0)


@pytest.mark.parametrize(
    "xml",
    [
        b"<html>",
        b"<ColorMaps/>",
        b'<ColorMaps><ColorMap><Entries><ColorMapEntry rgb="1,2"/></Entries></ColorMap></ColorMaps>',
        b'<ColorMaps><ColorMap><Entries><ColorMapEntry rgb="1,2,256"/></Entries></ColorMap></ColorMaps>',
    ],
)
def test_what_is_no_colour_map_is_refused(xml: bytes) -> None:
    with pytest.raises(SourceUnreachable):
        read_colormap(xml)
