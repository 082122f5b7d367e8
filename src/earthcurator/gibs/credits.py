"""Whom to thank for imagery, and what to cite. Reads what downloads left here; never asks a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from earthcurator.errors import CuratorError, SourceUnreachable
from earthcurator.gibs.catalogue import GIBS, Catalogue, load_snapshot, with_metadata
from earthcurator.gibs.documents import Documents
from earthcurator.gibs.layers import Layer

ACKNOWLEDGEMENT = (
    "We acknowledge the use of imagery provided by services from NASA's Global Imagery Browse Services (GIBS), "
    "part of NASA's Earth Science Data and Information System (ESDIS)."
)


_CMR = "https://cmr.earthdata.nasa.gov/search/concepts/"
"""Where the DOI and the citation of a collection are, by its id."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of layers without asking anybody."""

    folder: Path
    """Where documents of servers are kept."""

    @property
    def refreshed(self) -> Path:
        """The catalogue of GIBS as it was last read from there."""
        return self.folder / "gibs-catalogue.json"

    def catalogue(self) -> Catalogue:
        """The catalogue of GIBS: as last refreshed, or as it ships."""
        return Catalogue.from_json(self.refreshed.read_bytes()) if self.refreshed.is_file() else load_snapshot()

    def credits(self, origins: Mapping[str, str]) -> list[str]:
        """Sentences for a data card: `origins` is layer → the address of one of its tiles."""
        servers = {layer: server_of(origin) for layer, origin in origins.items() if "://" in origin}
        thanks = dict.fromkeys(ACKNOWLEDGEMENT if is_gibs(s) else f"Imagery from {s}." for s in servers.values())
        return [*thanks, *(self._citation(layer, server) for layer, server in sorted(servers.items()))]

    def _citation(self, name: str, server: str) -> str:
        layer = self.catalogue().layers.get(name) if is_gibs(server) else None
        layer = self._described(layer or Layer(id=name, title=name, format="", pyramids={}), server)
        collections = [f"{c.short_name or c.id} {c.version}".strip() + f" ({_CMR}{c.id}.html)" for c in layer.concepts]
        drawn = f" Drawn from {', '.join(dict.fromkeys(collections))}." if collections else ""
        about = ", ".join(filter(None, (layer.id if layer.id != layer.title else "", layer.subtitle)))
        return f"{layer.title}{f' ({about})' if about else ''}.{drawn}"

    def _described(self, layer: Layer, server: str) -> Layer:
        kept = Documents(_nobody, self.folder)
        try:
            base = GIBS if is_gibs(server) else server
            return with_metadata(layer, lambda url: kept.get(url, max_age=timedelta.max), base)
        except CuratorError:
            return layer


def server_of(address: str) -> str:
    """The server that a tile came from: scheme, host, and what stands before `/wmts/`."""
    parts = urlsplit(address)
    before, found, _ = parts.path.partition("/wmts/")
    return f"{parts.scheme}://{parts.netloc}{before if found else ''}"


def is_gibs(url: str) -> bool:
    """Whether this is NASA's; `gibs-a`, `gibs-b` and `gibs-c` are other names of it."""
    host = urlsplit(url).hostname or ""
    return host.startswith("gibs") and host.endswith(".earthdata.nasa.gov")


def _nobody(url: str) -> bytes:
    raise SourceUnreachable(f"{url} is not here")
