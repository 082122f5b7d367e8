"""A contract test against Apache with MapCache, which differs from MapProxy wherever WMTS leaves room to differ."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import earthcurator as ec
from earthcurator.gibs.capabilities import read_capabilities
from earthcurator.gibs.fetch import Fetcher
from earthcurator.gibs.plan import tile_request
from earthcurator.gibs.tiles import Fetched
from earthcurator.grids import Tile
from earthcurator.imagery import Imagery
from earthcurator.testing import gibs_archive as archive

from .real_servers import (
    CALIFORNIA,
    DAYS,
    LAYERS,
    LEVELS,
    Contract,
    RealServer,
    ask,
    assert_chips_are_files,
    paint_archive,
)

APACHE = Path("/usr/sbin/apache2")
MODULES = Path("/usr/lib/apache2/modules")
NOBODY = 65534
TILE = Tile(6, 10, 12)
PATIENCE_SECONDS = 20

pytestmark = pytest.mark.skipif(
    not (APACHE.exists() and (MODULES / "mod_mapcache.so").exists() and shutil.which("setpriv")),
    reason="needs Apache with MapCache: apt-get install apache2 libapache2-mod-mapcache util-linux (Debian packages)",
)


def _mapcache(folder: Path) -> str:
    """Tiles where the archive has them. A day is answered as OnEarth's time service does it, only more freely: with the
    latest one up to it, also from before a gap."""
    resolutions = " ".join(str(archive.matrix("epsg4326", zoom).resolution) for zoom in range(LEVELS["EPSG:4326"]))
    days = f"""
      <dimensions><dimension type="sqlite" name="Time" default="{DAYS[-1]}">
        <dbfile>{folder}/days.sqlite</dbfile>
        <list_query>SELECT period FROM periods</list_query>
        <validate_query>
          SELECT day FROM days WHERE day &lt;= :dim AND :dim &lt;= (SELECT max(day) FROM days) ORDER BY day DESC LIMIT 1
        </validate_query>
      </dimension></dimensions>"""
    tilesets = "".join(
        f"""
    <cache name="{name}_cache" type="disk" layout="template">
      <template>{folder}/epsg4326/{name}/time-{{dim:Time}}/{{z}}/{{x}}/{{y}}.{layer.media_type[6:]}</template>
    </cache>
    <tileset name="{name}">
      <metadata><title>{layer.title}</title></metadata>
      <cache>{name}_cache</cache>
      <grid>250m</grid>
      <format>{layer.media_type[6:].upper()}</format>
      <read-only>true</read-only>{days}
    </tileset>"""
        for name, layer in LAYERS.items()
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<mapcache>
    <metadata><title>GIBS' addresses, served by MapCache</title></metadata>
    <grid name="250m">
      <extent>-180 -90 180 90</extent><srs>EPSG:4326</srs><units>dd</units><size>512 512</size>
      <origin>top-left</origin><resolutions>{resolutions}</resolutions>
    </grid>{tilesets}
    <service type="wmts" enabled="true"/>
    <errors>report</errors>
    <locker type="disk"><directory>{folder}</directory></locker>
</mapcache>
"""


def _days(file: Path) -> None:
    connection = sqlite3.connect(file)
    connection.executescript("CREATE TABLE periods (period TEXT); CREATE TABLE days (day TEXT)")
    connection.executemany(
        "INSERT INTO periods VALUES (?)", [("2020-08-16/2020-08-17/P1D",), ("2020-08-19/2020-08-19/P1D",)]
    )
    connection.executemany("INSERT INTO days VALUES (?)", [(day,) for day in DAYS])
    connection.commit()
    connection.close()


def _httpd(folder: Path, port: int) -> str:
    modules = "\n".join(
        f"LoadModule {name}_module {MODULES}/mod_{name}.so"
        for name in ("mpm_event", "authz_core", "rewrite", "mapcache")
    )
    return f"""
ServerRoot {folder}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {folder}/httpd.pid
Mutex file:{folder}
ErrorLog {folder}/error.log
CustomLog {folder}/access.log %U%q
{modules}
MapCacheAlias /mapcache {folder}/mapcache.xml
<Location /mapcache>
  Require all granted
</Location>
RewriteEngine On
RewriteRule ^/wmts/epsg4326/best/wmts.cgi$ /mapcache/wmts [PT,L]
RewriteRule ^/wmts/epsg4326/best/(1.0.0/.*)$ /mapcache/wmts/$1 [PT,L]
RewriteRule ^/wmts/epsg4326/best/(.*)$ /mapcache/wmts/1.0.0/$1 [PT,L]
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _start(folder: Path, port: int) -> subprocess.Popen[bytes] | None:
    """Apache, once it answers at the port; None when it could not have it.

    It is one process (-X), never root's, as Apache refuses that, and the kernel ends it with us, whatever ends us.
    """
    (folder / "httpd.conf").write_text(_httpd(folder, port))
    as_nobody = []
    if os.geteuid() == 0:
        _give_to_nobody(folder)
        as_nobody = ["--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]
    command = ["setpriv", *as_nobody, "--pdeathsig", "KILL", str(APACHE), "-X", "-f", str(folder / "httpd.conf")]
    with (folder / "output.log").open("wb") as output:
        running = subprocess.Popen(command, stdout=output, stderr=output)
    until = time.monotonic() + PATIENCE_SECONDS
    while running.poll() is None and time.monotonic() < until:
        if (folder / "httpd.pid").exists():  # it is written after the port is taken
            return running
        time.sleep(0.02)
    running.kill()
    running.wait()
    return None


def _give_to_nobody(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Not one of pytest's: those lie in private ones of root, which nobody else gets through."""
    with TemporaryDirectory(prefix="mapcache-") as made:
        yield Path(made)


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[RealServer]:
    """MapCache, laid out as GIBS lays out its tiles."""
    paint_archive(folder, "EPSG:4326")
    (folder / "mapcache.xml").write_text(_mapcache(folder))
    _days(folder / "days.sqlite")
    for port in (_free_port() for _ in range(3)):  # somebody else may take it before Apache does
        running = _start(folder, port)
        if running is not None:
            break
    else:
        logs = "\n".join(log.read_text() for log in folder.glob("*.log"))
        pytest.fail(f"Apache does not start:\n{logs}")
    try:
        yield RealServer(f"http://127.0.0.1:{port}", folder, lambda: _tile_requests(folder / "access.log"))
    finally:
        running.kill()
        running.wait()


def _tile_requests(log: Path) -> int:
    """Apache writes its log after it has answered: counted when it has been quiet for a moment."""
    before = -1
    while (size := log.stat().st_size) != before:
        before = size
        time.sleep(0.2)
    return sum(line.endswith((".jpg", ".jpeg", ".png")) for line in log.read_text().splitlines())


class TestMapCache(Contract):
    def test_it_differs_as_we_think(self, server: RealServer, imagery: Imagery) -> None:
        """What the contract is worth here: axes the other way round, periods, names of levels, its own addresses."""
        document = imagery.fetcher.document(server.capabilities).decode()
        assert "<TopLeftCorner>90.000000 -180.000000</TopLeftCorner>" in document
        assert "<Value>2020-08-16/2020-08-17/P1D</Value>" in document
        assert "<ows:Identifier>0</ows:Identifier>" in document
        assert f"{server.url}/mapcache/wmts/" in document

    def test_key_value_capabilities_are_a_source_too(self, server: RealServer, project: ec.Project) -> None:
        address = f"{server.url}/wmts/epsg4326/best/wmts.cgi?SERVICE=WMTS&REQUEST=GetCapabilities"
        done = project.download("True_Colour", CALIFORNIA, "2020-08-17", source=address, zoom=6)
        assert (done.added, done.failed) == (4, 0)
        assert_chips_are_files(project, server)

    @pytest.mark.parametrize("name", LAYERS)
    def test_key_value_tiles_are_the_files_of_the_server(self, server: RealServer, fetcher: Fetcher, name: str) -> None:
        document = re.sub(rb"<ResourceURL.*?</ResourceURL>", b"", fetcher.document(server.capabilities))
        layer = read_capabilities(document, base=server.capabilities)[name]
        (answer,) = fetcher.tiles([tile_request(layer, layer.pyramids["EPSG:4326"], layer.periods[0].end, TILE)])
        assert isinstance(answer, Fetched), answer
        assert "REQUEST=GetTile" in answer.request.url
        assert answer.content == server.file(name, DAYS[1], TILE)

    def test_a_day_in_the_gap_shows_the_one_before_so_nobody_may_count_days(
        self, server: RealServer, fetcher: Fetcher
    ) -> None:
        answer = ask(fetcher, server.address("True_Colour", "2020-08-18", TILE))
        assert isinstance(answer, Fetched), answer
        assert answer.content == server.file("True_Colour", "2020-08-17", TILE)

    @pytest.mark.parametrize(
        ("day", "tile"),
        [("1999-01-01", TILE), ("2020-08-20", TILE), (DAYS[0], Tile(6, 99, 12)), (DAYS[0], Tile(66, 10, 12))],
        ids=["before the start", "after the end", "row", "level"],
    )
    def test_what_it_refuses_with_404_is_missing_and_asked_once(
        self, server: RealServer, fetcher: Fetcher, day: str, tile: Tile
    ) -> None:
        answer = ask(fetcher, server.address("True_Colour", day, tile))
        assert isinstance(answer, Fetched), answer
        assert (answer.stored.status, answer.content) == ("missing", b"")
        assert fetcher.stats.requests == 1
