"""`plan`: what an archive takes before a byte of it is asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from earthcurator.capacity import (
    Capacity,
    Coverage,
    Prices,
    Range,
    Wanted,
    capacity,
    coverage,
    default_prices,
    read_prices,
)
from earthcurator.cli.imagery import ordered
from earthcurator.cli.output import answer, say, table
from earthcurator.encoders import packaged_entries, packaged_for
from earthcurator.gibs.plan import choose_zoom, pyramid_of, times_of
from earthcurator.gibs.source import BULK_TILES
from earthcurator.imagery import Imagery
from earthcurator.orders import Order
from earthcurator.settings import from_environment

WORLD = "-180,-90,180,90"
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


@click.command()
@click.argument("layers", nargs=-1, required=True, metavar="LAYER...")
@click.option("--dates", metavar="A[/B[/STEP]]", help="A day, month or year, or from A to the end of B, every STEP.")
@click.option("--bbox", default=WORLD, metavar="W,S,E,N", help="A box in degrees; by default the whole Earth.")
@click.option("--chip-size", type=int, metavar="PIXELS", help="Chips of this size; by default each tile is one.")
@click.option("--stride", type=int, metavar="PIXELS", help="From chip to chip; by default the chip size.")
@click.option("--zoom", type=int, metavar="LEVEL", help="Level of the tile grid; by default the finest.")
@click.option("--resolution", type=float, metavar="METRES", help="Metres per pixel at least, instead of a level.")
@click.option("--prices", type=click.Path(path_type=Path), metavar="FILE", help="Prices of your own, in TOML.")
@click.option("--source", metavar="URL", help="Another WMTS server; by default NASA GIBS.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def plan(layers: tuple[str, ...], prices: Path | None, source: str | None, as_json: bool, **options: Any) -> None:
    """Reckon what imagery takes, of any size: chips, bytes, hours, memory, the time of a search, and dollars.

    Nothing is downloaded, and no project is needed. Figures are ranges; the guide on capacity says where they are from.

    \b
    Example: curator plan MODIS_Terra_CorrectedReflectance_TrueColor --dates 2020 --chip-size 256
             curator plan MODIS_Terra_CorrectedReflectance_TrueColor --dates 2000-02-24/2026-11-20 --prices mine.toml
    """
    paid = read_prices(prices) if prices else default_prices()
    [order] = ordered(layers, region=None, worldview=None, crs=None, bands="", **options)
    settings = from_environment()
    with Imagery(source, settings=settings) as imagery:
        wanted, is_gibs = list(_wanted(order, imagery)), imagery.wmts.is_gibs
    encoder = packaged_for(order.chip_size or math.isqrt(wanted[0].tile_pixels))
    [card] = [entry.card for entry in packaged_entries() if entry.card.name == encoder]
    found = capacity(
        wanted,
        input_side=card.input_size,
        dim=card.dim,
        megabits_per_second=settings.megabits_per_second,
        prices=paid,
    )
    if as_json:
        dated = {name: {**asdict(price), "date": price.date.isoformat()} for name, price in paid.items()}
        answer({"capacity": found, "layers": wanted, "encoder": encoder, "prices": dated})
        return
    _show(found, encoder, settings.megabits_per_second)
    if is_gibs and found.tiles / max(found.download_days.high, 1) > BULK_TILES:
        say(f"note: NASA wants to know 48 hours ahead of more than {BULK_TILES:,} tiles a day")
    _say_prices(paid)


def _wanted(order: Order, imagery: Imagery) -> Iterator[Wanted]:
    """The layers, all on the grid of the finest, as `download` lays them out."""
    layers = [imagery.wmts.layer(name, order.start, order.end) for name in order.layers]
    grid = max((pyramid_of(layer, order.crs).grid for layer in layers), key=lambda grid: len(grid.matrices))
    zoom = choose_zoom(grid, order.zoom, order.resolution)
    place = coverage(grid, zoom, order.region, size=order.chip_size, stride=order.stride)
    for layer in layers:
        own = pyramid_of(layer, order.crs).grid
        level = min(zoom, len(own.matrices) - 1)
        matrix = own.matrix(level)
        tiles = place.tiles if level == zoom else coverage(own, level, order.region).tiles
        tile_pixels = matrix.tile_width * matrix.tile_height
        yield Wanted(
            layer=layer.id,
            media_type=layer.format,
            instants=len(times_of(order, layer)),
            coverage=Coverage(chips=place.chips, tiles=tiles),
            tile_pixels=tile_pixels,
            chip_pixels=order.chip_size**2 if order.chip_size else tile_pixels,
            is_cut=order.chip_size is not None or level != zoom,
        )


def _show(found: Capacity, encoder: str, megabits: float) -> None:
    rows = [
        ("instants, of all layers", f"{found.instants:,}"),
        ("tiles to ask for", f"{found.tiles:,}"),
        ("chips", f"{found.chips:,}"),
        ("download", _bytes(found.download_bytes)),
        (f"download at {megabits:g} Mb/s", _span(found.download_days * 24)),
        ("pictures kept", _bytes(found.picture_bytes)),
        ("vectors kept", _bytes(found.vector_bytes)),
        ("vector index", _bytes(found.index_bytes) if found.index_bytes.high else "none: every vector is compared"),
        ("cache of a server", _bytes(found.cache_bytes)),
        ("fetching and cutting, one core", _span(found.intake_cpu_hours)),
        (f"embedding ({encoder}), one core", _span(found.embed_cpu_hours)),
        ("... or one GPU (an estimate)", _span(found.embed_gpu_hours)),
        ("indexing, one core", _span(found.index_cpu_hours)),
        ("memory of a server", _bytes(found.memory_bytes)),
        ("one search", f"{_between(found.search_ms)} ms"),
        ("once", f"{_between(found.dollars_once)} dollars"),
        ("a month", f"{_between(found.dollars_month)} dollars"),
    ]
    table(["what", "about"], rows)
    for note in found.notes:
        say(f"note: {note}")


def _say_prices(paid: Prices) -> None:
    for name, price in paid.items():
        say(f"price: {name} {price.dollars:g} dollars ({price.date}, {price.source})")


def _bytes(size: Range) -> str:
    power = min(len(_UNITS) - 1, int(math.log10(max(size.high, 1)) // 3))
    return f"{_between(Range(size.low / 1000**power, size.high / 1000**power))} {_UNITS[power]}"


def _span(hours: Range) -> str:
    for unit, length in (("years", 24 * 365.25), ("days", 24.0), ("hours", 1.0)):
        if hours.high >= 2 * length:
            return f"{_between(hours.per(length))} {unit}"
    return f"{_between(hours * 60)} minutes"


def _between(range_: Range) -> str:
    """Two figures each: no more is known."""
    low, high = (_rounded(value) for value in (range_.low, range_.high))
    return low if low == high else f"{low} to {high}"


def _rounded(value: float) -> str:
    if not value:
        return "0"
    digits = 1 - math.floor(math.log10(abs(value)))
    return f"{round(value, digits):,.{max(0, digits)}f}"


commands: dict[str, click.Command] = {"plan": plan}
