"""The stream of chips that an import reads: every file under some paths, opened by many threads, in a fixed order."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import IO, TypeVar

from earthcurator.errors import (
    BadInput,
    BadPicture,
    CuratorError,
    NotAPicture,
    NotFound,
    PictureTooLarge,
    TruncatedPicture,
)
from earthcurator.ingest.archives import MAX_MEMBER_BYTES, Member, count_members, is_archive, members
from earthcurator.ingest.files import Found, readable, walk
from earthcurator.ingest.kinds import (
    HEAD_BYTES,
    LARGEST_PICTURE,
    has_world_file,
    is_large,
    is_scene_tiff,
    media_type_of,
)
from earthcurator.ingest.scenes import Scene, SceneOptions
from earthcurator.models import Arrival, Chip, Quarantined, Skipped
from earthcurator.parallel import Job, in_order
from earthcurator.pictures import verify

log = logging.getLogger(__name__)

T = TypeVar("T")

_DEFAULTS = SceneOptions()

_AHEAD_PER_THREAD = 8


def arrivals(
    paths: Sequence[Path], *, scenes: SceneOptions = _DEFAULTS, threads: int | None = None
) -> Generator[Arrival | Quarantined | Skipped]:
    """Every picture under these paths as a chip, and every file that is none with the reason.

    Paths are folders, pictures, zip or tar archives, and scenes, which are cut into chips. The order is by name and
    always the same. Files are opened a little ahead of the reader, however many there are; closing the generator
    stops its threads. Raises `NotFound` for a path that is not there, before anything is read.
    """
    return _arrivals(walk(paths), scenes, threads or os.cpu_count() or 1)


def count_files(paths: Sequence[Path]) -> int:
    """How many files `arrivals` will open under these paths, members of archives included. A scene counts once."""
    return sum(
        count_members(found.path) if isinstance(found, Found) and is_archive(found.path.name) else 1
        for found in walk(paths)
    )


def whole_picture(path: Path) -> bytes:
    """The one picture in a file, to search with: its bytes, or for a GeoTIFF the chip that an import makes of it.

    Raises BadInput for a scene too large to be one picture, and for what is no picture.
    """
    try:
        data = path.read_bytes() if path.stat().st_size <= MAX_MEMBER_BYTES else None
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {error.strerror}") from error
    if data is not None:
        try:
            media_type = media_type_of(data[:HEAD_BYTES])
            if media_type != "image/jp2" and not (media_type == "image/tiff" and is_scene_tiff(BytesIO(data))):
                return data
        except BadPicture as error:
            raise BadInput(f"{path} cannot be used as an example: {error}", hint=error.hint) from error
    with closing(arrivals([path], scenes=SceneOptions(chip_size=LARGEST_PICTURE), threads=1)) as found:
        items = list(islice(found, 2))
    match items:
        case [Arrival(picture=picture)]:
            return picture
        case [Quarantined(reason=reason)]:
            raise BadInput(f"{path} cannot be used as an example: {reason}")
    raise BadInput(f"{path} is too large to be one example", hint="import it, and give one of its chips as the example")


def _arrivals(
    found: Iterator[Found | Quarantined], options: SceneOptions, threads: int
) -> Generator[Arrival | Quarantined | Skipped]:
    with ThreadPoolExecutor(threads, thread_name_prefix="import") as executor:
        ahead = threads * _AHEAD_PER_THREAD
        with closing(in_order(executor, _jobs(found, options), ahead=ahead)) as results:
            for result in results:
                if isinstance(result, Scene):
                    with result as scene:
                        yield from _chips(executor, scene, ahead)
                else:
                    yield result


def _jobs(found: Iterable[Found | Quarantined], options: SceneOptions) -> Iterator[Job[Arrival | Quarantined | Scene]]:
    for item in found:
        if isinstance(item, Quarantined):
            yield Job(partial(_itself, item), 0)
        elif is_archive(item.path.name):
            for member in members(item.path):
                if isinstance(member, Member):
                    yield Job(partial(_open_member, member, options), len(member.content))
                else:
                    yield Job(partial(_itself, member), 0)
        else:
            yield Job(partial(_open_file, item, options), min(item.size, MAX_MEMBER_BYTES))


def _itself(quarantined: Quarantined) -> Quarantined:
    return quarantined


def _open_file(found: Found, options: SceneOptions) -> Arrival | Quarantined | Scene:
    origin = readable(str(found.path))

    def work() -> Arrival | Scene:
        with found.path.open("rb") as file:
            return _open(file, found.path, origin, found.folder, options)

    return _or_quarantine(origin, work)


def _open_member(member: Member, options: SceneOptions) -> Arrival | Quarantined | Scene:
    content, origin = member.content, member.origin
    return _or_quarantine(origin, lambda: _open(BytesIO(content), content, origin, member.folder, options))


def _open(
    file: IO[bytes], source: Path | bytes, origin: str, folder: str | None, options: SceneOptions
) -> Arrival | Scene:
    media_type = media_type_of(file.read(HEAD_BYTES))
    file.seek(0)
    if options.box is not None or _is_scene(file, source, media_type):
        return Scene(source, media_type, origin=origin, folder=folder, options=options)
    file.seek(0)
    data = file.read(MAX_MEMBER_BYTES + 1)
    if len(data) > MAX_MEMBER_BYTES:
        raise PictureTooLarge(f"the file is larger than {MAX_MEMBER_BYTES // 2**20} MB")
    return _keep(data, origin, folder, options)


def _is_scene(file: IO[bytes], source: Path | bytes, media_type: str) -> bool:
    if media_type == "image/jp2" or (isinstance(source, Path) and has_world_file(source, media_type)):
        return True
    return is_scene_tiff(file) if media_type == "image/tiff" else is_large(file)


def _keep(data: bytes, origin: str, folder: str | None, options: SceneOptions) -> Arrival:
    """A picture as a chip, its bytes as they are."""
    facts, valid = verify(data)
    sha256 = hashlib.sha256(data).hexdigest()
    chip = Chip(
        id=sha256[:32],
        media_type=facts.media_type,
        width=facts.width,
        height=facts.height,
        sha256=sha256,
        origin=origin,
        folder=folder,
        layer=options.layer,
        time=options.time_utc,
        valid=valid,
    )
    return Arrival(chip, data)


def _chips(executor: Executor, scene: Scene, ahead: int) -> Generator[Arrival | Quarantined | Skipped]:
    jobs = (Job(partial(_cut, scene, x, y), scene.chip_bytes) for x, y in scene.windows())
    with closing(in_order(executor, jobs, ahead=ahead)) as chips:
        yield from chips


def _cut(scene: Scene, x: int, y: int) -> Arrival | Quarantined | Skipped:
    return _or_quarantine(f"{scene.origin}#{scene.name(x, y)}", lambda: scene.cut(x, y))


def _or_quarantine(origin: str, work: Callable[[], T]) -> T | Quarantined:
    """What the work returns, or why it failed. One file, whatever is wrong with it, never ends an import."""
    try:
        return work()
    except (CuratorError, OSError) as exc:
        return _quarantined(origin, exc)
    except Exception as exc:
        log.exception("a decoder failed in an unknown way over %s", origin)
        return Quarantined(origin, "unreadable", f"it cannot be decoded ({type(exc).__name__}: {exc})")


def _quarantined(origin: str, exc: CuratorError | OSError) -> Quarantined:
    if isinstance(exc, OSError):
        return Quarantined(origin, "unreadable", f"it cannot be opened: {exc.strerror or exc}")
    reason = f"{exc}; {exc.hint}" if exc.hint else str(exc)
    match exc:
        case NotAPicture():
            return Quarantined(origin, "not a picture", reason)
        case TruncatedPicture():
            return Quarantined(origin, "truncated", reason)
        case PictureTooLarge():
            return Quarantined(origin, "too large", reason)
        case _:
            return Quarantined(origin, "unreadable", reason)
