"""A file for a person, written beside its final name and renamed when it is complete.

Whatever goes wrong on the way, an interrupt included, the final name never holds half a file.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError

from earthcurator.errors import BadInput, Conflict, NotAllowed, StorageFailed

_NO_SPACE = 1_000_000  # bytes: what GDAL could not write is more


def suffix_of(out: Path, allowed: tuple[str, ...]) -> str:
    """The ending of a file's name in lower case. Raises `BadInput` unless it is one of these."""
    suffix = out.suffix.lower()
    if suffix not in allowed:
        raise BadInput(f"{out.name} does not end in {' or '.join(allowed)}", hint=f"name it {out.stem}{allowed[0]}")
    return suffix


@contextmanager
def complete_or_absent(out: Path, *, overwrite: bool) -> Iterator[Path]:
    """A path to write to, alone in a folder of its own; it becomes `out` when the block ends without an exception."""
    if out.is_dir():
        raise Conflict(f"{out} is a folder", hint="name a file")
    if out.exists() and not overwrite:
        raise Conflict(f"{out} exists already", hint="name another file, or add --overwrite")
    folder = out.with_name(f".{out.name}.{os.getpid()}.unfinished")
    try:
        folder.mkdir(parents=True)
        unfinished = folder / out.name
        yield unfinished
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.replace(out)
    except PermissionError as error:
        raise NotAllowed(f"{out} may not be written by this user", hint="choose another folder") from error
    except (OSError, RasterioError, CPLE_BaseError) as error:
        if isinstance(error, OSError) and error.errno == errno.EROFS:
            raise NotAllowed(f"{out} lies on a read-only file system", hint="choose another folder") from error
        raise StorageFailed(
            f"{out} cannot be written: {_reason(error, out)}", hint="free some space, or choose another folder"
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _reason(error: BaseException, out: Path) -> str:
    """What the system or GDAL said; GDAL's own words are in the exception behind rasterio's."""
    if shutil.disk_usage(out.parent).free < _NO_SPACE:
        return "no space is left on the device"
    return (isinstance(error, OSError) and error.strerror) or str(error.__cause__ or error)
