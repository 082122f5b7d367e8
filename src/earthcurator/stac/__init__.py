"""Chips from STAC catalogues: Sentinel-2, Landsat and others, cut out of Cloud Optimized GeoTIFFs on the chip grid."""

from earthcurator.stac.catalogue import search_items
from earthcurator.stac.chips import Expected, expect, plan_windows, stac_chips
from earthcurator.stac.items import Asset, Item
from earthcurator.stac.windows import ItemPictures

__all__ = [
    "Asset",
    "Expected",
    "Item",
    "ItemPictures",
    "expect",
    "plan_windows",
    "search_items",
    "stac_chips",
]
