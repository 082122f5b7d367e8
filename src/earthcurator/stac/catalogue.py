"""Finds items in a STAC catalogue: through its search when it is an API, by walking its links when it is files.

Either way an item is returned only if it meets every condition as checked here, so both kinds give the same answer.
"""

from __future__ import annotations

import difflib
import json
import re
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any

from shapely import box as rectangle
from shapely import make_valid, prepare, union_all
from shapely.affinity import translate
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from earthcurator.errors import BadDates, BadInput, NotFound, SourceUnreachable
from earthcurator.models import Box
from earthcurator.regions import Region, region_of_box
from earthcurator.stac.items import Asset, Item

try:
    import pystac
    from pystac.stac_io import DefaultStacIO
    from pystac_client import Client
    from pystac_client.conformance import ConformanceClasses
    from pystac_client.exceptions import APIError
    from pystac_client.stac_api_io import StacApiIO
    from pystac_client.warnings import PystacClientWarning
    from urllib3.util.retry import Retry
except ModuleNotFoundError as missing:
    raise BadInput(
        f"STAC catalogues need the package {missing.name}, which is not installed",
        hint="pip install 'earthcurator[stac]'",
    ) from missing

TIMEOUT_SECONDS = 30.0
_PAGE = 100
_GLOBE = rectangle(-180, -90, 180, 90)
_RETRY = Retry(
    total=4,
    backoff_factor=0.5,
    backoff_jitter=0.5,
    status_forcelist=(429, 500, 502, 503, 504),
    allowed_methods=None,  # a search changes nothing, so POST may be repeated too
    respect_retry_after_header=True,
    raise_on_status=False,
)


def search_items(
    url: str,
    collections: Sequence[str],
    where: Region | Box,
    start: datetime,
    end: datetime,
    *,
    limit: int | None = None,
    max_cloud: float | None = None,
) -> Generator[Item]:
    """Items that touch an area and were taken from `start` to before `end`, as they are found; each once.

    `url` is a STAC API, or a catalogue's or collection's JSON file (http, https, or a local path). Without
    `collections`, items of any. `max_cloud` is in per cent; an item that does not say how cloudy it is then counts out.
    """
    if isinstance(collections, str):
        raise BadInput(f"{collections!r} stands where a list belongs", hint="put it into brackets: [...]")
    if start.tzinfo is None or end.tzinfo is None or start >= end:
        raise BadDates(f"{start} to {end} is no span of time", hint="give two instants with a time zone, earlier first")
    region = region_of_box(where) if isinstance(where, Box) else where
    prepare(region.geometry)
    seen: set[tuple[str, str]] = set()
    with _in_our_words(url), closing(_candidates(url, collections, region.box, start, end, max_cloud)) as candidates:
        for candidate in candidates:
            item = _item(candidate)
            if item is None or (item.collection, item.id) in seen or not start <= item.time < end:
                continue
            if collections and item.collection not in collections:
                continue
            if max_cloud is not None and (item.cloud is None or item.cloud > max_cloud):
                continue
            if not region.geometry.intersects(item.footprint):
                continue
            seen.add((item.collection, item.id))
            yield item
            if len(seen) == limit:
                return


# --- catalogues ---------------------------------------------------------------------------------------------------


def _candidates(
    url: str, collections: Sequence[str], box: Box, start: datetime, end: datetime, max_cloud: float | None
) -> Generator[pystac.Item]:
    warnings.filterwarnings("ignore", category=PystacClientWarning)  # remarks on what an API could do better
    web = StacApiIO(timeout=TIMEOUT_SECONDS, max_retries=_RETRY)
    document = _read(web, url)
    if any(link.get("rel") == "search" for link in document["links"]):
        api = Client.from_file(url, web)
        _check_collections(collections, lambda: [c.id for c in api.get_collections()], api.get_collection)
        yield from _searched(api, collections, box, start, end, max_cloud)
        return
    kind = pystac.Collection if document["type"] == "Collection" else pystac.Catalog
    root = kind.from_dict(document, href=url)
    root._stac_io = _Files(web)
    if not collections:
        yield from root.get_items(recursive=True)
        return
    known = {collection.id: collection for collection in _collections(root)}
    _check_collections(collections, lambda: list(known), known.get)
    for name in dict.fromkeys(collections):
        yield from known[name].get_items(recursive=True)


def _read(web: StacApiIO, url: str) -> dict[str, Any]:
    document = json.loads(web.read_text(url))
    if not isinstance(document, dict) or document.get("type", "Catalog") not in ("Catalog", "Collection"):
        raise _not_stac(url)
    if "stac_version" not in document or not isinstance(document.get("links"), list):
        raise _not_stac(url)
    return {"type": "Catalog"} | document


def _searched(
    api: Client, collections: Sequence[str], box: Box, start: datetime, end: datetime, max_cloud: float | None
) -> Iterator[pystac.Item]:
    methods = {link.extra_fields.get("method", "GET") for link in api.get_links("search")}
    query = None
    if max_cloud is not None and api.conforms_to(ConformanceClasses.QUERY):
        query = {"eo:cloud_cover": {"lte": max_cloud}}  # spares the rest the way; checked again here all the same
    if not api.conforms_to(ConformanceClasses.ITEM_SEARCH):
        api.add_conforms_to("ITEM_SEARCH")  # it has a link to it, so it can
    # Two boxes over the antimeridian: several servers read west > east as an empty box or as the rest of the globe.
    halves = [(box.west, 180.0), (-180.0, box.east)] if box.crosses_antimeridian else [(box.west, box.east)]
    for west, east in halves:
        search = api.search(
            method="POST" if "POST" in methods else "GET",
            collections=list(collections) or None,
            bbox=[west, box.south, east, box.north],
            datetime=(start.astimezone(UTC), end.astimezone(UTC)),
            query=query,
            limit=_PAGE,
        )
        yield from search.items()


class _Files(DefaultStacIO):  # type: ignore[misc]  # pystac's types are not followed
    """Reads static catalogues over the same patient connection that APIs are asked through."""

    def __init__(self, web: StacApiIO) -> None:
        super().__init__()
        self._web = web

    def read_text_from_href(self, href: str) -> str:
        return str(self._web.read_text(href))


def _collections(root: pystac.Catalog) -> Iterator[pystac.Collection]:
    """The collections of a static catalogue, however deep its folders are."""
    if isinstance(root, pystac.Collection):
        yield root
        return
    for child in root.get_children():
        yield from _collections(child)


def _check_collections(
    wanted: Sequence[str], names: Callable[[], list[str]], find: Callable[[str], object | None]
) -> None:
    for name in wanted:
        if find(name) is None:
            known = names()
            near = difflib.get_close_matches(name, known, n=5, cutoff=0.3) or sorted(known)[:10]
            raise NotFound(
                f"this catalogue has no collection {name!r}",
                hint=f"it has {len(known)}, among them {', '.join(near)}" if near else "it has none",
            )


# --- items --------------------------------------------------------------------------------------------------------


def _item(raw: pystac.Item) -> Item | None:
    """Our value of an item; None for one without a place or a time, which cannot be cut into chips."""
    time = raw.datetime or raw.common_metadata.start_datetime
    if raw.geometry is None or time is None:
        return None
    cloud = raw.properties.get("eo:cloud_cover")
    return Item(
        id=raw.id,
        collection=raw.collection_id or "",
        time=(time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC),
        footprint=_footprint(raw.geometry),
        href=raw.get_self_href() or "",
        cloud=float(cloud) if isinstance(cloud, int | float) else None,
        assets=tuple(_asset(key, asset) for key, asset in raw.assets.items()),
    )


def _footprint(geometry: dict[str, Any]) -> BaseGeometry:
    """Some catalogues write what lies beyond the antimeridian with longitudes over 180, or below -180."""
    area = make_valid(shape(geometry))
    turned = [translate(area, turn).intersection(_GLOBE) for turn in (-360, 0, 360)]
    return union_all([part for part in turned if not part.is_empty])


def _asset(key: str, asset: pystac.Asset) -> Asset:
    bands = asset.extra_fields.get("bands") or asset.extra_fields.get("eo:bands") or []
    names = (band.get("eo:common_name") or band.get("common_name") for band in bands if isinstance(band, dict))
    return Asset(
        key=key,
        href=asset.get_absolute_href() or asset.href,
        media_type=asset.media_type or "",
        roles=tuple(asset.roles or ()),
        colours=tuple(name for name in names if name),
    )


# --- errors -------------------------------------------------------------------------------------------------------


@contextmanager
def _in_our_words(url: str) -> Iterator[None]:
    """Translate what pystac, pystac-client and requests raise."""
    try:
        yield
    except APIError as error:
        if isinstance(error.__context__, UnicodeDecodeError):
            raise _not_stac(url, "it is not text") from error
        status = getattr(error, "status_code", None)
        if status == 404:
            raise NotFound(f"{url} is not there (404)", hint="copy its address again") from error
        said = f"answered {status}: {error}" if status else f"does not answer: {_reason(error)}"
        raise SourceUnreachable(f"{url} {said:.300}", hint="check the address and the network, or try later") from error
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {error.filename}", hint="give the path of a catalog.json") from error
    except (pystac.STACError, ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise _not_stac(url, error) from error


def _reason(error: Exception) -> str:
    """What the system says, without urllib3's account of it."""
    text = str(error)
    found = re.search(r"\[Errno -?\d+\] ([^'\")]+)", text)
    return found[1].lower() if found else text


def _not_stac(url: str, reason: object = "") -> BadInput:
    return BadInput(
        f"{url} is not a STAC catalogue" + (f" ({reason!s:.200})" if reason else ""),
        hint="give the address of a STAC API, or of a catalog.json or collection.json",
    )
