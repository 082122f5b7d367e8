"""`layers`, `download`, `mosaic` and `animate`: imagery from NASA GIBS and other servers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from earthcurator.cli.app import Here
from earthcurator.cli.output import answer, progress, say, table
from earthcurator.errors import BadInput, SourceUnreachable
from earthcurator.geo import parse_box
from earthcurator.gibs.layers import Layer
from earthcurator.gibs.times import first_and_last, period_name
from earthcurator.imagery import MANY_TILES, Imagery, Where, orders
from earthcurator.orders import Estimate, Order
from earthcurator.search import parse_dates

F = TypeVar("F", bound=Callable[..., Any])

_ASK_FROM_TILES = 10_000
_ASK_FROM_BYTES = 1_000_000_000


def _options(*options: Callable[[F], F]) -> Callable[[F], F]:
    def apply(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return apply


_source = click.option("--source", metavar="URL", help="Another WMTS server, or stac+URL; by default NASA GIBS.")
_json = click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
_yes = click.option("--yes", is_flag=True, help="Do not ask before something large.")
_where = _options(
    click.option("--bbox", metavar="W,S,E,N", help="A box in degrees; west > east crosses the antimeridian."),
    click.option("--region", type=click.Path(path_type=Path), metavar="FILE", help="Polygons in a GeoJSON file."),
    click.option("--worldview", metavar="URL", help="A link to NASA Worldview: place, layers, date or animation."),
)
_grid = _options(
    click.option("--zoom", type=int, metavar="LEVEL", help="Level of the tile grid; by default the finest."),
    click.option("--resolution", type=float, metavar="METRES", help="Metres per pixel at least, instead of a level."),
    click.option("--crs", metavar="EPSG:N", help="EPSG:4326 (default), 3413 (Arctic) or 3031 (Antarctic)."),
)


@click.command()
@click.argument("words", nargs=-1)
@click.option("--period", help="Only these: daily, 8-day, monthly, 10-minute, ...")
@click.option("--crs", metavar="EPSG:N", help="Only those offered in this projection.")
@click.option("--format", "format_name", metavar="TYPE", help="Only jpeg, or png.")
@click.option("--resolution", type=float, metavar="METRES", help="Only those at least this fine.")
@click.option("--date", "day", help="Only those with imagery of this day.")
@click.option("--refresh", is_flag=True, help="Read the catalogue anew from the server.")
@_source
@_json
def layers(
    words: tuple[str, ...],
    period: str | None,
    crs: str | None,
    format_name: str | None,
    resolution: float | None,
    day: str | None,
    refresh: bool,
    source: str | None,
    as_json: bool,
) -> None:
    """Search the catalogue of imagery: all of these words, in a layer's id, title, platform or measurement.

    \b
    Example: curator layers terra true color
             curator layers true color --crs EPSG:3413
    """
    with Imagery(source) as imagery:
        if refresh:
            with progress("read the catalogue") as report:
                catalogue = imagery.refresh(report)
        else:
            catalogue = imagery.catalogue
        found = catalogue.search(
            words,
            period=period,
            projection=_crs(crs),
            format=f"image/{format_name.removeprefix('image/')}" if format_name else None,
            resolution=resolution,
            date=parse_dates(day)[0].date() if day else None,
        )
    if as_json:
        answer([_facts(layer) for layer in found])
        return
    table(["layer", "period", "from", "to", "m/px", "format", "title"], [_row(layer) for layer in found])
    say(f"{len(found)} of {len(catalogue.layers)} layers; catalogue of {catalogue.written} ({catalogue.source})")


@click.command()
@click.argument("layers", nargs=-1, metavar="LAYER...")
@_where
@click.option("--dates", metavar="A[/B[/STEP]]", help="A day, month or year, or from A to the end of B, every STEP.")
@_grid
@click.option("--chip-size", type=int, metavar="PIXELS", help="Cut chips of this size; by default each tile is one.")
@click.option("--stride", type=int, metavar="PIXELS", help="From chip to chip; by default the chip size.")
@click.option(
    "--edge",
    type=click.Choice(["touch", "within"]),
    default="touch",
    show_default=True,
    help="Take chips that touch the region, or only those within it.",
)
@click.option(
    "--min-valid", default=0.5, show_default=True, help="Leave out chips with less data than this share of pixels."
)
@click.option("--mask", default="", metavar="LAYER", help="Layer that is opaque where there is no data.")
@click.option("--clouds", default="", metavar="LAYER", help="Layer of the cloud fraction, kept with every chip.")
@click.option("--max-clouds", default=1.0, show_default=True, help="Leave out chips that are cloudier than this.")
@click.option("--bands", default="", metavar="A,B,C", help="Assets of a STAC catalogue that become red, green, blue.")
@click.option(
    "--limit",
    type=click.IntRange(1),
    metavar="CHIPS",
    help="At most so many, spread over dates and places: to try first. The same without it gets the rest.",
)
@_source
@click.option("--dry-run", is_flag=True, help="Only say what it takes.")
@_yes
@_json
@click.pass_obj
def download(
    here: Here,
    /,
    layers: tuple[str, ...],
    source: str | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Bring imagery in as chips: some layers, a place, and dates.

    What is in the project or was downloaded before is not asked for again. Interrupted, it continues when run again.

    \b
    Example: curator download MODIS_Terra_CorrectedReflectance_TrueColor \\
               --bbox -125,37,-120,41 --dates 2020-08-16/2020-08-22
             curator download --dry-run --worldview \\
               'https://worldview.earthdata.nasa.gov/?v=-125,37,-120,41&l=VIIRS_SNPP_CorrectedReflectance_TrueColor'
    """
    wanted = ordered(layers, **options)
    with Imagery(source) as imagery:
        if not layers:  # they come from the link
            wanted = [imagery.available(order) for order in wanted]
        estimates = [imagery.estimate(order) for order in wanted]
        _note([*wanted, *estimates])
        if dry_run:
            answer(estimates) if as_json else _explain(wanted, estimates)
            return
        if _is_large(estimates):
            _explain(wanted, estimates)
            _ask(yes)
        with here.open() as project, progress("download") as report:
            done = project.fill(wanted, imagery, progress=report)
    if as_json:
        answer(done)
    else:
        say(f"added {done.added:,} chips in {done.seconds:.1f} s; {done.present:,} were there already")
        for reason, count in sorted(done.skipped.items()):
            say(f"left out {count:,} chips: {reason}")
        say(f"{done.requests:,} requests, {_bytes(done.download_bytes)}; {done.cached:,} tiles were here already")
        if done.changed:
            say(f"{done.changed:,} chips look different at the source now; those in the project were kept")
        if done.shifted:
            say(f"{done.shifted:,} chips show another time than was asked for, and say so")
    if done.failed:
        raise SourceUnreachable(
            f"{done.failed:,} chips could not be had; the reasons are in {done.report}",
            hint="run the same command again: it asks only for what is missing",
        )


def ordered(
    layers: Sequence[str],
    *,
    bbox: str | None,
    region: Path | None,
    worldview: str | None,
    dates: str | None,
    crs: str | None,
    bands: str,
    **options: Any,
) -> list[Order]:
    """What the options of `download` ask for."""
    options |= {"bands": tuple(filter(None, bands.split(",")))} | ({"crs": _crs(crs)} if crs else {})
    return orders(layers, _place(bbox, region, worldview), dates, **options)


@click.command()
@click.argument("layer")
@click.argument("out", type=click.Path(path_type=Path))
@_where
@click.option("--date", "dates", help="A day, or an instant such as 2020-08-16T10:20Z.")
@_grid
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["geotiff", "cog", "png"]),
    help="By default what the name of OUT says; cog is a GeoTIFF that reads well over a network.",
)
@click.option("--overwrite", is_flag=True, help="Replace OUT if it is there.")
@_source
@_yes
@_json
def mosaic(
    layer: str,
    out: Path,
    bbox: str | None,
    region: Path | None,
    worldview: str | None,
    dates: str | None,
    format_name: str | None,
    overwrite: bool,
    yes: bool,
    as_json: bool,
    source: str | None,
    **grid: Any,
) -> None:
    """One picture of a region: GeoTIFF, Cloud Optimized GeoTIFF, or PNG with a world file; pixels as NASA has them.

    \b
    Example: curator mosaic MODIS_Terra_CorrectedReflectance_TrueColor fires.tif \\
               --bbox -125,37,-120,41 --date 2020-08-20
    """
    order = _one_order(layer, _place(bbox, region, worldview), dates, grid)
    if out.suffix.lower() not in (".tif", ".tiff", ".png"):
        raise BadInput(f"{out.name} ends in none of .tif, .tiff and .png", hint=f"name it {out.stem}.tif, say")
    form = format_name or ("png" if out.suffix.lower() == ".png" else "geotiff")
    with Imagery(source) as imagery, progress("mosaic") as report:
        done = imagery.mosaic(
            order,
            out,
            format=form,  # type: ignore[arg-type]  # click.Choice has checked it
            overwrite=overwrite,
            most_tiles=sys.maxsize if yes else MANY_TILES,
            progress=report,
        )
    if as_json:
        answer(done)
    else:
        say(f"wrote {done.path}: {done.width:,} x {done.height:,} pixels, {done.valid:.0%} with data")


@click.command()
@click.argument("layer")
@click.argument("out", type=click.Path(path_type=Path))
@_where
@click.option("--dates", metavar="A/B", help="From A to the end of B.")
@_grid
@click.option("--fps", default=4, show_default=True, help="Frames per second.")
@click.option(
    "--gaps",
    type=click.Choice(["hold", "blank", "skip"]),
    default="hold",
    show_default=True,
    help="Where there is no imagery: hold the last picture, show black, or leave the frame out.",
)
@click.option("--caption/--no-caption", default=True, help="Write the date into each frame (default).")
@click.option("--overwrite", is_flag=True, help="Replace OUT if it is there.")
@_source
@_yes
@_json
def animate(
    layer: str,
    out: Path,
    bbox: str | None,
    region: Path | None,
    worldview: str | None,
    dates: str | None,
    fps: int,
    gaps: str,
    caption: bool,
    overwrite: bool,
    yes: bool,
    as_json: bool,
    source: str | None,
    **grid: Any,
) -> None:
    """A film of a region over time: MP4, WebM or GIF, as the name of OUT says, with the date in each frame.

    \b
    Example: curator animate MODIS_Terra_CorrectedReflectance_TrueColor fires.gif \\
               --bbox -125,37,-120,41 --dates 2020-08-16/2020-08-22
    """
    order = _one_order(layer, _place(bbox, region, worldview), dates, grid)
    with Imagery(source) as imagery, progress("animate") as report:
        done = imagery.timelapse(
            order,
            out,
            fps=fps,
            gaps=gaps,  # type: ignore[arg-type]  # click.Choice has checked it
            caption=caption,
            overwrite=overwrite,
            most_tiles=sys.maxsize if yes else MANY_TILES,
            progress=report,
        )
    if as_json:
        answer(done)
    else:
        say(f"wrote {done.path}: {done.frames:,} frames of {done.width} x {done.height} pixels")


def _crs(text: str | None) -> str | None:
    if text is None:
        return None
    return text.upper() if text.upper().startswith("EPSG:") else f"EPSG:{text}"


def _place(bbox: str | None, region: Path | None, worldview: str | None) -> Where:
    given = [place for place in (bbox, region, worldview) if place is not None]
    if len(given) != 1:
        raise BadInput(
            "say where, once" if not given else "there are several places",
            hint="give one of --bbox W,S,E,N, --region FILE.geojson or --worldview URL",
        )
    if worldview is not None and "://" not in worldview:
        raise BadInput(f"{worldview!r} is not a link", hint="copy the address from the browser, with https://")
    if bbox is not None:
        return parse_box(bbox)
    return region if region is not None else str(worldview)


def _one_order(layer: str, where: Where, dates: str | None, grid: dict[str, Any]) -> Order:
    grid |= {"crs": crs} if (crs := _crs(grid.pop("crs"))) else {}
    first, *others = orders((layer,), where, dates, **grid)
    if others:
        say("note: the link compares two sides; this is side A")
    _note([replace(first, notes=tuple(note for note in first.notes if "left out" not in note))])
    return first


def _note(things: Sequence[Order | Estimate]) -> None:
    for note in dict.fromkeys(note for thing in things for note in thing.notes):
        say(f"note: {note}")


# -- what it takes ---------------------------------------------------------------------------------------------------


def _explain(wanted: Sequence[Order], estimates: Sequence[Estimate]) -> None:
    for order, estimate in zip(wanted, estimates, strict=True):
        table(
            ["what", "how much"],
            [
                ("layers", ", ".join(order.layers)),
                ("resolution", f"{estimate.resolution:,.0f} m per pixel"),
                ("instants", f"{estimate.instants:,}"),
                ("chips", f"{estimate.chips:,} at most"),
                ("tiles", f"{estimate.tiles:,}, of which {estimate.cached:,} are here already"),
                ("download", f"about {_bytes(estimate.download_bytes)}"),
                ("time", f"about {_duration(estimate.seconds)} at the rate that is allowed"),
                ("disk", f"about {_bytes(estimate.disk_bytes)} in the project"),
            ],
        )
    rules = [estimate.notice_from for estimate in estimates if estimate.notice_from is not None]
    if not rules:
        return
    tiles = sum(estimate.tiles - estimate.cached for estimate in estimates)
    if tiles > min(rules):
        say(
            f"NASA asks to be told 48 hours before more than {min(rules):,} tiles are fetched within a day: write to "
            "earthdata-support@nasa.gov with purpose, layers, levels, dates and your address"
        )
    else:
        say(f"NASA need not be told: that is for more than {min(rules):,} tiles a day")


def _is_large(estimates: Sequence[Estimate]) -> bool:
    tiles = sum(estimate.tiles - estimate.cached for estimate in estimates)
    return tiles > _ASK_FROM_TILES or sum(estimate.download_bytes for estimate in estimates) > _ASK_FROM_BYTES


def _ask(yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise BadInput("this is large, and there is nobody to ask", hint="add --yes if you mean it")
    if not click.confirm("Go on?", err=True):
        say("nothing was downloaded")
        sys.exit(1)


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:,.0f} {unit}" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:,.0f} s"
    return f"{seconds / 60:,.0f} min" if seconds < 5400 else f"{seconds / 3600:,.1f} h"


# -- layers ----------------------------------------------------------------------------------------------------------


def _row(layer: Layer) -> tuple[object, ...]:
    first, last = _days(layer)
    title = ", ".join(filter(None, (layer.title, layer.subtitle)))
    return layer.id, period_name(layer.periods) or "no times", first, last, _finest(layer), _short(layer), title


def _facts(layer: Layer) -> dict[str, object]:
    first, last = _days(layer)
    return {
        "id": layer.id,
        "title": layer.title,
        "subtitle": layer.subtitle,
        "measurement": layer.measurement,
        "period": period_name(layer.periods),
        "from": first,
        "to": last,
        "ongoing": layer.ongoing,
        "metres_per_pixel": _finest(layer),
        "format": layer.format,
        "projections": {crs: pyramid.grid.identifier for crs, pyramid in layer.pyramids.items()},
        "colormap": layer.colormap or None,
    }


def _days(layer: Layer) -> tuple[str, str]:
    span = first_and_last(layer.periods)
    if span is None:
        return "", ""
    return f"{span[0]:%Y-%m-%d}", "now" if layer.ongoing else f"{span[1]:%Y-%m-%d}"


def _finest(layer: Layer) -> int:
    grids = [pyramid.grid for crs, pyramid in layer.pyramids.items() if crs != "EPSG:3857"]
    return round(min((grid.metres_per_pixel(len(grid.matrices) - 1) for grid in grids), default=0))


def _short(layer: Layer) -> str:
    return layer.format.removeprefix("image/").removeprefix("application/")


commands = {"layers": layers, "download": download, "mosaic": mosaic, "animate": animate}
