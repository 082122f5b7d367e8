"""What a STAC item says of itself, and which of its files show it in colour. Values only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shapely.geometry.base import BaseGeometry

from earthcurator.errors import BadScene

_COLOURS = ("red", "green", "blue")
_USUAL_NAMES = (_COLOURS, ("B04", "B03", "B02"), ("B4", "B3", "B2"))
"""What catalogues call these bands when they do not say which are which: plainly, Sentinel-2, Landsat 8 and 9."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file of an item."""

    key: str
    """Its name in the item, e.g. `visual` or `B04`."""
    href: str
    """Where it is: http(s), s3, or a local path."""
    media_type: str = ""
    roles: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    """Common names of its bands, e.g. `("red",)`; empty when the catalogue does not say."""

    @property
    def is_tiff(self) -> bool:
        """Whether it is a GeoTIFF as far as the catalogue says."""
        path = self.href.partition("?")[0].lower()
        return self.media_type.startswith("image/tiff") or (not self.media_type and path.endswith((".tif", ".tiff")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One scene: what one satellite saw of one place at one time."""

    id: str
    collection: str
    """The product, e.g. `sentinel-2-l2a`; empty when the item is of none."""
    time: datetime
    """When it was taken, or when that began (UTC)."""
    footprint: BaseGeometry
    """Where it has imagery, in degrees; cut at the antimeridian."""
    href: str
    """Where the item itself is."""
    cloud: float | None = None
    """Per cent of it that clouds cover, if it says."""
    assets: tuple[Asset, ...] = ()


def choose_assets(item: Item, bands: Sequence[str] | None) -> tuple[Asset, ...]:
    """The file that shows the item in colour, or the three that are its red, green and blue.

    `bands` names one or three assets. Without: a picture made for looking at (`visual`), else the assets with the bands
    red, green and blue, else the only GeoTIFF there is.
    """
    by_key = {asset.key: asset for asset in item.assets}
    if bands is not None:
        if missing := [band for band in bands if band not in by_key]:
            raise BadScene(f"{item.id} has no asset {', '.join(missing)}; it has {', '.join(by_key)}")
        return tuple(by_key[band] for band in bands)
    tiffs = [asset for asset in item.assets if asset.is_tiff]
    for asset in tiffs:
        if asset.key == "visual" or "visual" in asset.roles:
            return (asset,)
    single = {asset.colours[0]: asset for asset in reversed(tiffs) if len(asset.colours) == 1}
    if all(colour in single for colour in _COLOURS):
        return tuple(single[colour] for colour in _COLOURS)
    for names in _USUAL_NAMES:
        if all(name in by_key and by_key[name].is_tiff for name in names):
            return tuple(by_key[name] for name in names)
    if len(tiffs) == 1:
        return (tiffs[0],)
    raise BadScene(
        f"none of the assets of {item.id} shows it in colour; it has {', '.join(by_key) or 'none'}",
        hint="name one or three of them as bands",
    )
